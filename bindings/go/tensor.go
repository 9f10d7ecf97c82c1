package spinel

// #include "callbacks.h"
import "C"

import (
	"fmt"
	"math"
	"unsafe"
)

// Tensor is a dense array of a shape, outermost dim first, over a Go slice. Nothing needs to be closed.
type Tensor struct {
	dtype   DType
	shape   []int64
	data    any            // The slice.
	pointer unsafe.Pointer // To its first element; nil if there is none, and for strings.
	bytes   int
}

// NewTensor makes a tensor over data, which is not copied: a run reads, or writes, the slice itself. The number of elements
// must be that of the shape; an empty shape is one element.
func NewTensor[T Element](shape []int64, data []T) (*Tensor, error) {
	count, err := elementsOf(shape)
	if err != nil {
		return nil, err
	}
	if count != len(data) {
		return nil, misuse("shape %v has %d elements, but the slice has %d", shape, count, len(data))
	}
	return over(DTypeOf[T](), append([]int64(nil), shape...), data), nil
}

// NewRawTensor makes a tensor of any element type but String over the bytes of its elements, which are not copied. It is
// the way to make those that no Go type stands for, and takes others, too, if the bytes are aligned as their elements.
func NewRawTensor(dtype DType, shape []int64, data []byte) (*Tensor, error) {
	if dtype == String {
		return nil, misuse("strings have no bytes of a fixed size; use NewTensor with a []string")
	}
	bytes, err := bytesOf(dtype, shape)
	if err != nil {
		return nil, err
	}
	if bytes != len(data) {
		return nil, misuse("%v%v takes %d bytes, but the slice has %d", dtype, shape, bytes, len(data))
	}
	return over(dtype, append([]int64(nil), shape...), data), nil
}

// DType is the type of the elements.
func (t *Tensor) DType() DType { return t.dtype }

// Shape is a copy of the dims.
func (t *Tensor) Shape() []int64 { return append([]int64(nil), t.shape...) }

// String describes the tensor without its elements: "float32[1 3]".
func (t *Tensor) String() string { return fmt.Sprintf("%v%v", t.dtype, t.shape) }

// Data is the slice of elements itself, in row-major order. It fails if the tensor holds another type.
func Data[T Element](t *Tensor) ([]T, error) {
	data, ok := t.data.([]T)
	if wanted := DTypeOf[T](); !ok || t.dtype != wanted {
		return nil, misuse("the tensor is %v, not %v", t, wanted)
	}
	return data, nil
}

// Bytes is the memory of the elements, for all types but String, for which it is nil.
func (t *Tensor) Bytes() []byte {
	if t.pointer == nil {
		return nil
	}
	return unsafe.Slice((*byte)(t.pointer), t.bytes)
}

// over is a tensor over data, whose length is right.
func over[T any](dtype DType, shape []int64, data []T) *Tensor {
	t := &Tensor{dtype: dtype, shape: shape, data: data}
	if len(data) != 0 && dtype != String {
		t.pointer = unsafe.Pointer(&data[0])
		t.bytes = len(data) * int(unsafe.Sizeof(data[0]))
	}
	return t
}

// kind makes the tensors of an element type that a Go type stands for.
type kind struct {
	zeros func(shape []int64, count int) *Tensor
	view  func(shape []int64, data unsafe.Pointer, bytes int) *Tensor
}

var kinds = map[DType]kind{
	Float32: kindOf[float32](), Float64: kindOf[float64](), Float16: kindOf[F16](), BFloat16: kindOf[BF16](),
	Int8: kindOf[int8](), Int16: kindOf[int16](), Int32: kindOf[int32](), Int64: kindOf[int64](),
	Uint8: kindOf[uint8](), Uint16: kindOf[uint16](), Uint32: kindOf[uint32](), Uint64: kindOf[uint64](),
	Bool: kindOf[bool](), String: kindOf[string](), Complex64: kindOf[complex64](), Complex128: kindOf[complex128](),
}

func kindOf[T Element]() kind {
	var element T
	return kind{
		zeros: func(shape []int64, count int) *Tensor { return over(DTypeOf[T](), shape, make([]T, count)) },
		view: func(shape []int64, data unsafe.Pointer, bytes int) *Tensor {
			return over(DTypeOf[T](), shape, slice[T](data, bytes/int(unsafe.Sizeof(element))))
		},
	}
}

// view is a tensor over memory of C's; its texts are copied.
func view(dtype DType, shape []int64, data unsafe.Pointer, bytes int) *Tensor {
	if dtype == String {
		return over(dtype, shape, goTexts(data, bytes/int(unsafe.Sizeof(C.spinel_string{}))))
	}
	if kind, ok := kinds[dtype]; ok {
		return kind.view(shape, data, bytes)
	}
	return over(dtype, shape, slice[byte](data, bytes))
}

func goText(text C.spinel_string) string {
	return string(slice[byte](unsafe.Pointer(text.data), int(text.size_bytes)))
}

func goTexts(data unsafe.Pointer, count int) []string {
	out := make([]string, count)
	for i, text := range slice[C.spinel_string](data, count) {
		out[i] = goText(text)
	}
	return out
}

// allocate is a tensor of zeros, or of empty strings.
func allocate(dtype DType, shape []int64) (*Tensor, error) {
	count, err := elementsOf(shape)
	if err != nil {
		return nil, err
	}
	if kind, ok := kinds[dtype]; ok {
		return kind.zeros(shape, count), nil
	}
	bytes, err := bytesOf(dtype, shape)
	if err != nil {
		return nil, err
	}
	return over(dtype, shape, make([]byte, bytes)), nil
}

// elementsOf is the product of the dims.
func elementsOf(shape []int64) (int, error) {
	count, empty := 1, false
	for _, dim := range shape {
		if dim < 0 {
			return 0, misuse("shape %v has a negative dim", shape)
		}
		if dim == 0 {
			empty = true
			continue
		}
		if dim > math.MaxInt64/16/int64(count) {
			return 0, misuse("shape %v is larger than the address space", shape)
		}
		count *= int(dim)
	}
	if empty {
		return 0, nil
	}
	return count, nil
}

// bytesOf is what the elements take.
func bytesOf(dtype DType, shape []int64) (int, error) {
	var memory arena
	defer memory.free()
	dims := memory.dims(shape)
	var bytes C.size_t
	var failure *C.spinel_error
	if err := take(C.spinel_tensor_bytes(C.int32_t(dtype), dims, C.size_t(len(shape)), &bytes, &failure), failure); err != nil {
		return 0, err
	}
	return int(bytes), nil
}

// adopt copies a tensor that the library allocated into Go's memory.
func adopt(from *C.spinel_tensor) (*Tensor, error) {
	shape := int64s(from.dims, from.rank)
	if DType(from.dtype) == String {
		return view(String, shape, from.data, int(from.size_bytes)), nil
	}
	out, err := allocate(DType(from.dtype), shape)
	if err != nil {
		return nil, err
	}
	copy(out.Bytes(), slice[byte](from.data, int(from.size_bytes)))
	return out, nil
}
