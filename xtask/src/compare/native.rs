//! The suite as a program of the host.

use super::build::Pieces;
use super::machine::Measured;
use super::suite::Row;
use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use std::process::Command;
use std::time::Duration;

/// Runs a row, if it is one that the host can run: CPU time of the process and those it waited for.
///
/// Errors: the program does not start, or fails.
pub(super) fn run(pieces: &Pieces, row: &Row) -> Result<Option<Measured>> {
    let Some(arguments) = row.native() else { return Ok(None) };
    let before = of_children()?;
    let output = Command::new(&pieces.native).args(arguments).output().context("the native suite")?;
    let cpu = of_children()? - before;
    ensure!(output.status.success(), "native {}: {}", row.name, String::from_utf8_lossy(&output.stderr));
    let output = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    Ok(Some(Measured { cpu, output }))
}

/// CPU time of all children that were waited for; emulators are not until they are ended.
fn of_children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let time = |value: TimeVal| -> Result<Duration> {
        Ok(Duration::new(u64::try_from(value.tv_sec())?, u32::try_from(value.tv_usec())? * 1000))
    };
    Ok(time(usage.user_time())? + time(usage.system_time())?)
}
