package spinel_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"spinel"
)

func TestKinds(t *testing.T) {
	engine := load(t, model("sequence"), nil)
	found := []spinel.Kind{}
	for _, info := range append(engine.Inputs(), engine.Outputs()...) {
		found = append(found, info.Kind)
	}
	want(t, found, []spinel.Kind{spinel.KindSequence, spinel.KindTensor, spinel.KindTensor})
}

func TestValuesBetweenTheLayers(t *testing.T) {
	engine := load(t, model("reshape"), &spinel.Options{Inspectable: true})
	inputs := []*spinel.Tensor{tensor[float32](t, []int64{2}, 0, 1), tensor[int64](t, []int64{2}, 2, 1)}
	values, err := engine.LayerValues([]int64{2}, []int64{2})
	need(t, err)
	listed := []string{}
	for _, value := range values {
		listed = append(listed, value.Name)
		if value.Name == "power" {
			want(t, value.Inputs, []string{"reshaped"})
			want(t, value.Shape, []int64{-1, -1})
		}
	}
	seen := []string{}
	_, err = engine.Inspect(ctx, inputs, nil, func(value spinel.LayerValue, _ *spinel.Tensor) (*spinel.Tensor, error) {
		seen = append(seen, value.Name)
		return nil, nil
	})
	need(t, err)
	want(t, seen, listed)

	enough := errors.New("enough")
	stop := func(spinel.LayerValue, *spinel.Tensor) (*spinel.Tensor, error) { return nil, enough }
	if _, err := engine.Inspect(ctx, inputs, []string{"power"}, stop); err != enough {
		t.Errorf("found %v, not %v", err, enough)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := engine.Inspect(cancelled, inputs, nil, stop); !errors.Is(err, context.Canceled) {
		t.Errorf("found %v", err)
	}
	for _, test := range []struct {
		names []string
		see   func(spinel.LayerValue, *spinel.Tensor) (*spinel.Tensor, error)
	}{{nil, nil}, {[]string{"a\x00"}, stop}} {
		if _, err := engine.Inspect(ctx, inputs, test.names, test.see); !errors.Is(err, spinel.ErrInvalidArgument) {
			t.Errorf("found %v", err)
		}
	}
	replacing := func(with *spinel.Tensor) func(spinel.LayerValue, *spinel.Tensor) (*spinel.Tensor, error) {
		return func(spinel.LayerValue, *spinel.Tensor) (*spinel.Tensor, error) { return with, nil }
	}
	replaced, err := engine.Inspect(ctx, inputs, []string{"power"}, replacing(tensor[float64](t, []int64{2, 1}, math.E, 1)))
	need(t, err)
	near(t, "the logarithm of what took the value's place", float64(data[float32](t, replaced[0])[0]), 1, 1e-6)
	for name, with := range map[string]*spinel.Tensor{"power": filled(t, 1, 3), "reshaped": filled(t, 1, 2, 1)} {
		if _, err := engine.Inspect(ctx, inputs, []string{name}, replacing(with)); !errors.Is(err, spinel.ErrInvalidArgument) {
			t.Errorf("found %v", err)
		}
	}
	if _, err := engine.LayerValues([]int64{2}); !errors.Is(err, spinel.ErrInvalidArgument) {
		t.Errorf("found %v", err)
	}
}
