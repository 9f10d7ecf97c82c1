package spinel

// #include "callbacks.h"
import "C"

import (
	"context"
	"unsafe"
)

// Value is what a model of more than tensors takes and gives: a *Tensor, a Sequence, or nil, which is an optional without an
// element. A filled optional is its element.
type Value interface{ isValue() }

// Sequence is a sequence of values.
type Sequence []Value

func (*Tensor) isValue()  {}
func (Sequence) isValue() {}

// RunValues runs a model whose inputs and outputs may be sequences and optionals, in the order of Inputs and Outputs.
// ErrUnsupported if the target runs models of tensors alone.
func (e *Engine) RunValues(ctx context.Context, inputs ...Value) ([]Value, error) {
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.leave()
	leaves, err := leavesOf(nil, inputs)
	if err != nil {
		return nil, err
	}
	c := newCall(leaves, nil)
	values := valueMaker{leaves: c.inputs}
	given, err := values.makeAll(inputs)
	made := array[*C.spinel_value](&c.arena, len(e.outputs))
	if err == nil {
		list := array[*C.spinel_value](&c.arena, len(given))
		copy(list, given)
		err = cancellable(ctx, func(token *C.spinel_cancel_token) error {
			var failure *C.spinel_error
			return take(C.spinel_engine_run_values(e.handle, first(list), C.size_t(len(list)), first(made), C.size_t(len(made)),
				token, &failure), failure)
		})
	}
	outputs := make([]Value, len(made))
	for i := 0; i < len(made) && err == nil; i++ {
		outputs[i], err = readValue(made[i])
	}
	for _, value := range append(values.made, made...) {
		C.spinel_value_release(value)
	}
	if err := c.finish(err, nil); err != nil {
		return nil, err
	}
	return outputs, nil
}

// leavesOf appends the tensors of the values, in the order in which valueMaker takes them.
func leavesOf(leaves []*Tensor, values []Value) ([]*Tensor, error) {
	var err error
	for _, value := range values {
		switch v := value.(type) {
		case *Tensor:
			if v == nil {
				return nil, misuse("a tensor is a nil pointer; an optional without an element is a nil Value")
			}
			leaves = append(leaves, v)
		case Sequence:
			if leaves, err = leavesOf(leaves, v); err != nil {
				return nil, err
			}
		}
	}
	return leaves, nil
}

// valueMaker makes the values of C, all of which are to be released.
type valueMaker struct {
	leaves []C.spinel_tensor
	made   []*C.spinel_value
}

func (m *valueMaker) makeAll(values []Value) ([]*C.spinel_value, error) {
	out := make([]*C.spinel_value, len(values))
	for i, value := range values {
		var failure *C.spinel_error
		var made *C.spinel_value
		var err error
		switch v := value.(type) {
		case nil:
			err = take(C.spinel_value_create_empty(&made, &failure), failure)
		case *Tensor:
			err = take(C.spinel_value_create_tensor(&m.leaves[0], &made, &failure), failure)
			m.leaves = m.leaves[1:]
		case Sequence:
			var elements []*C.spinel_value
			if elements, err = m.makeAll(v); err == nil {
				var memory arena
				list := array[*C.spinel_value](&memory, len(elements))
				copy(list, elements)
				err = take(C.spinel_value_create_sequence(first(list), C.size_t(len(list)), &made, &failure), failure)
				memory.free()
			}
		}
		if err != nil {
			return nil, err
		}
		m.made = append(m.made, made)
		out[i] = made
	}
	return out, nil
}

func readValue(value *C.spinel_value) (Value, error) {
	var failure *C.spinel_error
	switch C.spinel_value_get_kind(value) {
	case C.SPINEL_KIND_OPTIONAL:
		return nil, nil
	case C.SPINEL_KIND_SEQUENCE:
		out := make(Sequence, int(C.spinel_value_count(value)))
		for i := range out {
			var element *C.spinel_value
			if err := take(C.spinel_value_get_element(value, C.size_t(i), &element, &failure), failure); err != nil {
				return nil, err
			}
			read, err := readValue(element)
			C.spinel_value_release(element)
			if err != nil {
				return nil, err
			}
			out[i] = read
		}
		return out, nil
	}
	var tensor C.spinel_tensor
	tensor.struct_size = C.size_t(unsafe.Sizeof(tensor))
	if err := take(C.spinel_value_get_tensor(value, &tensor, &failure), failure); err != nil {
		return nil, err
	}
	defer C.spinel_tensor_release(&tensor)
	out, err := adopt(&tensor)
	if err != nil {
		return nil, err
	}
	return out, nil
}
