package spinel_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"spinel"
)

// The tests need the project's root (the default is where they lie) and its build folder, in which
// tests/capi/make_models.py has written models.
var (
	root   = environment("SPINEL_SOURCE_DIR", filepath.Join("..", ".."))
	models = filepath.Join(environment("SPINEL_BINARY_DIR", filepath.Join("..", "..", "build")), "tests", "capi", "models")
	ctx    = context.Background()
)

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func model(name string) string {
	return filepath.Join(models, name+".onnx")
}

func fashion() string {
	return filepath.Join(root, "samples", "resnet", "resnet_fashion.onnx")
}

// need fails the test at once if there is an error.
func need(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, path string, options *spinel.Options) *spinel.Engine {
	t.Helper()
	engine, err := spinel.Load(ctx, path, options)
	need(t, err)
	t.Cleanup(func() { engine.Close() })
	return engine
}

func tensor[T spinel.Element](t *testing.T, shape []int64, data ...T) *spinel.Tensor {
	t.Helper()
	out, err := spinel.NewTensor(shape, data)
	need(t, err)
	return out
}

// filled is a tensor with the same value everywhere.
func filled(t *testing.T, value float32, shape ...int64) *spinel.Tensor {
	t.Helper()
	count := int64(1)
	for _, dim := range shape {
		count *= dim
	}
	data := make([]float32, count)
	for i := range data {
		data[i] = value
	}
	return tensor(t, shape, data...)
}

func data[T spinel.Element](t *testing.T, from *spinel.Tensor) []T {
	t.Helper()
	out, err := spinel.Data[T](from)
	need(t, err)
	return out
}

func equal[T comparable](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func want[T comparable](t *testing.T, found, wanted []T) {
	t.Helper()
	if !equal(found, wanted) {
		t.Errorf("found %v, not %v", found, wanted)
	}
}
