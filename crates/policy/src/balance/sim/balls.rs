//! Balls into bins: what a second choice is worth.

use crate::rng::Rng;
use serde::Serialize;

/// The fullest bin after as many balls as bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Balls {
    /// Bins looked at for each ball.
    pub choices: usize,
    /// Balls in the fullest bin.
    pub fullest: u32,
}

/// Throws `balls` balls into as many bins, each into the least full of `choices` random ones.
#[must_use]
pub fn throw_balls(balls: usize, choices: usize, seed: u64) -> Balls {
    let mut rng = Rng::stream(seed, choices as u64);
    let mut bins = vec![0u32; balls];
    for _ in 0..balls {
        let bin = (0..choices.max(1)).map(|_| rng.below(balls)).min_by_key(|&bin| bins[bin]).unwrap_or(0);
        bins[bin] += 1;
    }
    Balls { choices, fullest: bins.into_iter().max().unwrap_or(0) }
}
