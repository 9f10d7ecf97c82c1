//! The dims of a tensor.

use crate::error::{Error, Result};
use crate::text::or_null;

const INLINE: usize = 6;

/// Dims, outermost first, without an allocation for the usual ranks.
#[derive(Clone)]
pub(crate) struct Dims {
    inline: [usize; INLINE],
    rank: usize,
    heap: Vec<usize>,
}

impl Dims {
    pub(crate) fn new(shape: &[usize]) -> Self {
        let mut out = Dims { inline: [0; INLINE], rank: shape.len(), heap: Vec::new() };
        match out.inline.get_mut(..shape.len()) {
            Some(inline) => inline.copy_from_slice(shape),
            None => out.heap = shape.to_vec(),
        }
        out
    }

    /// # Safety
    /// `dims` points to `rank` numbers, none of them negative; it may be null if `rank` is 0.
    pub(crate) unsafe fn from_raw(dims: *const i64, rank: usize) -> Self {
        let shape: Vec<usize> = (0..rank).map(|i| *dims.add(i) as usize).collect();
        Dims::new(&shape)
    }

    pub(crate) fn as_slice(&self) -> &[usize] {
        if self.rank <= INLINE {
            &self.inline[..self.rank]
        } else {
            &self.heap
        }
    }

    /// The number of elements.
    pub(crate) fn count(&self) -> Result<usize> {
        let dims = self.as_slice();
        if dims.contains(&0) {
            return Ok(0);
        }
        dims.iter()
            .try_fold(1usize, |count, dim| count.checked_mul(*dim))
            .filter(|count| i64::try_from(*count).is_ok())
            .ok_or_else(|| Error::invalid(format!("shape {dims:?} is larger than the address space")))
    }

    /// That a buffer of `len` elements has this shape.
    pub(crate) fn check(&self, len: usize) -> Result<()> {
        let count = self.count()?;
        if count == len {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "shape {:?} has {count} elements, but the data has {len}",
            self.as_slice()
        )))
    }
}

/// Shapes as the C ABI takes them; the dims lie in `self`.
pub(crate) struct RawShapes {
    pub(crate) structs: Vec<spinel_sys::spinel_shape>,
    _dims: Vec<Vec<i64>>,
}

impl RawShapes {
    pub(crate) fn new<S: AsRef<[usize]>>(shapes: &[S]) -> Result<Self> {
        let dims = shapes.iter().map(|shape| raw_dims(shape.as_ref())).collect::<Result<Vec<_>>>()?;
        let structs = dims
            .iter()
            .map(|dims| spinel_sys::spinel_shape { dims: dims.as_ptr(), rank: dims.len() })
            .collect();
        Ok(RawShapes { structs, _dims: dims })
    }

    /// Null if there are none.
    pub(crate) fn as_ptr(&self) -> *const spinel_sys::spinel_shape {
        or_null(&self.structs)
    }
}

pub(crate) fn raw_dims(shape: &[usize]) -> Result<Vec<i64>> {
    shape
        .iter()
        .map(|dim| i64::try_from(*dim).map_err(|_| Error::invalid(format!("shape {shape:?} is too large"))))
        .collect()
}
