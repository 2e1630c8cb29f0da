//! Synthetic traffic: who sends to whom and when, and what a network makes of it.

mod histogram;
mod load;
mod measure;
mod pattern;
mod process;
mod sweep;

pub use histogram::Histogram;
pub use load::{Load, Report};
pub use measure::measure;
pub use pattern::{Destinations, PATTERNS, Pattern, parse_permutation};
pub use process::Process;
pub use sweep::{Sweep, sweep};
