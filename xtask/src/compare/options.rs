//! The words after `bench-compare`.

use super::System;
use anyhow::{Context, Result, bail, ensure};
use std::path::PathBuf;

/// What the command understands.
pub(crate) const USAGE: &str = "\
usage: cargo xtask bench-compare [--rows A,B] [--systems A,B] [--runs 3] [--json FILE] [--nodes] [--multivac FILE]
  --rows      only these rows; without it all of them, then 4 busy harts and an idle node
  --systems   only these of native, qemu, qemu-icount, multivac
  --runs      how often each row is measured; the median counts
  --json      where the figures go as JSON
  --nodes     4 busy harts and an idle node even with --rows
  --multivac  a multivac to measure instead of the one built from this tree";

/// What is to be measured, and how often.
pub(super) struct Options {
    /// Names of rows; empty for all.
    pub(super) rows: Vec<String>,
    pub(super) systems: Vec<System>,
    pub(super) runs: usize,
    pub(super) json: Option<PathBuf>,
    pub(super) nodes: bool,
    pub(super) multivac: Option<PathBuf>,
}

impl Options {
    /// Errors: a word that means nothing, or a flag without its value.
    pub(super) fn parse(words: &[&str]) -> Result<Options> {
        let mut options = Options {
            rows: Vec::new(),
            systems: System::ALL.to_vec(),
            runs: 3,
            json: None,
            nodes: false,
            multivac: None,
        };
        let mut words = words.iter();
        while let Some(flag) = words.next() {
            let mut value = || words.next().with_context(|| format!("{flag} needs a value\n{USAGE}"));
            match *flag {
                "--rows" => options.rows = value()?.split(',').map(str::to_owned).collect(),
                "--systems" => {
                    options.systems = value()?.split(',').map(System::named).collect::<Result<_>>()?;
                }
                "--runs" => options.runs = value()?.parse().context("--runs takes a count")?,
                "--json" => options.json = Some(PathBuf::from(value()?)),
                "--nodes" => options.nodes = true,
                "--multivac" => options.multivac = Some(PathBuf::from(value()?)),
                other => bail!("`{other}` means nothing here\n{USAGE}"),
            }
        }
        ensure!(options.runs > 0, "--runs 0 measures nothing");
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_nonsense_is_refused() {
        let options = Options::parse(&["--rows", "alu,boot", "--systems", "qemu", "--runs", "5"]).unwrap();
        assert_eq!((options.rows, options.systems), (vec!["alu".into(), "boot".into()], vec![System::Qemu]));
        assert_eq!(options.runs, 5);
        for words in [&["--rows"][..], &["--systems", "vax"], &["--runs", "0"], &["alu"]] {
            assert!(Options::parse(words).is_err(), "{words:?}");
        }
    }
}
