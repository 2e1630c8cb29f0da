//! `multivac check`: whether a configuration can be run, and what it comes to.

use crate::config::{self, Config};
use crate::draw::fit;
use crate::exit::{Exit, Failure};
use std::path::PathBuf;

/// Flags of `multivac check`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The configuration, a TOML file.
    #[arg(required_unless_present = "keys")]
    file: Option<PathBuf>,
    /// List every key that a configuration may have: for a terminal, or else as a page of Markdown.
    #[arg(long, conflicts_with_all = ["file", "print", "sets"])]
    keys: bool,
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
        let Some(file) = self.file else {
            match fit::columns() {
                None => print!("{}", config::reference_page()),
                columns => config::reference_lines()
                    .iter()
                    .for_each(|(line, hang)| println!("{}", fit::wrap(line, columns, *hang))),
            }
            return Ok(Exit::Ok);
        };
        let config = Config::load(&file, &self.sets)?;
        if self.print {
            print!("{}", config::canonical(&config));
        } else {
            println!("{}: ok", file.display());
        }
        Ok(Exit::Ok)
    }
}
