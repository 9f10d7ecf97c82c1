package spinel_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"spinel"
)

func TestAModelIsSimplified(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.onnx")
	report, err := spinel.SimplifyModel(model("tools"), out, &spinel.SimplifyOptions{InputShapes: map[string][]int64{"x": {4, -1}}})
	need(t, err)
	if report.OperatorsBefore["Identity"] != 1 || report.OperatorsAfter["Identity"] != 0 || len(report.Changes) == 0 ||
		report.CheckRuns != 3 || report.CheckSkipped != "" || report.MaxDifference > 1e-5 || report.BytesBefore == 0 {
		t.Errorf("found %+v", report)
	}
	want(t, report.Files, []string{out})
	engine := load(t, out, nil)
	want(t, engine.Inputs()[0].Shape, []int64{4, 2})
	x := tensor[float32](t, []int64{4, 2}, 1, -1, 1, -1, 1, -1, 1, -1)
	found, err := engine.Run(ctx, x)
	need(t, err)
	wanted, err := load(t, model("tools"), nil).Run(ctx, x)
	need(t, err)
	want(t, data[float32](t, found[0]), data[float32](t, wanted[0]))

	steps, err := spinel.SimplifySteps()
	need(t, err)
	unchanged, err := spinel.SimplifyModel(model("tools"), out, &spinel.SimplifyOptions{SkipSteps: steps, MaxFoldedBytes: -1,
		Check: spinel.CheckOptions{Runs: -1}})
	need(t, err)
	if unchanged.CheckRuns != 0 || len(unchanged.OperatorsAfter) != len(report.OperatorsBefore) {
		t.Errorf("found %+v", unchanged)
	}
}

func TestAModelIsConverted(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.onnx")
	report, err := spinel.ConvertModel(model("tools"), out, &spinel.ConvertOptions{KeepInputs: []string{"x"}, ExternalData: true,
		Check: spinel.CheckOptions{Tolerance: 2}})
	need(t, err)
	want(t, report.Clamped, []spinel.Clamped{{Name: "large", Elements: 2, Clamped: 1, Flushed: 1}})
	if report.ConvertedTensors != 3 || report.CheckRuns != 1 || load(t, out, nil).Inputs()[0].DType != spinel.Float32 {
		t.Errorf("found %+v", report)
	}
	report, err = spinel.ConvertModel(model("tools"), out, &spinel.ConvertOptions{KeepOps: []string{"Mul"}, KeepIOTypes: true})
	need(t, err)
	want(t, report.Kept, []string{"scale (Mul)"})
	list, err := spinel.Float16KeepList()
	need(t, err)
	if len(list) == 0 {
		t.Error("nothing stays in float32")
	}
}

func TestToolsTakeOperators(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.onnx")
	ops := []*spinel.CustomOp{add(sums)}
	simplified, err := spinel.SimplifyModel(addModel(), out, &spinel.SimplifyOptions{Ops: ops})
	need(t, err)
	converted, err := spinel.ConvertModel(addModel(), out, &spinel.ConvertOptions{Ops: ops})
	need(t, err)
	for _, report := range []*spinel.ToolReport{simplified, converted} {
		if report.CheckRuns == 0 || report.OperatorsAfter["custom::Add"] != 1 {
			t.Errorf("found %+v", report)
		}
	}
}

func TestMisuseOfTools(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.onnx")
	limits := spinel.DefaultLimits()
	limits.MaxNodes = 1
	for _, test := range []struct {
		options spinel.SimplifyOptions
		code    spinel.Code
	}{
		{spinel.SimplifyOptions{SkipSteps: []string{"none"}}, spinel.ErrNotFound},
		{spinel.SimplifyOptions{InputShapes: map[string][]int64{"none": {1}}}, spinel.ErrNotFound},
		{spinel.SimplifyOptions{SkipSteps: []string{"a\x00"}}, spinel.ErrInvalidArgument},
		{spinel.SimplifyOptions{Limits: &limits}, spinel.ErrLimitExceeded},
		{spinel.SimplifyOptions{Ops: []*spinel.CustomOp{nil}}, spinel.ErrInvalidArgument},
		{spinel.SimplifyOptions{OpLibraries: []string{"/none.so"}}, spinel.ErrNotFound},
	} {
		if _, err := spinel.SimplifyModel(model("tools"), out, &test.options); !errors.Is(err, test.code) {
			t.Errorf("found %v, not %v", err, test.code)
		}
	}
	if _, err := spinel.ConvertModel("/none.onnx", out, nil); !errors.Is(err, spinel.ErrNotFound) {
		t.Errorf("found %v", err)
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("something was written: %v", err)
	}
}
