//! Images to tensors.

use std::ffi::CString;
use std::fmt;
use std::path::Path;
use std::ptr;

use spinel_sys as sys;

use crate::dtype::DType;
use crate::engine::Engine;
use crate::error::{check, Error, Result};
use crate::limits::Limits;
use crate::tensor::Tensor;
use crate::text::{c_path, c_text, owned_list, pointer};
use crate::view::{RawTensors, TensorViewMut};

/// How an image is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Interpolation {
    /// With antialias, as Pillow does it.
    Bilinear,
    /// With antialias.
    Bicubic,
    /// The nearest pixel.
    Nearest,
}

/// An image: a file, or what is in one, or pixels. JPEG, PNG, BMP, TGA, PSD and PNM are told apart by their content.
#[derive(Clone, Copy)]
pub enum Image<'a> {
    /// A file.
    File(&'a Path),
    /// The bytes of a file.
    Encoded(&'a [u8]),
    /// Pixels: 8-bit RGB, channel fastest, rows from top to bottom.
    Rgb {
        /// At least `row_bytes * (height - 1) + width * 3` bytes.
        pixels: &'a [u8],
        /// In pixels.
        width: usize,
        /// In pixels.
        height: usize,
        /// From the beginning of a row to that of the next; 0: `width * 3`.
        row_bytes: usize,
    },
}

impl<'a> Image<'a> {
    /// A file.
    pub fn file<P: AsRef<Path> + ?Sized>(path: &'a P) -> Self {
        Image::File(path.as_ref())
    }

    /// The bytes of a file.
    pub fn encoded(bytes: &'a [u8]) -> Self {
        Image::Encoded(bytes)
    }

    /// Pixels without gaps: 8-bit RGB, channel fastest, rows from top to bottom.
    pub fn rgb(pixels: &'a [u8], width: usize, height: usize) -> Self {
        Image::Rgb { pixels, width, height, row_bytes: 0 }
    }

    /// The struct, whose path lies in `path`.
    fn raw(&self, path: &mut Option<CString>) -> Result<sys::spinel_image> {
        let mut raw = sys::spinel_image::default();
        match *self {
            Image::File(file) => {
                *path = Some(c_path(file)?);
                raw.path = pointer(path);
            }
            Image::Encoded(bytes) => {
                raw.encoded = bytes.as_ptr().cast();
                raw.size_bytes = bytes.len();
            }
            Image::Rgb { pixels, width, height, row_bytes } => {
                let dense = width.checked_mul(3);
                let row = if row_bytes == 0 { dense } else { Some(row_bytes) };
                let needed = dense.zip(row).zip(height.checked_sub(1)).and_then(|((dense, row), rows)| {
                    if row < dense {
                        return None;
                    }
                    row.checked_mul(rows)?.checked_add(dense)
                });
                if width == 0 || needed.map_or(true, |needed| pixels.len() < needed) {
                    let len = pixels.len();
                    return Err(Error::invalid(format!(
                        "{len} bytes are not an image of {width} x {height} pixels with {row_bytes} bytes a row"
                    )));
                }
                raw.pixels = pixels.as_ptr();
                // What fits into memory fits into an i64.
                (raw.width, raw.height, raw.row_bytes) = (width as i64, height as i64, row_bytes);
            }
        }
        Ok(raw)
    }

    /// Decodes to uint8 `[height, width, 3]`, RGB: what Pillow's `convert('RGB')` gives.
    pub fn decode(&self, limits: &Limits) -> Result<Tensor> {
        let mut path = None;
        let image = self.raw(&mut path)?;
        let limits = limits.raw();
        allocated(|tensor, error| unsafe { sys::spinel_image_decode(&image, &limits, tensor, error) })
    }
}

impl fmt::Debug for Image<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Image::File(path) => write!(out, "File({path:?})"),
            Image::Encoded(bytes) => write!(out, "Encoded({} bytes)", bytes.len()),
            Image::Rgb { width, height, .. } => write!(out, "Rgb({width} x {height})"),
        }
    }
}

/// A tensor that the library allocates.
fn allocated(
    call: impl FnOnce(*mut sys::spinel_tensor, *mut *mut sys::spinel_error) -> i32,
) -> Result<Tensor> {
    let mut tensor = sys::spinel_tensor::default();
    check(|error| call(&mut tensor, error))?;
    // SAFETY: the library filled it in.
    Ok(unsafe { Tensor::from_library(tensor) })
}

/// Decode, resize, centre crop, normalise, channels first.
///
/// ```no_run
/// use spinel::{Engine, Preprocess};
///
/// let engine = Engine::load("model.onnx")?;
/// let images = Preprocess::imagenet().fit(&engine)?;
/// let scores = engine.run([&images.file("photo.jpg")?])?;
/// # Ok::<(), spinel::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Preprocess {
    /// Its `limits` are null.
    options: sys::spinel_preprocess_options,
    limits: Option<Limits>,
}

// SAFETY: the struct has no pointer but `limits`, which is null.
unsafe impl Send for Preprocess {}
unsafe impl Sync for Preprocess {}

impl Default for Preprocess {
    fn default() -> Self {
        Preprocess::imagenet()
    }
}

impl Preprocess {
    /// Resize to 256, crop to 224 x 224, normalise as networks on ImageNet want it.
    pub fn imagenet() -> Self {
        let mut options = sys::spinel_preprocess_options::default();
        // SAFETY: the struct has that size.
        unsafe { sys::spinel_preprocess_options_init(&mut options, options.struct_size) };
        Preprocess { options, limits: None }
    }

    /// A preset by name: see [`presets`](Preprocess::presets).
    pub fn preset(name: &str) -> Result<Self> {
        let name = c_text(name, "the preset")?;
        let mut out = Preprocess::imagenet();
        // SAFETY: both arguments live.
        check(|error| unsafe {
            sys::spinel_preprocess_options_preset(&mut out.options, name.as_ptr(), error)
        })?;
        Ok(out)
    }

    /// The names of the presets: "imagenet", "efficientnet-lite".
    pub fn presets() -> Result<Vec<String>> {
        // SAFETY: the pointers are valid.
        owned_list(|list, error| unsafe { sys::spinel_preset_names(list, error) })
    }

    /// The settings of a JSON file, whose keys are all optional: preset, resize, crop (a number or [height, width]),
    /// interpolation, mean, std, dtype.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = c_path(path.as_ref())?;
        let mut out = Preprocess::imagenet();
        // SAFETY: both arguments live.
        check(|error| unsafe {
            sys::spinel_preprocess_options_load(&mut out.options, path.as_ptr(), error)
        })?;
        Ok(out)
    }

    /// Fits to the engine's first input, of dims `[N, 3, H, W]`: dtype, and crop and resize where the model fixes H and W.
    pub fn fit(self, engine: &Engine) -> Result<Self> {
        self.fit_input(engine, 0)
    }

    /// As [`fit`](Preprocess::fit), to another input.
    pub fn fit_input(mut self, engine: &Engine, index: usize) -> Result<Self> {
        let (options, engine) = (&mut self.options, engine.raw());
        // SAFETY: all arguments live.
        check(|error| unsafe { sys::spinel_preprocess_options_fit(options, engine, index, error) })?;
        Ok(self)
    }

    /// Crop and resize for a network whose input is `height` x `width`: resize is the shorter times 256/224.
    pub fn input_size(mut self, height: usize, width: usize) -> Result<Self> {
        let (height, width) = (side(height), side(width));
        let options = &mut self.options;
        // SAFETY: all arguments live.
        check(|error| unsafe { sys::spinel_preprocess_options_input_size(options, height, width, error) })?;
        Ok(self)
    }

    /// The shorter side after resizing; 0 keeps the image's size.
    pub fn resize(mut self, shorter_side: usize) -> Self {
        self.options.resize = side(shorter_side);
        self
    }

    /// The centre that is kept.
    pub fn crop(mut self, height: usize, width: usize) -> Self {
        (self.options.crop_height, self.options.crop_width) = (side(height), side(width));
        self
    }

    /// The mean is subtracted from RGB in [0, 1], and the difference divided by `std`.
    pub fn normalize(mut self, mean: [f32; 3], std: [f32; 3]) -> Self {
        (self.options.mean, self.options.std) = (mean, std);
        self
    }

    /// How it resizes.
    pub fn interpolation(mut self, interpolation: Interpolation) -> Self {
        self.options.interpolation = match interpolation {
            Interpolation::Bilinear => sys::SPINEL_BILINEAR,
            Interpolation::Bicubic => sys::SPINEL_BICUBIC,
            Interpolation::Nearest => sys::SPINEL_NEAREST,
        };
        self
    }

    /// The type of the result: `Float32` or `Float16`.
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.options.dtype = dtype.number();
        self
    }

    /// Of which `max_image_pixels` applies.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// One image file as `[1, 3, H, W]`.
    pub fn file(&self, path: impl AsRef<Path>) -> Result<Tensor> {
        self.batch(&[Image::File(path.as_ref())])
    }

    /// Images as one tensor `[images, 3, H, W]`. The first that cannot be used fails the call.
    pub fn batch(&self, images: &[Image<'_>]) -> Result<Tensor> {
        self.run_batch(images, None, None).map(|batch| batch.expect("the library allocated it"))
    }

    /// As [`batch`](Preprocess::batch), but goes on where an image cannot be used: its row is all zeros, and there is an
    /// error in its place.
    pub fn batch_lossy(&self, images: &[Image<'_>]) -> Result<(Tensor, Vec<Option<Error>>)> {
        let mut errors = vec![ptr::null_mut(); images.len()];
        let batch = self.run_batch(images, None, Some(&mut errors))?.expect("the library allocated it");
        // SAFETY: the errors are ours; Error::take() releases them.
        let errors = errors.into_iter().map(|error: *mut sys::spinel_error| unsafe {
            (!error.is_null()).then(|| Error::take(sys::spinel_error_code(error), error))
        });
        Ok((batch, errors.collect()))
    }

    /// As [`batch`](Preprocess::batch), to a buffer of the caller's. If it fails, what is in the buffer is unspecified.
    pub fn batch_into(&self, images: &[Image<'_>], batch: TensorViewMut<'_>) -> Result<()> {
        self.run_batch(images, Some(batch), None).map(drop)
    }

    fn run_batch(
        &self,
        images: &[Image<'_>],
        into: Option<TensorViewMut<'_>>,
        errors: Option<&mut Vec<*mut sys::spinel_error>>,
    ) -> Result<Option<Tensor>> {
        let mut paths = vec![None; images.len()];
        let raw =
            images.iter().zip(&mut paths).map(|(image, path)| image.raw(path)).collect::<Result<Vec<_>>>()?;
        let mut outputs = RawTensors::with_capacity(1);
        match &into {
            Some(view) => outputs.push(view.dtype, &view.dims, view.data, view.size_bytes)?,
            None => outputs.push_empty(),
        }
        let mut batch = outputs.finish();
        let errors = errors.map_or(ptr::null_mut(), |errors| errors.as_mut_ptr());
        self.with_options(|options| {
            // SAFETY: all arguments live during the call.
            check(|error| unsafe {
                let batch = &mut batch.structs[0];
                sys::spinel_preprocess_batch(options, raw.as_ptr(), raw.len(), batch, errors, error)
            })
        })?;
        // SAFETY: the library filled it in if it has an owner.
        Ok(into.is_none().then(|| unsafe { Tensor::from_library(batch.structs[0]) }))
    }

    /// The struct is complete during the call alone.
    pub(crate) fn with_options<T>(&self, call: impl FnOnce(&sys::spinel_preprocess_options) -> T) -> T {
        let limits = self.limits.as_ref().map(Limits::raw);
        let limits = limits.as_ref().map_or(ptr::null(), |limits| limits as *const _);
        call(&sys::spinel_preprocess_options { limits, ..self.options })
    }
}

fn side(pixels: usize) -> i64 {
    i64::try_from(pixels).unwrap_or(i64::MAX)
}
