//! A small seeded generator (xoshiro256++ over splitmix64), the same on every host.
//!
//! Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021.

/// A stream of random numbers that follows from its seed alone.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

/// One step of splitmix64: a well-mixed function of `x`.
pub fn mix(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number in `0..bound` from random bits; 0 when `bound` is 0.
pub fn pick(random: u64, bound: u32) -> u32 {
    let product = u128::from(random) * u128::from(bound);
    u32::try_from(product >> 64).unwrap_or(0)
}

impl Rng {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Rng {
        let mut x = seed;
        let state = std::array::from_fn(|_| {
            let word = mix(x);
            x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
            word
        });
        Rng { state }
    }

    /// The stream number `index` of a family with one seed; streams are independent.
    pub fn stream(seed: u64, index: u64) -> Rng {
        Rng::new(mix(seed ^ mix(index.wrapping_add(0x5bf0_3635))))
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number in `0..bound`, uniform to one part in 2^64 / `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        pick(self.next_u64(), bound)
    }

    /// A number in `[0, 1)` with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / 9_007_199_254_740_992.0;
        #[allow(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
        let bits = (self.next_u64() >> 11) as f64;
        bits * SCALE
    }

    /// Whether an event of probability `p` happens.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Cycles until the next success of a coin of probability `p` tossed every cycle, at least 1.
    ///
    /// `None` when `p` is 0.
    pub fn geometric(&mut self, p: f64) -> Option<u64> {
        if p <= 0.0 {
            return None;
        }
        if p >= 1.0 {
            return Some(1);
        }
        let u = 1.0 - self.unit();
        let skipped = u.ln() / (1.0 - p).ln();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the quotient of two negative logarithms, saturating"
        )]
        let skipped = skipped as u64;
        Some(1 + skipped.min(1 << 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_stream_and_streams_differ() {
        let draw = |mut rng: Rng| (0..4).map(|_| rng.next_u64()).collect::<Vec<_>>();
        assert_eq!(draw(Rng::new(7)), draw(Rng::new(7)));
        assert_ne!(draw(Rng::stream(7, 0)), draw(Rng::stream(7, 1)));
    }

    #[test]
    fn the_geometric_mean_is_one_over_p() {
        let mut rng = Rng::new(1);
        let sum: u64 = (0..200_000).filter_map(|_| rng.geometric(0.05)).sum();
        let mean = sum as f64 / 200_000.0;
        assert!((mean - 20.0).abs() < 0.3, "{mean}");
    }
}
