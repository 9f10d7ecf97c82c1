package spinel_test

import (
	"io"
	"path/filepath"
	"testing"

	"spinel"
)

// Datasets, loaders and metrics of bindings/vectors.json.

type datasetCase struct {
	vectorEnd
	Name    string
	Root    string
	Folder  string
	Files   []string
	Labels  []int
	Size    int
	Classes []string
	Samples []struct {
		Index int
		Path  string
		Label int
	}
}

func dataset(files []string, labels []int) *spinel.Dataset {
	out := &spinel.Dataset{}
	for i, file := range files {
		out.Samples = append(out.Samples, spinel.Sample{Path: filepath.Join(root, file), Label: labels[i]})
	}
	return out
}

func (c *datasetCase) open() (*spinel.Dataset, error) {
	if c.Root != "" {
		return spinel.OpenDataset(filepath.Join(root, c.Root))
	}
	if c.Folder != "" {
		return spinel.ListDataset(filepath.Join(root, c.Folder))
	}
	return dataset(c.Files, c.Labels), nil
}

func TestVectorsOfDatasets(t *testing.T) {
	for _, c := range vectors(t).Datasets {
		c := c
		t.Run(c.Name, func(t *testing.T) {
			found, err := c.open()
			if c.Error != "" {
				c.checkError(t, err)
				return
			}
			need(t, err)
			if len(found.Samples) != c.Size || len(found.Notes) != 0 {
				t.Errorf("found %d samples and the notes %q", len(found.Samples), found.Notes)
			}
			want(t, found.Classes, c.Classes)
			for _, wanted := range c.Samples {
				if sample := found.Samples[wanted.Index]; sample != (spinel.Sample{Path: filepath.Join(root, wanted.Path), Label: wanted.Label}) {
					t.Errorf("found %v, not %v", sample, wanted)
				}
			}
		})
	}
}

type loaderCase struct {
	vectorEnd
	Name    string
	Files   []string
	Labels  []int
	Options struct {
		BatchSize  int `json:"batch_size"`
		MaxBatches int `json:"max_batches"`
		Workers    *int
		Prefetch   int
		DropLast   bool `json:"drop_last"`
		Rank       int
		World      int
	}
	BatchCount int `json:"batch_count"`
	Batches    []struct {
		Labels   []int
		Indices  []int
		Rejected []struct {
			Index int
			Path  string
			Code  string
		}
	}
	Ledger spinel.Ledger
}

func (c *loaderCase) open() (*spinel.Loader, error) {
	o := &c.Options
	options := &spinel.LoaderOptions{BatchSize: o.BatchSize, MaxBatches: o.MaxBatches, Prefetch: o.Prefetch, DropLast: o.DropLast,
		Rank: o.Rank, World: o.World}
	if o.Workers != nil {
		if options.Workers = *o.Workers; *o.Workers == 0 {
			options.Workers = -1
		}
	}
	return spinel.NewLoader(dataset(c.Files, c.Labels), nil, options)
}

func TestVectorsOfLoaders(t *testing.T) {
	for _, c := range vectors(t).Loaders {
		c := c
		t.Run(c.Name, func(t *testing.T) {
			loader, err := c.open()
			if c.Error != "" {
				c.checkError(t, err)
				return
			}
			need(t, err)
			defer loader.Close()
			if loader.BatchCount() != c.BatchCount || loader.SampleCount() != c.Ledger.Attempted {
				t.Errorf("found %d batches of %d samples", loader.BatchCount(), loader.SampleCount())
			}
			for pass := 0; pass < 2; pass++ {
				c.checkPass(t, loader)
				need(t, loader.Restart())
			}
		})
	}
}

func (c *loaderCase) checkPass(t *testing.T, loader *spinel.Loader) {
	for _, wanted := range c.Batches {
		batch, err := loader.Next()
		need(t, err)
		want(t, batch.Labels, wanted.Labels)
		want(t, batch.Indices, wanted.Indices)
		want(t, batch.Tensor.Shape(), []int64{int64(len(wanted.Labels)), 3, 224, 224})
		if len(batch.Rejected) != len(wanted.Rejected) || len(batch.Paths) != len(wanted.Labels) {
			t.Fatalf("found %d rejected and %d paths", len(batch.Rejected), len(batch.Paths))
		}
		for i, each := range wanted.Rejected {
			found := batch.Rejected[i]
			end := vectorEnd{Error: each.Code, Contains: each.Path}
			end.checkError(t, found.Err)
			if found.Index != each.Index || found.Path != filepath.Join(root, each.Path) {
				t.Errorf("found %v, not %v", found, each)
			}
		}
	}
	if _, err := loader.Next(); err != io.EOF {
		t.Errorf("found %v after the last batch", err)
	}
	if ledger, err := loader.Ledger(); err != nil || ledger != c.Ledger {
		t.Errorf("found %v, %v, not %v", ledger, err, c.Ledger)
	}
}

type accuracyCase struct {
	vectorEnd
	Name    string
	K       int
	Batches []struct {
		Scores vectorTensor
		Labels []int
	}
	Count int
	Top1  float64
	TopK  float64
}

func (c *accuracyCase) count(t *testing.T) (counts spinel.AccuracyCounts, err error) {
	total, err := spinel.NewAccuracy(c.K)
	if err != nil {
		return counts, err
	}
	for _, batch := range c.Batches {
		part, err := spinel.NewAccuracy(c.K)
		need(t, err)
		if err := part.Add(batch.Scores.tensor(t), batch.Labels); err != nil {
			return counts, err
		}
		need(t, total.Merge(part))
	}
	return total.Counts()
}

func TestVectorsOfAccuracies(t *testing.T) {
	for _, c := range vectors(t).Accuracies {
		c := c
		t.Run(c.Name, func(t *testing.T) {
			found, err := c.count(t)
			if c.Error != "" {
				c.checkError(t, err)
				return
			}
			need(t, err)
			if found.Count != c.Count || found.Top1 != c.Top1 || found.TopK != c.TopK || found.K != c.K {
				t.Errorf("found %+v", found)
			}
		})
	}
}

type differenceCase struct {
	vectorEnd
	Name             string
	Actual, Expected vectorTensor
	Threshold        *float64
	Count            int
	Diff2            float64
	Diff3Max         float64 `json:"diff3_max"`
	Diff3Mean        float64 `json:"diff3_mean"`
	AbsMax           float64 `json:"abs_max"`
}

func TestVectorsOfDifferences(t *testing.T) {
	for _, c := range vectors(t).Differences {
		c := c
		t.Run(c.Name, func(t *testing.T) {
			threshold := -1.0
			if c.Threshold != nil {
				threshold = *c.Threshold
			}
			found, err := spinel.Compare(c.Actual.tensor(t), c.Expected.tensor(t), threshold)
			if c.Error != "" {
				c.checkError(t, err)
				return
			}
			need(t, err)
			near(t, "diff2", found.Diff2, c.Diff2, 1e-5)
			near(t, "diff3_max", found.Diff3Max, c.Diff3Max, 1e-5)
			near(t, "diff3_mean", found.Diff3Mean, c.Diff3Mean, 1e-5)
			near(t, "abs_max", found.AbsMax, c.AbsMax, 1e-5)
			if found.Count != c.Count {
				t.Errorf("compared %d elements, not %d", found.Count, c.Count)
			}
		})
	}
}
