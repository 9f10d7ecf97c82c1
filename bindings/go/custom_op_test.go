package spinel_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"spinel"
)

func addModel() string { return filepath.Join(root, "samples", "custom_op", "add.onnx") }

// add is custom::Add of samples/custom_op.
func add(compute func(*spinel.OpRun) error) *spinel.CustomOp {
	return &spinel.CustomOp{Domain: "custom", Name: "Add", Compute: compute,
		Inputs:     []spinel.OpInput{{Name: "x", DTypes: []spinel.DType{spinel.Float32}}, {Name: "y"}},
		Outputs:    []spinel.OpOutput{{Name: "sum"}, {Name: "difference", SameAs: 1}},
		Attributes: []spinel.OpAttribute{{Name: "alpha", Type: spinel.AttributeFloat}}}
}

func sums(run *spinel.OpRun) error {
	x, err := spinel.Data[float32](run.Inputs()[0])
	if err != nil {
		return err
	}
	y, err := spinel.Data[float32](run.Inputs()[1])
	if err != nil {
		return err
	}
	alpha := spinel.Attribute(run.Attributes, "alpha", float32(1))
	for output, sign := range []float32{alpha, -alpha} {
		if !run.Wants(output) {
			continue
		}
		tensor, err := run.Output(output, run.Inputs()[0].Shape())
		if err != nil {
			return err
		}
		out, err := spinel.Data[float32](tensor)
		if err != nil {
			return err
		}
		for i := range out {
			out[i] = x[i] + sign*y[i]
		}
	}
	return nil
}

func addInputs(t *testing.T, engine *spinel.Engine) []*spinel.Tensor {
	shape := engine.Inputs()[0].Shape
	for i, dim := range shape {
		if dim < 0 {
			shape[i] = 3
		}
	}
	return []*spinel.Tensor{filled(t, 2, shape...), filled(t, -3, shape...)}
}

func TestAnOperatorComputes(t *testing.T) {
	shaped, plain := add(sums), add(sums)
	shaped.RowsIndependent = true
	shaped.Shapes = func(inputs [][]int64, _ spinel.OpAttributes) ([][]int64, error) { return inputs, nil }
	for _, op := range []*spinel.CustomOp{plain, shaped} {
		engine := load(t, addModel(), &spinel.Options{Ops: []*spinel.CustomOp{op}, SPAs: 2})
		found, err := engine.Run(ctx, addInputs(t, engine)...)
		need(t, err)
		sum, difference := data[float32](t, found[0]), data[float32](t, found[1])
		alpha := (sum[0] - 2) / -3
		if difference[0] != 2+3*alpha || alpha <= 0 {
			t.Errorf("found %v and %v", sum[0], difference[0])
		}
	}
}

func TestFailuresOfAnOperator(t *testing.T) {
	var kept *spinel.Tensor
	other := errors.New("no such\x00sum")
	shapes := func(inputs [][]int64, _ spinel.OpAttributes) ([][]int64, error) { return inputs, nil }
	for _, test := range []struct {
		compute func(*spinel.OpRun) error
		shapes  func([][]int64, spinel.OpAttributes) ([][]int64, error)
		code    spinel.Code
		saying  string
	}{
		{compute: func(*spinel.OpRun) error { return other }, code: spinel.ErrInvalidArgument, saying: "no such sum"},
		{compute: func(*spinel.OpRun) error { return spinel.ErrBadData }, code: spinel.ErrBadData, saying: "bad_data"},
		{compute: func(r *spinel.OpRun) error { _, err := r.Output(2, nil); return err }, code: spinel.ErrInvalidArgument, saying: "no output 2"},
		{compute: func(r *spinel.OpRun) error { return r.SetStrings(0, []int64{1}, []string{"a"}) }, code: spinel.ErrInvalidArgument, saying: "float32[1]"},
		{compute: func(r *spinel.OpRun) error {
			kept = r.Inputs()[0]
			_, err := spinel.Data[int64](kept)
			return err
		}, code: spinel.ErrInvalidArgument, saying: "not int64"},
		{compute: func(r *spinel.OpRun) error { _, err := r.Output(0, []int64{7}); return err }, shapes: shapes,
			code: spinel.ErrInvalidArgument, saying: "Add"},
	} {
		op := add(test.compute)
		op.Shapes = test.shapes
		engine, err := spinel.Load(ctx, addModel(), &spinel.Options{Ops: []*spinel.CustomOp{op}})
		if err == nil {
			_, err = engine.Run(ctx, addInputs(t, engine)...)
			engine.Close()
		}
		if !errors.Is(err, test.code) || !strings.Contains(err.Error(), test.saying) || !strings.Contains(err.Error(), "Add") {
			t.Errorf("found %v, not %v with %q", err, test.code, test.saying)
		}
	}
	if _, err := spinel.Data[float32](kept); !errors.Is(err, spinel.ErrInvalidArgument) {
		t.Errorf("a tensor of a run that is over: %v", err)
	}
	for _, op := range []*spinel.CustomOp{nil, {Domain: "custom", Name: "Add"}, {Name: "a\x00", Compute: sums}, {Compute: sums}} {
		if _, err := spinel.Load(ctx, addModel(), &spinel.Options{Ops: []*spinel.CustomOp{op}}); !errors.Is(err, spinel.ErrInvalidArgument) {
			t.Errorf("found %v", err)
		}
	}
}

func TestAttributesOfEveryKind(t *testing.T) {
	runs := 0
	probe := &spinel.CustomOp{Domain: "custom", Name: "Probe", Float16: true, Indeterminate: true, SinceVersion: 2,
		Inputs:  []spinel.OpInput{{Name: "x"}, {Name: "gap", Optional: true, Whole: true}, {Name: "s", DTypes: []spinel.DType{spinel.String}}},
		Outputs: []spinel.OpOutput{{Name: "y"}, {Name: "gap", Optional: true}, {Name: "t", DType: spinel.String}},
		Attributes: []spinel.OpAttribute{{Name: "f", Type: spinel.AttributeFloat, Required: true}, {Name: "i", Type: spinel.AttributeInt},
			{Name: "text", Type: spinel.AttributeString}, {Name: "fs", Type: spinel.AttributeFloats}, {Name: "ints", Type: spinel.AttributeInts},
			{Name: "texts", Type: spinel.AttributeStrings}, {Name: "tensor", Type: spinel.AttributeTensor}, {Name: "none", Type: spinel.AttributeInt}},
		Compute: func(run *spinel.OpRun) error {
			runs++
			a := run.Attributes
			if spinel.Attribute(a, "f", float32(0)) != 1.5 || spinel.Attribute(a, "i", int64(0)) != 7 ||
				spinel.Attribute(a, "text", "") != "some text" || spinel.Attribute(a, "none", int64(9)) != 9 || len(a) != 7 {
				t.Errorf("found %v", a)
			}
			want(t, spinel.Attribute[[]float32](a, "fs", nil), []float32{1, 2})
			want(t, spinel.Attribute[[]int64](a, "ints", nil), []int64{3, 4, 5})
			want(t, spinel.Attribute[[]string](a, "texts", nil), []string{"a", "bc"})
			want(t, data[int64](t, spinel.Attribute[*spinel.Tensor](a, "tensor", nil)), []int64{8, 9})
			inputs := run.Inputs()
			if len(inputs) != 3 || inputs[1] != nil || run.Wants(1) || run.Cancelled() {
				t.Errorf("found %v", inputs)
			}
			y, err := run.Output(0, inputs[0].Shape())
			if err != nil {
				return err
			}
			copy(y.Bytes(), inputs[0].Bytes())
			return run.SetStrings(2, []int64{2}, data[string](t, inputs[2]))
		}}
	engine := load(t, model("custom"), &spinel.Options{Ops: []*spinel.CustomOp{probe}})
	found, err := engine.Run(ctx, tensor[float32](t, []int64{1, 2}, 3, 4), tensor(t, []int64{2}, "a", "b\x00c"))
	need(t, err)
	want(t, data[float32](t, found[0]), []float32{3, 4})
	want(t, data[string](t, found[1]), []string{"a", "b\x00c"})
	if runs != 1 {
		t.Errorf("computed %d times", runs)
	}
}
