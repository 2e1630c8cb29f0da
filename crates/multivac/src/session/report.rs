//! What is told after a run: lines for a person, or one JSON document.

use super::Manner;
use super::figures::{
    grouped, hardware_text, hart_text, network_json, network_text, nodes_json, nodes_text, seconds,
};
use super::sandbox::Confinement;
use super::snapshot::Written;
use crate::draw::fit;
use crate::exit::Exit;
use cluster::run::End;
use cluster::summary::{NetworkSummary, NodeSummary};
use machine::node::Halt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// A run that has ended.
pub(crate) struct Report {
    /// What ran.
    pub(crate) what: String,
    /// The command that runs it again.
    pub(crate) replay: String,
    /// The virtual instant of the snapshot from which it went on.
    pub(crate) restored_ns: Option<u64>,
    /// Snapshots made on the way.
    pub(crate) snapshots: Vec<Written>,
    /// The exit code.
    pub(crate) exit: Exit,
    /// How it ended.
    pub(crate) end: End,
    /// The node whose failure ended it.
    pub(crate) culprit: Option<String>,
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
    /// How far the process was locked in, where it was to be.
    pub(crate) confinement: Option<Confinement>,
    /// Where the harts were, after a bad end.
    pub(crate) backtrace: Option<String>,
    /// The length of an epoch, where there is a network.
    pub(crate) epoch_ns: Option<u64>,
    /// What the network did.
    pub(crate) network: Option<NetworkSummary>,
    /// What the nodes did.
    pub(crate) nodes: Vec<NodeSummary>,
}

/// The nodes with what they did in this run alone, of whom some began as copies or from a snapshot.
pub(super) fn since(nodes: Vec<NodeSummary>, inherited: &[NodeSummary]) -> Vec<NodeSummary> {
    let own = |(node, before): (NodeSummary, &NodeSummary)| NodeSummary {
        telemetry: node.telemetry.since(&before.telemetry),
        ..node
    };
    nodes.into_iter().zip(inherited).map(own).collect()
}

impl Report {
    /// Prints as asked; a command's own output stays alone on standard output.
    ///
    /// Errors: standard output's.
    pub(super) fn print(&self, manner: &Manner, command: bool) -> io::Result<()> {
        let mut written = Ok(());
        if manner.json {
            written = writeln!(io::stdout(), "{}", self.json());
        } else if !manner.quiet && command {
            eprint!("{}", self.text(manner.verbose, fit::error_columns()));
        } else if !manner.quiet {
            written = write!(io::stdout(), "\n{}", self.text(manner.verbose, fit::columns()));
        }
        if !manner.quiet
            && let Some(text) = &self.backtrace
        {
            let whose = match &self.culprit {
                Some(name) if self.nodes.len() > 1 => format!("harts of {name}"),
                _ => "harts".to_owned(),
            };
            eprint!("where the {whose} were:\n{text}");
        }
        if manner.quiet && !manner.json && self.exit != Exit::Ok && !command {
            eprintln!("{}", self.reason());
        }
        written
    }

    /// A word for the end, for programs.
    fn word(&self) -> &'static str {
        match self.end {
            End::Reached(_) => "reached",
            End::Halted(Halt::PowerOff) => "poweroff",
            End::Halted(Halt::Reboot) => "reboot",
            End::Halted(Halt::Failed(_)) => "failed",
            End::Halted(Halt::ToHost(_)) => "tohost",
            End::Time => "max-time",
            End::Instructions => "max-instructions",
            End::Panicked => "panic",
            End::Deadlock => "deadlock",
            End::Diverged => "diverged",
            End::Left(_) => "left",
            End::Job(_) => "command",
            End::JobLost(_) => "command-lost",
        }
    }

    /// The end in words, and whose it was.
    fn reason(&self) -> String {
        match &self.culprit {
            Some(name) if self.nodes.len() > 1 => format!("{name}: {}", self.end),
            _ if self.nodes.len() > 1 => match self.end {
                End::Halted(Halt::PowerOff) => "all nodes powered off".to_owned(),
                End::Deadlock => {
                    "deadlock: every node sleeps, nothing is due that could wake one, and nothing is under way"
                        .to_owned()
                }
                _ => self.end.to_string(),
            },
            _ => self.end.to_string(),
        }
    }

    fn instructions(&self) -> u64 {
        self.nodes.iter().map(|node| node.telemetry.instructions).sum()
    }

    /// What executed the instructions.
    fn engine(&self) -> &'static str {
        self.nodes.first().map_or("", |node| node.engine)
    }

    fn mips(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let instructions = self.instructions() as f64;
        if self.wall_s > 0.0 { instructions / self.wall_s / 1e6 } else { 0.0 }
    }

    /// The report in lines no longer than `columns`.
    fn text(&self, verbose: bool, columns: Option<usize>) -> String {
        let mut out = String::new();
        let mut line = |name: &str, text: String| {
            let _ = writeln!(out, "{name:9} {text}");
        };
        line("ran", format!("{} on {}, engine {}", self.what, hardware_text(&self.nodes), self.engine()));
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
        line("executed", format!("{} instructions, {:.1} MIPS", grouped(self.instructions()), self.mips()));
        self.network.iter().flat_map(network_text).for_each(|(name, text)| line(name, text));
        if let Some(ns) = self.restored_ns {
            line("restored", format!("at {}", seconds(ns)));
        }
        for written in &self.snapshots {
            line("snapshot", written.text());
        }
        line("digest", self.digest.clone());
        if let Some(tape) = &self.tape {
            line("tape", tape.clone());
        }
        line("again", self.replay.clone());
        if verbose {
            line("set up", format!("{:.2} s wall", self.setup_s));
            if let Some(ns) = self.epoch_ns {
                line("epoch", seconds(ns));
            }
            for node in &self.nodes {
                for hart in &node.telemetry.harts {
                    let whose = if self.nodes.len() > 1 { format!("{} ", node.name) } else { String::new() };
                    line(&format!("{whose}hart {}", hart.hart), hart_text(hart));
                }
            }
        }
        let mut out = fit::wrap(&out, columns, 10);
        if self.nodes.len() > 1 {
            out.push('\n');
            out.push_str(&nodes_text(&self.nodes, columns));
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
            "instructions": self.instructions(),
            "mips": self.mips(),
            "digest": self.digest,
            "engine": self.engine(),
            "engine_counters": self.engine_counters(),
            "what": self.what,
            "tape": self.tape,
            "replay": self.replay,
            "sandbox": self.confinement.as_ref().map(|it| json!({ "missing": it.missing })),
            "backtrace": self.backtrace.as_ref().map(|text| text.lines().collect::<Vec<_>>()),
            "restored_ns": self.restored_ns,
            "snapshots": self.snapshots.iter().map(Written::json).collect::<Vec<_>>(),
            "culprit": self.culprit,
            "epoch_ns": self.epoch_ns,
            "network": self.network.as_ref().map(network_json),
            "nodes": nodes_json(&self.nodes),
        })
    }

    /// The engines' counters, all nodes together.
    fn engine_counters(&self) -> BTreeMap<&'static str, u64> {
        let mut sums = BTreeMap::new();
        for (name, count) in self.nodes.iter().flat_map(|node| &node.telemetry.engine) {
            *sums.entry(*name).or_insert(0) += count;
        }
        sums
    }
}
