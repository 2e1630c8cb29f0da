//! `multivac symbols`: the names that a program, a `System.map` or a Linux kernel has for its addresses.

use crate::exit::{Exit, Failure};
use debug::symbols::Symbols;
use std::io::Write;
use std::path::PathBuf;

/// Flags of `multivac symbols`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// An ELF, a System.map, or an uncompressed Linux kernel, whose own tables are read.
    file: PathBuf,
    /// Write an ELF with the symbols and nothing else, for `symbol-file` of gdb.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Args {
    /// Carries the verb out.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let bytes = std::fs::read(&self.file).map_err(|error| {
            let cause = format!("cannot read {}: {error}", self.file.display());
            Failure::new(Exit::Image, cause, "check the path")
        })?;
        let symbols = Symbols::parse(&bytes).map_err(|error| {
            let cause = format!("{} gives no symbols: {error}", self.file.display());
            Failure::new(Exit::Image, cause, "an ELF, a System.map or an uncompressed Linux kernel does")
        })?;
        let Some(output) = &self.output else {
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            for symbol in symbols.iter() {
                let kind = if symbol.code { 't' } else { 'd' };
                // A closed standard output is the reader's choice.
                if writeln!(out, "{:016x} {kind} {}", symbol.address, symbol.name).is_err() {
                    break;
                }
            }
            return Ok(Exit::Ok);
        };
        std::fs::write(output, symbols.to_elf()).map_err(|error| {
            Failure::new(Exit::Host, format!("cannot write {}: {error}", output.display()), "")
        })?;
        eprintln!("{}: {} symbols", output.display(), symbols.iter().count());
        Ok(Exit::Ok)
    }
}
