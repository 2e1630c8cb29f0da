//! `multivac traffic`.

use crate::exit::{Exit, Failure};

/// Flags of `multivac traffic`.
#[derive(clap::Args)]
pub(crate) struct Args {}

impl Args {
    /// Carries the verb out.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        Ok(Exit::Ok)
    }
}
