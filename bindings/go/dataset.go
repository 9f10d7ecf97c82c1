package spinel

// #include "callbacks.h"
import "C"

import (
	"io"
	"math"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

// Dataset is files and their classes, in the order in which a Loader takes them.
type Dataset struct {
	Samples []Sample
	Classes []string // Their names, in the order of their labels.
	Notes   []string // What lies in the folder and is not part of the dataset, a message each.
}

// Sample is a file and its class; a Label of -1 is one that is not known.
type Sample struct {
	Path  string
	Label int
}

// OpenDataset lists the images of root/CLASS/IMAGE: classes sorted by name, a class's index is its label, images sorted
// within their class. What a file holds is not looked at.
func OpenDataset(root string) (*Dataset, error) {
	return readDataset(root, func(path *C.char, dataset **C.spinel_dataset) error {
		var failure *C.spinel_error
		return take(C.spinel_dataset_open(path, dataset, &failure), failure)
	})
}

// ListDataset lists the files of one folder in name order, without classes.
func ListDataset(folder string) (*Dataset, error) {
	return readDataset(folder, func(path *C.char, dataset **C.spinel_dataset) error {
		var failure *C.spinel_error
		return take(C.spinel_dataset_list(path, dataset, &failure), failure)
	})
}

func readDataset(path string, open func(*C.char, **C.spinel_dataset) error) (*Dataset, error) {
	var memory arena
	defer memory.free()
	name := memory.text(path)
	if memory.err != nil {
		return nil, memory.err
	}
	var handle *C.spinel_dataset
	if err := open(name, &handle); err != nil {
		return nil, err
	}
	defer C.spinel_dataset_release(handle)
	out := &Dataset{Samples: make([]Sample, int(C.spinel_dataset_size(handle))),
		Classes: copyStrings(C.spinel_dataset_classes(handle)), Notes: copyStrings(C.spinel_dataset_notes(handle))}
	for i := range out.Samples {
		var sample C.spinel_sample
		var failure *C.spinel_error
		if err := take(C.spinel_dataset_sample(handle, C.size_t(i), &sample, &failure), failure); err != nil {
			return nil, err
		}
		out.Samples[i] = Sample{C.GoString(sample.path), int(sample.label)}
	}
	return out, nil
}

// LoaderOptions say how samples are put into batches. The zero value, and nil in its place, are the defaults.
type LoaderOptions struct {
	BatchSize  int  // Samples a batch; 0: 1.
	MaxBatches int  // Stop after so many; 0: no limit.
	Workers    int  // Threads that preprocess; 0: 4; negative: Next does the work.
	Prefetch   int  // Batches prepared ahead, which bounds the memory; 0: 2.
	DropLast   bool // Leave out a last batch of fewer samples.
	Rank       int  // This process's number among World: it takes samples Rank, Rank + World, ...
	World      int  // Processes that share the dataset; no sample is given twice. 0: 1.
}

// Loader preprocesses a dataset in batches, ahead of time, in threads of the library that start with the first Next and end
// with Close. Goroutines that share one take turns.
type Loader struct {
	mutex  sync.Mutex
	handle *C.spinel_loader // nil once closed.
}

// NewLoader starts with the first batch of the dataset, which may be changed afterwards. preprocess and options may be nil.
func NewLoader(dataset *Dataset, preprocess *Preprocess, options *LoaderOptions) (*Loader, error) {
	if dataset == nil {
		return nil, misuse("NewLoader takes a dataset")
	}
	var memory arena
	defer memory.free()
	settings, err := options.build(&memory)
	if err != nil {
		return nil, err
	}
	var images *C.spinel_preprocess_options
	if preprocess != nil {
		images = preprocess.options(&memory)
	}
	files, err := dataset.files()
	if err != nil {
		return nil, err
	}
	defer C.spinel_dataset_release(files)
	l := new(Loader)
	var failure *C.spinel_error
	if err := take(C.spinel_loader_create(files, images, settings, &l.handle, &failure), failure); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(l, func(l *Loader) { C.spinel_loader_release(l.handle) })
	return l, nil
}

func (d *Dataset) files() (*C.spinel_dataset, error) {
	var memory arena
	defer memory.free()
	paths := array[*C.char](&memory, len(d.Samples))
	labels := array[C.int64_t](&memory, len(d.Samples))
	for i, sample := range d.Samples {
		paths[i], labels[i] = memory.text(sample.Path), C.int64_t(sample.Label)
	}
	if memory.err != nil {
		return nil, memory.err
	}
	var handle *C.spinel_dataset
	var failure *C.spinel_error
	err := take(C.spinel_dataset_create(first(paths), first(labels), C.size_t(len(paths)), &handle, &failure), failure)
	return handle, err
}

func (o *LoaderOptions) build(memory *arena) (*C.spinel_loader_options, error) {
	c := first(array[C.spinel_loader_options](memory, 1))
	C.spinel_loader_options_init(c, C.size_t(unsafe.Sizeof(*c)))
	if o == nil {
		return c, nil
	}
	c.max_batches, c.drop_last, c.rank = C.int64_t(o.MaxBatches), flag(o.DropLast), C.int32_t(o.Rank)
	for _, number := range []int{o.Workers, o.Prefetch, o.Rank, o.World} {
		if number < math.MinInt32 || number > math.MaxInt32 {
			return nil, misuse("%d does not fit 32 bits", number)
		}
	}
	if o.BatchSize != 0 {
		c.batch_size = C.int64_t(o.BatchSize)
	}
	if o.Workers < 0 {
		c.workers = 0
	} else if o.Workers > 0 {
		c.workers = C.int32_t(o.Workers)
	}
	if o.Prefetch != 0 {
		c.prefetch = C.int32_t(o.Prefetch)
	}
	if o.World != 0 {
		c.world = C.int32_t(o.World)
	}
	return c, nil
}

// Batch is preprocessed images in the order of the dataset.
type Batch struct {
	Tensor         *Tensor  // [N, 3, H, W]; no rows when every sample was rejected.
	Labels         []int    // One a row; -1 where not known.
	Indices        []int    // One a row: the sample's place in the dataset.
	Paths          []string // One a row.
	Rejected       []Rejected
	PreprocessTime time.Duration // Work on this batch, summed over its samples.
	WaitTime       time.Duration // How long Next waited for it.
}

// Rejected is a sample that could not be used.
type Rejected struct {
	Path  string
	Index int   // Its place in the dataset.
	Err   error // Why: an *Error whose message contains the path.
}

// Next is the next batch, and io.EOF after the last. An image that cannot be used is in Rejected, and fails nothing.
func (l *Loader) Next() (*Batch, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.handle == nil {
		return nil, closedLoader()
	}
	var handle *C.spinel_batch
	var failure *C.spinel_error
	if err := take(C.spinel_loader_next(l.handle, &handle, &failure), failure); err != nil {
		return nil, err
	}
	if handle == nil {
		return nil, io.EOF
	}
	defer C.spinel_batch_release(handle)
	var c C.spinel_batch_info
	c.struct_size = C.size_t(unsafe.Sizeof(c))
	if err := take(C.spinel_batch_describe(handle, &c, &failure), failure); err != nil {
		return nil, err
	}
	tensor, err := adopt(c.tensor)
	if err != nil {
		return nil, err
	}
	out := &Batch{Tensor: tensor, Labels: make([]int, int(c.size)), Indices: make([]int, int(c.size)),
		Paths: texts(c.paths, c.size), PreprocessTime: seconds(c.preprocess_seconds), WaitTime: seconds(c.wait_seconds)}
	for i, label := range slice[C.int64_t](unsafe.Pointer(c.labels), len(out.Labels)) {
		out.Labels[i] = int(label)
	}
	for i, index := range slice[C.size_t](unsafe.Pointer(c.indices), len(out.Indices)) {
		out.Indices[i] = int(index)
	}
	for _, each := range slice[C.spinel_rejected](unsafe.Pointer(c.rejected), int(c.rejected_count)) {
		out.Rejected = append(out.Rejected, Rejected{Path: C.GoString(each.path), Index: int(each.index),
			Err: &Error{Code: Code(each.code), Message: C.GoString(each.reason)}})
	}
	return out, nil
}

// Restart begins again with the first batch.
func (l *Loader) Restart() error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.handle == nil {
		return closedLoader()
	}
	var failure *C.spinel_error
	return take(C.spinel_loader_restart(l.handle, &failure), failure)
}

// BatchCount is the batches of one pass; 0 once the loader is closed.
func (l *Loader) BatchCount() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return int(C.spinel_loader_batch_count(l.handle))
}

// SampleCount is the samples that one pass attempts; 0 once the loader is closed.
func (l *Loader) SampleCount() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return int(C.spinel_loader_sample_count(l.handle))
}

// Ledger is what the batches given since the start amount to: Attempted = Done + Rejected.
type Ledger struct {
	Attempted, Done, Rejected int
	Dropped                   int // Never attempted: the short last batch under DropLast.
}

// Ledger counts what Next has given.
func (l *Loader) Ledger() (Ledger, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.handle == nil {
		return Ledger{}, closedLoader()
	}
	var c C.spinel_ledger
	c.struct_size = C.size_t(unsafe.Sizeof(c))
	var failure *C.spinel_error
	if err := take(C.spinel_loader_ledger(l.handle, &c, &failure), failure); err != nil {
		return Ledger{}, err
	}
	return Ledger{Attempted: int(c.attempted), Done: int(c.done), Rejected: int(c.rejected), Dropped: int(c.dropped)}, nil
}

// Close waits for the images being decoded at that moment and ends the threads; later calls fail with ErrReleased. It may be
// called more than once. A loader that is dropped is freed by the garbage collector. The error is always nil.
func (l *Loader) Close() error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	runtime.SetFinalizer(l, nil)
	C.spinel_loader_release(l.handle)
	l.handle = nil
	return nil
}

func closedLoader() error {
	return &Error{Code: ErrReleased, Message: "the loader was closed"}
}

func seconds(value C.double) time.Duration {
	return time.Duration(float64(value) * float64(time.Second))
}
