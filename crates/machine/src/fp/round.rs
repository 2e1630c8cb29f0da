//! Unpacking operands and packing results: the one place where a result is rounded.

use super::{Flags, Format, Rounding};

/// A finite nonzero number: `significand / 2^63 * 2^exponent`.
///
/// **Invariant** of an unpacked operand: the top bit of `significand` is set. In a result to be rounded the
/// lowest bit may stand for all that was lost below it ("jammed").
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    pub(super) negative: bool,
    pub(super) exponent: i32,
    pub(super) significand: u64,
}

/// What an encoding means.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Zero,
    Finite(Number),
    Infinite,
    Nan,
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "an exponent field has 11 bits"
)]
pub(super) fn unpack<F: Format>(a: F) -> Value {
    let magnitude = a.magnitude();
    let fraction = magnitude & ((1 << F::FRACTION_BITS) - 1);
    let field = (magnitude >> F::FRACTION_BITS) as i32;
    if magnitude >= F::INFINITY {
        return if fraction == 0 { Value::Infinite } else { Value::Nan };
    }
    if magnitude == 0 {
        return Value::Zero;
    }
    let negative = a.is_negative();
    let aligned = fraction << (64 - F::PRECISION);
    Value::Finite(if field == 0 {
        let shift = aligned.leading_zeros();
        Number { negative, exponent: F::EXPONENT_MIN - shift as i32, significand: aligned << shift }
    } else {
        Number { negative, exponent: field - F::EXPONENT_MAX, significand: aligned | 1 << 63 }
    })
}

/// Shifts right, keeping a nonzero remainder in the lowest bit.
#[inline]
pub(super) fn shift_right_jam(value: u64, distance: u32) -> u64 {
    match distance {
        0 => value,
        1..64 => value >> distance | u64::from(value << (64 - distance) != 0),
        _ => u64::from(value != 0),
    }
}

/// As [`shift_right_jam`], for 128 bits.
#[inline]
pub(super) fn shift_right_jam128(value: u128, distance: u32) -> u128 {
    match distance {
        0 => value,
        1..128 => value >> distance | u128::from(value << (128 - distance) != 0),
        _ => u128::from(value != 0),
    }
}

/// Drops the `drop` lowest bits of `significand` (0 to 64), rounding; tells whether anything was lost.
///
/// The result may be one more than fits the bits kept: the carry into the next exponent.
#[inline]
pub(super) fn round_off(significand: u64, drop: u32, negative: bool, rm: Rounding) -> (u64, bool) {
    let (kept, lost) = match drop {
        0 => return (significand, false),
        1..64 => (significand >> drop, significand << (64 - drop)),
        _ => (0, significand),
    };
    const HALF: u64 = 1 << 63;
    let up = match rm {
        Rounding::NearestEven => lost > HALF || lost == HALF && kept & 1 == 1,
        Rounding::NearestAway => lost >= HALF,
        Rounding::Zero => false,
        Rounding::Down => negative && lost != 0,
        Rounding::Up => !negative && lost != 0,
    };
    (kept + u64::from(up), lost != 0)
}

/// Rounds a number to the format and raises OF, UF and NX as due; zero in `significand` is not allowed.
///
/// Tininess is judged after rounding with an unbounded exponent range: a number just below the smallest normal
/// that rounds up to it at full precision is not tiny, although it is rounded at the subnormal position.
#[inline]
#[expect(clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "shift counts and biased exponents")]
pub(super) fn pack<F: Format>(number: Number, rm: Rounding, flags: &mut Flags) -> F {
    let Number { negative, .. } = number;
    let shift = number.significand.leading_zeros();
    let significand = number.significand << shift;
    let exponent = number.exponent - shift as i32;
    let sign = if negative { F::SIGN } else { 0 };
    let full_drop = 64 - F::PRECISION;

    if exponent > F::EXPONENT_MAX {
        return overflow(negative, rm, flags);
    }
    if exponent >= F::EXPONENT_MIN {
        let (kept, inexact) = round_off(significand, full_drop, negative, rm);
        let bits = (((exponent - F::EXPONENT_MIN) as u64) << F::FRACTION_BITS) + kept;
        if bits >= F::INFINITY {
            return overflow(negative, rm, flags);
        }
        if inexact {
            flags.raise(Flags::NX);
        }
        return F::from_bits(bits | sign);
    }

    let below = (F::EXPONENT_MIN - exponent) as u32;
    let drop = full_drop + below;
    let (kept, inexact) =
        if drop > 64 { round_off(1, 64, negative, rm) } else { round_off(significand, drop, negative, rm) };
    if inexact {
        let (at_full_precision, _) = round_off(significand, full_drop, negative, rm);
        let reaches_normal = below == 1 && at_full_precision >> F::PRECISION != 0;
        flags.raise(if reaches_normal { Flags::NX } else { Flags::UF.union(Flags::NX) });
    }
    F::from_bits(kept | sign)
}

#[cold]
fn overflow<F: Format>(negative: bool, rm: Rounding, flags: &mut Flags) -> F {
    flags.raise(Flags::OF.union(Flags::NX));
    let to_infinity = match rm {
        Rounding::NearestEven | Rounding::NearestAway => true,
        Rounding::Zero => false,
        Rounding::Down => negative,
        Rounding::Up => !negative,
    };
    let infinity = F::infinity(negative);
    if to_infinity { infinity } else { F::from_bits(infinity.bits() - 1) }
}
