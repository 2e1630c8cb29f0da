//! Distributions of times, the same on every host: nothing comes from the host's mathematical library.

use super::logarithm::ln;
use crate::rng::Rng;
use crate::unit::Ns;

/// A time, fixed or random.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dist {
    /// Always this.
    Fixed(Ns),
    /// Exponential with this mean.
    Exp(Ns),
    /// Even between these two.
    Uniform(Ns, Ns),
    /// Pareto: heavy-tailed from this minimum on, with this shape.
    Pareto(Ns, f64),
}

impl Dist {
    /// The mean; of a Pareto distribution without one, ten times its minimum.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn mean(self) -> Ns {
        match self {
            Dist::Fixed(time) | Dist::Exp(time) => time,
            Dist::Uniform(low, high) => low + Ns((high - low).0 / 2),
            Dist::Pareto(min, shape) if shape > 1.0 => round(min.0 as f64 * shape / (shape - 1.0)),
            Dist::Pareto(min, _) => Ns(min.0.saturating_mul(10)),
        }
    }

    /// Draws one.
    #[expect(clippy::cast_precision_loss, reason = "a random time needs no more than 53 bits")]
    pub fn draw(self, rng: &mut Rng) -> Ns {
        match self {
            Dist::Fixed(time) => time,
            Dist::Exp(mean) => round(-(mean.0 as f64) * ln(rng.unit())),
            Dist::Uniform(low, high) => low + round((high - low).0 as f64 * rng.unit()),
            Dist::Pareto(min, shape) => round(min.0 as f64 * libm::pow(rng.unit(), -1.0 / shape)),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; the cast saturates")]
fn round(ns: f64) -> Ns {
    Ns((ns + 0.5) as u64)
}
