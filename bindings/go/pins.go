//go:build go1.21

package spinel

import (
	"runtime"
	"unsafe"
)

// pins lets C use Go's memory during a call, or until a request is finished.
type pins struct {
	pinner runtime.Pinner
}

// input is where C reads what lies at data.
func (p *pins) input(data unsafe.Pointer, bytes int) unsafe.Pointer {
	p.pinner.Pin(data)
	return data
}

// output is where C writes what is to lie at data after release.
func (p *pins) output(data unsafe.Pointer, bytes int) unsafe.Pointer {
	p.pinner.Pin(data)
	return data
}

// release ends C's use. written tells whether outputs hold results.
func (p *pins) release(written bool) {
	p.pinner.Unpin()
}
