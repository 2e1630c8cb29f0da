//! Runs the rows on the systems in turn, several times, and keeps the medians.

use super::build::Pieces;
use super::machine::{Machine, Measured};
use super::nodes::Nodes;
use super::options::Options;
use super::suite::{Row, Work};
use super::{System, native};
use anyhow::{Context, Result};
use std::time::Duration;

/// All that was measured.
pub(super) struct Results {
    pub(super) runs: usize,
    pub(super) rows: Vec<RowResult>,
    pub(super) nodes: Option<Nodes>,
}

/// A row's runs on each system; none where the system was not asked for or cannot run it.
pub(super) struct RowResult {
    pub(super) row: Row,
    runs: Vec<(System, Measured)>,
}

impl RowResult {
    /// The median CPU time on a system, in seconds.
    pub(super) fn seconds(&self, system: System) -> Option<f64> {
        let times = self.runs.iter().filter(|(of, _)| *of == system).map(|(_, measured)| measured.cpu);
        median(times.collect()).map(|time| time.as_secs_f64())
    }

    /// How many times as long as `other` a system takes.
    pub(super) fn ratio(&self, system: System, other: System) -> Option<f64> {
        Some(self.seconds(system)? / self.seconds(other)?)
    }

    /// Whether all runs on all systems printed the same.
    pub(super) fn same(&self) -> bool {
        self.runs.windows(2).all(|pair| pair[0].1.output == pair[1].1.output)
    }

    /// The systems whose output is not that of the first that ran.
    pub(super) fn other_outputs(&self) -> Vec<String> {
        let first = self.output();
        let of = |measured: &Measured| measured.output.join(" ");
        let other = self.runs.iter().filter(|(_, measured)| of(measured) != first);
        other.map(|(system, measured)| format!("{}: {}", system.name(), of(measured))).collect()
    }

    /// What was printed, by the first that ran.
    pub(super) fn output(&self) -> String {
        self.runs.first().map(|(_, measured)| measured.output.join(" ")).unwrap_or_default()
    }
}

/// Measures `rows`: in each run every emulator boots once, and each row goes round the systems.
///
/// Errors: a system that does not start or a row that fails on one.
pub(super) fn rows(options: &Options, pieces: &Pieces, rows: &[Row]) -> Result<Results> {
    let mut results: Vec<RowResult> =
        rows.iter().map(|row| RowResult { row: *row, runs: Vec::new() }).collect();
    let names: Vec<&str> = rows.iter().filter(|row| row.work != Work::Boot).map(|row| row.name).collect();
    let words = format!("rows={}", names.join(","));
    for run in 1..=options.runs {
        let mut machines = Vec::new();
        for system in options.systems.iter().filter(|system| system.is_emulator()) {
            let mut machine = Machine::start(system.name(), system.command(pieces, 1, &words))?;
            let boot = machine.boot()?;
            let row = results.iter_mut().find(|result| result.row.work == Work::Boot);
            if let Some(row) = row {
                row.runs.push((*system, boot));
            }
            machines.push((*system, machine));
        }
        // Data that rows read is made before the first.
        for (_, machine) in &mut machines {
            machine.work("prepare")?;
        }
        for result in results.iter_mut().filter(|result| result.row.work != Work::Boot) {
            eprint!("\rrun {run} of {}: {:<16}", options.runs, result.row.name);
            if options.systems.contains(&System::Native) {
                let measured = native::run(pieces, &result.row)?;
                result.runs.extend(measured.map(|measured| (System::Native, measured)));
            }
            for (system, machine) in &mut machines {
                let measured = machine.work(result.row.name).with_context(|| result.row.name)?;
                result.runs.push((*system, measured));
            }
        }
        eprint!("\r{:<40}\r", "");
    }
    Ok(Results { runs: options.runs, rows: results, nodes: None })
}

/// The middle of an odd number of times; of an even number, the upper of the two.
pub(super) fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort();
    times.get(times.len() / 2).copied()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::suite;
    use super::*;

    /// A row with the given milliseconds and outputs.
    pub(crate) fn result(name: &str, runs: &[(System, u64, &str)]) -> RowResult {
        let row = suite::chosen(&[name.to_owned()]).unwrap()[0];
        let runs = runs.iter().map(|(system, milliseconds, output)| {
            let output = vec![(*output).to_owned()];
            (*system, Measured { cpu: Duration::from_millis(*milliseconds), output })
        });
        RowResult { row, runs: runs.collect() }
    }

    #[test]
    fn medians_and_ratios_are_of_the_right_systems() {
        use System::{Multivac, Qemu};
        let runs = [(Qemu, 900, "1"), (Multivac, 100, "1"), (Qemu, 300, "1"), (Qemu, 200, "1")];
        let row = result("alu", &runs);
        assert_eq!(row.seconds(Qemu), Some(0.3));
        assert_eq!(row.ratio(Qemu, Multivac).map(|ratio| (ratio * 1000.0).round()), Some(3000.0));
        assert_eq!(row.ratio(Qemu, System::Native), None);
        let odd = result("alu", &[(Qemu, 1, "1"), (Multivac, 1, "2")]);
        assert_eq!(odd.other_outputs(), ["multivac: 2"]);
        assert!(row.same() && !result("alu", &[(Qemu, 1, "1"), (Multivac, 1, "2")]).same());
    }
}
