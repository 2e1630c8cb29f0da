//! Bisection width: the fewest links between two halves of the nodes.
//!
//! Exact by closed form for known families and by search for small graphs; otherwise the best cut that a local
//! search finds, an upper bound.

use super::Figure;
use crate::ids::{NodeId, RouterId, small};
use crate::rng::Rng;
use crate::topology::{Family, Topology};

/// Routers up to which all cuts are tried.
const EXHAUSTIVE_MAX: usize = 20;

/// The bisection width of `topology`.
pub fn bisection(topology: &Topology) -> Figure {
    match topology.family() {
        Family::Star(nodes) => Figure::Exact(u64::from(nodes / 2)),
        Family::Ring { .. } => Figure::Exact(2),
        Family::Tree { arity, levels } => of_tree(u64::from(*arity), *levels),
        Family::FatTree { arity, levels } => Figure::Exact(u64::from(*arity).pow(*levels) / 2),
        Family::Mesh(dims) => Figure::Exact(of_mesh(dims)),
        Family::Torus(dims) => Figure::Exact(2 * of_mesh(dims)),
        Family::Hypercube(dims) => Figure::Exact(1 << (dims - 1)),
        Family::Crossbar(nodes) => {
            let nodes = u64::from(*nodes);
            Figure::Exact((nodes / 2) * nodes.div_ceil(2))
        }
        Family::Dragonfly { p, a, h } => of_dragonfly(topology, [*p, *a, *h].map(u64::from)),
        Family::Graph(_) => search(topology),
    }
}

// A fat tree is cut at the links of half of its nodes. No cut is smaller: the tree is a folded Clos network with as many
// switches above as links below, which routes every permutation over links of its own (Slepian and Duguid, in Benes,
// "Mathematical Theory of Connecting Networks", 1965), so also those that send every node of the smaller half across.

/// The best cut known, and whether it is the least: with all pairs of nodes sending to each other by the shortest ways,
/// a link carries at most so much, and what crosses between two halves needs at least so many links.
///
/// Source: Leighton, "Introduction to Parallel Algorithms and Architectures", 1992: the argument by an embedded complete graph.
fn of_dragonfly(topology: &Topology, [p, a, h]: [u64; 3]) -> Figure {
    let groups = a * h + 1;
    let found = search(topology);
    // Whole groups to each side, where their number is even.
    let whole = if groups % 2 == 0 { groups * groups / 4 } else { u64::MAX };
    let best = found.value().min(whole);
    let nodes = groups * a * p;
    // One way: a link between groups has their pairs, one within a group those of its routers, and of each router's
    // nodes with the groups that the other is joined to, both ways round.
    let busiest = (a * p * a * p).max(p * p + 2 * h * a * p * p);
    let least = ((nodes / 2) * nodes.div_ceil(2)).div_ceil(busiest);
    if found.is_exact() || best == least { Figure::Exact(best) } else { Figure::AtMost(best) }
}

/// Source: Azizoglu and Egecioglu, "The bisection width and the isoperimetric number of arrays", 2004: with the
/// dimensions from the largest down and `e` the first even one, the sum over `i <= e` of the products of all
/// dimensions after the `i`-th. A torus has twice that.
fn of_mesh(dims: &[u32]) -> u64 {
    let mut sorted: Vec<u64> = dims.iter().map(|k| u64::from(*k)).filter(|k| *k > 1).collect();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let last = sorted.iter().position(|k| k % 2 == 0).unwrap_or(sorted.len().saturating_sub(1));
    (0..sorted.len().min(last + 1)).map(|i| sorted[i + 1..].iter().product::<u64>()).sum()
}

/// Leaves up to which a tree's best cut is found for every number of leaves on one side.
const TREE_MAX: u64 = 20_000;

/// A tree of even arity is cut below the root, half of the subtrees to each side. For an odd arity, the fewest cuts that
/// put a number of leaves on one side follow from those of the subtrees, level by level.
fn of_tree(arity: u64, levels: u32) -> Figure {
    if arity.is_multiple_of(2) {
        return Figure::Exact(arity / 2);
    }
    let leaves = arity.saturating_pow(levels);
    if leaves > TREE_MAX {
        // Half of the subtrees, and so on in the one that is left.
        return Figure::AtMost((arity / 2) * u64::from(levels));
    }
    // By leaves on the root's side: the fewest cuts. The other side's are the same, seen from there.
    let mut near: Vec<u64> = vec![NEVER, 0];
    for _ in 0..levels {
        let size = near.len() - 1;
        // A subtree whose root is on the other side costs the link to it.
        let child: Vec<u64> = (0..=size).map(|n| near[n].min(near[size - n] + 1)).collect();
        near = (1..arity).fold(child.clone(), |sum, _| least_sums(&sum, &child));
    }
    let half = (near.len() - 1) / 2;
    Figure::Exact(near[half].min(near[near.len() - 1 - half]))
}

/// More cuts than any tree has links.
const NEVER: u64 = u64::MAX / 4;

/// For each total the least sum of an entry of `a` and one of `b`.
fn least_sums(a: &[u64], b: &[u64]) -> Vec<u64> {
    let mut sums = vec![NEVER; a.len() + b.len() - 1];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            sums[i + j] = sums[i + j].min(x + y);
        }
    }
    sums
}

fn search(topology: &Topology) -> Figure {
    let cut = Cut::new(topology);
    let exact = if cut.neighbours.len() <= EXHAUSTIVE_MAX { cut.exhaustive() } else { None };
    exact.map_or_else(|| Figure::AtMost(cut.local_search()), Figure::Exact)
}

/// The weighted graph that is cut: routers with their nodes as weights, or leaf nodes' own links.
struct Cut {
    neighbours: Vec<Vec<usize>>,
    weight: Vec<u32>,
    half: u32,
}

impl Cut {
    fn new(topology: &Topology) -> Cut {
        let routers = topology.routers();
        let mut neighbours: Vec<Vec<usize>> = (0..routers)
            .map(|r| topology.neighbours(RouterId(small(r))).map(|(_, other, _)| other.index()).collect())
            .collect();
        let mut weight = super::distance::nodes_per_router(topology);
        if topology.nodes_are_leaves() {
            weight = vec![0; routers];
            for node in 0..topology.nodes() {
                let router = topology.attachment(NodeId(small(node))).0.index();
                let leaf = neighbours.len();
                neighbours[router].push(leaf);
                neighbours.push(vec![router]);
                weight.push(1);
            }
        }
        let half = small(topology.nodes()) / 2;
        Cut { neighbours, weight, half }
    }

    fn links_between(&self, side: &[bool]) -> u64 {
        let crossing = |v: usize| self.neighbours[v].iter().filter(|u| side[**u] != side[v]).count() as u64;
        (0..side.len()).map(crossing).sum::<u64>() / 2
    }

    /// Of all sets of half the weight; `None` when there are none (routers of several nodes are not divided).
    fn exhaustive(&self) -> Option<u64> {
        let count = self.neighbours.len();
        let mut best = None;
        for set in 0u32..1 << count {
            let weight: u32 = (0..count).filter(|v| set >> v & 1 == 1).map(|v| self.weight[v]).sum();
            if weight == self.half {
                let side: Vec<bool> = (0..count).map(|v| set >> v & 1 == 1).collect();
                let links = self.links_between(&side);
                best = Some(best.map_or(links, |best: u64| best.min(links)));
            }
        }
        best
    }

    /// Random balanced halves, improved by the best swaps until none helps.
    fn local_search(&self) -> u64 {
        let mut rng = Rng::new(0);
        let rounds = if self.neighbours.len() > 2000 { 2 } else { 12 };
        (0..rounds).map(|round| self.improve(self.start(round, &mut rng))).min().unwrap_or(0)
    }

    /// A balanced start: grown from a vertex by breadth, so that it is connected.
    fn start(&self, round: u32, rng: &mut Rng) -> Vec<bool> {
        let count = self.neighbours.len();
        let mut side = vec![false; count];
        let mut seen = vec![false; count];
        let mut weight = 0;
        let first = if round == 0 { 0 } else { rng.below(small(count)) as usize };
        let mut queue = std::collections::VecDeque::from([first]);
        seen[first] = true;
        while let Some(v) = queue.pop_front() {
            if weight + self.weight[v] <= self.half {
                side[v] = true;
                weight += self.weight[v];
            }
            for u in &self.neighbours[v] {
                if !std::mem::replace(&mut seen[*u], true) {
                    queue.push_back(*u);
                }
            }
        }
        side
    }

    fn gain(&self, side: &[bool], v: usize) -> i64 {
        self.neighbours[v].iter().map(|u| if side[*u] == side[v] { -1 } else { 1 }).sum()
    }

    /// Moves weightless switches and swaps equal weights across the cut while the cut shrinks.
    fn improve(&self, mut side: Vec<bool>) -> u64 {
        let count = side.len();
        for _ in 0..200 {
            let mut best = (0i64, None);
            let mut gains: [Vec<(i64, usize)>; 2] = [Vec::new(), Vec::new()];
            for v in 0..count {
                let gain = self.gain(&side, v);
                if self.weight[v] == 0 && gain > best.0 {
                    best = (gain, Some((v, v)));
                } else if self.weight[v] > 0 {
                    gains[usize::from(side[v])].push((gain, v));
                }
            }
            for list in &mut gains {
                list.sort_unstable_by(|a, b| b.cmp(a));
                list.truncate(64);
            }
            for (ga, a) in &gains[0] {
                for (gb, b) in &gains[1] {
                    let joined = self.neighbours[*a].iter().filter(|u| *u == b).count();
                    let gain = ga + gb - 2 * i64::try_from(joined).unwrap_or(0);
                    if gain > best.0 && self.weight[*a] == self.weight[*b] {
                        best = (gain, Some((*a, *b)));
                    }
                }
            }
            match best.1 {
                Some((a, b)) if a == b => side[a] = !side[a],
                Some((a, b)) => {
                    side[a] = !side[a];
                    side[b] = !side[b];
                }
                None => break,
            }
        }
        self.links_between(&side)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms_agree_with_all_cuts_of_small_networks() {
        let specs = ["ring:6", "mesh:3x3", "mesh:4x3", "mesh:2x2x3", "torus:4x4", "torus:3x4", "hypercube:4"];
        for text in specs.into_iter().chain(["crossbar:7", "mesh:5x3", "torus:3x3", "torus:5x3"]) {
            let topology = Topology::from_spec(text).unwrap();
            assert_eq!(bisection(&topology).value(), all(&topology), "{text}");
        }
    }

    fn all(topology: &Topology) -> u64 {
        Cut::new(topology).exhaustive().unwrap()
    }

    #[test]
    fn odd_trees_are_cut_as_all_their_cuts_say() {
        for (text, links) in [("tree:3:1", 1), ("tree:3:2", 2), ("tree:5:1", 2)] {
            let topology = Topology::from_spec(text).unwrap();
            assert_eq!(bisection(&topology), Figure::Exact(all(&topology)), "{text}");
            assert_eq!(bisection(&topology).value(), links, "{text}");
        }
        let large = Topology::from_spec("tree:3:5").unwrap();
        assert!(bisection(&large).is_exact() && bisection(&large).value() <= 5);
    }

    #[test]
    fn fat_trees_are_cut_as_all_their_cuts_say() {
        for text in ["fattree:2:1", "fattree:2:2", "fattree:3:1", "fattree:3:2", "fattree:4:1", "fattree:5:1"]
        {
            let topology = Topology::from_spec(text).unwrap();
            assert_eq!(bisection(&topology), Figure::Exact(all(&topology)), "{text}");
        }
    }

    #[test]
    fn dragonflies_are_exact_where_bound_and_cut_meet() {
        // Ten groups of nine routers, and four of three: half of the groups to each side. Of nine groups of four routers
        // one is divided.
        for (text, links) in [("dragonfly:1:9:1", 25), ("dragonfly:2:3:1", 4), ("dragonfly:2:4:2", 20)] {
            assert_eq!(bisection(&Topology::from_spec(text).unwrap()), Figure::Exact(links), "{text}");
        }
        for text in ["dragonfly:1:2:1", "dragonfly:1:3:1", "dragonfly:2:4:1"] {
            let topology = Topology::from_spec(text).unwrap();
            assert_eq!(bisection(&topology), Figure::Exact(all(&topology)), "{text}");
        }
    }

    #[test]
    fn local_search_finds_the_bisection_of_known_networks() {
        for text in ["mesh:8x8", "star:9", "tree:2:4", "hypercube:5", "fattree:2:3"] {
            let topology = Topology::from_spec(text).unwrap();
            let found = Cut::new(&topology).local_search();
            assert!(found >= bisection(&topology).value(), "{text}: {found}");
        }
    }
}
