//! Conversions between the formats and to and from integers.

use super::round::{Number, Value, pack, round_off, unpack};
use super::{F64, Flags, Format, Rounding};

/// `fcvt` between formats; widening is exact.
pub fn resize<A: Format, B: Format>(a: A, rm: Rounding, flags: &mut Flags) -> B {
    match unpack(a) {
        Value::Nan => {
            if a.is_signalling() {
                flags.raise(Flags::NV);
            }
            B::nan()
        }
        Value::Infinite => B::infinity(a.is_negative()),
        Value::Zero => B::zero(a.is_negative()),
        Value::Finite(number) => pack(number, rm, flags),
    }
}

/// A 64-bit signed integer (and so a 32-bit one) to the format.
pub fn from_i64<F: Format>(value: i64, rm: Rounding, flags: &mut Flags) -> F {
    from_magnitude(value < 0, value.unsigned_abs(), rm, flags)
}

/// A 64-bit unsigned integer (and so a 32-bit one) to the format.
pub fn from_u64<F: Format>(value: u64, rm: Rounding, flags: &mut Flags) -> F {
    from_magnitude(false, value, rm, flags)
}

fn from_magnitude<F: Format>(negative: bool, magnitude: u64, rm: Rounding, flags: &mut Flags) -> F {
    if magnitude == 0 {
        return F::zero(false);
    }
    pack(Number { negative, exponent: 63, significand: magnitude }, rm, flags)
}

/// The integer next to a number, and whether it differs; none if it needs more than 64 bits.
#[expect(clippy::cast_sign_loss, reason = "a shift count")]
fn integer(number: Number, rm: Rounding) -> Option<(u64, bool)> {
    match number.exponent {
        64.. => None,
        -1..64 => Some(round_off(number.significand, (63 - number.exponent) as u32, number.negative, rm)),
        _ => Some(round_off(1, 64, number.negative, rm)),
    }
}

/// `a` as an integer in `min..=max`, saturated with NV; a NaN counts as plus infinity.
fn saturate<F: Format>(a: F, min: i128, max: i128, rm: Rounding, flags: &mut Flags) -> i128 {
    let (value, inexact) = match unpack(a) {
        Value::Zero => return 0,
        Value::Nan => (i128::MAX, false),
        Value::Infinite => (if a.is_negative() { i128::MIN } else { i128::MAX }, false),
        Value::Finite(number) => match integer(number, rm) {
            None if number.negative => (i128::MIN, false),
            None => (i128::MAX, false),
            Some((magnitude, inexact)) => {
                let magnitude = i128::from(magnitude);
                (if number.negative { -magnitude } else { magnitude }, inexact)
            }
        },
    };
    if value < min || value > max {
        flags.raise(Flags::NV);
    } else if inexact {
        flags.raise(Flags::NX);
    }
    value.clamp(min, max)
}

macro_rules! to_integer {
    ($(#[$doc:meta] $name:ident -> $int:ty;)*) => {$(
        #[$doc]
        #[expect(clippy::cast_possible_truncation, reason = "saturated to the range")]
        #[allow(clippy::cast_sign_loss, reason = "as above; only the unsigned ones")]
        pub fn $name<F: Format>(a: F, rm: Rounding, flags: &mut Flags) -> $int {
            saturate(a, i128::from(<$int>::MIN), i128::from(<$int>::MAX), rm, flags) as $int
        }
    )*};
}

to_integer! {
    /// `fcvt.w`: to a signed 32-bit integer.
    to_i32 -> i32;
    /// `fcvt.wu`: to an unsigned 32-bit integer.
    to_u32 -> u32;
    /// `fcvt.l`: to a signed 64-bit integer.
    to_i64 -> i64;
    /// `fcvt.lu`: to an unsigned 64-bit integer.
    to_u64 -> u64;
}

/// `fcvtmod.w.d`: truncated to an integer modulo 2^32; infinities and NaNs give 0, and the flags are those of
/// `fcvt.w.d`.
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "modular")]
pub fn to_i32_modular(a: F64, flags: &mut Flags) -> i32 {
    to_i32(a, Rounding::Zero, flags);
    let Value::Finite(number) = unpack(a) else { return 0 };
    let magnitude = match number.exponent {
        ..0 => 0,
        0..64 => number.significand >> (63 - number.exponent),
        64..95 => number.significand << (number.exponent - 63),
        _ => 0,
    };
    let value = magnitude as u32 as i32;
    if number.negative { value.wrapping_neg() } else { value }
}

/// `fround`: to an integer in the same format, raising no NX; `froundnx` with `report_inexact`.
pub fn round_to_integral<F: Format>(a: F, rm: Rounding, report_inexact: bool, flags: &mut Flags) -> F {
    let number = match unpack(a) {
        Value::Nan => return resize(a, rm, flags),
        Value::Finite(number) => number,
        Value::Zero | Value::Infinite => return a,
    };
    match integer(number, rm) {
        Some((magnitude, true)) => {
            if report_inexact {
                flags.raise(Flags::NX);
            }
            let rounded = from_magnitude::<F>(number.negative, magnitude, rm, flags);
            rounded.copy_sign(a)
        }
        _ => a,
    }
}
