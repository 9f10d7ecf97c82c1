package spinel

// #include "callbacks.h"
import "C"

import (
	"context"
	"sort"
	"strings"
	"time"
	"unsafe"
)

// Run runs one batch and returns when it is done. inputs are in the order of Inputs, results in that of Outputs. A run
// that has begun occupies a thread; concurrent runs share the SPAs, first come, first served. Inputs must not be changed
// meanwhile.
func (e *Engine) Run(ctx context.Context, inputs ...*Tensor) ([]*Tensor, error) {
	outputs := make([]*Tensor, len(e.outputs))
	if err := e.RunInto(ctx, inputs, outputs); err != nil {
		return nil, err
	}
	return outputs, nil
}

// RunNamed is Run with inputs and results by name. Every input must be there, and nothing else.
func (e *Engine) RunNamed(ctx context.Context, inputs map[string]*Tensor) (map[string]*Tensor, error) {
	ordered, err := e.order(inputs)
	if err != nil {
		return nil, err
	}
	outputs, err := e.Run(ctx, ordered...)
	if err != nil {
		return nil, err
	}
	named := make(map[string]*Tensor, len(outputs))
	for i, output := range outputs {
		named[e.outputs[i].Name] = output
	}
	return named, nil
}

// RunInto is Run with results in tensors of the caller's, one an output. Each has the result's type and shape and is
// written to, or is nil, as it must be for strings, and is replaced by a new tensor. When the arguments are refused nothing
// is written; when a run fails or is cancelled under way, the elements of outputs are unspecified.
func (e *Engine) RunInto(ctx context.Context, inputs, outputs []*Tensor) error {
	if err := e.enter(); err != nil {
		return err
	}
	defer e.leave()
	c, err := e.prepare(inputs, outputs)
	if err != nil {
		return err
	}
	err = cancellable(ctx, func(token *C.spinel_cancel_token) error {
		var failure *C.spinel_error
		return take(C.spinel_engine_run(e.handle, first(c.inputs), C.size_t(len(c.inputs)), first(c.outputs),
			C.size_t(len(c.outputs)), token, &failure), failure)
	})
	return c.finish(err, outputs)
}

// RunTime is how long the last finished run took; 0 before the first, and once the engine is closed.
func (e *Engine) RunTime() time.Duration {
	if e.enter() != nil {
		return 0
	}
	defer e.leave()
	return time.Duration(float64(C.spinel_engine_run_time(e.handle)) * float64(time.Second))
}

func (e *Engine) order(inputs map[string]*Tensor) ([]*Tensor, error) {
	ordered := make([]*Tensor, len(e.inputs))
	known := 0
	for i, info := range e.inputs {
		if input, ok := inputs[info.Name]; ok {
			ordered[i] = input
			known++
		}
	}
	if known != len(e.inputs) || known != len(inputs) {
		given := make([]string, 0, len(inputs))
		for name := range inputs {
			given = append(given, name)
		}
		sort.Strings(given)
		return nil, misuse("the inputs given are [%s], those of the model [%s]", strings.Join(given, ", "), names(e.inputs))
	}
	return ordered, nil
}

func names(infos []TensorInfo) string {
	out := make([]string, len(infos))
	for i, info := range infos {
		out[i] = info.Name
	}
	return strings.Join(out, ", ")
}

// call is the tensors of one call to C: structs in C memory, whose data is Go's.
type call struct {
	arena
	pins
	inputs, outputs []C.spinel_tensor
	targets         []*Tensor // What C writes to; nil where the library allocates.
}

// newCall lays out the inputs, and outputs, each of which may be nil. It is ended with finish().
func newCall(inputs, targets []*Tensor) *call {
	c := &call{targets: targets}
	ranks := 0
	for _, t := range inputs {
		ranks += len(t.shape)
	}
	for _, t := range targets {
		if t != nil {
			ranks += len(t.shape)
		}
	}
	size := int(unsafe.Sizeof(C.spinel_tensor{}))
	count := len(inputs) + len(targets)
	block := c.zeros(count*size + ranks*8)
	structs := slice[C.spinel_tensor](block, count)
	var dims []int64
	if ranks != 0 {
		dims = slice[int64](unsafe.Add(block, count*size), ranks)
	}
	c.inputs, c.outputs = structs[:len(inputs):len(inputs)], structs[len(inputs):]
	for i, t := range inputs {
		dims = c.describe(&c.inputs[i], t, dims)
		if t.dtype == String {
			c.setStrings(&c.inputs[i], t.data.([]string))
		} else if t.bytes != 0 {
			c.inputs[i].data = c.pins.input(t.pointer, t.bytes)
		}
	}
	for i, t := range targets {
		if t == nil {
			c.outputs[i].struct_size = C.size_t(size)
			continue
		}
		dims = c.describe(&c.outputs[i], t, dims)
		if t.bytes != 0 {
			c.outputs[i].data = c.pins.output(t.pointer, t.bytes)
		}
	}
	return c
}

// describe sets all but the data: for what has no elements, any address, since NULL has a meaning of its own in outputs.
func (c *call) describe(to *C.spinel_tensor, t *Tensor, dims []int64) []int64 {
	to.struct_size = C.size_t(unsafe.Sizeof(*to))
	to.dtype, to.rank, to.size_bytes = C.int32_t(t.dtype), C.size_t(len(t.shape)), C.size_t(t.bytes)
	to.data = unsafe.Pointer(to)
	if len(t.shape) == 0 {
		return dims
	}
	copy(dims, t.shape)
	to.dims = (*C.int64_t)(&dims[0])
	return dims[len(t.shape):]
}

func (c *call) setStrings(to *C.spinel_tensor, texts []string) {
	bytes := 0
	for _, text := range texts {
		bytes += len(text)
	}
	elements := array[C.spinel_string](&c.arena, len(texts))
	room := slice[byte](c.zeros(bytes), bytes)
	for i, text := range texts {
		if len(text) != 0 {
			elements[i].data = (*C.char)(unsafe.Pointer(&room[0]))
			elements[i].size_bytes = C.size_t(copy(room, text))
			room = room[len(text):]
		}
	}
	if len(texts) != 0 {
		to.data = unsafe.Pointer(&elements[0])
	}
	to.size_bytes = C.size_t(len(texts) * int(unsafe.Sizeof(C.spinel_string{})))
}

// finish frees what the call used and, if err is nil, puts the results into outputs.
func (c *call) finish(err error, outputs []*Tensor) error {
	c.pins.release(err == nil)
	if err == nil {
		results := make([]*Tensor, len(c.targets))
		for i, target := range c.targets {
			if results[i] = target; target == nil && err == nil {
				results[i], err = adopt(&c.outputs[i])
			}
		}
		if err == nil {
			copy(outputs, results)
		}
		for i := range c.outputs {
			C.spinel_tensor_release(&c.outputs[i])
		}
	}
	c.arena.free()
	return err
}

// prepare checks the tensors of a run and allocates the outputs that are nil and whose size is known.
func (e *Engine) prepare(inputs, outputs []*Tensor) (*call, error) {
	if err := e.checkInputs(inputs); err != nil {
		return nil, err
	}
	if len(outputs) != len(e.outputs) {
		return nil, misuse("%d outputs were given; the model has %d: %s", len(outputs), len(e.outputs), names(e.outputs))
	}
	shapes := make([][]int64, len(inputs))
	for i, input := range inputs {
		shapes[i] = input.shape
	}
	targets := make([]*Tensor, len(outputs))
	copy(targets, outputs)
	var memory arena
	defer memory.free()
	var dims *C.spinel_shape
	for i, target := range targets {
		info := &e.outputs[i]
		if target != nil {
			if info.DType == String {
				return nil, misuse("output '%s' holds strings: it must be nil, and becomes a new tensor", info.Name)
			}
			continue
		}
		if info.DType == String {
			continue
		}
		if dims == nil {
			dims = memory.shapes(shapes)
		}
		shape, known, err := e.outputShape(i, dims, len(shapes))
		if err != nil {
			return nil, err
		}
		if known {
			if targets[i], err = allocate(info.DType, shape); err != nil {
				return nil, err
			}
		}
	}
	return newCall(inputs, targets), nil
}

func (e *Engine) checkInputs(inputs []*Tensor) error {
	if len(inputs) != len(e.inputs) {
		return misuse("%d inputs were given; the model has %d: %s", len(inputs), len(e.inputs), names(e.inputs))
	}
	for i, input := range inputs {
		if input == nil {
			return misuse("input '%s' is nil", e.inputs[i].Name)
		}
	}
	return nil
}

// OutputShape is the shape of one output for the given shapes of all inputs; known is false if only running tells.
func (e *Engine) OutputShape(output int, inputs ...[]int64) (shape []int64, known bool, err error) {
	if err := e.enter(); err != nil {
		return nil, false, err
	}
	defer e.leave()
	if output < 0 {
		return nil, false, misuse("there is no output %d", output)
	}
	var memory arena
	defer memory.free()
	return e.outputShape(output, memory.shapes(inputs), len(inputs))
}

func (e *Engine) outputShape(output int, inputs *C.spinel_shape, count int) ([]int64, bool, error) {
	dims := make([]C.int64_t, 8)
	for {
		var rank C.size_t
		var known C.int32_t
		var failure *C.spinel_error
		code := C.spinel_engine_output_dims(e.handle, inputs, C.size_t(count), C.size_t(output), &dims[0],
			C.size_t(len(dims)), &rank, &known, &failure)
		if err := take(code, failure); err != nil {
			if len(dims) < 1024 && code == C.SPINEL_INVALID_ARGUMENT {
				dims = make([]C.int64_t, 1024) // A rank above the room is an error of the same kind.
				continue
			}
			return nil, false, err
		}
		if known == 0 {
			return nil, false, nil
		}
		return int64s(&dims[0], rank), true, nil
	}
}
