package spinel

// #include "callbacks.h"
import "C"

import (
	"math"
	"unsafe"
)

// Interpolation is how images are resized.
type Interpolation int32

// The ways to resize.
const (
	Bilinear Interpolation = C.SPINEL_BILINEAR // With antialias, as Pillow does it.
	Bicubic  Interpolation = C.SPINEL_BICUBIC  // With antialias.
	Nearest  Interpolation = C.SPINEL_NEAREST
)

// Preprocess turns images into a network's input: decode, resize, centre crop, normalise, channels first. It is made by
// NewPreprocess. Goroutines may share one that none of them changes.
type Preprocess struct {
	Resize        int // The shorter side after resizing; 0 keeps the image's size.
	CropHeight    int
	CropWidth     int
	Mean          [3]float32 // Subtracted from RGB in [0, 1].
	Std           [3]float32 // Divided by afterwards; none may be 0.
	Interpolation Interpolation
	DType         DType   // Float32 or Float16.
	Limits        *Limits // MaxImagePixels applies; nil: the defaults.
}

// NewPreprocess starts from a preset: see Presets. "" is "imagenet".
func NewPreprocess(preset string) (*Preprocess, error) {
	p := new(Preprocess)
	err := p.change(func(memory *arena, c *C.spinel_preprocess_options) error {
		C.spinel_preprocess_options_init(c, C.size_t(unsafe.Sizeof(*c)))
		name := memory.text(preset)
		if preset == "" || memory.err != nil {
			return memory.err
		}
		var failure *C.spinel_error
		return take(C.spinel_preprocess_options_preset(c, name, &failure), failure)
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Presets lists the presets that NewPreprocess takes.
func Presets() ([]string, error) {
	return listed(func(list **C.spinel_strings, failure **C.spinel_error) C.int32_t {
		return C.spinel_preset_names(list, failure)
	})
}

// Fit sets the type, and crop and resize where the model fixes height and width, for an engine's input of dims
// [N, 3, H, W]. An input of another kind is an error.
func (p *Preprocess) Fit(engine *Engine, input int) error {
	if err := engine.enter(); err != nil {
		return err
	}
	defer engine.leave()
	if input < 0 {
		return misuse("there is no input %d", input)
	}
	return p.change(func(_ *arena, c *C.spinel_preprocess_options) error {
		var failure *C.spinel_error
		return take(C.spinel_preprocess_options_fit(c, engine.handle, C.size_t(input), &failure), failure)
	})
}

// InputSize sets crop and resize for a network whose input is height x width: resize is the shorter times 256/224, rounded
// down.
func (p *Preprocess) InputSize(height, width int) error {
	return p.change(func(_ *arena, c *C.spinel_preprocess_options) error {
		var failure *C.spinel_error
		return take(C.spinel_preprocess_options_input_size(c, C.int64_t(height), C.int64_t(width), &failure), failure)
	})
}

// Load replaces all but Limits by those of a JSON file, whose keys are all optional: preset, resize, crop (a number or
// [height, width]), interpolation, mean, std, dtype.
func (p *Preprocess) Load(path string) error {
	return p.change(func(memory *arena, c *C.spinel_preprocess_options) error {
		name := memory.text(path)
		if memory.err != nil {
			return memory.err
		}
		var failure *C.spinel_error
		return take(C.spinel_preprocess_options_load(c, name, &failure), failure)
	})
}

// change has C change the options; if it fails they are as they were.
func (p *Preprocess) change(by func(*arena, *C.spinel_preprocess_options) error) error {
	var memory arena
	defer memory.free()
	c := p.options(&memory)
	if err := by(&memory, c); err != nil {
		return err
	}
	p.Resize, p.CropHeight, p.CropWidth = int(c.resize), int(c.crop_height), int(c.crop_width)
	for i := range p.Mean {
		p.Mean[i], p.Std[i] = float32(c.mean[i]), float32(c.std[i])
	}
	p.Interpolation, p.DType = Interpolation(c.interpolation), DType(c.dtype)
	return nil
}

func (p *Preprocess) options(memory *arena) *C.spinel_preprocess_options {
	c := first(array[C.spinel_preprocess_options](memory, 1))
	c.struct_size = C.size_t(unsafe.Sizeof(*c))
	c.resize, c.crop_height, c.crop_width = C.int64_t(p.Resize), C.int64_t(p.CropHeight), C.int64_t(p.CropWidth)
	for i := range p.Mean {
		c.mean[i], c.std[i] = C.float(p.Mean[i]), C.float(p.Std[i])
	}
	c.interpolation, c.dtype, c.limits = C.int32_t(p.Interpolation), C.int32_t(p.DType), memory.limits(p.Limits)
	return c
}

// Image is one of: a file (Path), the bytes of a file (Encoded), or pixels, 8-bit RGB, channel fastest, rows from top to
// bottom (Pixels, Width, Height). The format of files (JPEG, PNG, BMP, TGA, PSD, PNM) is told from their content.
type Image struct {
	Path          string
	Encoded       []byte
	Pixels        []byte
	Width, Height int
	RowBytes      int    // From one row of Pixels to the next; 0: Width * 3.
	Name          string // For messages; may be "".
}

// File preprocesses one image file to [1, 3, CropHeight, CropWidth].
func (p *Preprocess) File(path string) (*Tensor, error) { return p.Images(Image{Path: path}) }

// Images preprocesses images to [N, 3, CropHeight, CropWidth], a row each. The first that cannot be used is the error.
func (p *Preprocess) Images(images ...Image) (*Tensor, error) { return p.batch(images, nil) }

// Batch is Images for images of which some may be bad: failures has an error for each that cannot be used, nil for the
// others, and the row of a bad one is all zeros. err is that of the call itself.
func (p *Preprocess) Batch(images ...Image) (rows *Tensor, failures []error, err error) {
	errors := make([]*C.spinel_error, len(images))
	if rows, err = p.batch(images, first(errors)); err != nil {
		return nil, nil, err
	}
	failures = make([]error, len(images))
	for i, failure := range errors {
		if failure != nil {
			failures[i] = take(C.spinel_error_code(failure), failure)
		}
	}
	return rows, failures, nil
}

func (p *Preprocess) batch(images []Image, errors **C.spinel_error) (*Tensor, error) {
	targets := []*Tensor{nil}
	if p.CropHeight > 0 && p.CropWidth > 0 && (p.DType == Float32 || p.DType == Float16) {
		var err error
		targets[0], err = allocate(p.DType, []int64{int64(len(images)), 3, int64(p.CropHeight), int64(p.CropWidth)})
		if err != nil {
			return nil, err
		}
	}
	c := newCall(nil, targets)
	structs, err := c.images(images)
	if err == nil {
		var failure *C.spinel_error
		err = take(C.spinel_preprocess_batch(p.options(&c.arena), first(structs), C.size_t(len(structs)), &c.outputs[0],
			errors, &failure), failure)
	}
	if err := c.finish(err, targets); err != nil {
		return nil, err
	}
	return targets[0], nil
}

// images lays out the structs, which refer to Go's memory until finish().
func (c *call) images(images []Image) ([]C.spinel_image, error) {
	structs := array[C.spinel_image](&c.arena, len(images))
	for i, image := range images {
		to := &structs[i]
		to.struct_size = C.size_t(unsafe.Sizeof(*to))
		to.path, to.name = c.textOrNull(image.Path), c.textOrNull(image.Name)
		if len(image.Encoded) != 0 {
			to.encoded = c.pins.input(unsafe.Pointer(&image.Encoded[0]), len(image.Encoded))
			to.size_bytes = C.size_t(len(image.Encoded))
		}
		if len(image.Pixels) == 0 {
			continue
		}
		if !image.fits() {
			return nil, misuse("%d bytes of pixels are too few for %d x %d pixels, %d bytes a row", len(image.Pixels),
				image.Width, image.Height, image.RowBytes)
		}
		to.pixels = (*C.uint8_t)(c.pins.input(unsafe.Pointer(&image.Pixels[0]), len(image.Pixels)))
		to.width, to.height, to.row_bytes = C.int64_t(image.Width), C.int64_t(image.Height), C.size_t(image.RowBytes)
	}
	return structs, c.err
}

// fits tells whether Pixels reaches to the last row.
func (image *Image) fits() bool {
	width, height, row := image.Width, image.Height, image.RowBytes
	if width <= 0 || height <= 0 || row < 0 || width > math.MaxInt32 || height > math.MaxInt32 {
		return false
	}
	if row == 0 {
		row = width * 3
	}
	return row >= width*3 && (height == 1 || row <= (len(image.Pixels)-width*3)/(height-1)) &&
		len(image.Pixels) >= width*3
}

// DecodeImage decodes an image to Uint8 [height, width, 3], RGB. limits may be nil.
func DecodeImage(image Image, limits *Limits) (*Tensor, error) {
	targets := []*Tensor{nil}
	c := newCall(nil, targets)
	structs, err := c.images([]Image{image})
	if err == nil {
		var failure *C.spinel_error
		err = take(C.spinel_image_decode(first(structs), c.limits(limits), &c.outputs[0], &failure), failure)
	}
	if err := c.finish(err, targets); err != nil {
		return nil, err
	}
	return targets[0], nil
}
