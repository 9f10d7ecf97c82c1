//! Tensors in memory that is borrowed.

use std::fmt;
use std::marker::PhantomData;
use std::os::raw::c_void;

use spinel_sys as sys;

use crate::dims::Dims;
use crate::dtype::{DType, Element};
use crate::error::{Error, ErrorCode, Result};

/// A tensor whose elements lie in a slice of the caller's, or in a [`Tensor`](crate::Tensor). Making one copies nothing.
///
/// ```
/// let view = spinel::TensorView::new(&[2, 3], &[0.0f32; 6])?;
/// assert_eq!(view.shape(), [2, 3]);
/// # Ok::<(), spinel::Error>(())
/// ```
///
/// It cannot outlive its data:
///
/// ```compile_fail,E0597
/// let view = {
///     let data = vec![0.0f32; 6];
///     spinel::TensorView::new(&[6], &data).unwrap()
/// };
/// view.shape();
/// ```
#[derive(Clone)]
pub struct TensorView<'a> {
    pub(crate) dtype: DType,
    pub(crate) dims: Dims,
    pub(crate) data: *const c_void,
    pub(crate) size_bytes: usize,
    _data: PhantomData<&'a [u8]>,
}

// SAFETY: it is a shared borrow of plain data.
unsafe impl Send for TensorView<'_> {}
unsafe impl Sync for TensorView<'_> {}

impl<'a> TensorView<'a> {
    /// The slice as a row-major tensor. Fails if the shape has another number of elements.
    pub fn new<T: Element>(shape: &[usize], data: &'a [T]) -> Result<Self> {
        let dims = Dims::new(shape);
        dims.check(data.len())?;
        let size_bytes = std::mem::size_of_val(data);
        // SAFETY: the slice is that long.
        Ok(unsafe { TensorView::from_raw(T::DTYPE, dims, data.as_ptr().cast(), size_bytes) })
    }

    /// # Safety
    /// `data` holds the elements, valid for `dtype`, aligned, and unchanged during `'a`.
    pub(crate) unsafe fn from_raw(dtype: DType, dims: Dims, data: *const c_void, size_bytes: usize) -> Self {
        TensorView { dtype, dims, data, size_bytes, _data: PhantomData }
    }

    /// # Safety
    /// As `from_raw()`, for what the library filled in.
    pub(crate) unsafe fn from_struct(raw: &sys::spinel_tensor) -> Self {
        let dims = Dims::from_raw(raw.dims, raw.rank);
        TensorView::from_raw(DType::from_number(raw.dtype), dims, raw.data, raw.size_bytes)
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The dims, outermost first.
    pub fn shape(&self) -> &[usize] {
        self.dims.as_slice()
    }

    /// The elements in row-major order; an error if they are of another type. Bools are looked through once a call.
    pub fn as_slice<T: Element>(&self) -> Result<&'a [T]> {
        if T::DTYPE != self.dtype {
            return Err(Error::invalid(format!("the tensor is {self:?}, not {}", T::DTYPE)));
        }
        let bytes = self.bytes();
        if self.dtype == DType::Bool && bytes.iter().any(|byte| *byte > 1) {
            return Err(Error::new(ErrorCode::BadData, "a bool of the model is neither 0 nor 1"));
        }
        if bytes.is_empty() {
            return Ok(&[]);
        }
        // SAFETY: the bytes are aligned elements of that type.
        Ok(unsafe { std::slice::from_raw_parts(self.data.cast(), bytes.len() / std::mem::size_of::<T>()) })
    }

    /// The elements' bytes in the machine's order; an error for strings.
    pub fn as_bytes(&self) -> Result<&'a [u8]> {
        if self.dtype == DType::String {
            return Err(Error::invalid("the tensor is of strings, which are not bytes in a row"));
        }
        Ok(self.bytes())
    }

    /// The elements of a tensor of strings; an error if it is of another type or they are not UTF-8.
    pub fn strings(&self) -> Result<Vec<&'a str>> {
        let texts = self.byte_strings()?;
        texts
            .into_iter()
            .map(|text| {
                std::str::from_utf8(text).map_err(|error| {
                    Error::new(ErrorCode::BadData, format!("a string is not UTF-8: {error}"))
                })
            })
            .collect()
    }

    /// The elements of a tensor of strings, whatever their bytes are; an error if it is of another type.
    pub fn byte_strings(&self) -> Result<Vec<&'a [u8]>> {
        if self.dtype != DType::String {
            return Err(Error::invalid(format!("the tensor is {self:?}, not of strings")));
        }
        let count = self.size_bytes / std::mem::size_of::<sys::spinel_string>();
        let strings: *const sys::spinel_string = self.data.cast();
        // SAFETY: there are that many structs, each of which says where its bytes lie.
        Ok((0..count)
            .map(|i| unsafe {
                let string = *strings.add(i);
                match string.size_bytes {
                    0 => &[][..],
                    size => std::slice::from_raw_parts(string.data.cast(), size),
                }
            })
            .collect())
    }

    fn bytes(&self) -> &'a [u8] {
        if self.size_bytes == 0 {
            return &[];
        }
        // SAFETY: that is what a view is.
        unsafe { std::slice::from_raw_parts(self.data.cast(), self.size_bytes) }
    }
}

/// As in `float32 [2, 3]`.
impl fmt::Debug for TensorView<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {:?}", self.dtype, self.shape())
    }
}

impl<'a> From<&TensorView<'a>> for TensorView<'a> {
    fn from(view: &TensorView<'a>) -> Self {
        view.clone()
    }
}

/// A buffer of the caller's that an output is written to.
///
/// ```no_run
/// # let engine = spinel::Engine::load("model.onnx")?;
/// # let x = vec![0.0f32; 6];
/// let mut sum = vec![0.0f32; 6];
/// engine.run_into([spinel::TensorView::new(&[2, 3], &x)?], [spinel::TensorViewMut::new(&[2, 3], &mut sum)?])?;
/// # Ok::<(), spinel::Error>(())
/// ```
///
/// Nobody else uses its data meanwhile:
///
/// ```compile_fail,E0502
/// let mut data = vec![0.0f32; 6];
/// let view = spinel::TensorViewMut::new(&[6], &mut data).unwrap();
/// println!("{}", data[0]);
/// view.shape();
/// ```
pub struct TensorViewMut<'a> {
    pub(crate) dtype: DType,
    pub(crate) dims: Dims,
    pub(crate) data: *mut c_void,
    pub(crate) size_bytes: usize,
    _data: PhantomData<&'a mut [u8]>,
}

// SAFETY: it is a unique borrow of plain data.
unsafe impl Send for TensorViewMut<'_> {}
unsafe impl Sync for TensorViewMut<'_> {}

impl<'a> TensorViewMut<'a> {
    /// The slice as a row-major tensor. Fails if the shape has another number of elements.
    pub fn new<T: Element>(shape: &[usize], data: &'a mut [T]) -> Result<Self> {
        let dims = Dims::new(shape);
        dims.check(data.len())?;
        let size_bytes = std::mem::size_of_val(data);
        Ok(TensorViewMut {
            dtype: T::DTYPE,
            dims,
            data: data.as_mut_ptr().cast(),
            size_bytes,
            _data: PhantomData,
        })
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The dims, outermost first.
    pub fn shape(&self) -> &[usize] {
        self.dims.as_slice()
    }

    /// A `bool` must be 0 or 1, whatever a model or a failed run left there.
    pub(crate) fn mend_bools(&mut self) {
        if self.dtype != DType::Bool || self.size_bytes == 0 {
            return;
        }
        // SAFETY: the bytes are ours.
        for byte in unsafe { std::slice::from_raw_parts_mut(self.data.cast::<u8>(), self.size_bytes) } {
            *byte = (*byte != 0).into();
        }
    }
}

/// As in `float32 [2, 3]`.
impl fmt::Debug for TensorViewMut<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {:?}", self.dtype, self.shape())
    }
}

/// Structs as the C ABI takes them. Their dims lie in `self`; their data is borrowed without a lifetime.
pub(crate) struct RawTensors {
    pub(crate) structs: Vec<sys::spinel_tensor>,
    _dims: Vec<i64>,
}

impl RawTensors {
    pub(crate) fn with_capacity(count: usize) -> Self {
        RawTensors { structs: Vec::with_capacity(count), _dims: Vec::new() }
    }

    /// The dims' places are known once all are there: see `finish()`.
    pub(crate) fn push(
        &mut self,
        dtype: DType,
        dims: &Dims,
        data: *mut c_void,
        size_bytes: usize,
    ) -> Result<()> {
        for dim in dims.as_slice() {
            self._dims.push(i64::try_from(*dim).map_err(|_| Error::invalid("a dim is too large"))?);
        }
        let rank = dims.as_slice().len();
        self.structs.push(sys::spinel_tensor {
            data,
            size_bytes,
            rank,
            dtype: dtype.number(),
            ..Default::default()
        });
        Ok(())
    }

    /// An output that the library is to allocate.
    pub(crate) fn push_empty(&mut self) {
        self.structs.push(Default::default());
    }

    pub(crate) fn finish(mut self) -> Self {
        let mut at = 0;
        for tensor in &mut self.structs {
            tensor.dims = self._dims[at..].as_ptr();
            at += tensor.rank;
        }
        self
    }

    pub(crate) fn inputs<'a>(views: &[TensorView<'a>]) -> Result<Self> {
        let mut out = RawTensors::with_capacity(views.len());
        for view in views {
            out.push(view.dtype, &view.dims, view.data as *mut c_void, view.size_bytes)?;
        }
        Ok(out.finish())
    }
}
