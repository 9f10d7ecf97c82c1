package spinel_test

import (
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"spinel"
)

func TestALoaderThatGoroutinesShare(t *testing.T) {
	dataset, err := spinel.ListDataset(filepath.Join(root, "samples", "resnet", "images"))
	need(t, err)
	preprocess, err := spinel.NewPreprocess("")
	need(t, err)
	need(t, preprocess.InputSize(32, 32))
	loader, err := spinel.NewLoader(dataset, preprocess, &spinel.LoaderOptions{BatchSize: 5})
	need(t, err)
	var mutex sync.Mutex
	var group sync.WaitGroup
	seen := map[int]bool{}
	for i := 0; i < 3; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				batch, err := loader.Next()
				if err != nil {
					if err != io.EOF {
						t.Error(err)
					}
					return
				}
				mutex.Lock()
				for _, index := range batch.Indices {
					seen[index] = true
				}
				mutex.Unlock()
			}
		}()
	}
	group.Wait()
	if len(seen) != 12 {
		t.Errorf("found %d samples", len(seen))
	}
	need(t, loader.Close())
	need(t, loader.Close())
	if _, err := loader.Next(); !errors.Is(err, spinel.ErrReleased) {
		t.Errorf("found %v", err)
	}
	if _, err := loader.Ledger(); !errors.Is(err, spinel.ErrReleased) || loader.BatchCount() != 0 {
		t.Errorf("found %v", err)
	}
}

func TestBatchesAreOrdinaryTensors(t *testing.T) {
	dataset := &spinel.Dataset{Samples: []spinel.Sample{{Path: filepath.Join(root, "samples", "photos", "cat.png"), Label: 3}}}
	loader, err := spinel.NewLoader(dataset, nil, nil)
	need(t, err)
	dataset.Samples[0].Path = "none" // The loader has its own.
	batch, err := loader.Next()
	need(t, err)
	loader = nil
	runtime.GC()
	preprocess, err := spinel.NewPreprocess("")
	need(t, err)
	wanted, err := preprocess.File(filepath.Join(root, "samples", "photos", "cat.png"))
	need(t, err)
	want(t, data[float32](t, batch.Tensor), data[float32](t, wanted))
	if batch.PreprocessTime <= 0 {
		t.Errorf("preprocessing took %v", batch.PreprocessTime)
	}
}

func TestMisuseOfDatasetsAndMetrics(t *testing.T) {
	accuracy, err := spinel.NewAccuracy(1)
	need(t, err)
	other, err := spinel.NewAccuracy(2)
	need(t, err)
	_, noDataset := spinel.NewLoader(nil, nil, nil)
	_, noPath := spinel.NewLoader(&spinel.Dataset{Samples: []spinel.Sample{{Path: "a\x00b"}}}, nil, nil)
	_, tooMany := spinel.NewLoader(&spinel.Dataset{}, nil, &spinel.LoaderOptions{Workers: 1 << 40})
	_, noTensor := spinel.Compare(nil, nil, -1)
	_, noText := spinel.OpenDataset("a\x00b")
	for _, err := range []error{noDataset, noPath, tooMany, noTensor, noText, accuracy.Merge(other), accuracy.Add(nil, nil)} {
		if !errors.Is(err, spinel.ErrInvalidArgument) {
			t.Errorf("found %v", err)
		}
	}
}
