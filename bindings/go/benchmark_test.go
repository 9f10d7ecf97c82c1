package spinel_test

import (
	"context"
	"testing"

	"spinel"
)

// What a call costs: the model's two layers take next to nothing.
func BenchmarkRun(b *testing.B) {
	engine, err := spinel.Load(ctx, model("two"), &spinel.Options{SPAs: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	x, err := spinel.NewTensor([]int64{1, 3}, []float32{1, 2, 3})
	if err != nil {
		b.Fatal(err)
	}
	stoppable, stop := context.WithCancel(ctx)
	defer stop()
	inputs := []*spinel.Tensor{x, x}
	outputs, err := engine.Run(ctx, inputs...)
	if err != nil {
		b.Fatal(err)
	}
	for _, way := range []struct {
		name string
		run  func() error
	}{
		{"Run", func() error { _, err := engine.Run(ctx, inputs...); return err }},
		{"RunInto", func() error { return engine.RunInto(ctx, inputs, outputs) }},
		{"RunInto with a context that may end", func() error { return engine.RunInto(stoppable, inputs, outputs) }},
		{"RunAsync", func() error { _, err := engine.RunAsync(ctx, inputs...).Wait(); return err }},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				if err := way.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
