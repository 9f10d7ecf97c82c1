package spinel

// #include "callbacks.h"
import "C"

import (
	"context"
	"runtime/cgo"
	"unsafe"
)

// LayerValue is a value of the ONNX file that a compiled model still computes: passes merge nodes, and what lies inside a
// merged layer is gone.
type LayerValue struct {
	Name    string  // Of the value in the ONNX file.
	DType   DType   // What the layer computes.
	Shape   []int64 // In the file's order of axes; -1 where a dim is not known.
	HasRank bool    // Whether the rank is known; if not, Shape is empty.
	Layer   int     // Place of the layer that computes it in the order of execution.
	Node    string  // The layer's name.
	Op      string
	Sources []string // The ONNX nodes that the layer stands for.
	Inputs  []string // The layer's inputs that have a name in the file, without constants.
}

func layerValue(c *C.spinel_layer_value) LayerValue {
	return LayerValue{Name: C.GoString(c.name), DType: DType(c.dtype), Shape: int64s(c.dims, c.rank),
		HasRank: c.has_rank != 0, Layer: int(c.layer), Node: C.GoString(c.node), Op: C.GoString(c.op),
		Sources: texts(c.sources, c.source_count), Inputs: texts(c.inputs, c.input_count)}
}

// LayerValues lists the values between the layers in the order of execution. With shapes of the inputs, theirs are those of
// such a run as far as they are known before running. ErrUnsupported if the target cannot tell.
func (e *Engine) LayerValues(inputs ...[]int64) ([]LayerValue, error) {
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.leave()
	var memory arena
	defer memory.free()
	var values *C.spinel_layer_values
	var failure *C.spinel_error
	if err := take(C.spinel_engine_layer_values(e.handle, memory.shapes(inputs), C.size_t(len(inputs)), &values, &failure),
		failure); err != nil {
		return nil, err
	}
	defer C.spinel_layer_values_release(values)
	out := make([]LayerValue, int(C.spinel_layer_values_count(values)))
	for i := range out {
		var c C.spinel_layer_value
		c.struct_size = C.size_t(unsafe.Sizeof(c))
		if err := take(C.spinel_layer_values_get(values, C.size_t(i), &c, &failure), failure); err != nil {
			return nil, err
		}
		out[i] = layerValue(&c)
	}
	return out, nil
}

// inspection is what the callback of Inspect needs.
type inspection struct {
	see     func(LayerValue, *Tensor) (*Tensor, error)
	err     error   // Of see, or of a value that Go cannot hold.
	name    string  // Of the value that replaced is for.
	replace *Tensor // What see returned last; nil once it was used.
	call    *call   // Its memory, until the next one.
}

// unused says that a replacement was not asked for.
func (i *inspection) unused() error {
	if i.replace != nil && i.err == nil {
		i.err = misuse("the value '%s' cannot be replaced: it is a view of another, or the target cannot do it", i.name)
	}
	return i.err
}

// Inspect runs one batch, with results of the same bits as those of Run, and gives the values of these names, or all, to see:
// one at a time, in the order of execution, maybe in another goroutine. A tensor that it returns takes the value's place, so
// that what follows is computed from it (target "cpu"); an error ends the run and is returned as it is. ErrNotFound for a name that LayerValues does not list, ErrUnsupported if the target cannot do it.
func (e *Engine) Inspect(ctx context.Context, inputs []*Tensor, names []string,
	see func(value LayerValue, tensor *Tensor) (replacement *Tensor, err error)) ([]*Tensor, error) {
	if see == nil {
		return nil, misuse("Inspect takes a function")
	}
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.leave()
	outputs := make([]*Tensor, len(e.outputs))
	c, err := e.prepare(inputs, outputs)
	if err != nil {
		return nil, err
	}
	wanted := array[*C.char](&c.arena, len(names))
	for i, name := range names {
		wanted[i] = c.text(name)
	}
	i := &inspection{see: see}
	handle := cgo.NewHandle(i)
	defer handle.Delete()
	if err = c.err; err == nil {
		err = cancellable(ctx, func(token *C.spinel_cancel_token) error {
			var failure *C.spinel_error
			return take(C.spinel_go_inspect(e.handle, first(c.inputs), C.size_t(len(c.inputs)), first(wanted),
				C.size_t(len(wanted)), C.uintptr_t(handle), flag(e.info.Target == "cpu"), first(c.outputs), C.size_t(len(c.outputs)), token, &failure),
				failure)
		})
	}
	if i.call != nil {
		i.call.finish(nil, nil)
	}
	if unused := i.unused(); unused != nil {
		err = unused
	}
	if err := c.finish(err, outputs); err != nil {
		return nil, err
	}
	return outputs, nil
}

//export spinelGoSee
func spinelGoSee(handle C.uintptr_t, value *C.spinel_layer_value, tensor *C.spinel_tensor) C.int32_t {
	defer contain()
	i := cgo.Handle(handle).Value().(*inspection)
	if i.unused() != nil {
		return C.SPINEL_CANCELLED
	}
	copied, err := adopt(tensor)
	if err == nil {
		described := layerValue(value)
		i.name = described.Name
		i.replace, err = i.see(described, copied)
	}
	if err != nil {
		i.err = err
		return C.SPINEL_CANCELLED
	}
	return C.SPINEL_OK
}

//export spinelGoReplace
func spinelGoReplace(handle C.uintptr_t, replacement *C.spinel_tensor) C.int32_t {
	defer contain()
	i := cgo.Handle(handle).Value().(*inspection)
	if i.call != nil {
		i.call.finish(nil, nil)
		i.call = nil
	}
	if i.replace != nil {
		i.call = newCall([]*Tensor{i.replace}, nil)
		*replacement = i.call.inputs[0]
		i.replace = nil
	}
	return C.SPINEL_OK
}
