//! Round-to-nearest-even on the host's own `f32` and `f64`, where value and flags can be proved.
//!
//! A finite result above the smallest normal number means no NV, DZ, OF or UF. What is left is NX: it is known
//! when it is already set, otherwise it follows from a residual that is itself exact. A sum that is subnormal or
//! zero is always exact. In every other case the answer is none.

use super::{F32, F64, Flags, Format};

const SINGLE_NORMAL_MIN: f32 = f32::MIN_POSITIVE;
const DOUBLE_NORMAL_MIN: f64 = f64::MIN_POSITIVE;

/// The rounding error of `sum = a + b` (Knuth's two-sum); not finite if it cannot be told.
macro_rules! sum_error {
    ($a:expr, $b:expr, $sum:expr) => {{
        let b_part = $sum - $a;
        ($a - ($sum - b_part)) + ($b - b_part)
    }};
}

/// A result whose only possible flag is NX.
#[inline]
fn single(result: f32, inexact: bool, flags: &mut Flags) -> Option<F32> {
    if inexact {
        flags.raise(Flags::NX);
    }
    Some(F32(result.to_bits()))
}

/// Whether a rounded result rules out overflow, underflow and an invalid operation.
#[inline]
fn plain32(result: f32) -> bool {
    result.is_finite() && result.abs() > SINGLE_NORMAL_MIN
}

/// As [`plain32`].
#[inline]
fn plain64(result: f64) -> bool {
    result.is_finite() && result.abs() > DOUBLE_NORMAL_MIN
}

/// The products of two `f32` are exact in `f64`, so every residual below is.
#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 and the low word are what is meant")]
impl Format for F32 {
    const PRECISION: u32 = 24;
    const EXPONENT_BITS: u32 = 8;

    #[inline]
    fn bits(self) -> u64 {
        u64::from(self.0)
    }

    #[inline]
    fn from_bits(bits: u64) -> F32 {
        F32(bits as u32)
    }

    #[inline]
    fn host_add(a: F32, b: F32, flags: &mut Flags) -> Option<F32> {
        let (a, b) = (f32::from_bits(a.0), f32::from_bits(b.0));
        let sum = a + b;
        let error = sum_error!(a, b, sum);
        if !error.is_finite() {
            return None;
        }
        single(sum, error != 0.0, flags)
    }

    #[inline]
    fn host_mul(a: F32, b: F32, flags: &mut Flags) -> Option<F32> {
        let product = f64::from(f32::from_bits(a.0)) * f64::from(f32::from_bits(b.0));
        let result = product as f32;
        if !plain32(result) {
            return None;
        }
        single(result, f64::from(result) != product, flags)
    }

    #[inline]
    fn host_div(a: F32, b: F32, flags: &mut Flags) -> Option<F32> {
        let (a, b) = (f32::from_bits(a.0), f32::from_bits(b.0));
        let quotient = a / b;
        if !plain32(quotient) {
            return None;
        }
        single(quotient, f64::from(quotient) * f64::from(b) != f64::from(a), flags)
    }

    #[inline]
    fn host_sqrt(a: F32, flags: &mut Flags) -> Option<F32> {
        let a = f32::from_bits(a.0);
        let root = a.sqrt();
        if !plain32(root) {
            return None;
        }
        single(root, f64::from(root) * f64::from(root) != f64::from(a), flags)
    }

    /// The sum in `f64` is rounded to odd first, so that rounding it again to `f32` is rounding once.
    /// Source: Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008.
    #[inline]
    fn host_fma(a: F32, b: F32, c: F32, flags: &mut Flags) -> Option<F32> {
        let product = f64::from(f32::from_bits(a.0)) * f64::from(f32::from_bits(b.0));
        let c = f64::from(f32::from_bits(c.0));
        let sum = product + c;
        let error = sum_error!(product, c, sum);
        if !error.is_finite() {
            return None;
        }
        let odd = if error != 0.0 && sum.to_bits() & 1 == 0 {
            let away = (error > 0.0) == (sum > 0.0);
            f64::from_bits(if away { sum.to_bits() + 1 } else { sum.to_bits() - 1 })
        } else {
            sum
        };
        let result = odd as f32;
        if !plain32(result) {
            return None;
        }
        single(result, error != 0.0 || f64::from(result) != sum, flags)
    }
}

impl Format for F64 {
    const PRECISION: u32 = 53;
    const EXPONENT_BITS: u32 = 11;

    #[inline]
    fn bits(self) -> u64 {
        self.0
    }

    #[inline]
    fn from_bits(bits: u64) -> F64 {
        F64(bits)
    }

    #[inline]
    fn host_add(a: F64, b: F64, flags: &mut Flags) -> Option<F64> {
        let (a, b) = (f64::from_bits(a.0), f64::from_bits(b.0));
        let sum = a + b;
        let error = sum_error!(a, b, sum);
        if !error.is_finite() {
            return None;
        }
        if error != 0.0 {
            flags.raise(Flags::NX);
        }
        Some(F64(sum.to_bits()))
    }

    /// Trailing zeros add up in a product: with 53 of them the 106 bits are exact in 53.
    #[inline]
    fn host_mul(a: F64, b: F64, flags: &mut Flags) -> Option<F64> {
        let product = f64::from_bits(a.0) * f64::from_bits(b.0);
        let exact = || {
            let trailing = |bits: u64| (bits | 1 << 52).trailing_zeros();
            trailing(a.0) + trailing(b.0) >= 53
        };
        let vouched = plain64(product) && (flags.contains(Flags::NX) || exact());
        vouched.then_some(F64(product.to_bits()))
    }

    #[inline]
    fn host_div(a: F64, b: F64, flags: &mut Flags) -> Option<F64> {
        let quotient = f64::from_bits(a.0) / f64::from_bits(b.0);
        let vouched = flags.contains(Flags::NX) && plain64(quotient);
        vouched.then_some(F64(quotient.to_bits()))
    }

    #[inline]
    fn host_sqrt(a: F64, flags: &mut Flags) -> Option<F64> {
        let root = f64::from_bits(a.0).sqrt();
        let vouched = flags.contains(Flags::NX) && plain64(root);
        vouched.then_some(F64(root.to_bits()))
    }

    #[inline]
    fn host_fma(a: F64, b: F64, c: F64, flags: &mut Flags) -> Option<F64> {
        if !flags.contains(Flags::NX) {
            return None;
        }
        let sum = f64::from_bits(a.0).mul_add(f64::from_bits(b.0), f64::from_bits(c.0));
        plain64(sum).then_some(F64(sum.to_bits()))
    }
}
