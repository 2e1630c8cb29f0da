//! All possibilities, cut off where they are already worse than the best: what heuristics are measured against.

use super::{Allocation, NoWay, Problem};
use crate::unit::NodeId;
use heap::vec;
use heap::vec::Vec;

/// Partial allocations looked at before the method gives up.
const STEPS_MAX: u64 = 50_000_000;

pub(super) fn solve(problem: &Problem, _: u64) -> Result<Allocation, NoWay> {
    let n = problem.processes.len();
    let mut before = vec![Vec::new(); n];
    for &(a, b, rate) in &problem.traffic {
        before[a.max(b)].push((a.min(b), rate));
    }
    let left = problem.nodes.iter().map(|node| (node.cpu, node.memory_kib)).collect();
    let mut search =
        Search { problem, before, left, at: vec![NodeId(0); n], best: None, steps: 0, reached: 0 };
    search.go(0, 0);
    if search.steps >= STEPS_MAX {
        return Err(NoWay::TooLarge);
    }
    search.best.map(|(_, best)| best).ok_or(NoWay::DoesNotFit { process: search.reached })
}

struct Search<'a> {
    problem: &'a Problem,
    /// Of each process: traffic with processes of smaller number.
    before: Vec<Vec<(usize, u64)>>,
    left: Vec<(u64, u64)>,
    at: Allocation,
    best: Option<(u64, Allocation)>,
    steps: u64,
    reached: usize,
}

impl Search<'_> {
    /// Places process `index` and those after it; recursion is as deep as there are processes, few.
    fn go(&mut self, index: usize, cost: u64) {
        self.steps += 1;
        if self.steps >= STEPS_MAX || self.best.as_ref().is_some_and(|(best, _)| cost >= *best) {
            return;
        }
        self.reached = self.reached.max(index);
        let Some(process) = self.problem.processes.get(index) else {
            self.best = Some((cost, self.at.clone()));
            return;
        };
        for node in 0..self.left.len() {
            let (cpu, memory) = self.left[node];
            let barred = process.pinned.is_some_and(|pin| pin.index() != node);
            if barred || cpu < process.cpu || memory < process.memory_kib {
                continue;
            }
            let to = NodeId::new(node);
            let added = self.before[index]
                .iter()
                .map(|&(other, rate)| rate * u64::from(self.problem.hops(self.at[other], to)));
            let cost = cost + added.sum::<u64>();
            self.at[index] = to;
            self.left[node] = (cpu - process.cpu, memory - process.memory_kib);
            self.go(index + 1, cost);
            self.left[node] = (cpu, memory);
        }
    }
}
