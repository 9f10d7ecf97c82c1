//! Element types.

use std::fmt;

use spinel_sys as sys;

/// The type of a tensor's elements, numbered as in ONNX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum DType {
    /// None, or one of a newer library.
    Undefined,
    Float32,
    UInt8,
    Int8,
    UInt16,
    Int16,
    Int32,
    Int64,
    String,
    Bool,
    Float16,
    Float64,
    UInt32,
    UInt64,
    Complex64,
    Complex128,
    BFloat16,
    Float8E4M3FN,
    Float8E4M3FNUZ,
    Float8E5M2,
    Float8E5M2FNUZ,
    /// Two a byte, the first in the low half.
    UInt4,
    /// Two a byte, the first in the low half.
    Int4,
    Float4E2M1,
    Float8E8M0,
    /// Four a byte, the first in the lowest bits.
    UInt2,
    /// Four a byte, the first in the lowest bits.
    Int2,
}

use DType::*;

/// In the order of their numbers.
const ALL: [DType; 27] = [
    Undefined,
    Float32,
    UInt8,
    Int8,
    UInt16,
    Int16,
    Int32,
    Int64,
    String,
    Bool,
    Float16,
    Float64,
    UInt32,
    UInt64,
    Complex64,
    Complex128,
    BFloat16,
    Float8E4M3FN,
    Float8E4M3FNUZ,
    Float8E5M2,
    Float8E5M2FNUZ,
    UInt4,
    Int4,
    Float4E2M1,
    Float8E8M0,
    UInt2,
    Int2,
];

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

/// A 16-bit float of IEEE 754: 11 bits of precision, up to 65504. Compute in `f32`.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct F16(u16);

/// A bfloat16: the upper half of an `f32`. Compute in `f32`.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct Bf16(u16);

impl F16 {
    /// The nearest one; ties go to the even, and what is too large becomes infinite.
    pub fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let sign = (bits >> 16) as u16 & 0x8000;
        let magnitude = bits & 0x7fff_ffff;
        let rounded = if magnitude > 0x7f80_0000 {
            0x7e00 | (magnitude >> 13) as u16 & 0x3ff
        } else if magnitude >= 0x4780_0000 {
            0x7c00
        } else if magnitude < 0x3880_0000 {
            // Below 2^-14 one step is 2^-24; adding 2^23 to that count of steps rounds it to the even.
            let steps = f32::from_bits(magnitude) * 16_777_216.0;
            (steps + 8_388_608.0 - 8_388_608.0) as u16
        } else {
            ((magnitude + 0xfff + (magnitude >> 13 & 1) - 0x3800_0000) >> 13) as u16
        };
        F16(sign | rounded)
    }

    /// The same value.
    pub fn to_f32(self) -> f32 {
        let sign = u32::from(self.0 & 0x8000) << 16;
        let exponent = u32::from(self.0 >> 10 & 0x1f);
        let fraction = u32::from(self.0 & 0x3ff);
        let magnitude = match exponent {
            0 => (fraction as f32 / 16_777_216.0).to_bits(),
            31 => 0x7f80_0000 | fraction << 13,
            _ => (exponent + 112) << 23 | fraction << 13,
        };
        f32::from_bits(sign | magnitude)
    }
}

impl Bf16 {
    /// The nearest one; ties go to the even.
    pub fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        if value.is_nan() {
            return Bf16((bits >> 16) as u16 | 0x40);
        }
        Bf16(((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16)
    }

    /// The same value.
    pub fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
}

macro_rules! half_traits {
    ($($kind:ident),*) => {$(
        impl $kind {
            /// The value with these bits.
            pub const fn from_bits(bits: u16) -> Self {
                $kind(bits)
            }

            /// Its bits.
            pub const fn to_bits(self) -> u16 {
                self.0
            }
        }

        impl From<$kind> for f32 {
            fn from(value: $kind) -> f32 {
                value.to_f32()
            }
        }

        impl From<$kind> for f64 {
            fn from(value: $kind) -> f64 {
                value.to_f32().into()
            }
        }

        impl PartialEq for $kind {
            fn eq(&self, other: &Self) -> bool {
                self.to_f32() == other.to_f32()
            }
        }

        impl PartialOrd for $kind {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                self.to_f32().partial_cmp(&other.to_f32())
            }
        }

        impl fmt::Debug for $kind {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.to_f32(), out)
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.to_f32(), out)
            }
        }
    )*};
}

half_traits!(F16, Bf16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float16_survives_a_round_trip() {
        for bits in 0..=u16::MAX {
            let value = F16::from_bits(bits);
            let back = F16::from_f32(value.to_f32());
            assert!(back.to_bits() == bits || value.to_f32().is_nan() && back.to_f32().is_nan(), "{bits:#x}");
        }
    }

    #[test]
    fn float16_rounds_to_the_nearest_even() {
        for (value, bits) in [
            (1.0 + 1.0 / 2048.0, 0x3c00),
            (1.0 + 3.0 / 2048.0, 0x3c02),
            (65519.0, 0x7bff),
            (65520.0, 0x7c00),
            (1e9, 0x7c00),
            (2.0f32.powi(-25), 0),
            (1.5 * 2.0f32.powi(-24), 2),
            (-2.0f32.powi(-24), 0x8001),
            (2.0f32.powi(-14) - 2.0f32.powi(-26), 0x0400),
        ] {
            assert_eq!(F16::from_f32(value).to_bits(), bits, "{value}");
        }
    }

    #[test]
    fn bfloat16_rounds_to_the_nearest_even() {
        for (value, bits) in [(1.0 + 1.0 / 256.0, 0x3f80), (1.0 + 3.0 / 256.0, 0x3f82), (f32::MAX, 0x7f80)] {
            assert_eq!(Bf16::from_f32(value).to_bits(), bits, "{value}");
        }
        assert!(Bf16::from_f32(f32::NAN).to_f32().is_nan());
        assert_eq!(Bf16::from_f32(-2.5).to_f32(), -2.5);
    }

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
