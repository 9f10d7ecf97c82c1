package spinel

// #include "callbacks.h"
import "C"

import (
	"runtime"
	"unsafe"
)

// Accuracy counts right answers over batches; every sample weighs the same. It needs no Close. One goroutine may use it at a
// time.
type Accuracy struct {
	handle *C.spinel_accuracy
}

// NewAccuracy counts hits among the best class and among the k best.
func NewAccuracy(k int) (*Accuracy, error) {
	a := new(Accuracy)
	var failure *C.spinel_error
	if err := take(C.spinel_accuracy_create(C.int64_t(k), &a.handle, &failure), failure); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(a, func(a *Accuracy) { C.spinel_accuracy_release(a.handle) })
	return a, nil
}

// Add counts a batch: scores [N, classes] (trailing dims of 1 allowed), Float32 or Float16, and N labels. Ties go to the
// lower class, a row with NaN counts as wrong. If it fails nothing is counted.
func (a *Accuracy) Add(scores *Tensor, labels []int) error {
	if scores == nil {
		return misuse("Add takes scores")
	}
	c := newCall([]*Tensor{scores}, nil)
	numbers := array[C.int64_t](&c.arena, len(labels))
	for i, label := range labels {
		numbers[i] = C.int64_t(label)
	}
	var failure *C.spinel_error
	err := take(C.spinel_accuracy_add(a.handle, &c.inputs[0], first(numbers), C.size_t(len(numbers)), &failure), failure)
	runtime.KeepAlive(a)
	return c.finish(err, nil)
}

// Merge adds the counts of another one; its k must be the same.
func (a *Accuracy) Merge(other *Accuracy) error {
	var failure *C.spinel_error
	err := take(C.spinel_accuracy_merge(a.handle, other.handle, &failure), failure)
	runtime.KeepAlive(a)
	runtime.KeepAlive(other)
	return err
}

// AccuracyCounts is what was counted.
type AccuracyCounts struct {
	K          int
	Count      int
	Top1Hits   int
	TopKHits   int
	Top1, TopK float64 // The hits as fractions of Count; 0 before the first sample.
}

// Counts is what was counted until now.
func (a *Accuracy) Counts() (AccuracyCounts, error) {
	var c C.spinel_accuracy_counts
	c.struct_size = C.size_t(unsafe.Sizeof(c))
	var failure *C.spinel_error
	err := take(C.spinel_accuracy_get(a.handle, &c, &failure), failure)
	runtime.KeepAlive(a)
	if err != nil {
		return AccuracyCounts{}, err
	}
	return AccuracyCounts{K: int(c.k), Count: int(c.count), Top1Hits: int(c.top1_hits), TopKHits: int(c.topk_hits),
		Top1: float64(c.top1), TopK: float64(c.topk)}, nil
}

// Difference is how far a tensor a is from a tensor b; sums are taken in float64.
type Difference struct {
	Diff2     float64 // sqrt(sum (a-b)^2 / sum b^2); infinite if only the numerator is not 0.
	Diff3Max  float64 // Maximum of |a-b|/|b| where |b| > threshold, of |a-b| elsewhere.
	Diff3Mean float64 // Mean of the same.
	AbsMax    float64 // Maximum of |a-b|.
	Count     int     // Elements compared.

	NaNActual, NaNExpected, InfActual, InfExpected int
	// MismatchedNonfinite counts pairs of which one is NaN or infinite and the other is not the same; if there is one, the
	// measures above are infinite.
	MismatchedNonfinite int
}

// Compare measures how far actual is from expected: tensors of equal shapes, whose types may be any numeric ones. A threshold
// below 0 is 1e-4 if actual is of a 16-bit float type, else 1e-6.
func Compare(actual, expected *Tensor, threshold float64) (Difference, error) {
	if actual == nil || expected == nil {
		return Difference{}, misuse("Compare takes two tensors")
	}
	var out C.spinel_difference
	out.struct_size = C.size_t(unsafe.Sizeof(out))
	c := newCall([]*Tensor{actual, expected}, nil)
	var failure *C.spinel_error
	err := take(C.spinel_tensor_difference(&c.inputs[0], &c.inputs[1], C.double(threshold), &out, &failure), failure)
	if err := c.finish(err, nil); err != nil {
		return Difference{}, err
	}
	return Difference{Diff2: float64(out.diff2), Diff3Max: float64(out.diff3_max), Diff3Mean: float64(out.diff3_mean),
		AbsMax: float64(out.abs_max), Count: int(out.count), NaNActual: int(out.nan_actual),
		NaNExpected: int(out.nan_expected), InfActual: int(out.inf_actual), InfExpected: int(out.inf_expected),
		MismatchedNonfinite: int(out.mismatched_nonfinite)}, nil
}
