//! `multivac check`: whether a configuration can be run, and what it comes to.

use crate::config::{self, Config};
use crate::exit::{Exit, Failure};
use std::path::PathBuf;

/// Flags of `multivac check`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The configuration, a TOML file.
    file: PathBuf,
    /// Print it resolved: every value written out, in its canonical form.
    #[arg(long)]
    print: bool,
    /// Change a key, as in `node.harts=2`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

impl Args {
    /// Carries the verb out.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let config = Config::load(&self.file, &self.sets)?;
        if self.print {
            print!("{}", config::canonical(&config));
        } else {
            println!("{}: ok", self.file.display());
        }
        Ok(Exit::Ok)
    }
}
