package spinel

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"math"
	"runtime/cgo"
	"time"
	"unsafe"
)

// Split says whether a batch may be split over the SPAs, the compute partitions of an engine.
type Split int32

// The ways to split a batch.
const (
	SplitProven Split = C.SPINEL_SPLIT_PROVEN // Only if every output row is proven to depend on its own input row alone.
	SplitNever  Split = C.SPINEL_SPLIT_NEVER  // One SPA runs the whole batch.
	SplitAlways Split = C.SPINEL_SPLIT_ALWAYS // Along axis 0, without a proof: the caller answers for the result.
)

// LogLevel is the weight of a line that the library logs.
type LogLevel int32

// The levels of log lines.
const (
	LogDebug   LogLevel = C.SPINEL_LOG_DEBUG
	LogInfo    LogLevel = C.SPINEL_LOG_INFO
	LogWarning LogLevel = C.SPINEL_LOG_WARNING
	LogError   LogLevel = C.SPINEL_LOG_ERROR
)

// Limits are upper bounds on what models and images may ask for; exceeding one is ErrLimitExceeded. 0: no limit.
// DefaultLimits gives the values to start from.
type Limits struct {
	MaxModelBytes  uint64 // An ONNX file together with its external data.
	MaxTensorBytes uint64 // One tensor, constant or computed.
	MaxArenaBytes  uint64 // The activations of one SPA.
	MaxNodes       uint64 // Nodes of a model, subgraphs and functions included.
	MaxNesting     uint64 // Depth of nested subgraphs, types and messages.
	MaxImagePixels uint64 // Width times height.
}

// DefaultLimits are those that hold where none are given.
func DefaultLimits() Limits {
	var c C.spinel_limits
	C.spinel_limits_init(&c, C.size_t(unsafe.Sizeof(c)))
	return Limits{uint64(c.max_model_bytes), uint64(c.max_tensor_bytes), uint64(c.max_arena_bytes), uint64(c.max_nodes),
		uint64(c.max_nesting), uint64(c.max_image_pixels)}
}

// Options say how to load a model. The zero value, and nil in its place, are the defaults and suit every model.
type Options struct {
	// Target is what executes: see Targets. "": the first of them.
	Target string
	// InputNames is the caller's order of the inputs, naming every one. nil: the model's.
	InputNames []string
	// InputSizes has one shape an input, in the order above. It fixes the model's dynamic dims except for the batch, whose
	// number (a SPA's part) may be 0 or -1: any. nil: dynamic dims are bound at each run.
	InputSizes [][]int64
	// PadValues names inputs whose data may fall short of a fixed dim (never the batch), and what fills it up.
	PadValues map[string]float64
	// PadInputs fills up inputs that PadValues does not name, too, with 0.
	PadInputs bool
	// BatchSize is the samples of one run over all SPAs; it sizes a SPA's part where InputSizes is given. 0: not said.
	BatchSize int
	// DType is the compute precision, and the type of float inputs and outputs: Float32 or Float16. 0: the model's.
	DType DType
	// KeepIOTypes has DType leave the types of inputs and outputs as the file has them.
	KeepIOTypes bool
	// Split says whether a batch may be split over the SPAs.
	Split Split
	// SPAs is their number; 0: one for each ThreadsPerSPA cores that the process may use.
	SPAs int
	// ThreadsPerSPA is the threads of each; 0: 1.
	ThreadsPerSPA int
	// Rank is that of this process where several share the machine.
	Rank int
	// RanksOnMachine is how many processes share this machine's cores; 0: 1.
	RanksOnMachine int
	// PassPath is a JSON file that configures the graph passes; PassJSON is the same as text. At most one of them.
	PassPath, PassJSON string
	// SaveEngine is where to write an engine file, the compiled program.
	SaveEngine string
	// LoadEngine is an engine file to load instead of compiling; an error if it was built by another version, for another
	// instruction set, or with other options than those given here.
	LoadEngine string
	// VerifyWeights checks the weights of an engine file, too, against their checksum.
	VerifyWeights bool
	// Limits replace those of DefaultLimits.
	Limits *Limits
	// Log receives warnings and information, a line without a newline, for as long as the engine lives and from any
	// goroutine. It must not close the engine. An engine that it refers to is freed by Close alone.
	Log func(level LogLevel, line string)
	// OnnxRuntimePath, for target "onnx" alone, is the absolute path of ONNX Runtime's shared library, or of its folder.
	// "": the dynamic loader's usual search.
	OnnxRuntimePath string
	// Spin is how long a thread waits awake for more work, in whole microseconds and only during a run. 0: the default,
	// 50 microseconds; negative: it sleeps at once.
	Spin time.Duration
	// HugePages asks the system for huge pages for activations and packed weights.
	HugePages bool
	// Aliases names outputs, by input, that RunInto may be given on the input's buffer, such as key-value caches.
	Aliases map[string]string
	// ParallelFor is used instead of threads of the engine's own: it calls task(0) ... task(count - 1), in any order and
	// possibly at once, and returns when all are done. It may be called by several goroutines if runs are, and must not
	// close the engine.
	ParallelFor func(count int, task func(index int))
	// ISA is the instruction set whose kernels target "cpu" uses: "avx512_fp16", "avx512_vnni", "avx512", "avx2" or
	// "portable". "": the best that the machine has.
	ISA string
	// Tune times the candidate kernels of each layer on this machine while compiling, and keeps the fastest.
	Tune bool
	// Ops are operators that the model may use beside Spinel's own. An engine that they refer to is freed by Close alone.
	Ops []*CustomOp
	// OpLibraries are shared libraries of custom operators, loaded in order. They are code, and run with all rights of the
	// process.
	OpLibraries []string
	// Inspectable has target "onnx" keep the file's bytes, which Inspect needs. Target "cpu" needs nothing.
	Inspectable bool
	// Progress is told when a stage of the load begins, and how much of the stages is done, in [0, 1].
	Progress func(stage string, fraction float64)
}

// A panic in Log, ParallelFor, Progress or an operator ends the program.

// loading is what the C options point to.
type loading struct {
	arena
	c       *C.spinel_engine_options
	handles []cgo.Handle // For as long as the engine lives.
	once    []cgo.Handle // For the load.
	ops     *C.spinel_op_set
}

// build fills in the C options. free() is to be called even if it fails.
func (l *loading) build(options *Options) error {
	l.c = first(array[C.spinel_engine_options](&l.arena, 1))
	c := l.c
	C.spinel_engine_options_init(c, C.size_t(unsafe.Sizeof(*c)))
	if options == nil {
		return nil
	}
	c.target, c.isa = l.textOrNull(options.Target), l.textOrNull(options.ISA)
	names := array[*C.char](&l.arena, len(options.InputNames))
	for i, name := range options.InputNames {
		names[i] = l.text(name)
	}
	c.input_names, c.input_name_count = first(names), C.size_t(len(names))
	c.input_sizes, c.input_size_count = l.shapes(options.InputSizes), C.size_t(len(options.InputSizes))
	pads := array[C.spinel_pad_value](&l.arena, len(options.PadValues))[:0]
	for name, value := range options.PadValues {
		pads = append(pads, C.spinel_pad_value{input: l.text(name), value: C.double(value)})
	}
	c.pad_values, c.pad_value_count = first(pads), C.size_t(len(pads))
	aliases := array[C.spinel_alias](&l.arena, len(options.Aliases))[:0]
	for input, output := range options.Aliases {
		aliases = append(aliases, C.spinel_alias{input: l.text(input), output: l.text(output)})
	}
	c.aliases, c.alias_count = first(aliases), C.size_t(len(aliases))
	c.batch_size, c.dtype, c.split = C.int64_t(options.BatchSize), C.int32_t(options.DType), C.int32_t(options.Split)
	c.keep_io_types, c.pad_inputs = flag(options.KeepIOTypes), flag(options.PadInputs)
	c.huge_pages, c.tune, c.verify_weights = flag(options.HugePages), flag(options.Tune), flag(options.VerifyWeights)
	c.inspectable = flag(options.Inspectable)
	for _, number := range []struct {
		to    *C.int32_t
		name  string
		value int64
	}{{&c.spas, "SPAs", int64(options.SPAs)}, {&c.threads_per_spa, "ThreadsPerSPA", int64(options.ThreadsPerSPA)},
		{&c.rank, "Rank", int64(options.Rank)}, {&c.ranks_on_machine, "RanksOnMachine", int64(options.RanksOnMachine)},
		{&c.spin_us, "Spin", microseconds(options.Spin)}} {
		if number.value < math.MinInt32 || number.value > math.MaxInt32 {
			return misuse("%s is %d, which does not fit 32 bits", number.name, number.value)
		}
		*number.to = C.int32_t(number.value)
	}
	c.pass_path, c.pass_json = l.textOrNull(options.PassPath), l.textOrNull(options.PassJSON)
	c.save_engine, c.load_engine = l.textOrNull(options.SaveEngine), l.textOrNull(options.LoadEngine)
	c.onnxruntime_path = l.textOrNull(options.OnnxRuntimePath)
	c.limits = l.limits(options.Limits)
	if options.Log != nil {
		C.spinel_go_set_log(c, l.handle(&l.handles, options.Log))
	}
	if options.ParallelFor != nil {
		C.spinel_go_set_parallel_for(c, l.handle(&l.handles, options.ParallelFor))
	}
	if options.Progress != nil {
		C.spinel_go_set_progress(c, l.handle(&l.once, options.Progress))
	}
	if l.err != nil {
		return l.err
	}
	var err error
	l.ops, err = makeOpSet(&l.arena, options.Ops, options.OpLibraries)
	c.custom_ops = l.ops
	return err
}

func (l *loading) handle(list *[]cgo.Handle, function any) C.uintptr_t {
	handle := cgo.NewHandle(function)
	*list = append(*list, handle)
	return C.uintptr_t(handle)
}

// free ends the load. The handles that the engine uses are returned, or deleted if there is no engine.
func (l *loading) free(loaded bool) []cgo.Handle {
	drop(l.once)
	if !loaded {
		drop(l.handles)
		l.handles = nil
	}
	C.spinel_op_set_release(l.ops)
	l.arena.free()
	return l.handles
}

func drop(handles []cgo.Handle) {
	for _, handle := range handles {
		handle.Delete()
	}
}

func (a *arena) limits(limits *Limits) *C.spinel_limits {
	if limits == nil {
		return nil
	}
	c := first(array[C.spinel_limits](a, 1))
	C.spinel_limits_init(c, C.size_t(unsafe.Sizeof(*c)))
	c.max_model_bytes, c.max_tensor_bytes = C.uint64_t(limits.MaxModelBytes), C.uint64_t(limits.MaxTensorBytes)
	c.max_arena_bytes, c.max_nodes = C.uint64_t(limits.MaxArenaBytes), C.uint64_t(limits.MaxNodes)
	c.max_nesting, c.max_image_pixels = C.uint64_t(limits.MaxNesting), C.uint64_t(limits.MaxImagePixels)
	return c
}

func flag(on bool) C.int32_t {
	if on {
		return 1
	}
	return 0
}

// microseconds keeps the sign, so that a wait of less than one is not the default.
func microseconds(wait time.Duration) int64 {
	if wait > 0 && wait < time.Microsecond {
		return 1
	}
	if wait < 0 {
		return -1
	}
	return wait.Microseconds()
}
