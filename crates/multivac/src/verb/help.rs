//! `multivac completions` and `multivac man`: made from the same definition as the command line itself.

use crate::Cli;
use crate::exit::{Exit, Failure};
use clap::CommandFactory;
use std::io::Write;
use std::path::PathBuf;

/// What the command is called.
const NAME: &str = "multivac";

/// Flags of `multivac completions`.
#[derive(clap::Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: clap_complete::Shell,
}

impl Completions {
    /// Carries the verb out.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), NAME, &mut script);
        print(&script)
    }
}

/// Flags of `multivac man`.
#[derive(clap::Args)]
pub(crate) struct Man {
    /// Write a page for the command and one for each verb into this folder.
    folder: Option<PathBuf>,
}

impl Man {
    /// Carries the verb out.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let Some(folder) = self.folder else {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
            rendered.map_err(|error| Failure::new(Exit::Host, error, ""))?;
            return print(&page);
        };
        let written = std::fs::create_dir_all(&folder)
            .and_then(|()| clap_mangen::generate_to(Cli::command().name(NAME), &folder));
        written.map_err(|error| {
            Failure::new(Exit::Host, format!("cannot write to {}: {error}", folder.display()), "")
        })?;
        Ok(Exit::Ok)
    }
}

/// Writes to standard output; a reader that has enough is no error.
fn print(bytes: &[u8]) -> Result<Exit, Failure> {
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Host, format!("cannot write: {error}"), ""))
        }
        _ => Ok(Exit::Ok),
    }
}
