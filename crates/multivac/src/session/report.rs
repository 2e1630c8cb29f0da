//! What is told after a run: lines for a person, or one JSON document.

use super::Manner;
use crate::config::units::write_bytes;
use crate::exit::Exit;
use cluster::run::End;
use cluster::telemetry::{HartTelemetry, Telemetry};
use machine::node::Halt;
use machine::timing::Charges;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::io::Write as _;

/// A run that has ended.
pub(crate) struct Report {
    /// What ran.
    pub(crate) what: String,
    /// The command that runs it again.
    pub(crate) replay: String,
    /// Harts of the node.
    pub(crate) harts: usize,
    /// Memory of the node.
    pub(crate) memory_bytes: u64,
    /// The exit code.
    pub(crate) exit: Exit,
    /// How it ended.
    pub(crate) end: End,
    /// Virtual time.
    pub(crate) virtual_ns: u64,
    /// Wall time of the run itself.
    pub(crate) wall_s: f64,
    /// CPU time of the run itself.
    pub(crate) cpu_s: f64,
    /// Wall time before it: files read, memory filled.
    pub(crate) setup_s: f64,
    /// The digest.
    pub(crate) digest: String,
    /// What became of what came from outside, where there is something to say.
    pub(crate) tape: Option<String>,
    /// Where the harts were, after a bad end.
    pub(crate) backtrace: Option<String>,
    /// Counters.
    pub(crate) telemetry: Telemetry,
    /// What executed the instructions.
    pub(crate) engine: &'static str,
}

impl Report {
    /// Prints as asked; a command's own output stays alone on standard output.
    pub(super) fn print(&self, manner: &Manner, command: bool) {
        if manner.json {
            // A closed standard output is the reader's choice.
            let _ = writeln!(std::io::stdout(), "{}", self.json());
        } else if !manner.quiet && command {
            eprint!("{}", self.text(manner.verbose));
        } else if !manner.quiet {
            let _ = write!(std::io::stdout(), "\n{}", self.text(manner.verbose));
        }
        if !manner.quiet
            && let Some(text) = &self.backtrace
        {
            eprint!("where the harts were:\n{text}");
        }
        if manner.quiet && !manner.json && self.exit != Exit::Ok && !command {
            eprintln!("{}", self.reason());
        }
    }

    /// A word for the end, for programs.
    fn word(&self) -> &'static str {
        match self.end {
            End::Halted(Halt::PowerOff) => "poweroff",
            End::Halted(Halt::Reboot) => "reboot",
            End::Halted(Halt::Failed(_)) => "failed",
            End::Halted(Halt::ToHost(_)) => "tohost",
            End::Time => "max-time",
            End::Instructions => "max-instructions",
            End::Deadlock => "deadlock",
            End::Diverged => "diverged",
            End::Left(_) => "left",
            End::Job(_) => "command",
            End::JobLost(_) => "command-lost",
        }
    }

    /// The end in words.
    fn reason(&self) -> String {
        self.end.to_string()
    }

    fn mips(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let instructions = self.telemetry.instructions as f64;
        if self.wall_s > 0.0 { instructions / self.wall_s / 1e6 } else { 0.0 }
    }

    fn text(&self, verbose: bool) -> String {
        let mut out = String::new();
        let mut line = |name: &str, text: String| {
            let _ = writeln!(out, "{name:9} {text}");
        };
        let harts = if self.harts == 1 { "1 hart".to_owned() } else { format!("{} harts", self.harts) };
        line(
            "ran",
            format!("{} on {harts}, {}, engine {}", self.what, write_bytes(self.memory_bytes), self.engine),
        );
        line("ended", self.reason());
        line(
            "time",
            format!(
                "{} virtual, {:.2} s wall, {:.2} s CPU",
                seconds(self.virtual_ns),
                self.wall_s,
                self.cpu_s
            ),
        );
        line(
            "executed",
            format!("{} instructions, {:.1} MIPS", grouped(self.telemetry.instructions), self.mips()),
        );
        line("digest", self.digest.clone());
        if let Some(tape) = &self.tape {
            line("tape", tape.clone());
        }
        line("again", self.replay.clone());
        if verbose {
            line("set up", format!("{:.2} s wall", self.setup_s));
            for hart in &self.telemetry.harts {
                line(&format!("hart {}", hart.hart), hart_text(hart));
            }
        }
        out
    }

    fn json(&self) -> Value {
        json!({
            "exit": self.exit.code(),
            "reason": self.word(),
            "detail": self.reason(),
            "tohost": match self.end { End::Halted(Halt::ToHost(value)) => Some(value), _ => None },
            "virtual_ns": self.virtual_ns,
            "wall_s": self.wall_s,
            "cpu_s": self.cpu_s,
            "setup_s": self.setup_s,
            "instructions": self.telemetry.instructions,
            "mips": self.mips(),
            "digest": self.digest,
            "engine": self.engine,
            "engine_counters": self.telemetry.engine.iter().copied().collect::<std::collections::BTreeMap<_, _>>(),
            "what": self.what,
            "tape": self.tape,
            "replay": self.replay,
            "backtrace": self.backtrace.as_ref().map(|text| text.lines().collect::<Vec<_>>()),
            "nodes": [{
                "name": "n0",
                "memory_bytes": self.memory_bytes,
                "instructions": self.telemetry.instructions,
                "harts": self.telemetry.harts.iter().map(hart_json).collect::<Vec<_>>(),
            }],
        })
    }
}

fn hart_text(hart: &HartTelemetry) -> String {
    let counts = |named: &[(String, u64)]| {
        let all: Vec<String> =
            named.iter().map(|(name, count)| format!("{name} {}", grouped(*count))).collect();
        if all.is_empty() { "none".to_owned() } else { all.join(", ") }
    };
    let walks: Vec<String> =
        hart.walks.iter().map(|(depth, count)| format!("depth {depth}: {}", grouped(*count))).collect();
    format!(
        "{} instructions; exceptions: {}; interrupts: {}; TLB {} hits, {} misses; walks: {}; {} context switches{}",
        grouped(hart.instructions),
        counts(&hart.exceptions),
        counts(&hart.interrupts),
        grouped(hart.tlb_hits),
        grouped(hart.tlb_misses),
        if walks.is_empty() { "none".to_owned() } else { walks.join(", ") },
        grouped(hart.context_switches),
        hart.charges.as_ref().map(charges_text).unwrap_or_default()
    )
}

fn hart_json(hart: &HartTelemetry) -> Value {
    let object = |named: &[(String, u64)]| -> Value {
        named.iter().map(|(name, count)| (name.clone(), json!(count))).collect::<Map<_, _>>().into()
    };
    let walks: Map<String, Value> =
        hart.walks.iter().map(|(depth, count)| (depth.to_string(), json!(count))).collect();
    json!({
        "hart": hart.hart,
        "instructions": hart.instructions,
        "traps": object(&hart.exceptions),
        "interrupts": object(&hart.interrupts),
        "tlb_hits": hart.tlb_hits,
        "tlb_misses": hart.tlb_misses,
        "page_walks": walks,
        "context_switches": hart.context_switches,
        "sbi_calls": hart.sbi_calls,
        "modelled": hart.charges.as_ref().map(charges_json),
    })
}

/// What modelled timing charged for.
fn charges_json(charges: &Charges) -> Value {
    json!({
        "tlb_hits": charges.tlb_hits,
        "tlb_misses": charges.tlb_misses,
        "walk_steps": charges.walk_steps,
        "cache_hits": charges.cache_hits,
        "cache_misses": charges.cache_misses,
        "transfers": charges.transfers,
        "upgrades": charges.upgrades,
        "stall_cycles": charges.cycles,
    })
}

fn charges_text(charges: &Charges) -> String {
    format!(
        "; modelled: {} stall cycles, TLB {} misses, cache {} misses, {} transfers, {} upgrades",
        grouped(charges.cycles),
        grouped(charges.tlb_misses),
        grouped(charges.cache_misses),
        grouped(charges.transfers),
        grouped(charges.upgrades)
    )
}

/// A virtual time as a person reads it.
fn seconds(ns: u64) -> String {
    match ns {
        0..1_000_000 => format!("{}.{:03} us", ns / 1000, ns % 1000),
        1_000_000..1_000_000_000 => format!("{}.{:03} ms", ns / 1_000_000, ns / 1000 % 1000),
        _ => format!("{}.{:03} s", ns / 1_000_000_000, ns / 1_000_000 % 1000),
    }
}

/// Digits in threes.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(123), "123");
        assert_eq!(seconds(1_500), "1.500 us");
        assert_eq!(seconds(2_000_001_000), "2.000 s");
    }
}
