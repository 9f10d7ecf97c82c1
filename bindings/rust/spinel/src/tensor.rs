//! Tensors that own their elements.

use std::any::Any;
use std::fmt;
use std::os::raw::{c_char, c_void};
use std::sync::Arc;

use spinel_sys as sys;

use crate::dims::Dims;
use crate::dtype::{DType, Element};
use crate::error::{check, Error, Result};
use crate::view::TensorView;

/// A tensor that owns its elements: a `Vec` of the caller's, or memory that the library allocated. Cloning shares them.
///
/// ```
/// use spinel::Tensor;
///
/// let tensor = Tensor::new(&[2, 2], vec![1.0f32, 2.0, 3.0, 4.0])?;
/// assert_eq!(tensor.shape(), [2, 2]);
/// assert_eq!(tensor.as_slice::<f32>()?[3], 4.0);
/// assert_eq!(tensor.into_vec::<f32>()?, [1.0, 2.0, 3.0, 4.0]);
/// # Ok::<(), spinel::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor(Arc<Storage>);

struct Storage {
    dtype: DType,
    dims: Dims,
    data: *mut c_void,
    size_bytes: usize,
    owner: Owner,
}

enum Owner {
    /// A `Vec` that nobody uses but through `data`.
    Host(Box<dyn Any + Send + Sync>),
    /// Something else that keeps `data` alive, which is not to be written to.
    Shared(#[allow(dead_code)] Box<dyn Any + Send + Sync>),
    Library(sys::spinel_tensor),
}

// SAFETY: the elements are plain data that is written to only where the tensor is not shared, and the library lets any
// thread release what it allocated.
unsafe impl Send for Storage {}
unsafe impl Sync for Storage {}

impl Drop for Storage {
    fn drop(&mut self) {
        if let Owner::Library(tensor) = &mut self.owner {
            // SAFETY: this is the only copy of the struct.
            unsafe { sys::spinel_tensor_release(tensor) };
        }
    }
}

/// The bytes of a tensor of strings and what points to them.
struct Strings {
    _bytes: Vec<u8>,
    structs: Vec<sys::spinel_string>,
}

// SAFETY: the pointers point into the bytes.
unsafe impl Send for Strings {}
unsafe impl Sync for Strings {}

impl Tensor {
    /// A tensor of the vector's elements in row-major order, which are not copied. Fails if the shape has another number
    /// of elements.
    pub fn new<T: Element>(shape: &[usize], mut data: Vec<T>) -> Result<Self> {
        let dims = Dims::new(shape);
        dims.check(data.len())?;
        let size_bytes = std::mem::size_of_val(data.as_slice());
        let pointer = data.as_mut_ptr().cast();
        Ok(Tensor::from_parts(T::DTYPE, dims, pointer, size_bytes, Owner::Host(Box::new(data))))
    }

    /// A tensor of zeros (`false` for bools).
    pub fn zeros<T: Element>(shape: &[usize]) -> Result<Self> {
        let count = Dims::new(shape).count()?;
        Tensor::new(shape, vec![T::default(); count])
    }

    /// A tensor of any numeric type from its elements' bytes in the machine's order, which are copied. It serves the types
    /// that have no Rust type, such as float8.
    pub fn from_bytes(dtype: DType, shape: &[usize], bytes: &[u8]) -> Result<Self> {
        if dtype == DType::String {
            return Err(Error::invalid("strings are not bytes in a row; use Tensor::from_strings()"));
        }
        let dims = Dims::new(shape);
        let raw = crate::dims::raw_dims(shape)?;
        let mut needed = 0;
        // SAFETY: the dims are there during the call.
        check(|error| unsafe {
            sys::spinel_tensor_bytes(dtype.number(), raw.as_ptr(), raw.len(), &mut needed, error)
        })?;
        if needed != bytes.len() {
            let len = bytes.len();
            return Err(Error::invalid(format!(
                "{dtype} {shape:?} takes {needed} bytes, but there are {len}"
            )));
        }
        if dtype == DType::Bool && bytes.iter().any(|byte| *byte > 1) {
            return Err(Error::invalid("a bool is neither 0 nor 1"));
        }
        debug_assert!(dtype.alignment() <= std::mem::align_of::<u64>());
        let mut data = vec![0u64; (bytes.len() + 7) / 8];
        // SAFETY: the vector is at least as long.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), data.as_mut_ptr().cast(), bytes.len()) };
        let pointer = data.as_mut_ptr().cast();
        Ok(Tensor::from_parts(dtype, dims, pointer, bytes.len(), Owner::Shared(Box::new(data))))
    }

    /// A tensor of strings, which are copied. Their bytes may be anything. Fails if the shape has another number of
    /// elements.
    pub fn from_strings<S: AsRef<[u8]>>(shape: &[usize], strings: &[S]) -> Result<Self> {
        let dims = Dims::new(shape);
        dims.check(strings.len())?;
        let bytes: Vec<u8> = strings.iter().flat_map(|string| string.as_ref().iter().copied()).collect();
        let mut at = 0;
        let structs = strings
            .iter()
            .map(|string| {
                let size_bytes = string.as_ref().len();
                let data: *const c_char = bytes[at..].as_ptr().cast();
                at += size_bytes;
                sys::spinel_string { data, size_bytes }
            })
            .collect();
        let owner = Strings { _bytes: bytes, structs };
        let size_bytes = std::mem::size_of_val(owner.structs.as_slice());
        let pointer = owner.structs.as_ptr() as *mut c_void;
        Ok(Tensor::from_parts(DType::String, dims, pointer, size_bytes, Owner::Shared(Box::new(owner))))
    }

    /// # Safety
    /// The library filled in the struct, and this is its only copy.
    pub(crate) unsafe fn from_library(tensor: sys::spinel_tensor) -> Self {
        let dims = Dims::from_raw(tensor.dims, tensor.rank);
        let dtype = DType::from_number(tensor.dtype);
        Tensor::from_parts(dtype, dims, tensor.data, tensor.size_bytes, Owner::Library(tensor))
    }

    /// # Safety
    /// `tensor`'s elements live for as long as `owner` does and are never written to.
    pub(crate) unsafe fn from_shared(view: TensorView<'_>, owner: Box<dyn Any + Send + Sync>) -> Self {
        Tensor::from_parts(
            view.dtype,
            view.dims,
            view.data as *mut c_void,
            view.size_bytes,
            Owner::Shared(owner),
        )
    }

    fn from_parts(dtype: DType, dims: Dims, data: *mut c_void, size_bytes: usize, owner: Owner) -> Self {
        Tensor(Arc::new(Storage { dtype, dims, data, size_bytes, owner }))
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// The dims, outermost first.
    pub fn shape(&self) -> &[usize] {
        self.0.dims.as_slice()
    }

    /// A borrow of the whole tensor.
    pub fn view(&self) -> TensorView<'_> {
        let Storage { dtype, dims, data, size_bytes, .. } = &*self.0;
        // SAFETY: the elements live as long as the storage, and are not written to while it is borrowed.
        unsafe { TensorView::from_raw(*dtype, dims.clone(), *data, *size_bytes) }
    }

    /// The elements in row-major order; an error if they are of another type. Bools are looked through once a call.
    pub fn as_slice<T: Element>(&self) -> Result<&[T]> {
        self.view().as_slice()
    }

    /// The elements' bytes in the machine's order; an error for strings.
    pub fn as_bytes(&self) -> Result<&[u8]> {
        self.view().as_bytes()
    }

    /// The elements of a tensor of strings; an error if it is of another type or they are not UTF-8.
    pub fn strings(&self) -> Result<Vec<&str>> {
        self.view().strings()
    }

    /// The elements of a tensor of strings, whatever their bytes are; an error if it is of another type.
    pub fn byte_strings(&self) -> Result<Vec<&[u8]>> {
        self.view().byte_strings()
    }

    /// The elements to write to: `None` if they are of another type, shared with a clone, or not from a `Vec`.
    pub fn get_mut<T: Element>(&mut self) -> Option<&mut [T]> {
        self.as_slice::<T>().ok()?;
        let storage = Arc::get_mut(&mut self.0)?;
        match storage.owner {
            // SAFETY: nobody else has the vector, and its elements were looked at.
            Owner::Host(_) => unsafe {
                let len = storage.size_bytes / std::mem::size_of::<T>();
                Some(std::slice::from_raw_parts_mut(storage.data.cast(), len))
            },
            _ => None,
        }
    }

    /// The elements: the `Vec` that the tensor was made from if it is not shared, else a copy.
    pub fn into_vec<T: Element>(self) -> Result<Vec<T>> {
        self.as_slice::<T>()?;
        match Arc::try_unwrap(self.0) {
            Ok(mut storage) => match std::mem::replace(&mut storage.owner, Owner::Shared(Box::new(()))) {
                Owner::Host(data) => match data.downcast::<Vec<T>>() {
                    Ok(data) => Ok(*data),
                    Err(_) => unreachable!("a vector of the tensor's own type"),
                },
                owner => {
                    storage.owner = owner;
                    Tensor(Arc::new(storage)).as_slice().map(<[T]>::to_vec)
                }
            },
            Err(shared) => Tensor(shared).as_slice().map(<[T]>::to_vec),
        }
    }

    /// Where a run may write: nobody else has the elements.
    pub(crate) fn output(&mut self) -> Result<(DType, &Dims, *mut c_void, usize)> {
        match Arc::get_mut(&mut self.0) {
            Some(Storage { owner: Owner::Host(_), dtype, dims, data, size_bytes }) => {
                Ok((*dtype, dims, *data, *size_bytes))
            }
            Some(_) => Err(Error::invalid("a tensor that is to be written to must be made of a Vec")),
            None => Err(Error::invalid("a tensor that is to be written to must not be shared with a clone")),
        }
    }
}

/// A tensor of rank 1.
impl<T: Element> From<Vec<T>> for Tensor {
    fn from(data: Vec<T>) -> Self {
        let len = data.len();
        Tensor::new(&[len], data).expect("one dim is the number of elements")
    }
}

impl<'a> From<&'a Tensor> for TensorView<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        tensor.view()
    }
}

/// As in `float32 [2, 3]`.
impl fmt::Debug for Tensor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(out)
    }
}
