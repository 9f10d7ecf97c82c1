// Package spinel runs ONNX models: Spinel's C ABI for Go.
//
// An [Engine] is a compiled model. [Engine.Run] takes and gives tensors, which are ordinary Go slices with a shape:
//
//	engine, err := spinel.Load(ctx, "model.onnx", nil)
//	if err != nil {
//		return err
//	}
//	defer engine.Close()
//	x, err := spinel.NewTensor([]int64{1, 3}, []float32{1, 2, 3})
//	if err != nil {
//		return err
//	}
//	outputs, err := engine.Run(ctx, x)
//	if err != nil {
//		return err
//	}
//	scores, err := spinel.Data[float32](outputs[0])
//
// # Memory
//
// Tensors live in Go's memory and need no Close; [Data] is a slice over them, not a copy. Since Go 1.21 a run reads and
// writes them where they are, pinned for as long as it takes. Older versions have no means to pin memory, and a run copies
// inputs and outputs. Only an [Engine] and a [Loader] hold memory of the library; Close frees it at once, else the garbage
// collector does.
//
// # Goroutines
//
// An Engine may be used by any number of goroutines at once, Close included. Tensors may be read by several runs at once;
// what a run writes to must not be touched until it has ended.
//
// # Contexts
//
// A context that ends makes a load or run return soon, with an error for which errors.Is holds with [ErrCancelled] and
// with the context's own error. The engine stays usable.
package spinel

// #cgo pkg-config: spinel
// #include "callbacks.h"
import "C"

// Version is that of the library, such as "0.1.0".
func Version() string {
	return C.GoString(C.spinel_version())
}

// Targets lists what engines can execute on in this build of the library, the default first.
func Targets() ([]string, error) {
	return listed(func(list **C.spinel_strings, failure **C.spinel_error) C.int32_t {
		return C.spinel_available_targets(list, failure)
	})
}
