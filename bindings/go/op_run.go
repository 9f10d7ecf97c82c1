package spinel

// #include "op.h"
import "C"

import (
	"runtime/cgo"
	"unsafe"
)

// OpRun is one run of an operator. It, and the tensors that it gives, are valid until Compute returns: slices of them must not
// be kept, since they lie in memory of the library's.
type OpRun struct {
	Attributes OpAttributes

	call   opCall
	op     *CustomOp
	inputs []*Tensor
	given  []*Tensor // Inputs and outputs that were handed out.
}

//export spinelGoOpCompute
func spinelGoOpCompute(handle, state C.uintptr_t, api *C.spinel_op_api, context *C.spinel_op_context) C.int32_t {
	defer contain()
	run := &OpRun{call: opCall{api, context}, op: cgo.Handle(handle).Value().(*CustomOp),
		Attributes: cgo.Handle(state).Value().(OpAttributes)}
	run.inputs = make([]*Tensor, int(C.op_input_count(api, context)))
	for i := range run.inputs {
		if tensor := C.op_input(api, context, C.size_t(i)); tensor != nil {
			run.inputs[i] = run.give(DType(tensor.dtype), int64s(tensor.dims, tensor.rank), tensor.data, int(tensor.size_bytes))
		}
	}
	err := run.op.Compute(run)
	for _, tensor := range run.given {
		tensor.data, tensor.pointer, tensor.bytes = nil, nil, 0 // Data of one that was kept is an error now.
	}
	return run.call.answer(err)
}

// give is a tensor over memory of C's; texts are copied.
func (r *OpRun) give(dtype DType, shape []int64, data unsafe.Pointer, bytes int) *Tensor {
	tensor := view(dtype, shape, data, bytes)
	r.given = append(r.given, tensor)
	return tensor
}

// Inputs are what the node lists, nil for one that it leaves out. They are only to be read.
func (r *OpRun) Inputs() []*Tensor { return r.inputs }

// OutputCount is how many outputs the node lists.
func (r *OpRun) OutputCount() int { return int(C.op_output_count(r.call.api, r.call.context)) }

// Wants tells whether anybody reads the output. One that nobody reads need not be made.
func (r *OpRun) Wants(output int) bool {
	return output >= 0 && C.op_wants(r.call.api, r.call.context, C.size_t(output)) != 0
}

// Output is the buffer of an output of this shape, to be filled; what is in it is unspecified. It fails for strings, which
// SetStrings gives, and if Shapes said another shape.
func (r *OpRun) Output(output int, shape []int64) (*Tensor, error) {
	dtype, err := r.dtype(output)
	if err != nil {
		return nil, err
	}
	if dtype == String {
		return nil, misuse("output %d holds strings: SetStrings gives them", output)
	}
	bytes, err := bytesOf(dtype, shape)
	if err != nil {
		return nil, err
	}
	var memory arena
	defer memory.free()
	data := C.op_output(r.call.api, r.call.context, C.size_t(output), memory.dims(shape), C.size_t(len(shape)))
	if data == nil && bytes != 0 {
		return nil, misuse("output %d cannot have the shape %v", output, shape)
	}
	return r.give(dtype, append([]int64(nil), shape...), data, bytes), nil
}

// SetStrings gives an output of strings, which are copied.
func (r *OpRun) SetStrings(output int, shape []int64, texts []string) error {
	dtype, err := r.dtype(output)
	if err != nil {
		return err
	}
	count, err := elementsOf(shape)
	if err != nil {
		return err
	}
	if dtype != String || count != len(texts) {
		return misuse("output %d is %v%v; %d strings were given", output, dtype, shape, len(texts))
	}
	var c call
	defer c.arena.free()
	var tensor C.spinel_tensor
	c.setStrings(&tensor, texts)
	if code := C.op_output_strings(r.call.api, r.call.context, C.size_t(output), c.dims(shape), C.size_t(len(shape)),
		(*C.spinel_string)(tensor.data)); code != C.SPINEL_OK {
		return misuse("output %d cannot have the shape %v", output, shape)
	}
	return nil
}

func (r *OpRun) dtype(output int) (DType, error) {
	if output < 0 || output >= len(r.op.Outputs) || output >= r.OutputCount() {
		return 0, misuse("the node has no output %d", output)
	}
	declared := r.op.Outputs[output]
	if declared.DType != 0 {
		return declared.DType, nil
	}
	if declared.SameAs < 0 || declared.SameAs >= len(r.inputs) || r.inputs[declared.SameAs] == nil {
		return 0, misuse("output %d has the type of input %d, which is left out", output, declared.SameAs)
	}
	return r.inputs[declared.SameAs].dtype, nil
}

// Cancelled tells whether the run was cancelled: operators that run long ask every few milliseconds, and return ErrCancelled.
func (r *OpRun) Cancelled() bool { return C.op_cancelled(r.call.api, r.call.context) != 0 }
