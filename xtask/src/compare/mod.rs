//! `cargo xtask bench-compare`: Multivac against QEMU and native code, on the programs of `benches/suite/`.
//!
//! Each emulator boots one node with one hart and runs all rows in one boot; while one runs, the others are
//! stopped, so that a row is measured on all systems in turn. What counts is the CPU time of the whole process, all
//! threads, user and system, from the moment the guest says that a row begins to the moment it says that it ended.
//! No boot is in a row but the row `boot`, so nothing is subtracted.

mod build;
mod cpio;
mod machine;
mod measure;
mod native;
mod nodes;
mod options;
mod report;
mod suite;
mod system;

use anyhow::{Result, ensure};
use options::Options;
use system::System;

pub(crate) use options::USAGE;

/// Compares, prints the table, and writes the JSON that was asked for.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let options = Options::parse(words)?;
    let rows = suite::chosen(&options.rows)?;
    let pieces = build::pieces(&options)?;
    let mut results = measure::rows(&options, &pieces, &rows)?;
    if options.rows.is_empty() || options.nodes {
        results.nodes = Some(nodes::measure(&options, &pieces)?);
    }
    print!("{}", report::table(&results));
    if let Some(path) = &options.json {
        std::fs::write(path, report::json(&results)?)?;
    }
    for row in results.rows.iter().filter(|row| !row.same()) {
        eprintln!("{}: {:?}, but {}", row.row.name, row.output(), row.other_outputs().join(", "));
    }
    ensure!(results.rows.iter().all(measure::RowResult::same), "the systems print different results");
    Ok(())
}
