package spinel_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spinel"
)

// What every binding must do: bindings/vectors.json.

type vectorTensor struct {
	DType string          `json:"dtype"`
	Shape []int64         `json:"shape"`
	Data  json.RawMessage `json:"data"`
}

type vectorOptions struct {
	SPAs       int      `json:"spas"`
	InputNames []string `json:"input_names"`
	DType      string   `json:"dtype"`
	Target     string   `json:"target"`
}

// vectorEnd is how a case ends if it fails.
type vectorEnd struct {
	Error    string `json:"error"`
	Contains string `json:"contains"`
	Node     string `json:"node"`
}

type vectorCase struct {
	vectorEnd
	Name    string                  `json:"name"`
	Model   string                  `json:"model"`
	Options vectorOptions           `json:"options"`
	Inputs  map[string]vectorTensor `json:"inputs"`
	Outputs map[string]vectorTensor `json:"outputs"`
	Image   string                  `json:"image"`
	Labels  string                  `json:"labels"`
	Preset  string                  `json:"preset"`
	Index   int                     `json:"index"`
	Label   string                  `json:"label"`
	Least   float32                 `json:"least"`
	Values  []string                `json:"values"`
	Found   map[string]vectorTensor `json:"found"`
}

type vectorFile struct {
	About                            string
	Runs, Loads, Images, Inspections []vectorCase
	Datasets                         []datasetCase
	Loaders                          []loaderCase
	Accuracies                       []accuracyCase
	Differences                      []differenceCase
}

func vectors(t *testing.T) (all vectorFile) {
	t.Helper()
	file, err := os.Open(filepath.Join(root, "bindings", "vectors.json"))
	need(t, err)
	defer file.Close()
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields() // A key that nobody checks would be a case that is not run.
	need(t, decoder.Decode(&all))
	for _, count := range []int{len(all.Runs), len(all.Loads), len(all.Images), len(all.Inspections), len(all.Datasets),
		len(all.Loaders), len(all.Accuracies), len(all.Differences)} {
		if count == 0 {
			t.Fatal("bindings/vectors.json lacks cases")
		}
	}
	return all
}

func (c *vectorCase) load() (*spinel.Engine, error) {
	path := model(c.Model)
	if strings.Contains(c.Model, "/") {
		path = filepath.Join(root, c.Model)
	}
	options := &spinel.Options{SPAs: c.Options.SPAs, InputNames: c.Options.InputNames, Target: c.Options.Target}
	if c.Options.DType != "" {
		options.DType = dtypeNamed(c.Options.DType)
	}
	return spinel.Load(ctx, path, options)
}

func dtypeNamed(name string) spinel.DType {
	for d := spinel.Undefined; d <= spinel.Int2; d++ {
		if d.String() == name {
			return d
		}
	}
	return spinel.Undefined
}

func (c *vectorEnd) checkError(t *testing.T, err error) {
	t.Helper()
	var e *spinel.Error
	if !errors.As(err, &e) {
		t.Fatalf("found %v, not a *spinel.Error", err)
	}
	if e.Code.String() != c.Error || !errors.Is(err, e.Code) || !strings.Contains(e.Message, c.Contains) ||
		c.Node != "" && c.Node != e.Node {
		t.Errorf("found %v of node %q, %q; wanted %s of node %q with %q", e.Code, e.Node, e.Message, c.Error, c.Node, c.Contains)
	}
}

func decode[T spinel.Element](t *testing.T, v vectorTensor) *spinel.Tensor {
	values := []T{}
	need(t, json.Unmarshal(v.Data, &values))
	return tensor(t, v.Shape, values...)
}

func (v vectorTensor) tensor(t *testing.T) *spinel.Tensor {
	switch v.DType {
	case "float32":
		return decode[float32](t, v)
	case "float64":
		return decode[float64](t, v)
	case "float16":
		numbers := []float32{}
		need(t, json.Unmarshal(v.Data, &numbers))
		halves := make([]spinel.F16, len(numbers))
		for i, number := range numbers {
			halves[i] = spinel.ToF16(number)
		}
		return tensor(t, v.Shape, halves...)
	case "int8":
		return decode[int8](t, v)
	case "int16":
		return decode[int16](t, v)
	case "int32":
		return decode[int32](t, v)
	case "int64":
		return decode[int64](t, v)
	case "uint8": // encoding/json reads a []uint8 as base64.
		numbers := []uint16{}
		need(t, json.Unmarshal(v.Data, &numbers))
		bytes := make([]uint8, len(numbers))
		for i, number := range numbers {
			bytes[i] = uint8(number)
		}
		return tensor(t, v.Shape, bytes...)
	case "uint16":
		return decode[uint16](t, v)
	case "uint32":
		return decode[uint32](t, v)
	case "uint64":
		return decode[uint64](t, v)
	case "bool":
		return decode[bool](t, v)
	case "string":
		return decode[string](t, v)
	}
	t.Fatalf("bindings/vectors.json has dtype %q", v.DType)
	return nil
}

func tensors(t *testing.T, all map[string]vectorTensor) map[string]*spinel.Tensor {
	out := map[string]*spinel.Tensor{}
	for name, v := range all {
		out[name] = v.tensor(t)
	}
	return out
}

func same(t *testing.T, name string, found, wanted *spinel.Tensor) {
	t.Helper()
	if found.DType() != wanted.DType() || !equal(found.Shape(), wanted.Shape()) {
		t.Errorf("%s is %v, not %v", name, found, wanted)
		return
	}
	switch wanted.DType() {
	case spinel.String:
		want(t, data[string](t, found), data[string](t, wanted))
	case spinel.Float32:
		for i, value := range data[float32](t, wanted) {
			near(t, name, float64(data[float32](t, found)[i]), float64(value), 1e-5)
		}
	case spinel.Float64:
		for i, value := range data[float64](t, wanted) {
			near(t, name, data[float64](t, found)[i], value, 1e-5)
		}
	case spinel.Float16:
		for i, value := range data[spinel.F16](t, wanted) {
			near(t, name, float64(data[spinel.F16](t, found)[i].Float32()), float64(value.Float32()), 1e-3)
		}
	default:
		want(t, found.Bytes(), wanted.Bytes())
	}
}

func near(t *testing.T, name string, found, wanted, tolerance float64) {
	t.Helper()
	if !(math.Abs(found-wanted) <= tolerance*math.Abs(wanted)) {
		t.Errorf("%s is %v, not %v", name, found, wanted)
	}
}

func inOrder(engine *spinel.Engine, inputs map[string]*spinel.Tensor) []*spinel.Tensor {
	ordered := make([]*spinel.Tensor, len(engine.Inputs()))
	for i, info := range engine.Inputs() {
		ordered[i] = inputs[info.Name]
	}
	return ordered
}

func TestVectorsOfRuns(t *testing.T) {
	for _, c := range vectors(t).Runs {
		c := c
		t.Run(c.Name, func(t *testing.T) {
			engine, err := c.load()
			need(t, err)
			defer engine.Close()
			inputs := tensors(t, c.Inputs)
			ordered := inOrder(engine, inputs)
			named, err := engine.RunNamed(ctx, inputs)
			later, laterErr := engine.RunAsync(ctx, ordered...).Wait()
			if c.Error != "" {
				c.checkError(t, err)
				c.checkError(t, laterErr)
				return
			}
			need(t, err)
			need(t, laterErr)
			if len(named) != len(c.Outputs) || len(later) != len(c.Outputs) {
				t.Fatalf("%d and %d outputs, not %d", len(named), len(later), len(c.Outputs))
			}
			for i, info := range engine.Outputs() {
				v, ok := c.Outputs[info.Name]
				if !ok {
					t.Fatalf("there is no output %q", info.Name)
				}
				same(t, info.Name, named[info.Name], v.tensor(t))
				same(t, info.Name, later[i], v.tensor(t))
			}
		})
	}
}

func TestVectorsOfLoads(t *testing.T) {
	for _, c := range vectors(t).Loads {
		c := c
		t.Run(c.Name, func(t *testing.T) {
			_, err := c.load()
			c.checkError(t, err)
		})
	}
}

func TestVectorsOfImages(t *testing.T) {
	for _, c := range vectors(t).Images {
		c := c
		t.Run(c.Name, func(t *testing.T) {
			engine, err := c.load()
			need(t, err)
			defer engine.Close()
			preprocess, err := spinel.NewPreprocess(c.Preset)
			need(t, err)
			need(t, preprocess.Fit(engine, 0))
			image, err := preprocess.File(filepath.Join(root, c.Image))
			if c.Error != "" {
				c.checkError(t, err)
				return
			}
			need(t, err)
			scores, err := engine.Run(ctx, image)
			need(t, err)
			answers, err := spinel.TopK(scores[0], 1, true)
			need(t, err)
			labels, err := spinel.LoadLabels(filepath.Join(root, c.Labels), 0)
			need(t, err)
			best := answers[0][0]
			if best.Index != c.Index || labels[best.Index] != c.Label || best.Score < c.Least {
				t.Errorf("found %v, %q; wanted %d, %q, at least %v", best, labels[best.Index], c.Index, c.Label, c.Least)
			}
		})
	}
}

func TestVectorsOfInspections(t *testing.T) {
	for _, c := range vectors(t).Inspections {
		c := c
		t.Run(c.Name, func(t *testing.T) {
			engine, err := c.load()
			need(t, err)
			defer engine.Close()
			found := map[string]*spinel.Tensor{}
			results, err := engine.Inspect(ctx, inOrder(engine, tensors(t, c.Inputs)), c.Values,
				func(value spinel.LayerValue, tensor *spinel.Tensor) (*spinel.Tensor, error) {
					found[value.Name] = tensor
					return nil, nil
				})
			if c.Error != "" {
				c.checkError(t, err)
				return
			}
			need(t, err)
			if len(found) != len(c.Found) {
				t.Errorf("found %d values, not %d", len(found), len(c.Found))
			}
			for name, v := range c.Found {
				same(t, name, found[name], v.tensor(t))
			}
			for i, info := range engine.Outputs() {
				same(t, info.Name, results[i], c.Outputs[info.Name].tensor(t))
			}
		})
	}
}
