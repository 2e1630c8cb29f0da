//! What a run came to: the network's figures, and each node's part.

use crate::interface::Traffic;
use crate::telemetry::Telemetry;
use machine::node::Halt;

/// What a link between two routers carried in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkLoad {
    /// The router it leaves, by the name of its node where it has one.
    pub from: String,
    /// The router it reaches.
    pub to: String,
    /// Which of the networks it belongs to.
    pub rail: usize,
    /// Flits carried.
    pub flits: u64,
    /// Share of the run's cycles in which it carried one.
    pub share: f64,
}

/// What the networks did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetworkSummary {
    /// The topology with its sizes.
    pub topology: String,
    /// The switching scheme.
    pub switching: &'static str,
    /// The fidelity.
    pub level: &'static str,
    /// Packets that entered a network; a broadcast is one to each receiver.
    pub packets: u64,
    /// Packets that arrived.
    pub delivered: u64,
    /// Packets that were lost.
    pub dropped: u64,
    /// Packets that arrived with a wrong bit.
    pub corrupted: u64,
    /// Bytes that arrived.
    pub bytes: u64,
    /// Mean time from wire to wire.
    pub mean_latency_ns: Option<f64>,
    /// The time that 99 of 100 packets do not exceed.
    pub p99_latency_ns: Option<u64>,
    /// The longest.
    pub max_latency_ns: Option<u64>,
    /// Links, the busiest first.
    pub links: Vec<LinkLoad>,
}

/// How a node stands at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A hart runs.
    Running,
    /// All harts sleep.
    Asleep,
    /// It ended by itself.
    Halted(Halt),
    /// Its kernel panicked.
    Panicked,
    /// A fault of the configuration crashed it.
    Crashed,
}

/// A node's part in a run.
#[derive(Clone, Debug)]
pub struct NodeSummary {
    /// Its name.
    pub name: String,
    /// How it stands.
    pub standing: Standing,
    /// Harts.
    pub harts: usize,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// What executes its instructions.
    pub engine: &'static str,
    /// Its counters.
    pub telemetry: Telemetry,
    /// What its interfaces did, one after the other.
    pub traffic: Vec<Traffic>,
    /// The end of what it wrote to its console.
    pub last_words: Vec<u8>,
}
