//! Any number of nodes: coarsen by joining processes that talk most, place the lumps, refine while taking them apart.
//!
//! Source: the multilevel scheme of Hendrickson and Leland (1995) and Karypis and Kumar (1998), with Fiduccia-Mattheyses moves
//! (1982) whose gain counts hops.

use super::{Allocation, NoWay, Problem};
use crate::rng::Rng;
use crate::unit::NodeId;
use heap::collections::BTreeMap;
use heap::vec;
use heap::vec::Vec;

/// Attempts with other random orders, on a problem of at most as many processes as [`WINDOW`]; the best counts.
const ATTEMPTS: u64 = 96;
/// Attempts on a larger problem.
const ATTEMPTS_LARGE: u64 = 8;
/// Rounds of refinement at a level, at most.
const ROUNDS: usize = 12;

#[derive(Clone)]
struct Vertex {
    cpu: u64,
    memory: u64,
    pinned: Option<NodeId>,
    edges: Vec<(usize, u64)>,
}

type Graph = Vec<Vertex>;

pub(super) fn solve(problem: &Problem, seed: u64) -> Result<Allocation, NoWay> {
    let mut best: Result<(u64, Allocation), NoWay> = Err(NoWay::DoesNotFit { process: 0 });
    let attempts = if problem.processes.len() <= WINDOW { ATTEMPTS } else { ATTEMPTS_LARGE };
    for attempt in 0..attempts {
        let mut rng = Rng::stream(seed, attempt);
        let found = attempt_once(problem, &mut rng, attempt);
        match (found, &best) {
            (Ok(at), Ok((cost, _))) if problem.cost(&at) >= *cost => {}
            (Ok(at), _) => best = Ok((problem.cost(&at), at)),
            (Err(error), Err(_)) => best = Err(error),
            (Err(_), Ok(_)) => {}
        }
    }
    best.map(|(_, at)| at)
}

/// One attempt: coarsened or not, placed greedily or (every third) at random.
fn attempt_once(problem: &Problem, rng: &mut Rng, attempt: u64) -> Result<Allocation, NoWay> {
    let mut levels: Vec<(Graph, Vec<usize>)> = Vec::new();
    let mut graph = finest(problem);
    let small = (4 * problem.nodes.len()).max(8);
    while attempt.is_multiple_of(2) && graph.len() > small {
        let (map, coarse) = contract(problem, &graph, rng);
        let stuck = coarse.len() * 10 > graph.len() * 9;
        levels.push((core::mem::replace(&mut graph, coarse), map));
        if stuck {
            break;
        }
    }
    // Lumps may be too big to fit where their parts would: then begin one level finer.
    let mut at = loop {
        match place(problem, &graph, rng, attempt % 3 == 2) {
            Ok(at) => break at,
            Err(error) => match levels.pop() {
                Some((finer, _)) => graph = finer,
                None => return Err(error),
            },
        }
    };
    refine(problem, &graph, &mut at);
    while let Some((finer, map)) = levels.pop() {
        at = map.iter().map(|&lump| at[lump]).collect();
        refine(problem, &finer, &mut at);
    }
    Ok(at)
}

fn finest(problem: &Problem) -> Graph {
    let mut graph: Graph = problem
        .processes
        .iter()
        .map(|process| Vertex {
            cpu: process.cpu,
            memory: process.memory_kib,
            pinned: process.pinned,
            edges: Vec::new(),
        })
        .collect();
    for &(a, b, rate) in problem.traffic.iter().filter(|(a, b, _)| a != b) {
        graph[a].edges.push((b, rate));
        graph[b].edges.push((a, rate));
    }
    graph
}

/// Joins each vertex with the free neighbour it talks to most, if the two fit on a node together.
fn contract(problem: &Problem, graph: &Graph, rng: &mut Rng) -> (Vec<usize>, Graph) {
    let widest = |get: fn(&super::Node) -> u64| problem.nodes.iter().map(get).max().unwrap_or(0);
    let (cpu, memory) = (widest(|node| node.cpu) / 2, widest(|node| node.memory_kib) / 2);
    let mut map = vec![usize::MAX; graph.len()];
    let mut lumps: Graph = Vec::new();
    for index in shuffled(graph.len(), rng) {
        if map[index] != usize::MAX {
            continue;
        }
        let vertex = &graph[index];
        let fits = |other: usize| {
            let pins = vertex.pinned.is_none()
                || graph[other].pinned.is_none()
                || vertex.pinned == graph[other].pinned;
            pins && vertex.cpu + graph[other].cpu <= cpu && vertex.memory + graph[other].memory <= memory
        };
        let free = vertex
            .edges
            .iter()
            .filter(|(other, _)| *other != index && map[*other] == usize::MAX && fits(*other));
        let mate = free.max_by_key(|(other, rate)| (*rate, *other)).map(|(other, _)| *other);
        let mut lump = Vertex { edges: Vec::new(), ..vertex.clone() };
        map[index] = lumps.len();
        if let Some(mate) = mate {
            map[mate] = lumps.len();
            lump.cpu += graph[mate].cpu;
            lump.memory += graph[mate].memory;
            lump.pinned = lump.pinned.or(graph[mate].pinned);
        }
        lumps.push(lump);
    }
    let mut sums: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for (index, vertex) in graph.iter().enumerate() {
        for &(other, rate) in vertex.edges.iter().filter(|(other, _)| map[*other] != map[index]) {
            *sums.entry((map[index], map[other])).or_default() += rate;
        }
    }
    for ((a, b), rate) in sums {
        lumps[a].edges.push((b, rate));
    }
    (map, lumps)
}

fn shuffled(n: usize, rng: &mut Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        order.swap(last, rng.below(last + 1));
    }
    order
}

/// Places the vertices, pinned ones first, then the biggest, each where it adds least traffic, or anywhere it fits.
fn place(problem: &Problem, graph: &Graph, rng: &mut Rng, anywhere: bool) -> Result<Allocation, NoWay> {
    let mut left: Vec<(u64, u64)> = problem.nodes.iter().map(|node| (node.cpu, node.memory_kib)).collect();
    let mut at: Vec<Option<NodeId>> = vec![None; graph.len()];
    let mut order = shuffled(graph.len(), rng);
    order.sort_by_key(|&index| (graph[index].pinned.is_none(), core::cmp::Reverse(graph[index].cpu)));
    for index in order {
        let vertex = &graph[index];
        let fits = |node: &usize| {
            let free = left[*node].0 >= vertex.cpu && left[*node].1 >= vertex.memory;
            free && vertex.pinned.is_none_or(|pin| pin.index() == *node)
        };
        let node = (0..left.len())
            .filter(fits)
            .min_by_key(|&node| {
                let to = NodeId::new(node);
                let placed = vertex.edges.iter().filter_map(|&(other, rate)| Some((at[other]?, rate)));
                if anywhere {
                    return (rng.bits(), core::cmp::Reverse(0));
                }
                let added: u64 = placed.map(|(there, rate)| rate * u64::from(problem.hops(to, there))).sum();
                (added, core::cmp::Reverse(left[node].0))
            })
            .ok_or(NoWay::DoesNotFit { process: index })?;
        left[node] = (left[node].0 - vertex.cpu, left[node].1 - vertex.memory);
        at[index] = Some(NodeId::new(node));
    }
    Ok(at.into_iter().map(|node| node.unwrap_or(NodeId(0))).collect())
}

/// What `index` costs on `node`, with everyone else where they are.
fn pull(problem: &Problem, graph: &Graph, at: &[NodeId], index: usize, node: NodeId) -> i64 {
    let cost =
        graph[index].edges.iter().map(|&(other, rate)| rate * u64::from(problem.hops(node, at[other])));
    i64::try_from(cost.sum::<u64>()).unwrap_or(i64::MAX)
}

/// Fiduccia-Mattheyses: each vertex moves once a round, best gain first even if that is a loss; the best state of the round
/// stays. Then swaps of two, for when the nodes are full.
fn refine(problem: &Problem, graph: &Graph, at: &mut Allocation) {
    for _ in 0..ROUNDS {
        let gained = moves(problem, graph, at) + swaps(problem, graph, at);
        if gained == 0 {
            return;
        }
    }
}

fn free_room(problem: &Problem, graph: &Graph, at: &[NodeId]) -> Vec<(u64, u64)> {
    let mut left: Vec<(u64, u64)> = problem.nodes.iter().map(|node| (node.cpu, node.memory_kib)).collect();
    for (vertex, node) in graph.iter().zip(at) {
        let room = &mut left[node.index()];
        *room = (room.0.saturating_sub(vertex.cpu), room.1.saturating_sub(vertex.memory));
    }
    left
}

/// Vertices looked at for each move: all of a small graph, a window of a large one.
const WINDOW: usize = 256;

fn moves(problem: &Problem, graph: &Graph, at: &mut Allocation) -> i64 {
    let mut left = free_room(problem, graph, at);
    let mut open: Vec<usize> = (0..graph.len()).filter(|&index| graph[index].pinned.is_none()).collect();
    let (mut sum, mut best, mut trail, mut keep) = (0, 0, Vec::new(), 0);
    while !open.is_empty() {
        let mut choice: Option<(i64, usize, NodeId)> = None;
        for (slot, &index) in open.iter().enumerate().take(WINDOW) {
            let here = pull(problem, graph, at, index, at[index]);
            for node in (0..left.len()).filter(|&node| node != at[index].index()) {
                if left[node].0 < graph[index].cpu || left[node].1 < graph[index].memory {
                    continue;
                }
                let gain = here - pull(problem, graph, at, index, NodeId::new(node));
                if choice.is_none_or(|(most, ..)| gain > most) {
                    choice = Some((gain, slot, NodeId::new(node)));
                }
            }
        }
        let Some((gain, slot, to)) = choice else { break };
        let index = open.swap_remove(slot);
        let vertex = &graph[index];
        let from = core::mem::replace(&mut at[index], to);
        left[from.index()] = (left[from.index()].0 + vertex.cpu, left[from.index()].1 + vertex.memory);
        left[to.index()] = (left[to.index()].0 - vertex.cpu, left[to.index()].1 - vertex.memory);
        trail.push((index, from));
        sum += gain;
        if sum > best {
            (best, keep) = (sum, trail.len());
        }
        if trail.len() > keep + 50 {
            break;
        }
    }
    for (index, from) in trail.drain(keep..).rev() {
        at[index] = from;
    }
    best
}

fn swaps(problem: &Problem, graph: &Graph, at: &mut Allocation) -> i64 {
    if graph.len() > WINDOW {
        return 0;
    }
    let (mut left, mut gained) = (free_room(problem, graph, at), 0);
    let free: Vec<usize> = (0..graph.len()).filter(|&index| graph[index].pinned.is_none()).collect();
    for (place, &a) in free.iter().enumerate() {
        for &b in &free[place + 1..] {
            let (na, nb) = (at[a], at[b]);
            let (va, vb) = (&graph[a], &graph[b]);
            let room = |node: NodeId, out: &Vertex, into: &Vertex| {
                left[node.index()].0 + out.cpu >= into.cpu && left[node.index()].1 + out.memory >= into.memory
            };
            if na == nb || !room(na, va, vb) || !room(nb, vb, va) {
                continue;
            }
            let before = pull(problem, graph, at, a, na) + pull(problem, graph, at, b, nb);
            (at[a], at[b]) = (nb, na);
            let after = pull(problem, graph, at, a, nb) + pull(problem, graph, at, b, na);
            if after >= before {
                (at[a], at[b]) = (na, nb);
                continue;
            }
            gained += before - after;
            for (node, out, into) in [(na, va, vb), (nb, vb, va)] {
                let room = &mut left[node.index()];
                *room = (room.0 + out.cpu - into.cpu, room.1 + out.memory - into.memory);
            }
        }
    }
    gained
}
