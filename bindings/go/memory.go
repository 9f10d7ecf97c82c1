package spinel

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"strings"
	"unsafe"
)

// arena is C memory that is freed together. What a C struct points to is put here: Go's own memory may hold pointers to C
// memory, but C memory none to Go's that is not pinned.
type arena struct {
	blocks []unsafe.Pointer
	err    error // Of the first text that C cannot hold.
}

// zeros is bytes of zeroed memory; nil for none.
func (a *arena) zeros(bytes int) unsafe.Pointer {
	if bytes == 0 {
		return nil
	}
	block := C.calloc(1, C.size_t(bytes))
	if block == nil {
		panic("spinel: out of memory") // As Go itself does.
	}
	a.blocks = append(a.blocks, block)
	return block
}

// array is count zeroed elements, whose type holds no Go pointers.
func array[T any](a *arena, count int) []T {
	var element T
	return slice[T](a.zeros(count*int(unsafe.Sizeof(element))), count)
}

// text is a copy that ends with NUL.
func (a *arena) text(s string) *C.char {
	if strings.IndexByte(s, 0) >= 0 && a.err == nil {
		a.err = misuse("the text %q contains a NUL character", s)
	}
	block := a.zeros(len(s) + 1)
	copy(slice[byte](block, len(s)), s)
	return (*C.char)(block)
}

// textOrNull is NULL for "".
func (a *arena) textOrNull(s string) *C.char {
	if s == "" {
		return nil
	}
	return a.text(s)
}

// dims is a copy of a shape; NULL for rank 0.
func (a *arena) dims(shape []int64) *C.int64_t {
	block := a.zeros(len(shape) * 8)
	copy(slice[int64](block, len(shape)), shape)
	return (*C.int64_t)(block)
}

// shapes is a copy of several shapes; NULL for none.
func (a *arena) shapes(shapes [][]int64) *C.spinel_shape {
	out := array[C.spinel_shape](a, len(shapes))
	for i, shape := range shapes {
		out[i].dims, out[i].rank = a.dims(shape), C.size_t(len(shape))
	}
	return first(out)
}

func (a *arena) free() {
	for _, block := range a.blocks {
		C.free(block)
	}
	a.blocks = nil
}

// slice is memory of C's as a slice.
func slice[T any](data unsafe.Pointer, count int) []T {
	if data == nil || count == 0 {
		return nil
	}
	return unsafe.Slice((*T)(data), count)
}

// first points to the first element, or is NULL.
func first[T any](values []T) *T {
	if len(values) == 0 {
		return nil
	}
	return &values[0]
}

func int64s(data *C.int64_t, count C.size_t) []int64 {
	return append([]int64{}, slice[int64](unsafe.Pointer(data), int(count))...)
}

// texts copies an array of C texts.
func texts(data **C.char, count C.size_t) []string {
	out := make([]string, 0, int(count))
	for _, text := range slice[*C.char](unsafe.Pointer(data), int(count)) {
		out = append(out, C.GoString(text))
	}
	return out
}

// takeStrings copies a list of the library's and frees it.
func takeStrings(list *C.spinel_strings) []string {
	defer C.spinel_strings_release(list)
	return copyStrings(list)
}

// listed is the list that call gives.
func listed(call func(list **C.spinel_strings, failure **C.spinel_error) C.int32_t) ([]string, error) {
	var list *C.spinel_strings
	var failure *C.spinel_error
	if err := take(call(&list, &failure), failure); err != nil {
		return nil, err
	}
	return takeStrings(list), nil
}

// copyStrings copies a list that stays its owner's.
func copyStrings(list *C.spinel_strings) []string {
	out := make([]string, int(C.spinel_strings_count(list)))
	for i := range out {
		out[i] = C.GoString(C.spinel_strings_get(list, C.size_t(i)))
	}
	return out
}
