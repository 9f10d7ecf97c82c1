package spinel_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"spinel"
)

func fails(t *testing.T, err error, code spinel.Code, contains string) {
	t.Helper()
	if !errors.Is(err, code) || !strings.Contains(err.Error(), contains) {
		t.Errorf("found %v, not %v with %q", err, code, contains)
	}
}

func TestDescribesItself(t *testing.T) {
	engine := load(t, model("two"), &spinel.Options{SPAs: 2})
	x, product := engine.Inputs()[0], engine.Outputs()[1]
	if x.Name != "x" || x.DType != spinel.Float32 || !x.HasRank || x.BatchAxis != 0 || product.Name != "product" {
		t.Errorf("found %+v and %+v", x, product)
	}
	want(t, x.Shape, []int64{-1, 3})
	want(t, x.DimNames, []string{"batch", ""})
	info := engine.Info()
	if info.Target != "cpu" || info.SPAs != 2 || info.ThreadsPerSPA != 1 || !info.Splittable || info.BlockingNode != "" ||
		info.ComputeDType != spinel.Float32 || !strings.Contains(info.Arithmetic, "float32") {
		t.Errorf("found %+v", info)
	}
	shape, known, err := engine.OutputShape(0, []int64{4, 3}, []int64{4, 3})
	need(t, err)
	if !known {
		t.Error("the shape is not known")
	}
	want(t, shape, []int64{4, 3})
	_, known, err = load(t, model("reshape"), nil).OutputShape(0, []int64{4}, []int64{2})
	need(t, err)
	if known {
		t.Error("a shape that only running tells is known")
	}
	_, _, err = engine.OutputShape(-1, []int64{4, 3}, []int64{4, 3})
	fails(t, err, spinel.ErrInvalidArgument, "-1")
	_, _, err = engine.OutputShape(0, []int64{4, 3})
	fails(t, err, spinel.ErrInvalidArgument, "")
	targets, err := spinel.Targets()
	need(t, err)
	if targets[0] != "cpu" || !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(spinel.Version()) {
		t.Errorf("targets are %v, the version %s", targets, spinel.Version())
	}
}

func TestTensorsOfTheCaller(t *testing.T) {
	engine := load(t, model("two"), nil)
	x, y := filled(t, 3, 2, 3), filled(t, 2, 2, 3)
	room := make([]float32, 6)
	outputs := []*spinel.Tensor{tensor(t, []int64{2, 3}, room...), nil}
	sum := data[float32](t, outputs[0])
	need(t, engine.RunInto(ctx, []*spinel.Tensor{x, y}, outputs))
	want(t, sum, []float32{5, 5, 5, 5, 5, 5})
	want(t, data[float32](t, outputs[1]), []float32{6, 6, 6, 6, 6, 6})

	kept := []*spinel.Tensor{filled(t, -1, 2, 2), nil}
	fails(t, engine.RunInto(ctx, []*spinel.Tensor{x, y}, kept), spinel.ErrInvalidArgument, "sum")
	want(t, data[float32](t, kept[0]), []float32{-1, -1, -1, -1})
	if kept[1] != nil {
		t.Error("a run that was refused gave an output")
	}
	kept[0] = tensor(t, []int64{0, 3}, []float32{}...)
	fails(t, engine.RunInto(ctx, []*spinel.Tensor{x, y}, kept), spinel.ErrInvalidArgument, "sum")
	fails(t, engine.RunInto(ctx, []*spinel.Tensor{x, y}, kept[:1]), spinel.ErrInvalidArgument, "sum, product")

	texts := load(t, model("strings"), nil)
	given := tensor(t, []int64{1}, "a")
	fails(t, texts.RunInto(ctx, []*spinel.Tensor{given}, []*spinel.Tensor{given}), spinel.ErrInvalidArgument, "nil")

	// Memory that is neither Go's nor to be pinned.
	mapped, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	need(t, err)
	defer syscall.Munmap(mapped)
	raw, err := spinel.NewRawTensor(spinel.Float32, []int64{1, 3}, mapped[64:76])
	need(t, err)
	results, err := engine.Run(ctx, raw, filled(t, 4, 1, 3))
	need(t, err)
	want(t, data[float32](t, results[0]), []float32{4, 4, 4})
}

func TestMisuse(t *testing.T) {
	engine := load(t, model("two"), nil)
	x := filled(t, 1, 2, 3)
	_, err := engine.Run(ctx, x)
	fails(t, err, spinel.ErrInvalidArgument, "x, y")
	_, err = engine.Run(ctx, x, nil)
	fails(t, err, spinel.ErrInvalidArgument, "'y' is nil")
	_, err = engine.RunAsync(ctx, x, nil).Wait()
	fails(t, err, spinel.ErrInvalidArgument, "'y' is nil")
	_, err = engine.RunNamed(ctx, map[string]*spinel.Tensor{"x": x, "z": x})
	fails(t, err, spinel.ErrInvalidArgument, "[x, z], those of the model [x, y]")
	_, err = engine.RunNamed(ctx, map[string]*spinel.Tensor{"x": x, "y": x, "z": x})
	fails(t, err, spinel.ErrInvalidArgument, "[x, y, z]")
	_, err = engine.Profile(ctx, x)
	fails(t, err, spinel.ErrInvalidArgument, "x, y")
	_, err = spinel.NewTensor([]int64{2}, []float32{1, 2, 3})
	fails(t, err, spinel.ErrInvalidArgument, "3")
	_, err = spinel.NewTensor([]int64{-1}, []float32{})
	fails(t, err, spinel.ErrInvalidArgument, "negative")
	_, err = spinel.NewTensor([]int64{1 << 40, 1 << 40}, []float32{})
	fails(t, err, spinel.ErrInvalidArgument, "address space")
	_, err = spinel.NewRawTensor(spinel.Float32, []int64{2}, make([]byte, 7))
	fails(t, err, spinel.ErrInvalidArgument, "8 bytes")
	_, err = spinel.NewRawTensor(spinel.String, []int64{2}, make([]byte, 32))
	fails(t, err, spinel.ErrInvalidArgument, "strings")
	_, err = spinel.Data[float64](x)
	fails(t, err, spinel.ErrInvalidArgument, "float32[2 3], not float64")
	bits, err := spinel.NewRawTensor(spinel.Float8E5M2, []int64{2}, make([]byte, 2))
	need(t, err)
	_, err = spinel.Data[uint8](bits)
	fails(t, err, spinel.ErrInvalidArgument, "float8e5m2[2], not uint8")
	_, err = spinel.Load(ctx, "a\x00b", nil)
	fails(t, err, spinel.ErrInvalidArgument, "NUL")
	_, err = spinel.Load(ctx, "", nil)
	fails(t, err, spinel.ErrInvalidArgument, "")
	_, err = spinel.LoadBytes(ctx, nil, "", nil)
	fails(t, err, spinel.ErrInvalidArgument, "")
	_, err = spinel.LoadBytes(ctx, []byte("not a model at all"), "", nil)
	fails(t, err, spinel.ErrBadModel, "")
	_, err = spinel.Load(ctx, model("unknown"), nil)
	fails(t, err, spinel.ErrUnsupported, "NorThisOne")
}

func TestScalarsAndEmptyShapes(t *testing.T) {
	if count := len(data[int32](t, tensor(t, nil, int32(7)))); count != 1 {
		t.Errorf("a scalar has %d elements", count)
	}
	engine := load(t, model("two"), nil)
	none := tensor(t, []int64{0, 3}, []float32{}...)
	outputs, err := engine.Run(ctx, none, none)
	need(t, err)
	want(t, outputs[1].Shape(), []int64{0, 3})
	if outputs[1].Bytes() != nil {
		t.Error("no elements have bytes")
	}
	need(t, engine.RunInto(ctx, []*spinel.Tensor{none, none}, outputs))
}

func TestFromMemory(t *testing.T) {
	bytes, err := os.ReadFile(model("external"))
	need(t, err)
	_, err = spinel.LoadBytes(ctx, bytes, "", nil)
	if err == nil {
		t.Error("external data was found nowhere")
	}
	engine, err := spinel.LoadBytes(ctx, bytes, models, nil)
	need(t, err)
	defer engine.Close()
	outputs, err := engine.Run(ctx, tensor(t, []int64{1}, float32(2)))
	need(t, err)
	want(t, data[float32](t, outputs[0]), []float32{5})
}

func TestOptions(t *testing.T) {
	half := load(t, fashion(), &spinel.Options{InputNames: []string{"input"}, Target: "cpu", BatchSize: 4, SPAs: 2,
		InputSizes: [][]int64{{-1, 3, 32, 32}}, DType: spinel.Float16, RanksOnMachine: 1, Spin: -1, HugePages: true,
		Split: spinel.SplitNever, ISA: "portable", Tune: true})
	if info := half.Info(); half.Inputs()[0].DType != spinel.Float16 || !strings.Contains(info.Arithmetic, "portable") {
		t.Errorf("found %+v", half.Info())
	}
	kept := load(t, fashion(), &spinel.Options{DType: spinel.Float16, KeepIOTypes: true})
	if kept.Inputs()[0].DType != spinel.Float32 {
		t.Errorf("found %+v", kept.Inputs())
	}

	padded := load(t, fashion(), &spinel.Options{InputSizes: [][]int64{{0, 3, 32, 32}},
		PadValues: map[string]float64{"input": 0.5}})
	small, err := padded.Run(ctx, filled(t, 0.5, 1, 3, 30, 30))
	need(t, err)
	whole, err := padded.Run(ctx, filled(t, 0.5, 1, 3, 32, 32))
	need(t, err)
	want(t, data[float32](t, small[0]), data[float32](t, whole[0]))

	file := filepath.Join(t.TempDir(), "two.spinel")
	load(t, model("two"), &spinel.Options{SaveEngine: file})
	saved := load(t, "", &spinel.Options{LoadEngine: file, VerifyWeights: true})
	outputs, err := saved.Run(ctx, filled(t, 1, 1, 3), filled(t, 1, 1, 3))
	need(t, err)
	want(t, data[float32](t, outputs[0]), []float32{2, 2, 2})

	limits := spinel.DefaultLimits()
	limits.MaxNodes = 3
	for _, wrong := range []struct {
		options  spinel.Options
		code     spinel.Code
		contains string
	}{
		{spinel.Options{Target: "sdaa"}, spinel.ErrNotFound, "cpu"},
		{spinel.Options{DType: spinel.Int4}, spinel.ErrInvalidArgument, ""},
		{spinel.Options{ISA: "mmx"}, spinel.ErrNotFound, "avx2"},
		{spinel.Options{InputNames: []string{"a"}}, spinel.ErrNotFound, "a"},
		{spinel.Options{InputSizes: [][]int64{{1, 2}}}, spinel.ErrInvalidArgument, ""},
		{spinel.Options{PadValues: map[string]float64{"a": 1}}, spinel.ErrNotFound, "a"},
		{spinel.Options{Aliases: map[string]string{"a": "b"}}, spinel.ErrNotFound, "a"},
		{spinel.Options{PassPath: "none.json"}, spinel.ErrNotFound, "none.json"},
		{spinel.Options{PassJSON: "{"}, spinel.ErrBadData, ""},
		{spinel.Options{SPAs: 1 << 40}, spinel.ErrInvalidArgument, "SPAs"},
		{spinel.Options{SPAs: -1}, spinel.ErrInvalidArgument, ""},
		{spinel.Options{Spin: 3 * time.Hour}, spinel.ErrInvalidArgument, "Spin"},
		{spinel.Options{Target: "c\x00pu"}, spinel.ErrInvalidArgument, "NUL"},
		{spinel.Options{Target: "onnx", OnnxRuntimePath: "/none"}, spinel.ErrNotFound, ""},
		{spinel.Options{LoadEngine: "/none"}, spinel.ErrNotFound, "/none"},
		{spinel.Options{OpLibraries: []string{"/none.so"}}, spinel.ErrNotFound, "/none.so"},
		{spinel.Options{Split: 7}, spinel.ErrInvalidArgument, ""},
	} {
		options := wrong.options
		_, err := spinel.Load(ctx, model("two"), &options)
		if !errors.Is(err, wrong.code) || !strings.Contains(err.Error(), wrong.contains) {
			t.Errorf("with %+v: found %v, not %v with %q", options, err, wrong.code, wrong.contains)
		}
	}
	_, err = spinel.Load(ctx, model("slow"), &spinel.Options{Limits: &limits})
	fails(t, err, spinel.ErrLimitExceeded, "max_nodes")
}

func TestReports(t *testing.T) {
	engine := load(t, fashion(), &spinel.Options{PassJSON: `{"passes": {"fuse_elementwise": false}}`})
	passes, err := engine.Passes()
	need(t, err)
	enabled := map[string]bool{}
	for _, pass := range passes {
		enabled[pass.Name] = pass.Enabled
	}
	if enabled["fuse_elementwise"] || !enabled["select_kernels"] {
		t.Errorf("found %v", enabled)
	}
	memory, err := engine.Memory([]int64{4, 3, 32, 32})
	need(t, err)
	if memory.WeightBytes < 100000 || memory.TotalBytes < memory.WeightBytes+memory.ArenaBytesPerSPA {
		t.Errorf("found %+v", memory)
	}
	if _, err = engine.Memory(); err != nil {
		t.Error(err)
	}
	x := filled(t, 0, 1, 3, 32, 32)
	profile, err := engine.Profile(ctx, x)
	need(t, err)
	flops, sources, total := 0.0, 0, time.Duration(0)
	for _, layer := range profile.Layers {
		flops += layer.Flops
		sources += len(layer.Sources)
		total += layer.Duration
	}
	if flops < 1e6 || sources == 0 || total <= 0 || profile.Duration < total {
		t.Errorf("%v operations in layers of %d nodes, %v of %v", flops, sources, total, profile.Duration)
	}
	_, err = engine.Run(ctx, x)
	need(t, err)
	if engine.RunTime() <= 0 {
		t.Error("the last run took no time")
	}
	graph, err := engine.Graph()
	need(t, err)
	if !strings.Contains(graph, "NhwcConv") {
		t.Error(graph)
	}
}

func TestTheHostsLoop(t *testing.T) {
	x := filled(t, 0.25, 4, 3, 32, 32)
	wanted, err := load(t, fashion(), nil).Run(ctx, x)
	need(t, err)
	var tasks int64
	for name, loop := range map[string]func(int, func(int)){
		"goroutines": func(count int, task func(int)) {
			var all sync.WaitGroup
			for i := count - 1; i >= 0; i-- {
				all.Add(1)
				go func(i int) {
					defer all.Done()
					atomic.AddInt64(&tasks, 1)
					task(i)
				}(i)
			}
			all.Wait()
		},
		"one that leaves tasks out, or calls them twice": func(count int, task func(int)) {
			task(0)
			task(0)
		},
	} {
		loop := loop
		t.Run(name, func(t *testing.T) {
			engine := load(t, fashion(), &spinel.Options{SPAs: 2, ParallelFor: loop})
			found, err := engine.Run(ctx, x)
			need(t, err)
			want(t, data[float32](t, found[0]), data[float32](t, wanted[0]))
		})
	}
	if tasks == 0 {
		t.Error("the loop was not called")
	}
}

func TestLogAndProgress(t *testing.T) {
	var mutex sync.Mutex
	var stages []string
	last := -1.0
	options := &spinel.Options{
		Log: func(level spinel.LogLevel, line string) {
			if level < spinel.LogDebug || level > spinel.LogError || line == "" || strings.Contains(line, "\n") {
				t.Errorf("found level %d, %q", level, line)
			}
		},
		Progress: func(stage string, fraction float64) {
			mutex.Lock()
			defer mutex.Unlock()
			if fraction < last || fraction > 1 {
				t.Errorf("%v after %v", fraction, last)
			}
			last = fraction
			stages = append(stages, stage)
		},
	}
	load(t, model("two"), options)
	if len(stages) < 3 || stages[0] != "read" {
		t.Errorf("found %v", stages)
	}
}

func TestCustomOperators(t *testing.T) {
	library := filepath.Join(environment("SPINEL_BINARY_DIR", filepath.Join("..", "..", "build")), "lib", "libcustom_add.so")
	sample := filepath.Join(root, "samples", "custom_op", "add.onnx")
	_, err := spinel.Load(ctx, sample, nil)
	fails(t, err, spinel.ErrUnsupported, "custom::Add")
	engine := load(t, sample, &spinel.Options{OpLibraries: []string{library}})
	outputs, err := engine.Run(ctx, tensor(t, []int64{1, 3}, float32(-1), 2, 3), tensor(t, []int64{1, 3}, float32(4), 4, 8))
	need(t, err)
	want(t, data[float32](t, outputs[0]), []float32{2, 4, 7})
}
