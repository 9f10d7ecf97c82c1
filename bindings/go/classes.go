package spinel

// #include "callbacks.h"
import "C"

// Class is an answer of a classifier.
type Class struct {
	Index int     // Its label is that of the same index in LoadLabels.
	Score float32 // A probability, or the network's own score.
}

// TopK is the k best classes, best first, of each row of scores: Float32 or Float16, [N, classes] (or [classes], or
// trailing dims of 1). softmax turns the network's scores into probabilities first. There are fewer than k if there are
// fewer classes. A row with NaN is ErrBadData.
func TopK(scores *Tensor, k int, softmax bool) ([][]Class, error) {
	if scores == nil || k < 1 {
		return nil, misuse("TopK takes scores and a k of at least 1")
	}
	rows, elements := 1, 0
	if len(scores.shape) > 1 {
		rows = int(scores.shape[0])
	}
	elements, err := elementsOf(scores.shape)
	if err != nil {
		return nil, err
	}
	capacity := elements
	if rows != 0 && k < elements/rows {
		capacity = rows * k
	}
	indices, values := make([]C.int64_t, capacity+1), make([]C.float, capacity+1)
	c := newCall([]*Tensor{scores}, nil)
	var found C.size_t
	var failure *C.spinel_error
	err = take(C.spinel_top_k(&c.inputs[0], flag(softmax), C.size_t(k), &indices[0], &values[0], C.size_t(capacity), &found,
		&failure), failure)
	if err := c.finish(err, nil); err != nil {
		return nil, err
	}
	out := make([][]Class, rows)
	for row := range out {
		for i := row * int(found); i < (row+1)*int(found); i++ {
			out[row] = append(out[row], Class{int(indices[i]), float32(values[i])})
		}
	}
	return out, nil
}

// Softmax is that over the last axis of Float32 or Float16 scores, in Float32.
func Softmax(scores *Tensor) (*Tensor, error) {
	if scores == nil {
		return nil, misuse("Softmax takes scores")
	}
	target, err := allocate(Float32, scores.Shape())
	if err != nil {
		return nil, err
	}
	targets := []*Tensor{target}
	c := newCall([]*Tensor{scores}, targets)
	var failure *C.spinel_error
	err = take(C.spinel_softmax(&c.inputs[0], &c.outputs[0], &failure), failure)
	if err := c.finish(err, targets); err != nil {
		return nil, err
	}
	return targets[0], nil
}

// LoadLabels reads the names of classes from a synset file ("n02124075 Egyptian cat": the name follows the first space).
// Another number of labels than classes is an error, unless classes is 0.
func LoadLabels(path string, classes int) ([]string, error) {
	if classes < 0 {
		return nil, misuse("classes is %d", classes)
	}
	var memory arena
	defer memory.free()
	name := memory.text(path)
	if memory.err != nil {
		return nil, memory.err
	}
	var labels *C.spinel_strings
	var failure *C.spinel_error
	if err := take(C.spinel_labels_load(name, C.size_t(classes), &labels, &failure), failure); err != nil {
		return nil, err
	}
	return takeStrings(labels), nil
}
