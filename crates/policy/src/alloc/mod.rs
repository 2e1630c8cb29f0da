//! Process allocation as graph partitioning: processes with CPU, memory and traffic needs onto nodes, so that as little traffic
//! as possible crosses the network, weighted by how far it goes, within the limits of the nodes.

mod brute_force;
mod min_cut;
mod multilevel;
mod round_robin;
mod topology;

pub use topology::Topology;

use crate::unit::NodeId;
use core::fmt;
use heap::string::String;
use heap::vec;
use heap::vec::Vec;

/// What a process needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// What reports call it.
    pub name: String,
    /// CPU, in any unit.
    pub cpu: u64,
    /// Memory, in KiB.
    pub memory_kib: u64,
    /// The node on which it must be, if any.
    pub pinned: Option<NodeId>,
}

/// What a node has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What reports call it.
    pub name: String,
    /// CPU, in the unit of the processes.
    pub cpu: u64,
    /// Memory, in KiB.
    pub memory_kib: u64,
}

/// Processes, nodes, and who talks to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The processes.
    pub processes: Vec<Process>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// How the nodes are joined: how far apart they are.
    pub topology: Topology,
    /// Traffic between two processes, in any unit.
    pub traffic: Vec<(usize, usize, u64)>,
}

/// Each process's node.
pub type Allocation = Vec<NodeId>;

/// Why there is no allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoWay {
    /// The processes do not fit into the nodes' CPU and memory, as far as the method can tell.
    DoesNotFit {
        /// The first that found no place.
        process: usize,
    },
    /// The method is for another number of nodes.
    WrongNodes {
        /// How many it is for.
        needs: usize,
    },
    /// There are more possibilities than the method tries.
    TooLarge,
}

impl fmt::Display for NoWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoWay::DoesNotFit { process } => write!(f, "process number {process} fits nowhere"),
            NoWay::WrongNodes { needs } => write!(f, "this method is for {needs} nodes"),
            NoWay::TooLarge => f.write_str("too many possibilities to try them all"),
        }
    }
}

impl core::error::Error for NoWay {}

impl Problem {
    /// The traffic of an allocation: each pair's, times the hops between their nodes.
    #[must_use]
    pub fn cost(&self, allocation: &[NodeId]) -> u64 {
        self.traffic
            .iter()
            .map(|&(a, b, rate)| rate * u64::from(self.hops(allocation[a], allocation[b])))
            .sum()
    }

    /// Hops between two nodes.
    #[must_use]
    pub fn hops(&self, a: NodeId, b: NodeId) -> u32 {
        self.topology.hops(self.nodes.len(), a.index(), b.index())
    }

    /// CPU and memory used on each node.
    #[must_use]
    pub fn used(&self, allocation: &[NodeId]) -> Vec<(u64, u64)> {
        let mut used = vec![(0, 0); self.nodes.len()];
        for (process, node) in self.processes.iter().zip(allocation) {
            used[node.index()].0 += process.cpu;
            used[node.index()].1 += process.memory_kib;
        }
        used
    }

    /// Whether an allocation is within the limits and leaves pinned processes where they must be.
    #[must_use]
    pub fn fits(&self, allocation: &[NodeId]) -> bool {
        let limits = self.used(allocation);
        let within = limits
            .iter()
            .zip(&self.nodes)
            .all(|(used, node)| used.0 <= node.cpu && used.1 <= node.memory_kib);
        let pinned = self.processes.iter().zip(allocation);
        within && pinned.clone().all(|(process, node)| process.pinned.is_none_or(|pin| pin == *node))
    }

    /// Fairness of the load: Jain's index over CPU used in parts of CPU there.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    pub fn fairness(&self, allocation: &[NodeId]) -> f64 {
        let used = self.used(allocation);
        let parts = used.iter().zip(&self.nodes).map(|(used, node)| used.0 as f64 / node.cpu.max(1) as f64);
        let (n, sum, squares) = parts.fold((0.0, 0.0, 0.0), |(n, s, q), x| (n + 1.0, s + x, q + x * x));
        if squares == 0.0 { 1.0 } else { sum * sum / (n * squares) }
    }
}

/// A method of allocation that can be asked for by name.
#[derive(Clone, Copy)]
pub struct Method {
    /// The word for it.
    pub name: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// Carries it out.
    pub solve: fn(&Problem, u64) -> Result<Allocation, NoWay>,
}

/// All methods.
pub const METHODS: &[Method] = &[
    Method {
        name: "round-robin",
        summary: "one process after the other, one node after the other",
        solve: round_robin::solve,
    },
    Method {
        name: "min-cut",
        summary: "the exact minimum cut between two nodes, whatever their limits (Stone)",
        solve: min_cut::solve,
    },
    Method {
        name: "multilevel",
        summary: "coarsen, place, refine: limits and distances, any number of nodes",
        solve: multilevel::solve,
    },
    Method {
        name: "brute-force",
        summary: "all possibilities, for comparison on small problems",
        solve: brute_force::solve,
    },
];

/// The method of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}
