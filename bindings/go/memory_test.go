package spinel_test

import (
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"spinel"
	"spinel/internal/heap"
)

// useData is use for what needs no engine, and for operators.
func useData(t *testing.T, image string) {
	dataset, err := spinel.ListDataset(filepath.Dir(image))
	need(t, err)
	dataset.Samples = []spinel.Sample{{Path: image, Label: 1}, {Path: "/none.png"}}
	loader, err := spinel.NewLoader(dataset, nil, nil)
	need(t, err)
	for err == nil {
		_, err = loader.Next()
	}
	need(t, loader.Restart())
	need(t, loader.Close())
	accuracy, err := spinel.NewAccuracy(1)
	need(t, err)
	need(t, accuracy.Add(filled(t, 1, 1, 2), []int{0}))
	_, err = spinel.Compare(filled(t, 1, 2), filled(t, 1, 2), -1)
	need(t, err)
	op := add(sums)
	op.Shapes = func(inputs [][]int64, _ spinel.OpAttributes) ([][]int64, error) { return inputs, nil }
	engine, err := spinel.Load(ctx, addModel(), &spinel.Options{Ops: []*spinel.CustomOp{op}})
	need(t, err)
	_, err = engine.Run(ctx, addInputs(t, engine)...)
	need(t, err)
	need(t, engine.Close())
	_, err = spinel.Load(ctx, addModel(), &spinel.Options{Ops: []*spinel.CustomOp{{Compute: sums}}})
	fails(t, err, spinel.ErrInvalidArgument, "")
}

// use calls everything that allocates C memory, in ways that succeed and that fail.
func use(t *testing.T, image string) {
	engine := func(name string) *spinel.Engine {
		out, err := spinel.Load(ctx, model(name), &spinel.Options{SPAs: 1, InputNames: nil, PassJSON: `{"passes": {}}`,
			Limits: new(spinel.Limits), Log: func(spinel.LogLevel, string) {}, Progress: func(string, float64) {},
			ParallelFor: func(count int, task func(int)) {
				for i := 0; i < count; i++ {
					task(i)
				}
			}})
		need(t, err)
		return out
	}
	stoppable, stop := context.WithCancel(ctx)
	two, texts, shapes := engine("two"), engine("strings"), engine("reshape")
	x := filled(t, 1, 2, 3)
	outputs, err := two.Run(stoppable, x, x)
	need(t, err)
	need(t, two.RunInto(ctx, []*spinel.Tensor{x, x}, outputs))
	_, err = two.RunAsync(stoppable, x, x).Wait()
	need(t, err)
	two.RunAsync(ctx, x, x).Cancel()
	_, err = two.RunAsync(ctx, filled(t, 1, 2, 2), x).Wait()
	fails(t, err, spinel.ErrInvalidArgument, "")
	_, err = two.Profile(stoppable, x, x)
	need(t, err)
	_, err = two.Memory()
	need(t, err)
	_, err = two.Passes()
	need(t, err)
	_, err = two.Graph()
	need(t, err)
	given := tensor(t, []int64{2}, "a long text that needs memory of its own", "")
	_, err = texts.Run(ctx, given)
	need(t, err)
	_, err = texts.RunAsync(ctx, given).Wait()
	need(t, err)
	flat := filled(t, 1, 6)
	_, err = shapes.Run(ctx, flat, tensor(t, []int64{2}, int64(2), 3))
	need(t, err)
	_, err = shapes.Run(ctx, flat, tensor(t, []int64{2}, int64(4), 4))
	fails(t, err, spinel.ErrInvalidArgument, "")
	_, err = shapes.Inspect(stoppable, []*spinel.Tensor{flat, tensor(t, []int64{2}, int64(2), 3)}, []string{"power"},
		func(spinel.LayerValue, *spinel.Tensor) (*spinel.Tensor, error) { return filled(t, 1, 2, 3), nil })
	need(t, err)
	_, err = shapes.LayerValues()
	need(t, err)
	useData(t, image)
	row := filled(t, 1, 2)
	values := engine("values")
	for _, x := range []*spinel.Tensor{row, filled(t, 1, 2, 2)} {
		_, err = values.RunValues(stoppable, spinel.Sequence{row, row}, x, row)
	}
	fails(t, err, spinel.ErrInvalidArgument, "")
	need(t, values.Close())
	stop()
	_, err = two.Run(stoppable, x, x)
	cancelled(t, err, context.Canceled)
	for _, each := range []*spinel.Engine{two, texts} {
		need(t, each.Close())
	}
	runtime.KeepAlive(shapes) // It is not closed.
	_, err = spinel.Load(ctx, model("unknown"), &spinel.Options{Log: func(spinel.LogLevel, string) {}})
	fails(t, err, spinel.ErrUnsupported, "")
	_, err = spinel.Load(ctx, model("two"), &spinel.Options{OpLibraries: []string{"/none"}, Progress: func(string, float64) {}})
	fails(t, err, spinel.ErrNotFound, "")

	p := preprocess(t, "")
	need(t, p.InputSize(16, 16))
	_, failures, err := p.Batch(spinel.Image{Path: image}, spinel.Image{Encoded: []byte("not an image"), Name: "x"})
	need(t, err)
	fails(t, failures[1], spinel.ErrBadData, "")
	_, err = p.File("/none")
	fails(t, err, spinel.ErrNotFound, "")
	pixels, err := spinel.DecodeImage(spinel.Image{Path: image}, nil)
	need(t, err)
	_, err = p.Images(spinel.Image{Pixels: pixels.Bytes(), Width: int(pixels.Shape()[1]), Height: int(pixels.Shape()[0])})
	need(t, err)
	_, err = spinel.TopK(x, 1, true)
	need(t, err)
	_, err = spinel.Softmax(x)
	need(t, err)
	_, err = spinel.LoadLabels(filepath.Join(root, "samples", "resnet", "synset.txt"), 0)
	need(t, err)
	_, err = spinel.LoadLabels("/none", 0)
	fails(t, err, spinel.ErrNotFound, "")
	_, err = spinel.Presets()
	need(t, err)
	_, err = spinel.Targets()
	need(t, err)
}

// C's heap is as large after many uses as after some. The test runs itself in a process in which glibc counts exactly: what
// its caches of each thread keep would count as used.
func TestMemoryIsFreed(t *testing.T) {
	if heap.InUse() == 0 {
		t.Skip("another allocator took the place of glibc's")
	}
	if os.Getenv("SPINEL_TEST_HEAP") == "" {
		again(t, "SPINEL_TEST_HEAP=1", "GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1")
		return
	}
	image := filepath.Join(root, "samples", "resnet", "images", "01_trouser.png")
	after := func(times int) int64 {
		for i := 0; i < times; i++ {
			use(t, image)
		}
		least := int64(math.MaxInt64)
		for i := 0; i < 20; i++ { // Engines that were not closed are freed a little later, by a finalizer.
			runtime.GC()
			time.Sleep(time.Millisecond)
			if now := heap.InUse(); now < least {
				least = now
			}
		}
		return least
	}
	const times = 100
	before, grown := after(20), int64(0)
	for round := 0; round < 5; round++ { // A new thread may cost some memory once; what is lost is lost in every round.
		now := after(times)
		if grown = now - before; grown < times*16 { // The least that malloc gives.
			return
		}
		before = now
	}
	t.Errorf("%d bytes of C's heap are lost in each of %d uses", grown/times, times)
}

// again runs the calling test alone in a process of its own, with more of an environment.
func again(t *testing.T, environment ...string) {
	t.Helper()
	command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	command.Env = append(os.Environ(), environment...)
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
