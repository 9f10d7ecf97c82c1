package spinel

// #include "op.h"
import "C"

import (
	"errors"
	"runtime/cgo"
	"strings"
	"unsafe"
)

// CustomOp is an operator that ONNX lacks, for Options.Ops. It must not be changed once it is in use.
type CustomOp struct {
	Domain string // As in the model; "" is ONNX's own.
	Name   string
	// SinceVersion is the oldest opset version of the domain that this is for; of equal names the newest that is not above
	// the model's is taken. 0: 1.
	SinceVersion int
	Inputs       []OpInput
	Variadic     bool // The last input may be given any number of times.
	Outputs      []OpOutput
	Attributes   []OpAttribute
	// RowsIndependent: a batch may be cut. Row i along axis 0 of every output depends on row i of each input that is not Whole.
	RowsIndependent bool
	Float16         bool // Computes in Float16 where a model is converted; else it stays in Float32.
	Indeterminate   bool // Equal inputs may give different outputs.
	// Shapes tells the outputs' shapes before running, as far as they are known. A nil shape is one of unknown rank, or of an
	// input that is left out; a dim of -1 is not known, and one below stands for an expression that can be passed on. Without
	// it only running tells.
	Shapes func(inputs [][]int64, attributes OpAttributes) ([][]int64, error)
	// Compute makes the outputs. Several goroutines call it at once. An *Error that it returns keeps its code.
	Compute func(run *OpRun) error
}

// OpInput is an input of an operator.
type OpInput struct {
	Name     string
	DTypes   []DType // That it takes; nil: every one.
	Optional bool    // The node may leave it out.
	Whole    bool    // With RowsIndependent: every row may depend on all of it.
}

// OpOutput is an output of an operator.
type OpOutput struct {
	Name     string
	DType    DType // 0: that of the input SameAs.
	SameAs   int
	Optional bool // The node may leave it out.
}

// OpAttribute is an attribute that the nodes of an operator may have.
type OpAttribute struct {
	Name     string
	Type     AttributeType
	Required bool // A node without it is refused.
}

// AttributeType is the type of an attribute, numbered as in ONNX.
type AttributeType int32

// The types of attributes, and what they are in OpAttributes.
const (
	AttributeFloat   AttributeType = C.SPINEL_ATTRIBUTE_FLOAT   // float32
	AttributeInt     AttributeType = C.SPINEL_ATTRIBUTE_INT     // int64
	AttributeString  AttributeType = C.SPINEL_ATTRIBUTE_STRING  // string
	AttributeTensor  AttributeType = C.SPINEL_ATTRIBUTE_TENSOR  // *Tensor
	AttributeFloats  AttributeType = C.SPINEL_ATTRIBUTE_FLOATS  // []float32
	AttributeInts    AttributeType = C.SPINEL_ATTRIBUTE_INTS    // []int64
	AttributeStrings AttributeType = C.SPINEL_ATTRIBUTE_STRINGS // []string
)

// OpAttributes has the attributes of a node by name, without those that it lacks.
type OpAttributes map[string]any

// Attribute is the attribute of that name, or otherwise if the node lacks it or it is of another type.
func Attribute[T any](attributes OpAttributes, name string, otherwise T) T {
	if value, ok := attributes[name].(T); ok {
		return value
	}
	return otherwise
}

// makeOpSet makes a set, which the caller releases, of operators and those of libraries; nil for none.
func makeOpSet(memory *arena, ops []*CustomOp, libraries []string) (*C.spinel_op_set, error) {
	if len(ops)+len(libraries) == 0 {
		return nil, nil
	}
	var set *C.spinel_op_set
	var failure *C.spinel_error
	err := take(C.spinel_op_set_create(&set, &failure), failure)
	for i := 0; i < len(ops) && err == nil; i++ {
		err = ops[i].addTo(set)
	}
	for i := 0; i < len(libraries) && err == nil; i++ {
		path := memory.text(libraries[i])
		if err = memory.err; err == nil {
			err = take(C.spinel_op_set_load(set, path, &failure), failure)
		}
	}
	if err != nil {
		C.spinel_op_set_release(set)
		return nil, err
	}
	return set, nil
}

// addTo hands the operator over to a set.
func (op *CustomOp) addTo(set *C.spinel_op_set) error {
	if op == nil || op.Compute == nil {
		return misuse("a custom operator needs the function Compute")
	}
	var memory arena
	defer memory.free()
	c := first(array[C.spinel_custom_op](&memory, 1))
	C.spinel_custom_op_init(c, C.size_t(unsafe.Sizeof(*c)))
	c.domain, c.name = memory.text(op.Domain), memory.text(op.Name)
	c.since_version, c.variadic = C.int32_t(op.SinceVersion), flag(op.Variadic)
	c.rows_independent, c.float16, c.indeterminate = flag(op.RowsIndependent), flag(op.Float16), flag(op.Indeterminate)
	inputs := array[C.spinel_op_input](&memory, len(op.Inputs))
	for i, input := range op.Inputs {
		dtypes := array[C.int32_t](&memory, len(input.DTypes))
		for j, dtype := range input.DTypes {
			dtypes[j] = C.int32_t(dtype)
		}
		inputs[i] = C.spinel_op_input{name: memory.text(input.Name), dtypes: first(dtypes), dtype_count: C.size_t(len(dtypes)),
			optional: flag(input.Optional), whole: flag(input.Whole)}
	}
	outputs := array[C.spinel_op_output](&memory, len(op.Outputs))
	for i, output := range op.Outputs {
		outputs[i] = C.spinel_op_output{name: memory.text(output.Name), dtype: C.int32_t(output.DType),
			same_as: C.int32_t(output.SameAs), optional: flag(output.Optional)}
	}
	attributes := array[C.spinel_op_attribute](&memory, len(op.Attributes))
	for i, attribute := range op.Attributes {
		attributes[i] = C.spinel_op_attribute{name: memory.text(attribute.Name), required: flag(attribute.Required)}
		attributes[i]._type = C.int32_t(attribute.Type)
	}
	c.inputs, c.input_count = first(inputs), C.size_t(len(inputs))
	c.outputs, c.output_count = first(outputs), C.size_t(len(outputs))
	c.attributes, c.attribute_count = first(attributes), C.size_t(len(attributes))
	if memory.err != nil {
		return memory.err
	}
	handle := cgo.NewHandle(op)
	C.spinel_go_set_op(c, C.uintptr_t(handle), flag(op.Shapes != nil))
	var failure *C.spinel_error
	err := take(C.spinel_op_set_add(set, c, &failure), failure)
	if err != nil {
		handle.Delete()
	}
	return err
}

// opCall is the table and the context of one callback.
type opCall struct {
	api     C.op_api
	context C.op_context
}

// answer gives a failure's message to the library, and its code.
func (c opCall) answer(err error) C.int32_t {
	if err == nil {
		return C.SPINEL_OK
	}
	code := ErrInvalidArgument
	var known *Error
	if !errors.As(err, &code) && errors.As(err, &known) {
		code = known.Code
	}
	var memory arena
	defer memory.free()
	C.op_set_error(c.api, c.context, memory.text(strings.ReplaceAll(err.Error(), "\x00", " ")))
	return C.int32_t(code)
}

func (c opCall) attributes(declared []OpAttribute) (OpAttributes, error) {
	out := OpAttributes{}
	var memory arena
	defer memory.free()
	for _, attribute := range declared {
		name := memory.text(attribute.Name)
		var value any
		var code C.int32_t
		var count C.size_t
		switch attribute.Type {
		case AttributeFloat:
			var number C.float
			code = C.op_float(c.api, c.context, name, &number)
			value = float32(number)
		case AttributeInt:
			var number C.int64_t
			code = C.op_int(c.api, c.context, name, &number)
			value = int64(number)
		case AttributeString:
			var text C.spinel_string
			code = C.op_string(c.api, c.context, name, &text)
			value = goText(text)
		case AttributeFloats:
			var numbers *C.float
			code = C.op_floats(c.api, c.context, name, &numbers, &count)
			value = append([]float32{}, slice[float32](unsafe.Pointer(numbers), int(count))...)
		case AttributeInts:
			var numbers *C.int64_t
			code = C.op_ints(c.api, c.context, name, &numbers, &count)
			value = int64s(numbers, count)
		case AttributeStrings:
			var texts *C.spinel_string
			code = C.op_strings(c.api, c.context, name, &texts, &count)
			value = goTexts(unsafe.Pointer(texts), int(count))
		case AttributeTensor:
			var tensor *C.spinel_tensor
			if code = C.op_tensor(c.api, c.context, name, &tensor); code == C.SPINEL_OK {
				copied, err := adopt(tensor)
				if err != nil {
					return nil, err
				}
				value = copied
			}
		}
		if code == C.SPINEL_OK {
			out[attribute.Name] = value
		} else if code != C.SPINEL_NOT_FOUND {
			return nil, &Error{Code: Code(code), Message: "the attribute " + attribute.Name + " cannot be read"}
		}
	}
	return out, nil
}

//export spinelGoDrop
func spinelGoDrop(handle C.uintptr_t) { cgo.Handle(handle).Delete() }

//export spinelGoOpCreate
func spinelGoOpCreate(handle C.uintptr_t, api *C.spinel_op_api, context *C.spinel_op_context, state *C.uintptr_t) C.int32_t {
	defer contain()
	call := opCall{api, context}
	attributes, err := call.attributes(cgo.Handle(handle).Value().(*CustomOp).Attributes)
	if err == nil {
		*state = C.uintptr_t(cgo.NewHandle(attributes))
	}
	return call.answer(err)
}

//export spinelGoOpShapes
func spinelGoOpShapes(handle C.uintptr_t, api *C.spinel_op_api, context *C.spinel_op_context) C.int32_t {
	defer contain()
	call := opCall{api, context}
	return call.answer(call.shapes(cgo.Handle(handle).Value().(*CustomOp)))
}

func (c opCall) shapes(op *CustomOp) error {
	attributes, err := c.attributes(op.Attributes)
	if err != nil {
		return err
	}
	inputs := make([][]int64, int(C.op_input_count(c.api, c.context)))
	for i := range inputs {
		if rank := int(C.op_input_rank(c.api, c.context, C.size_t(i))); rank >= 0 {
			inputs[i] = make([]int64, rank)
			for axis := range inputs[i] {
				inputs[i][axis] = int64(C.op_input_dim(c.api, c.context, C.size_t(i), C.size_t(axis)))
			}
		}
	}
	outputs, err := op.Shapes(inputs, attributes)
	if err != nil {
		return err
	}
	var memory arena
	defer memory.free()
	for i := 0; i < len(outputs) && i < int(C.op_output_count(c.api, c.context)); i++ {
		rank := C.int32_t(-1)
		if outputs[i] != nil {
			rank = C.int32_t(len(outputs[i]))
		}
		if code := C.op_set_output(c.api, c.context, C.size_t(i), memory.dims(outputs[i]), rank); code != C.SPINEL_OK {
			return &Error{Code: Code(code), Message: misuse("the shape %v of output %d was refused", outputs[i], i).Error()}
		}
	}
	return nil
}
