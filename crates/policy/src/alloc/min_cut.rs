//! Two nodes, exactly: the minimum cut between what must be on the one and what must be on the other.
//!
//! Source: Stone, "Multiprocessor scheduling with the aid of network flow algorithms", IEEE TSE 1977; the flow by Dinic, 1970.

use super::{Allocation, NoWay, Problem};
use crate::unit::NodeId;
use heap::collections::VecDeque;
use heap::vec;
use heap::vec::Vec;

/// Where no traffic may be cut: to the node a process is pinned on.
const FIXED: u64 = u64::MAX / 4;

pub(super) fn solve(problem: &Problem, _: u64) -> Result<Allocation, NoWay> {
    if problem.nodes.len() != 2 {
        return Err(NoWay::WrongNodes { needs: 2 });
    }
    let n = problem.processes.len();
    let (source, sink) = (n, n + 1);
    let mut flow =
        Flow { edges: Vec::new(), at: vec![Vec::new(); n + 2], level: Vec::new(), next: Vec::new() };
    for &(a, b, rate) in &problem.traffic {
        flow.join(a, b, rate, rate);
    }
    for (index, process) in problem.processes.iter().enumerate() {
        match process.pinned {
            Some(NodeId(0)) => flow.join(source, index, FIXED, 0),
            Some(_) => flow.join(index, sink, FIXED, 0),
            None => {}
        }
    }
    while flow.layers(source, sink) {
        flow.next = vec![0; n + 2];
        while flow.push(source, sink, u64::MAX) > 0 {}
    }
    // What the source still reaches is on its side; a process that talks to neither side is there too only if pinned.
    Ok((0..n).map(|index| NodeId(u32::from(flow.level[index].is_none()))).collect())
}

struct Edge {
    to: usize,
    room: u64,
}

/// A flow network; edge `e ^ 1` is the reverse of edge `e`.
struct Flow {
    edges: Vec<Edge>,
    at: Vec<Vec<usize>>,
    level: Vec<Option<u32>>,
    next: Vec<usize>,
}

impl Flow {
    fn join(&mut self, a: usize, b: usize, there: u64, back: u64) {
        self.at[a].push(self.edges.len());
        self.edges.push(Edge { to: b, room: there });
        self.at[b].push(self.edges.len());
        self.edges.push(Edge { to: a, room: back });
    }

    /// Levels by distance from `source` through edges with room; whether `sink` has one.
    fn layers(&mut self, source: usize, sink: usize) -> bool {
        self.level = vec![None; self.at.len()];
        self.level[source] = Some(0);
        let mut queue = VecDeque::from([source]);
        while let Some(at) = queue.pop_front() {
            for &edge in &self.at[at] {
                let Edge { to, room } = self.edges[edge];
                if room > 0 && self.level[to].is_none() {
                    self.level[to] = self.level[at].map(|level| level + 1);
                    queue.push_back(to);
                }
            }
        }
        self.level[sink].is_some()
    }

    /// Pushes along one path of rising levels; how much went through.
    fn push(&mut self, at: usize, sink: usize, room: u64) -> u64 {
        if at == sink {
            return room;
        }
        while self.next[at] < self.at[at].len() {
            let edge = self.at[at][self.next[at]];
            let Edge { to, room: here } = self.edges[edge];
            if here > 0 && self.level[to] == self.level[at].map(|level| level + 1) {
                let pushed = self.push(to, sink, room.min(here));
                if pushed > 0 {
                    self.edges[edge].room -= pushed;
                    self.edges[edge ^ 1].room += pushed;
                    return pushed;
                }
            }
            self.next[at] += 1;
        }
        0
    }
}
