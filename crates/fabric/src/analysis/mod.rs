//! The figures of a network: distances, degree, connectivity, bisection, what failures do to it.
//!
//! Distances count links. Where nodes hang on switches by links of their own (star, trees) these links count
//! too; elsewhere a node is where its router is.

pub mod bisection;
#[cfg(test)]
mod closed_forms;
pub mod connectivity;
pub mod distance;
pub mod failures;

pub use bisection::bisection;
pub use connectivity::edge_connectivity;
pub use distance::{Distances, distances};
pub use failures::{AfterFailures, after_failures};

use crate::topology::{Family, Topology};

/// A figure that is exact or a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// The figure itself.
    Exact(u64),
    /// The true figure is this or less.
    AtMost(u64),
    /// The true figure is this or more.
    AtLeast(u64),
}

impl Figure {
    /// The number, exact or bound.
    pub fn value(self) -> u64 {
        match self {
            Figure::Exact(value) | Figure::AtMost(value) | Figure::AtLeast(value) => value,
        }
    }

    /// Whether it is the figure itself.
    pub fn is_exact(self) -> bool {
        matches!(self, Figure::Exact(_))
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Figure::Exact(value) => write!(f, "{value}"),
            Figure::AtMost(value) => write!(f, "<={value}"),
            Figure::AtLeast(value) => write!(f, ">={value}"),
        }
    }
}

/// All figures of a network.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Nodes.
    pub nodes: u64,
    /// Routers (switches).
    pub switches: u64,
    /// Links, those of leaf nodes to their switches included.
    pub links: u64,
    /// The largest number of links at a node or switch.
    pub degree: u64,
    /// The number of links of a node, the smallest if they differ.
    pub node_degree: u64,
    /// Distances between nodes.
    pub distances: Distances,
    /// The fewest links whose failure parts the network.
    pub edge_connectivity: Figure,
    /// The fewest links between two halves of the nodes.
    pub bisection: Figure,
}

/// Computes the figures of `topology`.
pub fn figures(topology: &Topology) -> Figures {
    let leaves = topology.nodes_are_leaves();
    let degrees: Vec<u64> = (0..topology.routers())
        .map(|r| {
            let router = crate::ids::RouterId(crate::ids::small(r));
            let counted = |peer: &&crate::topology::Peer| match peer {
                crate::topology::Peer::Router(..) => true,
                crate::topology::Peer::Node(_) => leaves,
                crate::topology::Peer::Nothing => false,
            };
            topology.ports(router).iter().filter(counted).count() as u64
        })
        .collect();
    let of_nodes = (0..topology.nodes())
        .map(|n| degrees[topology.attachment(crate::ids::NodeId(crate::ids::small(n))).0.index()]);
    Figures {
        nodes: topology.nodes() as u64,
        switches: if is_direct(topology) { 0 } else { topology.routers() as u64 },
        links: topology.links().len() as u64 + if leaves { topology.nodes() as u64 } else { 0 },
        degree: degrees.iter().copied().max().unwrap_or(0),
        node_degree: if leaves { 1 } else { of_nodes.min().unwrap_or(0) },
        distances: distances(topology),
        edge_connectivity: edge_connectivity(topology),
        bisection: bisection(topology),
    }
}

/// Whether every node has a router of its own and there are no further routers.
pub fn is_direct(topology: &Topology) -> bool {
    !topology.nodes_are_leaves()
        && topology.nodes() == topology.routers()
        && !matches!(topology.family(), Family::Dragonfly { .. })
}
