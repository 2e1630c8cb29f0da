//! Arithmetic in integers: every operand, every rounding mode, every flag.
//!
//! Significands are aligned to the top of a word, so that the bits below the precision guard the sum; what falls
//! off the end is kept as one sticky bit, which is all that rounding needs to know of it.

use super::round::{Number, Value, pack, shift_right_jam, shift_right_jam128, unpack};
use super::{Flags, Format, Rounding};

/// The canonical NaN for operands of which at least one is a NaN; a signalling one raises NV.
#[cold]
fn propagate<F: Format>(operands: &[F], flags: &mut Flags) -> F {
    if operands.iter().any(|a| a.is_signalling()) {
        flags.raise(Flags::NV);
    }
    F::nan()
}

/// The canonical NaN for an operation that has no result.
#[cold]
fn invalid<F: Format>(flags: &mut Flags) -> F {
    flags.raise(Flags::NV);
    F::nan()
}

/// The zero that an exact cancellation gives.
fn cancelled<F: Format>(rm: Rounding) -> F {
    F::zero(rm == Rounding::Down)
}

/// `a + b`.
pub fn add<F: Format>(a: F, b: F, rm: Rounding, flags: &mut Flags) -> F {
    match (unpack(a), unpack(b)) {
        (Value::Nan, _) | (_, Value::Nan) => propagate(&[a, b], flags),
        (Value::Infinite, Value::Infinite) if a != b => invalid(flags),
        (Value::Infinite, _) => a,
        (_, Value::Infinite) => b,
        (Value::Zero, Value::Zero) => {
            if a == b {
                a
            } else {
                cancelled(rm)
            }
        }
        (Value::Zero, _) => b,
        (_, Value::Zero) => a,
        (Value::Finite(x), Value::Finite(y)) => add_finite(x, y, rm, flags),
    }
}

#[expect(clippy::cast_sign_loss, reason = "the difference of ordered exponents")]
fn add_finite<F: Format>(x: Number, y: Number, rm: Rounding, flags: &mut Flags) -> F {
    let y_larger = (y.exponent, y.significand) > (x.exponent, x.significand);
    let (large, small) = if y_larger { (y, x) } else { (x, y) };
    let top = large.significand >> 1;
    let bottom = shift_right_jam(small.significand >> 1, (large.exponent - small.exponent) as u32);
    let significand = if large.negative == small.negative { top + bottom } else { top - bottom };
    if significand == 0 {
        return cancelled(rm);
    }
    pack(Number { negative: large.negative, exponent: large.exponent + 1, significand }, rm, flags)
}

/// `a * b`.
#[expect(clippy::cast_possible_truncation, reason = "the halves of the product")]
pub fn mul<F: Format>(a: F, b: F, rm: Rounding, flags: &mut Flags) -> F {
    let negative = a.is_negative() != b.is_negative();
    match (unpack(a), unpack(b)) {
        (Value::Nan, _) | (_, Value::Nan) => propagate(&[a, b], flags),
        (Value::Infinite, Value::Zero) | (Value::Zero, Value::Infinite) => invalid(flags),
        (Value::Infinite, _) | (_, Value::Infinite) => F::infinity(negative),
        (Value::Zero, _) | (_, Value::Zero) => F::zero(negative),
        (Value::Finite(x), Value::Finite(y)) => {
            let product = u128::from(x.significand) * u128::from(y.significand);
            let significand = (product >> 64) as u64 | u64::from(product as u64 != 0);
            pack(Number { negative, exponent: x.exponent + y.exponent + 1, significand }, rm, flags)
        }
    }
}

/// `a / b`.
pub fn div<F: Format>(a: F, b: F, rm: Rounding, flags: &mut Flags) -> F {
    let negative = a.is_negative() != b.is_negative();
    match (unpack(a), unpack(b)) {
        (Value::Nan, _) | (_, Value::Nan) => propagate(&[a, b], flags),
        (Value::Infinite, Value::Infinite) | (Value::Zero, Value::Zero) => invalid(flags),
        (Value::Infinite, _) => F::infinity(negative),
        (Value::Zero, _) | (_, Value::Infinite) => F::zero(negative),
        (Value::Finite(_), Value::Zero) => {
            flags.raise(Flags::DZ);
            F::infinity(negative)
        }
        (Value::Finite(x), Value::Finite(y)) => {
            let (significand, exponent) = quotient::<F>(x, y);
            pack(Number { negative, exponent, significand }, rm, flags)
        }
    }
}

/// The jammed quotient and its exponent; a narrow format needs only a 64-bit division.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a quotient of numbers in [1, 2) is below 2^64 at 63 places"
)]
fn quotient<F: Format>(x: Number, y: Number) -> (u64, i32) {
    let exponent = x.exponent - y.exponent;
    if F::PRECISION <= 32 {
        let divisor = y.significand >> 32;
        let dividend = x.significand >> 1;
        let jam = u64::from(!dividend.is_multiple_of(divisor));
        // 31 places after the point: the word has 63.
        return ((dividend / divisor) << 32 | jam, exponent);
    }
    let dividend = u128::from(x.significand) << 63;
    let divisor = u128::from(y.significand);
    let quotient = dividend / divisor;
    let jam = u64::from(quotient * divisor != dividend);
    (quotient as u64 | jam, exponent)
}

/// The square root of `a`.
#[expect(clippy::cast_possible_truncation, reason = "the root of a 128-bit number has 64 bits")]
pub fn sqrt<F: Format>(a: F, rm: Rounding, flags: &mut Flags) -> F {
    match unpack(a) {
        Value::Nan => propagate(&[a], flags),
        Value::Zero => a,
        _ if a.is_negative() => invalid(flags),
        Value::Infinite => a,
        Value::Finite(x) => {
            let odd = x.exponent & 1;
            let radicand = u128::from(x.significand) << (63 + odd);
            let root = radicand.isqrt();
            let jam = u64::from(root * root != radicand);
            let exponent = (x.exponent - odd) / 2;
            pack(Number { negative: false, exponent, significand: root as u64 | jam }, rm, flags)
        }
    }
}

/// `a * b + c`, rounded once.
///
/// An infinity times zero raises NV even when `c` is a quiet NaN.
pub fn fma<F: Format>(a: F, b: F, c: F, rm: Rounding, flags: &mut Flags) -> F {
    let negative = a.is_negative() != b.is_negative();
    match (unpack(a), unpack(b), unpack(c)) {
        (Value::Infinite, Value::Zero, _) | (Value::Zero, Value::Infinite, _) => invalid(flags),
        (Value::Nan, ..) | (_, Value::Nan, _) | (.., Value::Nan) => propagate(&[a, b, c], flags),
        (Value::Infinite, ..) | (_, Value::Infinite, _) => {
            let infinity = F::infinity(negative);
            if c.magnitude() == F::INFINITY && c != infinity { invalid(flags) } else { infinity }
        }
        (.., Value::Infinite) => c,
        (Value::Zero, _, addend) | (_, Value::Zero, addend) => match addend {
            Value::Zero if c.is_negative() != negative => cancelled(rm),
            _ => c,
        },
        (Value::Finite(x), Value::Finite(y), addend) => fma_finite(x, y, addend, c.is_negative(), rm, flags),
    }
}

#[expect(clippy::cast_possible_wrap, reason = "a carry of one bit")]
fn fma_finite<F: Format>(
    x: Number,
    y: Number,
    addend: Value,
    addend_negative: bool,
    rm: Rounding,
    flags: &mut Flags,
) -> F {
    let negative = x.negative != y.negative;
    let product = u128::from(x.significand) * u128::from(y.significand);
    // Both summands get their top bit to 126; the low bits of the product are zero, so nothing is lost.
    let carry = (product >> 127) as u32;
    let product = product >> carry;
    let product_exponent = x.exponent + y.exponent + carry as i32;
    let Value::Finite(z) = addend else {
        return pack128(negative, product_exponent, product, rm, flags);
    };
    let term = u128::from(z.significand) << 63;
    let term_larger = (z.exponent, term) > (product_exponent, product);
    let (large, small) = if term_larger { (term, product) } else { (product, term) };
    let small = shift_right_jam128(small, product_exponent.abs_diff(z.exponent));
    let sum = if negative == addend_negative { large + small } else { large - small };
    if sum == 0 {
        return cancelled(rm);
    }
    let negative = if term_larger { addend_negative } else { negative };
    pack128(negative, product_exponent.max(z.exponent), sum, rm, flags)
}

/// Packs `significand / 2^126 * 2^exponent`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "halves of a word, shift counts"
)]
fn pack128<F: Format>(
    negative: bool,
    exponent: i32,
    significand: u128,
    rm: Rounding,
    flags: &mut Flags,
) -> F {
    let shift = significand.leading_zeros();
    let aligned = significand << shift;
    let significand = (aligned >> 64) as u64 | u64::from(aligned as u64 != 0);
    pack(Number { negative, exponent: exponent + 1 - shift as i32, significand }, rm, flags)
}
