//go:build !go1.21

package spinel

// #include <stdlib.h>
import "C"

import "unsafe"

// pins lets C use Go's memory during a call, or until a request is finished. Before Go 1.21 nothing says that memory which
// C refers to stays where it is, so that C works on copies.
type pins struct {
	copies []staged
}

type staged struct {
	copy, to unsafe.Pointer // to is nil for an input.
	bytes    int
}

// input is where C reads what lies at data.
func (p *pins) input(data unsafe.Pointer, bytes int) unsafe.Pointer {
	out := p.stage(nil, bytes)
	copy(slice[byte](out, bytes), slice[byte](data, bytes))
	return out
}

// output is where C writes what is to lie at data after release.
func (p *pins) output(data unsafe.Pointer, bytes int) unsafe.Pointer {
	return p.stage(data, bytes)
}

func (p *pins) stage(to unsafe.Pointer, bytes int) unsafe.Pointer {
	out := C.malloc(C.size_t(bytes))
	if out == nil {
		panic("spinel: out of memory")
	}
	p.copies = append(p.copies, staged{out, to, bytes})
	return out
}

// release ends C's use. written tells whether outputs hold results.
func (p *pins) release(written bool) {
	for _, each := range p.copies {
		if written && each.to != nil {
			copy(slice[byte](each.to, each.bytes), slice[byte](each.copy, each.bytes))
		}
		C.free(each.copy)
	}
	p.copies = nil
}
