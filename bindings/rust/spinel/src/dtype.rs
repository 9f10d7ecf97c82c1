//! Element types.

use std::fmt;

use spinel_sys as sys;

use crate::half::{Bf16, F16};

macro_rules! dtypes {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// The type of a tensor's elements, numbered as in ONNX.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[allow(missing_docs)]
        pub enum DType {
            $($(#[$doc])* $name),*
        }

        /// In the order of their numbers.
        const ALL: &[DType] = &[$(DType::$name),*];
    };
}

dtypes! {
    /// None, or one of a newer library.
    Undefined,
    Float32, UInt8, Int8, UInt16, Int16, Int32, Int64, String, Bool, Float16, Float64, UInt32, UInt64, Complex64,
    Complex128, BFloat16, Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ,
    /// Two a byte, the first in the low half.
    UInt4,
    /// Two a byte, the first in the low half.
    Int4,
    Float4E2M1, Float8E8M0,
    /// Four a byte, the first in the lowest bits.
    UInt2,
    /// Four a byte, the first in the lowest bits.
    Int2,
}

use DType::*;

impl DType {
    pub(crate) fn from_number(number: i32) -> Self {
        usize::try_from(number).ok().and_then(|i| ALL.get(i)).copied().unwrap_or(Undefined)
    }

    pub(crate) fn number(self) -> i32 {
        self as i32
    }

    /// The type's name, such as `"float32"`.
    pub fn name(self) -> &'static str {
        // SAFETY: the name is a constant of the library.
        unsafe { std::ffi::CStr::from_ptr(sys::spinel_dtype_name(self.number())) }
            .to_str()
            .unwrap_or("unknown")
    }

    /// The type of that name; the inverse of [`name`](DType::name).
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|dtype| *dtype != Undefined && dtype.name() == name)
    }

    /// The size that data of this type is aligned to. (None needs more than the 8 bytes that tensors made of bytes have.)
    pub(crate) fn alignment(self) -> usize {
        match self {
            UInt16 | Int16 | Float16 | BFloat16 => 2,
            Float32 | Int32 | UInt32 | Complex64 => 4,
            Float64 | Int64 | UInt64 | Complex128 | String => 8,
            _ => 1,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that tensors are made of: `i8` to `u64`, `f32`, `f64`, `bool`, [`F16`] and [`Bf16`].
pub trait Element: sealed::Sealed + Copy + Default + Send + Sync + fmt::Debug + 'static {
    /// Its number in ONNX.
    const DTYPE: DType;
}

macro_rules! elements {
    ($($kind:ty => $dtype:ident),* $(,)?) => {
        $(impl sealed::Sealed for $kind {}
        impl Element for $kind {
            const DTYPE: DType = DType::$dtype;
        })*
    };
}

elements! {
    f32 => Float32, f64 => Float64, F16 => Float16, Bf16 => BFloat16, bool => Bool,
    i8 => Int8, i16 => Int16, i32 => Int32, i64 => Int64,
    u8 => UInt8, u16 => UInt16, u32 => UInt32, u64 => UInt64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_belong_together() {
        for (number, dtype) in ALL.iter().enumerate().skip(1) {
            assert_eq!(DType::from_number(number as i32), *dtype);
            assert_eq!(DType::from_name(dtype.name()), Some(*dtype));
        }
        assert_eq!(DType::from_number(-1), DType::Undefined);
        assert_eq!(DType::from_name("unknown"), None);
    }
}
