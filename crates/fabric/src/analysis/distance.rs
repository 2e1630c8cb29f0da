//! Shortest paths between nodes: diameter and average distance.

use crate::ids::{NodeId, RouterId, small};
use crate::topology::{Family, Topology};

/// Distances between the nodes of a network, in links.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distances {
    /// The longest of the shortest paths.
    pub diameter: u64,
    /// The sum of the distances of all ordered pairs.
    pub sum: u128,
    /// How many nodes there are.
    pub nodes: u64,
}

impl Distances {
    /// The mean over all ordered pairs, each node with itself included.
    #[allow(clippy::cast_precision_loss, reason = "a mean for people")]
    pub fn mean_with_self(&self) -> f64 {
        self.sum as f64 / (self.nodes as f64 * self.nodes as f64)
    }

    /// The mean over ordered pairs of different nodes.
    #[allow(clippy::cast_precision_loss, reason = "a mean for people")]
    pub fn mean_without_self(&self) -> f64 {
        if self.nodes < 2 { 0.0 } else { self.sum as f64 / (self.nodes as f64 * (self.nodes as f64 - 1.0)) }
    }
}

/// The distances of `topology`, by search from one router where all are alike, else from every router.
pub fn distances(topology: &Topology) -> Distances {
    let nodes = topology.nodes() as u64;
    if let Family::Mesh(dims) | Family::Torus(dims) = topology.family() {
        let wrap = matches!(topology.family(), Family::Torus(_));
        return of_grid(dims, wrap);
    }
    let weights = nodes_per_router(topology);
    let alike = matches!(topology.family(), Family::Ring { .. } | Family::Hypercube(_) | Family::Crossbar(_));
    let sources = if alike { 1 } else { topology.routers() };
    let leaf = if topology.nodes_are_leaves() { 2 } else { 0 };
    let mut search = Search::new(topology.routers());
    let (mut diameter, mut sum) = (0, 0u128);
    for source in 0..sources {
        if weights[source] == 0 {
            continue;
        }
        search.run(topology, RouterId(small(source)), |_| true);
        for (router, distance) in search.distance.iter().enumerate() {
            let pairs = if router == source {
                u128::from(weights[source]) * u128::from(weights[source].saturating_sub(1))
            } else {
                u128::from(weights[source]) * u128::from(weights[router])
            };
            if pairs > 0 {
                let length = u64::from(*distance) + leaf;
                diameter = diameter.max(length);
                sum += pairs * u128::from(length);
            }
        }
    }
    if alike {
        sum *= u128::from(nodes);
    }
    Distances { diameter, sum, nodes }
}

/// Dimensions of a grid are independent: distances add, so the sum over pairs is a sum over dimensions.
fn of_grid(dims: &[u32], wrap: bool) -> Distances {
    let nodes: u64 = dims.iter().map(|k| u64::from(*k)).product();
    let (mut diameter, mut sum) = (0, 0u128);
    for k in dims.iter().map(|k| u64::from(*k)) {
        let apart = |a: u64, b: u64| {
            let straight = a.abs_diff(b);
            if wrap { straight.min(k - straight) } else { straight }
        };
        diameter += if wrap { k / 2 } else { k - 1 };
        // Pairs in this dimension, times the pairs of positions in the others.
        let in_ring: u128 = if wrap {
            u128::from(k) * (0..k).map(|b| u128::from(apart(0, b))).sum::<u128>()
        } else {
            (0..k).map(|d| u128::from(d) * u128::from(2 * (k - d)) * u128::from(d > 0)).sum()
        };
        let others = u128::from(nodes / k);
        sum += in_ring * others * others;
    }
    Distances { diameter, sum, nodes }
}

/// How many nodes each router has.
pub(crate) fn nodes_per_router(topology: &Topology) -> Vec<u32> {
    let mut count = vec![0; topology.routers()];
    for node in 0..topology.nodes() {
        count[topology.attachment(NodeId(small(node))).0.index()] += 1;
    }
    count
}

/// Breadth-first search whose storage is used again.
pub(crate) struct Search {
    /// The distance of each router from the last search's source; `u32::MAX` where it was not reached.
    pub(crate) distance: Vec<u32>,
    queue: Vec<RouterId>,
}

impl Search {
    /// A search over `routers` routers.
    pub(crate) fn new(routers: usize) -> Search {
        Search { distance: vec![u32::MAX; routers], queue: Vec::with_capacity(routers) }
    }

    /// Searches from `source` over the links that `up` admits.
    pub(crate) fn run(&mut self, topology: &Topology, source: RouterId, up: impl Fn(usize) -> bool) {
        self.distance.fill(u32::MAX);
        self.queue.clear();
        self.distance[source.index()] = 0;
        self.queue.push(source);
        let mut next = 0;
        while let Some(router) = self.queue.get(next).copied() {
            next += 1;
            let far = self.distance[router.index()] + 1;
            for (_, other, link) in topology.neighbours(router) {
                if self.distance[other.index()] == u32::MAX && up(link.index()) {
                    self.distance[other.index()] = far;
                    self.queue.push(other);
                }
            }
        }
    }
}
