//! The names of things in a network: nodes, routers, links, ports, cycles.

use std::fmt;

/// A node: where packets start and end. Nodes count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NodeId(pub u32);

/// A router or switch. In a direct network router `i` belongs to node `i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RouterId(pub u32);

/// An undirected link between two routers, in the order in which the topology made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LinkId(pub u32);

/// A port of one router. Ports to other routers come first, then one port per node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Port(pub u8);

/// An instant or a span of the network's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cycle(pub u64);

impl NodeId {
    /// The node as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl RouterId {
    /// The router as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl LinkId {
    /// The link as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Port {
    /// The port as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl std::ops::Add<u64> for Cycle {
    type Output = Cycle;
    fn add(self, cycles: u64) -> Cycle {
        Cycle(self.0 + cycles)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl fmt::Display for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// `usize` to `u32` where the topology's size limits make it lossless.
///
/// Panics: never within the limit of [`crate::topology::NODES_MAX`].
pub(crate) fn small(index: usize) -> u32 {
    u32::try_from(index).unwrap_or_else(|_| unreachable!("sizes are bounded by NODES_MAX"))
}
