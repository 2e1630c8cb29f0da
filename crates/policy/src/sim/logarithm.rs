//! The natural logarithm, the same on every host.
//!
//! `libm`'s is to the last bit, and took 6 % of a simulation's time; a random time is rounded to nanoseconds, for which an
//! error of 1e-15 does. Source: Tang, "Table-driven implementation of the logarithm function in IEEE floating-point
//! arithmetic", ACM Transactions on Mathematical Software 16, 1990.

/// Parts into which [1, 2) is divided.
const PARTS: usize = 128;
const PART_BITS: u32 = PARTS.ilog2();
const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
const EXPONENT_BIAS: i32 = 1023;

/// For the middle of each part, its reciprocal and its logarithm.
static MIDDLES: [(f64, f64); PARTS] = {
    let mut middles = [(0.0, 0.0); PARTS];
    let mut part = 0;
    while part < PARTS {
        let middle = 1.0 + (part as f64 + 0.5) / PARTS as f64;
        middles[part] = (1.0 / middle, by_series(middle));
        part += 1;
    }
    middles
};

/// The logarithm of a number from 1 to 2, by the series of the area hyperbolic tangent.
const fn by_series(number: f64) -> f64 {
    let z = (number - 1.0) / (number + 1.0);
    let (mut power, mut sum, mut odd) = (z, 0.0, 1.0);
    while odd < 40.0 {
        sum += power / odd;
        power *= z * z;
        odd += 2.0;
    }
    2.0 * sum
}

/// The natural logarithm of `number`, which is positive, finite and not subnormal, within 1e-15 or four units in the
/// last place, whichever is more.
pub(crate) fn ln(number: f64) -> f64 {
    let bits = number.to_bits();
    let exponent = (bits >> MANTISSA_BITS) as i32 - EXPONENT_BIAS;
    let part = (bits >> (MANTISSA_BITS - PART_BITS)) as usize % PARTS;
    let mantissa = f64::from_bits(bits & ((1 << MANTISSA_BITS) - 1) | 1f64.to_bits());
    let (reciprocal, logarithm) = MIDDLES[part];
    let r = mantissa * reciprocal - 1.0;
    let rest = r * (1.0 / 3.0 + r * (-1.0 / 4.0 + r * (1.0 / 5.0 + r * (-1.0 / 6.0))));
    f64::from(exponent) * core::f64::consts::LN_2 + (logarithm + (r + r * r * (-0.5 + rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_library_s_but_for_the_last_bits() {
        let mut random = crate::rng::Rng::new(7);
        let edges = [f64::MIN_POSITIVE, 0.5, 1.0 - f64::EPSILON, 1.0, 1.0 + f64::EPSILON, 2.0, 1e300];
        let drawn = (0..1_000_000).map(|_| random.unit());
        for number in edges.into_iter().chain(drawn) {
            let (ours, theirs) = (ln(number), libm::log(number));
            let allowed = f64::max(1e-15, 4.0 * f64::EPSILON * theirs.abs());
            assert!((ours - theirs).abs() <= allowed, "{number:e}: {ours:e} for {theirs:e}");
        }
    }
}
