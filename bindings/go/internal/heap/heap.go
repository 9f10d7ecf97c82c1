// Package heap looks at C's heap, for tests: cgo is not allowed in them.
package heap

// #include <malloc.h>
import "C"

// InUse is the bytes that are allocated in glibc's heap; 0 if another allocator took its place.
func InUse() int64 {
	info := C.mallinfo2()
	return int64(info.uordblks + info.hblkhd)
}
