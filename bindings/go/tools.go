package spinel

// #include "callbacks.h"
import "C"

import (
	"math"
	"unsafe"
)

// CheckOptions say how the file that a tool writes is compared with the one that it read: target "cpu" runs both on the same
// random inputs. The zero value is the default.
type CheckOptions struct {
	Runs        int                // 0: 3, or 1 after ConvertModel. Negative: no check.
	Required    bool               // A model that cannot be run, such as one with an unknown operator, is a failure.
	InputShapes map[string][]int64 // Of inputs, for the check alone; without them some are tried.
	// Tolerance is the greatest difference over the greatest magnitude of an output that is accepted. 0: 1e-5 for Float32, 5e-3
	// for 16-bit floats; 0.05 after ConvertModel. Integers, bools and strings must be equal.
	Tolerance float64
}

// SimplifyOptions say what to simplify. The zero value, and nil in its place, suit every model.
type SimplifyOptions struct {
	// InputShapes are new dims of inputs; 0 or less leaves a dim as it is. A dim's name stands for one number in the whole model.
	InputShapes map[string][]int64
	SkipSteps   []string // Of SimplifySteps, to leave out.
	// MaxFoldedBytes is by how much a folded constant may exceed what vanishes with it. 0: 1 MiB; negative: by nothing.
	MaxFoldedBytes        int64
	InlineFunctions       bool // Puts the bodies of the model's functions in place of their calls.
	KeepInitializerInputs bool // Weights that are listed as inputs stay.
	ExternalData          bool // Weights go into a second file, "<out>.data".
	Check                 CheckOptions
	Limits                *Limits     // Replace those of DefaultLimits.
	Ops                   []*CustomOp // Operators that the model may use beside Spinel's own.
	OpLibraries           []string    // Shared libraries of them.
}

// ConvertOptions say what to convert to Float16, and what not. The zero value, and nil in its place, are the defaults.
type ConvertOptions struct {
	KeepOps      []string // Operators that stay in Float32, with casts around them.
	KeepNodes    []string // Nodes that do.
	ConvertOps   []string // Of Float16KeepList, or of other domains: to be converted, too.
	KeepInputs   []string // Inputs that stay Float32.
	KeepIOTypes  bool     // All inputs and outputs stay as they are.
	ExternalData bool     // Weights go into a second file, "<out>.data".
	Check        CheckOptions
	Limits       *Limits     // Replace those of DefaultLimits.
	Ops          []*CustomOp // Operators that the model may use beside Spinel's own.
	OpLibraries  []string    // Shared libraries of them.
}

// ToolReport is what a tool has done.
type ToolReport struct {
	BytesBefore, BytesAfter         uint64         // Of the files, with external data.
	OperatorsBefore, OperatorsAfter map[string]int // How many nodes of each, subgraphs and functions included.
	Changes                         map[string]int // Simplifying: the places that each step has changed.
	Files                           []string       // What was written.
	Notes                           []string       // What the user should know, one sentence each.
	Kept                            []string       // Converting: nodes that stay in Float32, as "name (operator)".
	Clamped                         []Clamped      // Converting: constants that have lost values.
	ConvertedTensors                int            // Converting: constants that were converted.
	CheckSkipped                    string         // Why nothing was compared; "": it was, or was not asked for.
	CheckRuns                       int            // How often the files were compared.
	BitEqual                        bool           // Every output of every run had the same bits.
	MaxDifference                   float64        // The greatest |new - old|.
	RelativeDifference              float64        // The greatest |new - old| of an output over the greatest |old| of it.
	Diff2                           float64        // The greatest ||new - old|| / ||old|| of an output.
}

// Clamped is a constant whose values Float16 could not hold.
type Clamped struct {
	Name     string
	Elements int
	Clamped  int // Beyond ±65504, which they became.
	Flushed  int // Other than 0, but so small that they became 0.
}

// SimplifyModel writes a model that computes the same with fewer nodes, and compares the two. model and out are paths; out
// appears whole or not at all, and does not if the new model computes something else, which is ErrInternal.
func SimplifyModel(model, out string, options *SimplifyOptions) (*ToolReport, error) {
	if options == nil {
		options = &SimplifyOptions{}
	}
	t := &tool{}
	defer t.free()
	c := first(array[C.spinel_simplify_options](&t.arena, 1))
	C.spinel_simplify_options_init(c, C.size_t(unsafe.Sizeof(*c)))
	c.input_shapes, c.input_shape_count = t.namedShapes(options.InputShapes)
	c.skip_steps, c.skip_step_count = t.names(options.SkipSteps)
	if options.MaxFoldedBytes > 0 {
		c.max_folded_bytes = C.uint64_t(options.MaxFoldedBytes)
	} else if options.MaxFoldedBytes < 0 {
		c.max_folded_bytes = 0
	}
	c.inline_functions, c.keep_initializer_inputs = flag(options.InlineFunctions), flag(options.KeepInitializerInputs)
	c.external_data, c.limits = flag(options.ExternalData), t.limits(options.Limits)
	c.check = t.check(&options.Check, nil)
	c.custom_ops = t.ops(options.Ops, options.OpLibraries)
	return t.run(model, out, func(from, to *C.char, report **C.spinel_tool_report, failure **C.spinel_error) C.int32_t {
		return C.spinel_simplify_model(from, to, c, report, failure)
	})
}

// ConvertModel writes a model whose Float32 values are Float16 (weights, inputs, outputs and what is computed between them),
// and compares the two, as SimplifyModel does.
func ConvertModel(model, out string, options *ConvertOptions) (*ToolReport, error) {
	if options == nil {
		options = &ConvertOptions{}
	}
	t := &tool{}
	defer t.free()
	c := first(array[C.spinel_convert_options](&t.arena, 1))
	C.spinel_convert_options_init(c, C.size_t(unsafe.Sizeof(*c)))
	c.keep_ops, c.keep_op_count = t.names(options.KeepOps)
	c.keep_nodes, c.keep_node_count = t.names(options.KeepNodes)
	c.convert_ops, c.convert_op_count = t.names(options.ConvertOps)
	c.keep_inputs, c.keep_input_count = t.names(options.KeepInputs)
	c.dtype, c.keep_io_types = C.SPINEL_FLOAT16, flag(options.KeepIOTypes)
	c.external_data, c.limits = flag(options.ExternalData), t.limits(options.Limits)
	c.check = t.check(&options.Check, &CheckOptions{Runs: 1, Tolerance: 0.05})
	c.custom_ops = t.ops(options.Ops, options.OpLibraries)
	return t.run(model, out, func(from, to *C.char, report **C.spinel_tool_report, failure **C.spinel_error) C.int32_t {
		return C.spinel_convert_model(from, to, c, report, failure)
	})
}

// SimplifySteps are the steps of SimplifyModel, in order.
func SimplifySteps() ([]string, error) {
	return listed(func(list **C.spinel_strings, failure **C.spinel_error) C.int32_t {
		return C.spinel_simplify_steps(list, failure)
	})
}

// Float16KeepList are the operators that ConvertModel leaves in Float32 unless ConvertOps names them.
func Float16KeepList() ([]string, error) {
	return listed(func(list **C.spinel_strings, failure **C.spinel_error) C.int32_t {
		return C.spinel_float16_keep_list(list, failure)
	})
}

// tool is what the C options point to.
type tool struct {
	arena
	set *C.spinel_op_set
}

func (t *tool) free() {
	C.spinel_op_set_release(t.set)
	t.arena.free()
}

func (t *tool) names(names []string) (**C.char, C.size_t) {
	out := array[*C.char](&t.arena, len(names))
	for i, name := range names {
		out[i] = t.text(name)
	}
	return first(out), C.size_t(len(out))
}

func (t *tool) namedShapes(shapes map[string][]int64) (*C.spinel_named_shape, C.size_t) {
	out := array[C.spinel_named_shape](&t.arena, len(shapes))[:0]
	for name, shape := range shapes {
		out = append(out, C.spinel_named_shape{name: t.text(name), dims: t.dims(shape), rank: C.size_t(len(shape))})
	}
	return first(out), C.size_t(len(out))
}

// check is what options say; otherwise, which may be nil, where they say nothing.
func (t *tool) check(options, otherwise *CheckOptions) *C.spinel_check_options {
	c := first(array[C.spinel_check_options](&t.arena, 1))
	C.spinel_check_options_init(c, C.size_t(unsafe.Sizeof(*c)))
	for _, each := range []*CheckOptions{otherwise, options} {
		if each == nil {
			continue
		}
		if each.Runs != 0 {
			c.runs = 0
			if each.Runs > 0 {
				c.runs = C.int32_t(math.Min(float64(each.Runs), math.MaxInt32))
			}
		}
		if each.Tolerance != 0 {
			c.tolerance = C.double(each.Tolerance)
		}
	}
	c.required = flag(options.Required)
	c.input_shapes, c.input_shape_count = t.namedShapes(options.InputShapes)
	return c
}

func (t *tool) ops(ops []*CustomOp, paths []string) *C.spinel_op_set {
	if t.err == nil {
		t.set, t.err = makeOpSet(&t.arena, ops, paths)
	}
	return t.set
}

func (t *tool) run(model, out string,
	call func(from, to *C.char, report **C.spinel_tool_report, failure **C.spinel_error) C.int32_t) (*ToolReport, error) {
	from, to := t.text(model), t.text(out)
	if t.err != nil {
		return nil, t.err
	}
	var report *C.spinel_tool_report
	var failure *C.spinel_error
	if err := take(call(from, to, &report, &failure), failure); err != nil {
		return nil, err
	}
	defer C.spinel_tool_report_release(report)
	var c C.spinel_tool_info
	c.struct_size = C.size_t(unsafe.Sizeof(c))
	if err := take(C.spinel_tool_report_describe(report, &c, &failure), failure); err != nil {
		return nil, err
	}
	found := &ToolReport{BytesBefore: uint64(c.bytes_before), BytesAfter: uint64(c.bytes_after),
		OperatorsBefore: counts(c.operators_before, c.operator_before_count),
		OperatorsAfter:  counts(c.operators_after, c.operator_after_count), Changes: counts(c.changes, c.change_count),
		Files: texts(c.files, c.file_count), Notes: texts(c.notes, c.note_count), Kept: texts(c.kept, c.kept_count),
		ConvertedTensors: int(c.converted_tensors), CheckSkipped: C.GoString(c.check_skipped), CheckRuns: int(c.check_runs),
		BitEqual: c.bit_equal != 0, MaxDifference: float64(c.max_difference), RelativeDifference: float64(c.relative_difference),
		Diff2: float64(c.diff2)}
	for _, each := range slice[C.spinel_clamped_tensor](unsafe.Pointer(c.clamped), int(c.clamped_count)) {
		found.Clamped = append(found.Clamped, Clamped{Name: C.GoString(each.name), Elements: int(each.elements),
			Clamped: int(each.clamped), Flushed: int(each.flushed)})
	}
	return found, nil
}

func counts(data *C.spinel_count, count C.size_t) map[string]int {
	out := make(map[string]int, int(count))
	for _, each := range slice[C.spinel_count](unsafe.Pointer(data), int(count)) {
		out[C.GoString(each.name)] = int(each.count)
	}
	return out
}
