//! What failed links do to the diameter.

use super::distance::{Search, nodes_per_router};
use crate::ids::{RouterId, small};
use crate::rng::Rng;
use crate::topology::Topology;

/// Work (sets of links times routers times routers) up to which every set of failed links is tried.
const EXACT_WORK_MAX: u128 = 60_000_000;
/// Sets of failed links that are tried at most where there are too many to try all.
const SAMPLES_MAX: usize = 200;
/// Steps of all searches together there: a second in a small network, a few where no cache holds it.
const SAMPLED_WORK_MAX: usize = 200_000_000;
/// In a network so large that there is no time to search from every router, a set is searched from at least so many.
const SOURCES_MIN: usize = 16;

/// The worst that `failed` failed links can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AfterFailures {
    /// How many links failed.
    pub failed: u32,
    /// The largest diameter that some set of that many failures leaves; `None` when one parts the network.
    pub diameter: Option<u64>,
    /// The largest diameter among the sets that leave it whole.
    pub diameter_whole: u64,
    /// How many of the tried sets parted it.
    pub parted: u64,
    /// How many sets were tried.
    pub tried: u64,
    /// From how many routers each set was searched, in a network that is too large to search from all.
    pub sources: Option<u64>,
    /// Whether all sets were tried, from all routers; otherwise the true figure may be worse.
    pub exact: bool,
}

/// Fails `failed` links in every way (or, where these are too many, in seeded random ways) and takes the worst.
///
/// The links of leaf nodes to their switches can fail too, and then part them from the rest. `intact` is the diameter without
/// failures, which none of them makes smaller.
pub fn after_failures(topology: &Topology, failed: u32, seed: u64, intact: u64) -> AfterFailures {
    let links = topology.links().len() + if topology.nodes_are_leaves() { topology.nodes() } else { 0 };
    let size = u128::from(small(topology.routers()));
    let exact = combinations(links as u128, u128::from(failed)).saturating_mul(size * size) <= EXACT_WORK_MAX;
    let mut trial = Trial::new(topology);
    let routers: Vec<usize> = (0..topology.routers()).filter(|router| trial.weights[*router] > 0).collect();
    let (samples, sources) = if exact { (0, routers.len()) } else { shares(topology, routers.len()) };
    let mut result = AfterFailures {
        failed,
        diameter: None,
        diameter_whole: 0,
        parted: 0,
        tried: 0,
        sources: (sources < routers.len()).then_some(sources as u64),
        exact,
    };
    let mut record = |diameter: Option<u64>| {
        result.tried += 1;
        match diameter {
            Some(diameter) => result.diameter_whole = result.diameter_whole.max(diameter).max(intact),
            None => result.parted += 1,
        }
    };
    if exact {
        let mut chosen: Vec<usize> = (0..failed as usize).collect();
        while chosen.len() <= links {
            record(trial.diameter(&chosen, &routers));
            if !next_set(&mut chosen, links) {
                break;
            }
        }
    } else {
        let mut rng = Rng::new(seed);
        for _ in 0..samples {
            let mut chosen = std::collections::BTreeSet::new();
            while chosen.len() < (failed as usize).min(links) {
                chosen.insert(rng.below(small(links)) as usize);
            }
            let chosen: Vec<usize> = chosen.into_iter().collect();
            let mut some = Vec::new();
            if sources < routers.len() {
                some.extend((0..sources).map(|_| routers[rng.below(small(routers.len())) as usize]));
            }
            record(trial.diameter(&chosen, if some.is_empty() { &routers } else { &some }));
        }
    }
    result.diameter = (result.parted == 0).then_some(result.diameter_whole);
    result
}

/// How many sets of failed links are tried, and from how many of the `routers` that have nodes each is searched.
fn shares(topology: &Topology, routers: usize) -> (usize, usize) {
    let search = topology.routers() + 2 * topology.links().len();
    let searches = SAMPLED_WORK_MAX / search.max(1);
    if searches >= routers {
        return ((searches / routers.max(1)).min(SAMPLES_MAX), routers);
    }
    let samples = (searches / SOURCES_MIN).clamp(1, SAMPLES_MAX);
    (samples, (searches / samples).clamp(1, routers))
}

fn combinations(n: u128, k: u128) -> u128 {
    (0..k.min(n)).fold(1u128, |product, i| product.saturating_mul(n - i) / (i + 1))
}

/// The next set of indices below `links` in lexicographic order; false after the last.
fn next_set(chosen: &mut [usize], links: usize) -> bool {
    let count = chosen.len();
    for i in (0..count).rev() {
        if chosen[i] < links - (count - i) {
            chosen[i] += 1;
            for j in i + 1..count {
                chosen[j] = chosen[j - 1] + 1;
            }
            return true;
        }
    }
    false
}

/// A network with some links down.
struct Trial<'a> {
    topology: &'a Topology,
    down: Vec<bool>,
    search: Search,
    weights: Vec<u32>,
}

impl<'a> Trial<'a> {
    fn new(topology: &'a Topology) -> Trial<'a> {
        Trial {
            topology,
            down: vec![false; topology.links().len()],
            search: Search::new(topology.routers()),
            weights: nodes_per_router(topology),
        }
    }

    /// The longest way from `sources` to nodes without the `failed` links, `None` if some cannot be reached.
    fn diameter(&mut self, failed: &[usize], sources: &[usize]) -> Option<u64> {
        if failed.iter().any(|link| *link >= self.down.len()) {
            return None;
        }
        failed.iter().for_each(|link| self.down[*link] = true);
        let leaf = if self.topology.nodes_are_leaves() { 2 } else { 0 };
        let mut diameter = Some(0);
        for source in sources {
            self.search.run(self.topology, RouterId(small(*source)), |link| !self.down[link]);
            let with_nodes =
                self.search.distance.iter().zip(&self.weights).filter(|(_, weight)| **weight > 0);
            let farthest = with_nodes.map(|(distance, _)| *distance).max().unwrap_or(0);
            if farthest == u32::MAX {
                diameter = None;
                break;
            }
            diameter = diameter.max(Some(u64::from(farthest) + leaf));
        }
        failed.iter().for_each(|link| self.down[*link] = false);
        diameter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_becomes_a_line_and_then_two() {
        let ring = Topology::from_spec("ring:8").unwrap();
        assert_eq!(after_failures(&ring, 1, 0, 4).diameter, Some(7));
        let two = after_failures(&ring, 2, 0, 4);
        assert_eq!((two.diameter, two.exact), (None, true));
    }

    #[test]
    fn a_large_network_is_searched_from_some_routers() {
        let large = Topology::from_spec("torus:100x100").unwrap();
        let one = after_failures(&large, 1, 1, 100);
        assert_eq!((one.diameter, one.exact), (Some(100), false));
        assert!(one.sources.is_some_and(|sources| sources < 10_000) && one.tried > 1, "{one:?}");
        let line = Topology::from_spec("mesh:20000").unwrap();
        let parted = after_failures(&line, 1, 1, 19_999);
        assert_eq!((parted.diameter, parted.parted), (None, parted.tried), "{parted:?}");
        let some = Topology::from_spec("torus:20x20").unwrap();
        assert_eq!(after_failures(&some, 2, 1, 20).sources, None);
    }

    #[test]
    fn a_leaf_is_lost_with_its_link() {
        let star = Topology::from_spec("star:5").unwrap();
        let one = after_failures(&star, 1, 0, 2);
        assert_eq!((one.diameter, one.parted, one.tried), (None, 5, 5));
    }

    #[test]
    fn the_torus_suffers_less_than_the_mesh() {
        let torus = Topology::from_spec("torus:4x4").unwrap();
        let mesh = Topology::from_spec("mesh:4x4").unwrap();
        for failed in 1..=3 {
            let (torus, mesh) = (after_failures(&torus, failed, 1, 4), after_failures(&mesh, failed, 1, 6));
            assert!(torus.diameter.is_some(), "{torus:?}");
            assert!(mesh.diameter.is_none_or(|d| Some(d) > torus.diameter), "{mesh:?}");
        }
    }
}
