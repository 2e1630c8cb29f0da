//! Comparisons, minimum and maximum, classification.

use core::cmp::Ordering;

use super::{Flags, Format};

/// The order of two numbers, the zeros being equal; none if either is a NaN.
#[inline]
fn order<F: Format>(a: F, b: F) -> Option<Ordering> {
    if a.is_nan() || b.is_nan() {
        return None;
    }
    let both_zero = a.magnitude() | b.magnitude() == 0;
    Some(if both_zero { Ordering::Equal } else { total_order(a, b) })
}

/// The order of two numbers in which -0 is below +0.
#[inline]
fn total_order<F: Format>(a: F, b: F) -> Ordering {
    match (a.is_negative(), b.is_negative()) {
        (false, false) => a.magnitude().cmp(&b.magnitude()),
        (true, true) => b.magnitude().cmp(&a.magnitude()),
        (a_negative, b_negative) => b_negative.cmp(&a_negative),
    }
}

#[inline]
fn raise_if_signalling<F: Format>(a: F, b: F, flags: &mut Flags) {
    if a.is_signalling() || b.is_signalling() {
        flags.raise(Flags::NV);
    }
}

#[inline]
fn raise_if_nan<F: Format>(a: F, b: F, flags: &mut Flags) {
    if a.is_nan() || b.is_nan() {
        flags.raise(Flags::NV);
    }
}

/// `feq`: quiet.
#[inline]
pub fn eq<F: Format>(a: F, b: F, flags: &mut Flags) -> bool {
    raise_if_signalling(a, b, flags);
    order(a, b) == Some(Ordering::Equal)
}

/// `flt`: signalling.
#[inline]
pub fn lt<F: Format>(a: F, b: F, flags: &mut Flags) -> bool {
    raise_if_nan(a, b, flags);
    order(a, b) == Some(Ordering::Less)
}

/// `fle`: signalling.
#[inline]
pub fn le<F: Format>(a: F, b: F, flags: &mut Flags) -> bool {
    raise_if_nan(a, b, flags);
    matches!(order(a, b), Some(Ordering::Less | Ordering::Equal))
}

/// `fltq`: `flt` made quiet.
#[inline]
pub fn lt_quiet<F: Format>(a: F, b: F, flags: &mut Flags) -> bool {
    raise_if_signalling(a, b, flags);
    order(a, b) == Some(Ordering::Less)
}

/// `fleq`: `fle` made quiet.
#[inline]
pub fn le_quiet<F: Format>(a: F, b: F, flags: &mut Flags) -> bool {
    raise_if_signalling(a, b, flags);
    matches!(order(a, b), Some(Ordering::Less | Ordering::Equal))
}

/// The one of the two operands that is `wanted` against the other; a NaN gives way to a number.
#[inline]
fn select<F: Format>(a: F, b: F, wanted: Ordering, flags: &mut Flags) -> F {
    raise_if_signalling(a, b, flags);
    match (a.is_nan(), b.is_nan()) {
        (true, true) => F::nan(),
        (true, false) => b,
        (false, true) => a,
        (false, false) if total_order(a, b) == wanted => a,
        (false, false) => b,
    }
}

/// `fmin`: IEEE 754-2019 minimumNumber.
#[inline]
pub fn min<F: Format>(a: F, b: F, flags: &mut Flags) -> F {
    select(a, b, Ordering::Less, flags)
}

/// `fmax`: IEEE 754-2019 maximumNumber.
#[inline]
pub fn max<F: Format>(a: F, b: F, flags: &mut Flags) -> F {
    select(a, b, Ordering::Greater, flags)
}

/// `fminm`: IEEE 754-2019 minimum, to which a NaN is infectious.
#[inline]
pub fn min_propagating<F: Format>(a: F, b: F, flags: &mut Flags) -> F {
    let number = min(a, b, flags);
    if a.is_nan() || b.is_nan() { F::nan() } else { number }
}

/// `fmaxm`: IEEE 754-2019 maximum, to which a NaN is infectious.
#[inline]
pub fn max_propagating<F: Format>(a: F, b: F, flags: &mut Flags) -> F {
    let number = max(a, b, flags);
    if a.is_nan() || b.is_nan() { F::nan() } else { number }
}

/// `fclass`: one bit of ten, from minus infinity (0) over the numbers to the signalling (8) and quiet (9) NaN.
#[must_use]
pub fn classify<F: Format>(a: F) -> u64 {
    if a.is_nan() {
        return if a.is_signalling() { 1 << 8 } else { 1 << 9 };
    }
    let rank = match a.magnitude() {
        0 => 0,
        magnitude if magnitude < 1 << F::FRACTION_BITS => 1,
        magnitude if magnitude < F::INFINITY => 2,
        _ => 3,
    };
    if a.is_negative() { 1 << (3 - rank) } else { 1 << (4 + rank) }
}
