package spinel

// #include "callbacks.h"
import "C"

import (
	"context"
	"runtime/cgo"
	"sync"
)

// Request is a run in the background. It needs no Close.
type Request struct {
	engine  *Engine
	ctx     context.Context
	done    chan struct{}
	call    *call
	outputs []*Tensor
	err     error

	mutex  sync.Mutex
	handle *C.spinel_request // Until it is finished.
}

// RunAsync starts a run and returns at once; runs start in the order of the calls, and occupy no thread of Go's. Inputs
// must not be changed until it is done. What goes wrong, with the arguments too, Wait says. The end of ctx cancels the run.
func (e *Engine) RunAsync(ctx context.Context, inputs ...*Tensor) *Request {
	r := &Request{engine: e, ctx: ctx, done: make(chan struct{}), outputs: make([]*Tensor, len(e.outputs))}
	if err := r.start(inputs); err != nil {
		r.outputs, r.err = nil, err
		close(r.done)
	} else if ctx.Done() != nil {
		go r.watch()
	}
	return r
}

func (r *Request) start(inputs []*Tensor) error {
	if err := ended(r.ctx); err != nil {
		return err
	}
	e := r.engine
	if err := e.enter(); err != nil {
		return err
	}
	c, err := e.prepare(inputs, r.outputs)
	if err != nil {
		e.leave()
		return err
	}
	var failure *C.spinel_error
	var handle *C.spinel_request
	if err := take(C.spinel_engine_run_async(e.handle, first(c.inputs), C.size_t(len(c.inputs)), first(c.outputs),
		C.size_t(len(c.outputs)), &handle, &failure), failure); err != nil {
		c.finish(err, nil)
		e.leave()
		return err
	}
	r.call, r.handle = c, handle
	self := cgo.NewHandle(r)
	if take(C.spinel_go_on_finished(handle, C.uintptr_t(self), &failure), failure) != nil {
		self.Delete()
		go r.finish() // Waits in a thread instead.
	}
	return nil
}

// finish takes the results. Nothing of C refers to the request's memory afterwards.
func (r *Request) finish() {
	var failure *C.spinel_error
	err := because(r.ctx, take(C.spinel_request_wait(r.handle, -1, nil, &failure), failure))
	r.mutex.Lock()
	C.spinel_request_release(r.handle)
	r.handle = nil
	r.mutex.Unlock()
	if r.err = r.call.finish(err, r.outputs); r.err != nil {
		r.outputs = nil
	}
	r.call = nil
	r.engine.leave()
	close(r.done)
}

func (r *Request) watch() {
	select {
	case <-r.ctx.Done():
		r.Cancel()
	case <-r.done:
	}
}

// Cancel makes the run end soon with ErrCancelled, unless it is finished.
func (r *Request) Cancel() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	C.spinel_request_cancel(r.handle)
}

// Done is closed when the run is finished.
func (r *Request) Done() <-chan struct{} { return r.done }

// Wait waits for the run and gives its results, in the order of Outputs, or why it failed; so does every later call.
func (r *Request) Wait() ([]*Tensor, error) {
	<-r.done
	return r.outputs, r.err
}
