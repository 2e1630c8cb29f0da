//! Edge connectivity: the fewest links whose failure parts the network.

use super::Figure;
use crate::ids::{RouterId, small};
use crate::topology::{Family, Topology};

/// Work (routers times links) up to which the figure of a graph is computed exactly.
const EXACT_WORK_MAX: usize = 200_000_000;

/// The edge connectivity: by its closed form for known families, by maximum flow for graphs.
pub fn edge_connectivity(topology: &Topology) -> Figure {
    let long = |dims: &[u32]| dims.iter().filter(|k| **k > 1).count() as u64;
    match topology.family() {
        Family::Star(_) | Family::Tree { .. } | Family::FatTree { .. } => Figure::Exact(1),
        Family::Ring { .. } => Figure::Exact(2),
        Family::Mesh(dims) => Figure::Exact(long(dims)),
        Family::Torus(dims) => Figure::Exact(2 * long(dims)),
        Family::Hypercube(dims) => Figure::Exact(u64::from(*dims)),
        Family::Crossbar(nodes) => Figure::Exact(u64::from(*nodes - 1)),
        Family::Dragonfly { .. } | Family::Graph(_) => by_flow(topology),
    }
}

/// The least maximum flow from router 0 to any other, every link carrying one unit each way.
pub(crate) fn by_flow(topology: &Topology) -> Figure {
    let routers = topology.routers();
    let degree = |r: usize| topology.neighbours(RouterId(small(r))).count();
    let least = (0..routers).map(degree).min().unwrap_or(0);
    if routers < 2 {
        return Figure::Exact(0);
    }
    if routers * topology.links().len() * least > EXACT_WORK_MAX {
        return Figure::AtMost(least as u64);
    }
    let mut flow = Flow::new(topology);
    let mut best = least as u64;
    for sink in 1..routers {
        best = best.min(flow.between(topology, 0, sink, best));
    }
    Figure::Exact(best)
}

/// Augmenting paths over unit links.
struct Flow {
    /// Flow on each link, positive from its end `a` to its end `b`.
    on_link: Vec<i8>,
    from: Vec<Option<(usize, usize)>>,
    queue: Vec<usize>,
}

impl Flow {
    fn new(topology: &Topology) -> Flow {
        Flow {
            on_link: vec![0; topology.links().len()],
            from: vec![None; topology.routers()],
            queue: Vec::new(),
        }
    }

    /// The maximum flow from `source` to `sink`, or `enough` once it is reached.
    fn between(&mut self, topology: &Topology, source: usize, sink: usize, enough: u64) -> u64 {
        self.on_link.fill(0);
        let mut total = 0;
        while total < enough && self.augment(topology, source, sink) {
            total += 1;
        }
        total
    }

    fn augment(&mut self, topology: &Topology, source: usize, sink: usize) -> bool {
        self.from.fill(None);
        self.queue.clear();
        self.queue.push(source);
        let mut next = 0;
        while next < self.queue.len() && self.from[sink].is_none() {
            let router = self.queue[next];
            next += 1;
            for (_, other, link) in topology.neighbours(RouterId(small(router))) {
                let (to, link) = (other.index(), link.index());
                let flow = self.on_link[link] * direction(topology, link, router);
                if flow < 1 && to != source && self.from[to].is_none() {
                    self.from[to] = Some((router, link));
                    self.queue.push(to);
                }
            }
        }
        let mut at = sink;
        while let Some((router, link)) = self.from[at] {
            self.on_link[link] += direction(topology, link, router);
            at = router;
        }
        at == source && self.from[sink].is_some()
    }
}

/// 1 when `router` is the end `a` of `link`, -1 when it is the end `b`.
fn direction(topology: &Topology, link: usize, router: usize) -> i8 {
    if topology.links()[link].a.0.index() == router { 1 } else { -1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms_agree_with_maximum_flow() {
        for text in
            ["ring:7", "mesh:4x3", "mesh:3x3x2", "torus:4x4", "torus:2x5", "hypercube:4", "crossbar:6"]
        {
            let topology = Topology::from_spec(text).unwrap();
            assert_eq!(edge_connectivity(&topology), by_flow(&topology), "{text}");
        }
    }
}
