//! What more harts cost, and what an idle node costs.

use super::System;
use super::build::Pieces;
use super::machine::Machine;
use super::measure::median;
use super::options::Options;
use anyhow::{Context, Result};

/// Harts of the busy node.
const HARTS: u32 = 4;
/// Rounds of `alu` for each busy hart: about a second, beside which the start of the processes is nothing.
const BUSY_ROUNDS: u64 = 300_000_000;
/// Virtual seconds that the idle node sleeps.
const IDLE_SECONDS: u64 = 100;

/// Medians of Multivac's CPU seconds.
pub(super) struct Nodes {
    /// One hart with one process.
    pub(super) one_hart: f64,
    /// [`HARTS`] harts with as many processes, each of the same work.
    pub(super) four_harts: f64,
    /// An idle node, for each virtual second.
    pub(super) idle: f64,
}

impl Nodes {
    /// The rate of all harts together over one hart's own.
    pub(super) fn rate(&self) -> f64 {
        f64::from(HARTS) * self.one_hart / self.four_harts
    }
}

/// Errors: as of [`Machine::work`].
pub(super) fn measure(options: &Options, pieces: &Pieces) -> Result<Nodes> {
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for run in 1..=options.runs {
        eprint!("\rrun {run} of {}: 4 harts, idle   ", options.runs);
        let works = [
            (1, "busy", format!("busy=1 rounds={BUSY_ROUNDS}")),
            (HARTS, "busy", format!("busy={HARTS} rounds={BUSY_ROUNDS}")),
            (1, "idle", format!("idle={IDLE_SECONDS}")),
        ];
        for (times, (harts, work, words)) in times.iter_mut().zip(works) {
            let command = System::Multivac.command(pieces, harts, &words);
            times.push(Machine::start("multivac", command)?.work(work)?.cpu);
        }
    }
    eprint!("\r{:<40}\r", "");
    let [one, four, idle] = times.map(|times| median(times).context("no run").map(|time| time.as_secs_f64()));
    #[expect(clippy::cast_precision_loss, reason = "a small constant")]
    let seconds = IDLE_SECONDS as f64;
    Ok(Nodes { one_hart: one?, four_harts: four?, idle: idle? / seconds })
}
