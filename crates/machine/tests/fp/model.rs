//! What a result must be, by definition: exact rational arithmetic on big integers, then one rounding.
//!
//! Written for reading, from IEEE 754's own words, and sharing nothing with the implementation under test.

use std::cmp::Ordering;

use machine::fp::{Flags, Format, Rounding};
use num_bigint::BigUint;

/// A rational number: sign, numerator, denominator, and a factor of a power of two.
#[derive(Clone, Debug)]
pub(crate) struct Rational {
    negative: bool,
    numerator: BigUint,
    denominator: BigUint,
    exponent: i64,
}

/// The number that a finite encoding stands for.
pub(crate) fn value<F: Format>(a: F) -> Rational {
    let fraction = a.magnitude() % (1 << F::FRACTION_BITS);
    let field = i64::try_from(a.magnitude() >> F::FRACTION_BITS).unwrap();
    let quantum = i64::from(F::EXPONENT_MIN) - i64::from(F::FRACTION_BITS);
    let (significand, exponent) = match field {
        0 => (fraction, quantum),
        _ => (fraction + (1 << F::FRACTION_BITS), quantum + field - 1),
    };
    Rational { negative: a.is_negative(), numerator: significand.into(), denominator: 1u32.into(), exponent }
}

impl Rational {
    pub(crate) fn integer(value: impl Into<i128>) -> Rational {
        let value: i128 = value.into();
        let numerator = value.unsigned_abs().into();
        Rational { negative: value < 0, numerator, denominator: 1u32.into(), exponent: 0 }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.numerator == BigUint::ZERO
    }

    /// The sum of two numbers without denominators.
    pub(crate) fn plus(&self, other: &Rational) -> Rational {
        let exponent = self.exponent.min(other.exponent);
        let x = &self.numerator << (self.exponent - exponent);
        let y = &other.numerator << (other.exponent - exponent);
        let (negative, numerator) = match (self.negative == other.negative, x.cmp(&y)) {
            (true, _) => (self.negative, x + y),
            (false, Ordering::Less) => (other.negative, y - x),
            (false, _) => (self.negative, x - y),
        };
        Rational { negative, numerator, denominator: 1u32.into(), exponent }
    }

    pub(crate) fn times(&self, other: &Rational) -> Rational {
        Rational {
            negative: self.negative != other.negative,
            numerator: &self.numerator * &other.numerator,
            denominator: &self.denominator * &other.denominator,
            exponent: self.exponent + other.exponent,
        }
    }

    pub(crate) fn over(&self, other: &Rational) -> Rational {
        Rational {
            negative: self.negative != other.negative,
            numerator: &self.numerator * &other.denominator,
            denominator: &self.denominator * &other.numerator,
            exponent: self.exponent - other.exponent,
        }
    }

    /// The square root to 100 bits or more; what is beyond them is one more bit, set if it is not zero.
    pub(crate) fn root(&self) -> Rational {
        let scale = 200 + self.exponent.rem_euclid(2);
        let radicand = &self.numerator << scale;
        let root = radicand.sqrt();
        let remainder = u32::from(&root * &root != radicand);
        let exponent = (self.exponent - scale) / 2 - 1;
        Rational { negative: false, numerator: (root << 1) + remainder, denominator: 1u32.into(), exponent }
    }

    /// The magnitude in units of `2^quantum`: how many whole ones, and how the rest compares with a half; the
    /// rest is none if there is no rest.
    fn units(&self, quantum: i64) -> (BigUint, Option<Ordering>) {
        let shift = self.exponent - quantum;
        let (numerator, denominator) = if shift >= 0 {
            (&self.numerator << shift, self.denominator.clone())
        } else {
            (self.numerator.clone(), &self.denominator << -shift)
        };
        let whole = &numerator / &denominator;
        let rest = numerator - &whole * &denominator;
        let against_half = (rest != BigUint::ZERO).then(|| (&rest + &rest).cmp(&denominator));
        (whole, against_half)
    }

    /// The number of units after rounding, and whether that changed the number.
    fn rounded_units(&self, quantum: i64, rm: Rounding) -> (BigUint, bool) {
        let (whole, rest) = self.units(quantum);
        let Some(against_half) = rest else { return (whole, false) };
        let up = match rm {
            Rounding::Zero => false,
            Rounding::Down => self.negative,
            Rounding::Up => !self.negative,
            Rounding::NearestAway => against_half != Ordering::Less,
            Rounding::NearestEven => match against_half {
                Ordering::Less => false,
                Ordering::Equal => whole.bit(0),
                Ordering::Greater => true,
            },
        };
        (if up { whole + 1u32 } else { whole }, true)
    }

    /// The exponent of the leading bit.
    fn leading(&self) -> i64 {
        let bits = |n: &BigUint| i64::try_from(n.bits()).unwrap();
        let estimate = self.exponent + bits(&self.numerator) - bits(&self.denominator);
        if self.units(estimate).0 == BigUint::ZERO { estimate - 1 } else { estimate }
    }

    /// Rounded to an integer; numbers beyond 96 bits are cut to that size.
    pub(crate) fn to_integer(&self, rm: Rounding) -> (i128, bool) {
        let (units, inexact) = self.rounded_units(0, rm);
        let magnitude = i128::try_from(units).unwrap_or(i128::MAX).min(1 << 96);
        (if self.negative { -magnitude } else { magnitude }, inexact)
    }

    /// The low 32 bits, in two's complement, of the number truncated to an integer.
    pub(crate) fn truncated_low_word(&self) -> u32 {
        let low = self.units(0).0.iter_u32_digits().next().unwrap_or(0);
        if self.negative { low.wrapping_neg() } else { low }
    }
}

/// A nonzero number rounded to the format: the encoding, and the flags raised.
pub(crate) fn round<F: Format>(exact: &Rational, rm: Rounding) -> (u64, Flags) {
    let precision = i64::from(F::PRECISION);
    let (exponent_min, exponent_max) = (i64::from(F::EXPONENT_MIN), i64::from(F::EXPONENT_MAX));
    let sign = if exact.negative { F::SIGN } else { 0 };

    // First as though the exponent range were unbounded: this alone decides overflow and tininess.
    let quantum = exact.leading() - (precision - 1);
    let (units, inexact) = exact.rounded_units(quantum, rm);
    let carried = units.bits() > F::PRECISION.into();
    let exponent = exact.leading() + i64::from(carried);
    if exponent > exponent_max {
        let away = match rm {
            Rounding::NearestEven | Rounding::NearestAway => true,
            Rounding::Zero => false,
            Rounding::Down => exact.negative,
            Rounding::Up => !exact.negative,
        };
        let encoding = if away { F::INFINITY } else { F::INFINITY - 1 };
        return (encoding | sign, Flags::OF.union(Flags::NX));
    }
    let tiny = exponent < exponent_min;

    // Then with the quantum that the format really has there.
    let quantum = quantum.max(exponent_min - (precision - 1));
    let (units, inexact) = if quantum > exact.leading() - (precision - 1) {
        exact.rounded_units(quantum, rm)
    } else {
        (units, inexact)
    };
    let units = u64::try_from(units).unwrap();
    let flags = match (inexact, tiny) {
        (false, _) => Flags::none(),
        (true, false) => Flags::NX,
        (true, true) => Flags::NX.union(Flags::UF),
    };
    let field = u64::try_from(quantum - (exponent_min - (precision - 1))).unwrap();
    // The implicit bit, and a carry out of the significand, add themselves to the exponent field.
    (((field << F::FRACTION_BITS) + units) | sign, flags)
}
