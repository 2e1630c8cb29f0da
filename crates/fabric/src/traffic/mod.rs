//! Synthetic traffic: who sends to whom and when, and what a network makes of it.

mod histogram;
mod measure;
mod pattern;
mod process;
mod sweep;

pub use histogram::Histogram;
pub use measure::{Load, Report, measure};
pub use pattern::{Destinations, PATTERNS, Pattern, parse_permutation};
pub use process::Process;
pub use sweep::{Sweep, sweep};
