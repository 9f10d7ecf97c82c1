package spinel_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"spinel"
)

// plain is a value with slices in the places of tensors.
func plain(t *testing.T, value spinel.Value) any {
	switch v := value.(type) {
	case *spinel.Tensor:
		if v.DType() == spinel.Bool {
			return data[bool](t, v)
		}
		return data[float32](t, v)
	case spinel.Sequence:
		out := []any{}
		for _, element := range v {
			out = append(out, plain(t, element))
		}
		return out
	}
	return nil
}

func TestSequencesAndOptionals(t *testing.T) {
	engine := load(t, model("values"), nil)
	info := engine.Inputs()
	if info[0].Kind != spinel.KindSequence || info[0].Element.DType != spinel.Float32 || info[1].Element != nil {
		t.Errorf("found %v", info)
	}
	of := func(values ...float32) *spinel.Tensor { return tensor(t, []int64{int64(len(values))}, values...) }
	type list = []any
	one, two, three, four := []float32{1, 2}, []float32{3}, []float32{4}, []float32{5}
	for _, test := range []struct {
		inputs []spinel.Value
		wanted list
	}{
		{[]spinel.Value{spinel.Sequence{of(1, 2), of(3)}, of(4), of(5)}, list{list{one, two}, list{one, two, three}, four, []bool{true}}},
		{[]spinel.Value{spinel.Sequence{}, of(4), nil}, list{list{}, list{three}, nil, []bool{false}}},
	} {
		found, err := engine.RunValues(ctx, test.inputs...)
		need(t, err)
		if values := plain(t, spinel.Sequence(found)); !reflect.DeepEqual(values, any(test.wanted)) {
			t.Errorf("found %v, not %v", values, test.wanted)
		}
	}
	var none *spinel.Tensor
	for _, inputs := range [][]spinel.Value{{of(1), of(4), nil}, {spinel.Sequence{none}, of(4), nil}, {spinel.Sequence{}}} {
		if _, err := engine.RunValues(ctx, inputs...); !errors.Is(err, spinel.ErrInvalidArgument) {
			t.Errorf("found %v", err)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := engine.RunValues(cancelled, spinel.Sequence{}, of(4), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("found %v", err)
	}
}
