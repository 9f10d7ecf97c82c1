package spinel

// #include "callbacks.h"
import "C"

import (
	"context"
	"runtime"
	"runtime/cgo"
	"sync"
	"unsafe"
)

// Engine is a compiled model. It never changes: share it between goroutines; results are the same bits in every run.
type Engine struct {
	handle    *C.spinel_engine
	callbacks []cgo.Handle
	inputs    []TensorInfo
	outputs   []TensorInfo
	info      EngineInfo

	mutex  sync.Mutex // Of closed, and of users going up.
	closed bool
	users  sync.WaitGroup // Calls and requests that use handle.
}

// TensorInfo describes an input or output.
type TensorInfo struct {
	Name      string
	DType     DType       // What a run takes or gives.
	Shape     []int64     // -1 where a dim is dynamic.
	DimNames  []string    // One a dim: the name or expression of a dynamic dim, else "".
	HasRank   bool        // Whether the model says the rank; if not, Shape is empty.
	BatchAxis int         // The axis that is split over the SPAs; -1: none.
	Kind      Kind        // Of others than tensors Name and Element alone mean something.
	Element   *TensorInfo // What is in a sequence or an optional, without a name; nil for a tensor.
}

// Kind is what an input or output is. A model with others than tensors is run by RunValues.
type Kind int32

// The kinds of inputs and outputs.
const (
	KindTensor   Kind = C.SPINEL_KIND_TENSOR
	KindSequence Kind = C.SPINEL_KIND_SEQUENCE
	KindOptional Kind = C.SPINEL_KIND_OPTIONAL
)

// EngineInfo is what an engine is, and whether it splits batches.
type EngineInfo struct {
	Target        string
	Arithmetic    string // How floats are computed, in words: "float32 (avx512)".
	ComputeDType  DType  // What floats are computed in.
	SPAs          int
	ThreadsPerSPA int
	FixedBatch    int    // The batch that the model is made for; 0 if any batch runs.
	Splittable    bool   // Whether a batch is split over the SPAs.
	BlockingNode  string // The first node that mixes rows of a batch; "" if splittable.
	Reason        string // Why, in words.
}

// Load reads an ONNX file and compiles it. path may be "" if options.LoadEngine names an engine file, and otherwise is that
// which the engine file was built from. options may be nil. Every operator that is not supported is listed in the error.
func Load(ctx context.Context, path string, options *Options) (*Engine, error) {
	return load(ctx, options, func(l *loading, c *C.spinel_engine_options, engine **C.spinel_engine) error {
		name := l.textOrNull(path)
		if l.err != nil {
			return l.err
		}
		var failure *C.spinel_error
		return take(C.spinel_engine_create(name, c, engine, &failure), failure)
	})
}

// LoadBytes compiles a model from memory. folder is where its external data is looked for; "": external data is an error.
func LoadBytes(ctx context.Context, model []byte, folder string, options *Options) (*Engine, error) {
	return load(ctx, options, func(l *loading, c *C.spinel_engine_options, engine **C.spinel_engine) error {
		name := l.textOrNull(folder)
		if l.err != nil {
			return l.err
		}
		var failure *C.spinel_error
		return take(C.spinel_engine_create_from_memory(unsafe.Pointer(first(model)), C.size_t(len(model)), name, c, engine,
			&failure), failure)
	})
}

func load(ctx context.Context, options *Options,
	create func(*loading, *C.spinel_engine_options, **C.spinel_engine) error) (*Engine, error) {
	l := new(loading)
	e := new(Engine)
	err := l.build(options)
	if err == nil {
		err = cancellable(ctx, func(token *C.spinel_cancel_token) error {
			l.c.cancel = token
			return create(l, l.c, &e.handle)
		})
	}
	e.callbacks = l.free(err == nil)
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(e, (*Engine).release)
	if err := e.describe(); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

func (e *Engine) describe() error {
	for i := 0; i < int(C.spinel_engine_input_count(e.handle)); i++ {
		var c C.spinel_tensor_info
		var failure *C.spinel_error
		c.struct_size = C.size_t(unsafe.Sizeof(c))
		if err := take(C.spinel_engine_input(e.handle, C.size_t(i), &c, &failure), failure); err != nil {
			return err
		}
		e.inputs = append(e.inputs, tensorInfo(&c))
	}
	for i := 0; i < int(C.spinel_engine_output_count(e.handle)); i++ {
		var c C.spinel_tensor_info
		var failure *C.spinel_error
		c.struct_size = C.size_t(unsafe.Sizeof(c))
		if err := take(C.spinel_engine_output(e.handle, C.size_t(i), &c, &failure), failure); err != nil {
			return err
		}
		e.outputs = append(e.outputs, tensorInfo(&c))
	}
	var c C.spinel_engine_info
	var failure *C.spinel_error
	c.struct_size = C.size_t(unsafe.Sizeof(c))
	if err := take(C.spinel_engine_describe(e.handle, &c, &failure), failure); err != nil {
		return err
	}
	e.info = EngineInfo{Target: C.GoString(c.target), Arithmetic: C.GoString(c.arithmetic),
		ComputeDType: DType(c.compute_dtype), SPAs: int(c.spas), ThreadsPerSPA: int(c.threads_per_spa),
		FixedBatch: int(c.fixed_batch), Splittable: c.splittable != 0, BlockingNode: C.GoString(c.blocking_node),
		Reason: C.GoString(c.reason)}
	return nil
}

func tensorInfo(c *C.spinel_tensor_info) TensorInfo {
	var element *TensorInfo
	if c.element != nil {
		info := tensorInfo(c.element)
		element = &info
	}
	return TensorInfo{Name: C.GoString(c.name), DType: DType(c.dtype), Shape: int64s(c.dims, c.rank),
		DimNames: texts(c.dim_names, c.rank), HasRank: c.has_rank != 0, BatchAxis: int(c.batch_axis),
		Kind: Kind(c.kind), Element: element}
}

// Inputs describes what Run takes, in its order.
func (e *Engine) Inputs() []TensorInfo { return append([]TensorInfo(nil), e.inputs...) }

// Outputs describes what Run gives, in its order.
func (e *Engine) Outputs() []TensorInfo { return append([]TensorInfo(nil), e.outputs...) }

// Info describes the engine.
func (e *Engine) Info() EngineInfo { return e.info }

// Close waits for the runs and requests under way and frees the engine; later calls fail with ErrReleased. It may be called
// more than once, and from any goroutine, but not by a function of Options. The error is always nil.
func (e *Engine) Close() error {
	e.mutex.Lock()
	again := e.closed
	e.closed = true
	e.mutex.Unlock()
	e.users.Wait()
	if !again {
		runtime.SetFinalizer(e, nil)
		e.release()
	}
	return nil
}

func (e *Engine) release() {
	C.spinel_engine_release(e.handle)
	drop(e.callbacks)
	e.handle, e.callbacks = nil, nil
}

// enter keeps the engine open until leave().
func (e *Engine) enter() error {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.closed {
		return &Error{Code: ErrReleased, Message: "the engine was closed"}
	}
	e.users.Add(1)
	return nil
}

func (e *Engine) leave() { e.users.Done() }

// cancellable does work with a token that the end of ctx cancels, or with none if ctx cannot end.
func cancellable(ctx context.Context, work func(*C.spinel_cancel_token) error) error {
	if err := ended(ctx); err != nil {
		return err
	}
	if ctx.Done() == nil {
		return work(nil)
	}
	var token *C.spinel_cancel_token
	var failure *C.spinel_error
	if err := take(C.spinel_cancel_token_create(&token, &failure), failure); err != nil {
		return err
	}
	defer C.spinel_cancel_token_release(token)
	finished, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
			C.spinel_cancel_token_cancel(token)
		case <-finished:
		}
	}()
	err := work(token)
	close(finished)
	<-watched
	return because(ctx, err)
}
