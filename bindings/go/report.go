package spinel

// #include "callbacks.h"
import "C"

import (
	"context"
	"strings"
	"time"
	"unsafe"
)

// MemoryReport is what an engine holds or will hold, in bytes.
type MemoryReport struct {
	WeightBytes        uint64 // Constants, shared by all SPAs.
	ArenaBytesPerSPA   uint64 // Planned activations of one SPA for the shapes asked about.
	ScratchBytesPerSPA uint64 // Of the arena, the most scratch that one layer has.
	TotalBytes         uint64 // Weights and the arenas of all SPAs.
	SPAs               int
	Unplanned          []string // Values that are allocated during a run, because only running tells their size.
}

// Memory reports the memory for runs with these shapes of the inputs; none: the model's own, 1 for what is dynamic.
func (e *Engine) Memory(inputs ...[]int64) (MemoryReport, error) {
	if err := e.enter(); err != nil {
		return MemoryReport{}, err
	}
	defer e.leave()
	var memory arena
	defer memory.free()
	var c C.spinel_memory_report
	c.struct_size = C.size_t(unsafe.Sizeof(c))
	var unplanned *C.spinel_strings
	var failure *C.spinel_error
	if err := take(C.spinel_engine_memory(e.handle, memory.shapes(inputs), C.size_t(len(inputs)), &c, &unplanned,
		&failure), failure); err != nil {
		return MemoryReport{}, err
	}
	return MemoryReport{WeightBytes: uint64(c.weight_bytes), ArenaBytesPerSPA: uint64(c.arena_bytes_per_spa),
		ScratchBytesPerSPA: uint64(c.scratch_bytes_per_spa), TotalBytes: uint64(c.total_bytes), SPAs: int(c.spas),
		Unplanned: takeStrings(unplanned)}, nil
}

// PassReport is what one graph pass did to the model.
type PassReport struct {
	Name         string
	Enabled      bool // Whether the configuration left it on.
	Changes      int  // Places that it changed.
	Notes        []PassNote
	NotesLeftOut int            // Notes beyond those that are kept.
	Found        map[string]int // Nodes of the operators that the pass looks for, after it.
}

// PassNote is one place that a pass changed, or looked at and left alone.
type PassNote struct {
	Node, Text string
	Refused    bool // A candidate that was left as it is.
}

// Passes reports on the graph passes in the order in which they ran; none for targets without passes.
func (e *Engine) Passes() ([]PassReport, error) {
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.leave()
	out := make([]PassReport, int(C.spinel_engine_pass_count(e.handle)))
	for i := range out {
		var c C.spinel_pass_info
		c.struct_size = C.size_t(unsafe.Sizeof(c))
		var failure *C.spinel_error
		if err := take(C.spinel_engine_pass(e.handle, C.size_t(i), &c, &failure), failure); err != nil {
			return nil, err
		}
		report := PassReport{Name: C.GoString(c.name), Enabled: c.enabled != 0, Changes: int(c.changes),
			NotesLeftOut: int(c.notes_left_out), Found: map[string]int{}}
		for _, note := range slice[C.spinel_pass_note](unsafe.Pointer(c.notes), int(c.note_count)) {
			report.Notes = append(report.Notes, PassNote{C.GoString(note.node), C.GoString(note.text), note.refused != 0})
		}
		for _, found := range slice[C.spinel_pass_found](unsafe.Pointer(c.found), int(c.found_count)) {
			report.Found[C.GoString(found.op)] = int(found.count)
		}
		out[i] = report
	}
	return out, nil
}

// Graph is the compiled graph, a line a node; for people: the format may change.
func (e *Engine) Graph() (string, error) {
	if err := e.enter(); err != nil {
		return "", err
	}
	defer e.leave()
	var lines *C.spinel_strings
	var failure *C.spinel_error
	if err := take(C.spinel_engine_graph(e.handle, &lines, &failure), failure); err != nil {
		return "", err
	}
	return strings.Join(takeStrings(lines), "\n"), nil
}

// Profile is where the time of a run goes.
type Profile struct {
	Duration time.Duration // Of the whole run.
	Layers   []LayerTime   // In the order in which they ran.
}

// LayerTime is one layer of the compiled graph in one run.
type LayerTime struct {
	Name     string
	Op       string
	Kernel   string   // "reference" where there is no faster one.
	Sources  []string // The ONNX nodes that the layer stands for.
	Start    time.Duration
	Duration time.Duration
	Flops    float64 // Two a multiply-add, by the layer's definition; 0 where they are not counted.
}

// Profile times every layer of one run, after a first run that is not counted. The batch runs as one part on all
// threads of the engine. ErrUnsupported if the target cannot tell.
func (e *Engine) Profile(ctx context.Context, inputs ...*Tensor) (*Profile, error) {
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.leave()
	if err := e.checkInputs(inputs); err != nil {
		return nil, err
	}
	c := newCall(inputs, nil)
	var profile *C.spinel_profile
	err := cancellable(ctx, func(token *C.spinel_cancel_token) error {
		var failure *C.spinel_error
		return take(C.spinel_engine_profile(e.handle, first(c.inputs), C.size_t(len(c.inputs)), token, &profile, &failure),
			failure)
	})
	if err := c.finish(err, nil); err != nil {
		return nil, err
	}
	defer C.spinel_profile_release(profile)
	out := &Profile{Duration: time.Duration(C.spinel_profile_duration_ns(profile)),
		Layers: make([]LayerTime, int(C.spinel_profile_layer_count(profile)))}
	for i := range out.Layers {
		var layer C.spinel_layer_time
		layer.struct_size = C.size_t(unsafe.Sizeof(layer))
		var failure *C.spinel_error
		if err := take(C.spinel_profile_layer(profile, C.size_t(i), &layer, &failure), failure); err != nil {
			return nil, err
		}
		out.Layers[i] = LayerTime{Name: C.GoString(layer.name), Op: C.GoString(layer.op), Kernel: C.GoString(layer.kernel),
			Sources: texts(layer.sources, layer.source_count), Start: time.Duration(layer.start_ns),
			Duration: time.Duration(layer.duration_ns), Flops: float64(layer.flops)}
	}
	return out, nil
}
