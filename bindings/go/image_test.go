package spinel_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"spinel"
)

func preprocess(t *testing.T, preset string) *spinel.Preprocess {
	t.Helper()
	out, err := spinel.NewPreprocess(preset)
	need(t, err)
	return out
}

func TestPreprocessOptions(t *testing.T) {
	p := preprocess(t, "")
	if p.Resize != 256 || p.CropHeight != 224 || p.CropWidth != 224 || p.Mean[0] != 0.485 || p.DType != spinel.Float32 {
		t.Errorf("found %+v", p)
	}
	presets, err := spinel.Presets()
	need(t, err)
	for _, preset := range presets {
		preprocess(t, preset)
	}
	_, err = spinel.NewPreprocess("none")
	fails(t, err, spinel.ErrInvalidArgument, "imagenet")
	need(t, p.InputSize(32, 64))
	if p.Resize != 36 || p.CropHeight != 32 || p.CropWidth != 64 {
		t.Errorf("found %+v", p)
	}
	need(t, p.Fit(load(t, fashion(), &spinel.Options{DType: spinel.Float16}), 0))
	if p.DType != spinel.Float16 {
		t.Errorf("found %+v", p)
	}
	fails(t, p.Fit(load(t, model("two"), nil), 0), spinel.ErrInvalidArgument, "")
	fails(t, p.Fit(load(t, model("two"), nil), -1), spinel.ErrInvalidArgument, "-1")
	file := filepath.Join(t.TempDir(), "options.json")
	need(t, os.WriteFile(file, []byte(`{"resize": 40, "crop": [8, 16], "interpolation": "nearest"}`), 0o600))
	need(t, p.Load(file))
	if p.Resize != 40 || p.CropHeight != 8 || p.CropWidth != 16 || p.Interpolation != spinel.Nearest {
		t.Errorf("found %+v", p)
	}
	fails(t, p.Load(file+".none"), spinel.ErrNotFound, "none")
}

func TestImages(t *testing.T) {
	p := preprocess(t, "efficientnet-lite")
	path := filepath.Join(root, "samples", "photos", "cat.png")
	encoded, err := os.ReadFile(path)
	need(t, err)
	pixels, err := spinel.DecodeImage(spinel.Image{Path: path}, nil)
	need(t, err)
	height, width := int(pixels.Shape()[0]), int(pixels.Shape()[1])
	file, err := p.File(path)
	need(t, err)
	want(t, file.Shape(), []int64{1, 3, int64(p.CropHeight), int64(p.CropWidth)})
	wide := make([]byte, 0, height*(width*3+5)) // Rows that are five bytes longer than their pixels, but for the last.
	for y := 0; y < height; y++ {
		wide = append(append(wide, data[uint8](t, pixels)[y*width*3:(y+1)*width*3]...), make([]byte, 5)...)
	}
	rows, err := p.Images(spinel.Image{Path: path}, spinel.Image{Encoded: encoded, Name: "cat"},
		spinel.Image{Pixels: data[uint8](t, pixels), Width: width, Height: height},
		spinel.Image{Pixels: wide[:len(wide)-5], Width: width, Height: height, RowBytes: width*3 + 5})
	need(t, err)
	size := len(data[float32](t, file))
	for i := 0; i < 4; i++ {
		want(t, data[float32](t, rows)[i*size:(i+1)*size], data[float32](t, file))
	}

	rows, failures, err := p.Batch(spinel.Image{Path: path}, spinel.Image{Encoded: encoded[:100], Name: "half a cat"})
	need(t, err)
	if failures[0] != nil {
		t.Error(failures[0])
	}
	fails(t, failures[1], spinel.ErrBadData, "half a cat")
	want(t, data[float32](t, rows)[size:], make([]float32, size))

	_, err = p.Images(spinel.Image{Path: path}, spinel.Image{})
	fails(t, err, spinel.ErrInvalidArgument, "")
	for _, wrong := range []spinel.Image{
		{Pixels: wide, Width: width, Height: height + 10},
		{Pixels: wide, Width: -1, Height: 1},
		{Pixels: wide, Width: math.MaxInt64, Height: math.MaxInt64},
		{Pixels: wide, Width: width, Height: height, RowBytes: width * 4},
		{Pixels: wide, Width: width, Height: height, RowBytes: 3},
		{Pixels: wide, Width: width, Height: 2, RowBytes: math.MaxInt64},
	} {
		_, err = p.Images(wrong)
		fails(t, err, spinel.ErrInvalidArgument, "")
	}
	limits := spinel.DefaultLimits()
	limits.MaxImagePixels = 10
	p.Limits = &limits
	_, err = p.File(path)
	fails(t, err, spinel.ErrLimitExceeded, "max_image_pixels")
	_, err = spinel.DecodeImage(spinel.Image{Path: path}, &limits)
	fails(t, err, spinel.ErrLimitExceeded, "max_image_pixels")
	_, err = new(spinel.Preprocess).File(path)
	fails(t, err, spinel.ErrInvalidArgument, "")
}

func TestTopK(t *testing.T) {
	scores := tensor(t, []int64{2, 3}, float32(1), 3, 2, 9, 7, 8)
	answers, err := spinel.TopK(scores, 2, false)
	need(t, err)
	want(t, answers[0], []spinel.Class{{Index: 1, Score: 3}, {Index: 2, Score: 2}})
	want(t, answers[1], []spinel.Class{{Index: 0, Score: 9}, {Index: 2, Score: 8}})
	answers, err = spinel.TopK(scores, math.MaxInt64, true)
	need(t, err)
	if len(answers[0]) != 3 {
		t.Errorf("found %v", answers)
	}
	probabilities, err := spinel.Softmax(scores)
	need(t, err)
	if best := answers[0][0].Score; best != data[float32](t, probabilities)[1] || best < 0.66 || best > 0.67 {
		t.Errorf("found %v", answers)
	}
	answers, err = spinel.TopK(tensor(t, []int64{3}, spinel.ToF16(1), spinel.ToF16(3), spinel.ToF16(2)), 1, false)
	need(t, err)
	want(t, answers[0], []spinel.Class{{Index: 1, Score: 3}})
	_, err = spinel.TopK(tensor(t, []int64{1}, float32(math.NaN())), 1, false)
	fails(t, err, spinel.ErrBadData, "")
	for _, wrong := range []*spinel.Tensor{nil, tensor(t, []int64{1}, int32(1)), tensor(t, []int64{1 << 50, 0}, []float32{}...)} {
		_, err = spinel.TopK(wrong, 1, false)
		fails(t, err, spinel.ErrInvalidArgument, "")
	}
	_, err = spinel.TopK(scores, 0, false)
	fails(t, err, spinel.ErrInvalidArgument, "")
	_, err = spinel.Softmax(nil)
	fails(t, err, spinel.ErrInvalidArgument, "")
	_, err = spinel.LoadLabels(filepath.Join(root, "samples", "resnet", "synset.txt"), 11)
	fails(t, err, spinel.ErrBadData, "11")
	_, err = spinel.LoadLabels("", -1)
	fails(t, err, spinel.ErrInvalidArgument, "-1")
}

func TestHalves(t *testing.T) {
	for bits := 0; bits < 1<<16; bits++ { // Every half, and the numbers halfway to the next and beside it.
		half, brain := spinel.F16(bits), spinel.BF16(bits)
		value := half.Float32()
		if value == value && spinel.ToF16(value) != half || value != value && spinel.ToF16(value).Float32() == value {
			t.Fatalf("float16 %#x is %v and back %#x", bits, value, spinel.ToF16(value))
		}
		wide := brain.Float32()
		if wide == wide && spinel.ToBF16(wide) != brain {
			t.Fatalf("bfloat16 %#x is %v and back %#x", bits, wide, spinel.ToBF16(wide))
		}
		next := spinel.F16(bits + 1).Float32()
		if bits&0x7fff >= 0x7bff {
			continue
		}
		middle := (value + next) / 2
		even := half + half&1
		below, above := math.Nextafter32(middle, value), math.Nextafter32(middle, next)
		if spinel.ToF16(middle) != even || spinel.ToF16(below) != half || spinel.ToF16(above) != half+1 {
			t.Fatalf("around %v: %#x, %#x, %#x", middle, spinel.ToF16(below), spinel.ToF16(middle), spinel.ToF16(above))
		}
	}
	for value, bits := range map[float32]spinel.F16{65519: 0x7bff, 65520: 0x7c00, -1e30: 0xfc00, 2.9802322e-8: 0, 3e-8: 1,
		1e-40: 0, float32(math.Inf(1)): 0x7c00, 1: 0x3c00, -2: 0xc000} {
		if spinel.ToF16(value) != bits {
			t.Errorf("%v is %#x, not %#x", value, spinel.ToF16(value), bits)
		}
	}
	if spinel.ToF16(float32(math.NaN())).Float32() == spinel.ToF16(float32(math.NaN())).Float32() {
		t.Error("NaN is a number")
	}
	if spinel.ToBF16(math.MaxFloat32) != 0x7f80 || spinel.ToBF16(1.00390625) != 0x3f80 || spinel.ToBF16(1.01171875) != 0x3f82 {
		t.Error("bfloat16 is not rounded to even")
	}
	if nan := spinel.ToBF16(math.Float32frombits(0x7f800001)).Float32(); nan == nan {
		t.Error("NaN is a number")
	}
}
