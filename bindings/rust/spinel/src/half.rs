//! Floats of 16 bits.

use std::fmt;

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
}
