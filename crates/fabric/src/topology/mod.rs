//! Topologies: how nodes and routers are joined.
//!
//! Invariants of a [`Topology`]: every router is reachable from every other; ports to routers come before
//! ports to nodes; `peer(peer(r, p)) == (r, p)`. It proves nothing about routing: see [`crate::routing`].

mod build;
mod family;
mod file;
mod spec;

pub use build::Builder;
pub use family::Family;
pub use file::{GraphFile, parse_edge_list};
pub use spec::{NAMES, Spec};

use crate::error::Error;
use crate::ids::{LinkId, NodeId, Port, RouterId};

/// The most nodes or routers a network may have.
pub const NODES_MAX: usize = 1 << 24;

/// A link between two routers, with the port at each end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// One end.
    pub a: (RouterId, Port),
    /// The other end.
    pub b: (RouterId, Port),
}

/// What a port of a router leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A port of another router, over a link.
    Router(RouterId, Port, LinkId),
    /// A node.
    Node(NodeId),
    /// Nothing: the edge of a mesh.
    Nothing,
}

/// Nodes, routers and the links between them.
#[derive(Clone, Debug)]
pub struct Topology {
    family: Family,
    name: String,
    links: Vec<Link>,
    /// Ports of router `r` are `ports[port_start[r]..port_start[r + 1]]`.
    port_start: Vec<u32>,
    ports: Vec<Peer>,
    /// The router and port of each node.
    attach: Vec<(RouterId, Port)>,
    labels: Vec<String>,
}

impl Topology {
    /// The network that `text` names: a family with its sizes, as `mesh:8x8`.
    ///
    /// Errors: see [`Spec::parse`] and [`Spec::build`].
    pub fn from_spec(text: &str) -> Result<Topology, Error> {
        Spec::parse(text)?.build()
    }

    /// The family it belongs to, with its sizes.
    pub fn family(&self) -> &Family {
        &self.family
    }

    /// Its name, as a specification spells it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many nodes it has.
    pub fn nodes(&self) -> usize {
        self.attach.len()
    }

    /// How many routers (switches) it has.
    pub fn routers(&self) -> usize {
        self.port_start.len() - 1
    }

    /// The links between routers.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Whether nodes hang on switches by links of their own (star, trees), and so count as vertices.
    pub fn nodes_are_leaves(&self) -> bool {
        self.family.nodes_are_leaves()
    }

    /// The router and port of `node`.
    pub fn attachment(&self, node: NodeId) -> (RouterId, Port) {
        self.attach[node.index()]
    }

    /// What each port of `router` leads to.
    pub fn ports(&self, router: RouterId) -> &[Peer] {
        let start = self.port_start[router.index()] as usize;
        let end = self.port_start[router.index() + 1] as usize;
        &self.ports[start..end]
    }

    /// The other routers that `router` is joined to, with the port that leads there.
    pub fn neighbours(&self, router: RouterId) -> impl Iterator<Item = (Port, RouterId, LinkId)> + '_ {
        self.ports(router).iter().enumerate().filter_map(|(port, peer)| match peer {
            Peer::Router(other, _, link) => Some((port_of(port), *other, *link)),
            _ => None,
        })
    }

    /// The most ports that a router has, those to nodes included.
    pub fn ports_max(&self) -> usize {
        (0..self.routers()).map(|r| (self.port_start[r + 1] - self.port_start[r]) as usize).max().unwrap_or(0)
    }

    /// The label of a node: its name in a graph file, else its number.
    pub fn label(&self, node: NodeId) -> String {
        self.labels.get(node.index()).cloned().unwrap_or_else(|| node.0.to_string())
    }

    /// What people call a router: as its node where it has one of its own, else by its number.
    pub fn router_label(&self, router: RouterId) -> String {
        let node = self.ports(router).iter().find_map(|peer| match peer {
            Peer::Node(node) => Some(self.label(*node)),
            _ => None,
        });
        let own = matches!(self.family, Family::Graph(_)) || crate::analysis::is_direct(self);
        node.filter(|_| own).unwrap_or_else(|| router.to_string())
    }

    /// The node with this label or number.
    pub fn node_called(&self, label: &str) -> Option<NodeId> {
        if let Some(at) = self.labels.iter().position(|known| known == label) {
            return Some(NodeId(crate::ids::small(at)));
        }
        let digits = label.strip_prefix('n').unwrap_or(label);
        digits.parse().ok().filter(|node: &u32| (*node as usize) < self.nodes()).map(NodeId)
    }

    /// The coordinates of a router in a grid, lowest dimension first; empty in other families.
    pub fn coordinates(&self, router: RouterId) -> Vec<u32> {
        self.family.coordinates(router)
    }
}

pub(crate) fn port_of(index: usize) -> Port {
    Port(u8::try_from(index).unwrap_or_else(|_| unreachable!("ports are bounded by the builder")))
}
