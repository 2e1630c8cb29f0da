//! What happens next: one event a CPU, kept in an indexed heap, and any number of timers.

use crate::unit::{CpuId, Ns, ThreadId};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The next event of each CPU, as a knock-out tree: the earliest is at the root; equal times go by CPU number.
///
/// Invariant: inner node `n` holds the earlier of nodes `2 n` and `2 n + 1`; the leaf of a CPU holds its own next event.
pub(super) struct Calendar {
    nodes: Vec<(Ns, CpuId)>,
    leaves: usize,
}

impl Calendar {
    pub(super) fn new(cpus: usize) -> Calendar {
        let leaves = cpus.next_power_of_two().max(2);
        let leaf = |node: usize| (Ns::MAX, CpuId::new(node.max(leaves) - leaves));
        let mut nodes: Vec<(Ns, CpuId)> = (0..2 * leaves).map(leaf).collect();
        (1..leaves).rev().for_each(|node| nodes[node] = nodes[2 * node].min(nodes[2 * node + 1]));
        Calendar { nodes, leaves }
    }

    /// The CPU whose event is next, and when; `Ns::MAX` when none has one.
    pub(super) fn first(&self) -> (Ns, CpuId) {
        self.nodes[1]
    }

    /// Sets the next event of `cpu`.
    pub(super) fn set(&mut self, cpu: CpuId, at: Ns) {
        let mut node = self.leaves + cpu.index();
        if self.nodes[node].0 == at {
            return;
        }
        self.nodes[node].0 = at;
        while node > 1 {
            let earlier = self.nodes[node].min(self.nodes[node ^ 1]);
            node /= 2;
            // Further up nothing changes once a node stays as it was; it does not if this CPU had won it with another time.
            if self.nodes[node] == earlier {
                return;
            }
            self.nodes[node] = earlier;
        }
    }
}

/// Something that will come to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// It is created.
    Arrive(ThreadId),
    /// Its I/O is done.
    Io(ThreadId),
    /// A message reaches it.
    Deliver(ThreadId),
}

/// Timers, earliest first; equal times: arrivals, then the others in the order in which they were set.
pub(super) struct Timers {
    /// Arrivals, the last to come first.
    arrivals: Vec<(Ns, ThreadId)>,
    heap: BinaryHeap<Reverse<(Ns, u64, Timer)>>,
    set: u64,
}

impl Timers {
    /// No timers but the arrivals of these threads, in the order of their numbers.
    pub(super) fn new(arrivals: impl Iterator<Item = Ns>) -> Timers {
        let mut arrivals: Vec<_> =
            arrivals.enumerate().map(|(index, at)| (at, ThreadId::new(index))).collect();
        arrivals.sort_unstable_by(|a, b| b.cmp(a));
        Timers { arrivals, heap: BinaryHeap::new(), set: 0 }
    }

    pub(super) fn set(&mut self, at: Ns, timer: Timer) {
        self.set += 1;
        self.heap.push(Reverse((at, self.set, timer)));
    }

    pub(super) fn first(&self) -> Ns {
        self.next_arrival().min(self.heap.peek().map_or(Ns::MAX, |Reverse((at, ..))| *at))
    }

    pub(super) fn pop(&mut self) -> Option<Timer> {
        if self.next_arrival() < Ns::MAX && self.next_arrival() <= self.first() {
            return self.arrivals.pop().map(|(_, thread)| Timer::Arrive(thread));
        }
        self.heap.pop().map(|Reverse((.., timer))| timer)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heap.is_empty() && self.arrivals.is_empty()
    }

    fn next_arrival(&self) -> Ns {
        self.arrivals.last().map_or(Ns::MAX, |(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::{Calendar, Timer, Timers};
    use crate::unit::{CpuId, Ns, ThreadId};

    #[test]
    fn the_calendar_gives_the_earliest_event_after_any_change() {
        let mut rng = crate::rng::Rng::new(3);
        for cpus in [1, 2, 3, 7, 100] {
            let (mut calendar, mut plain) = (Calendar::new(cpus), vec![Ns::MAX; cpus]);
            for _ in 0..2_000 {
                let cpu = rng.below(cpus);
                plain[cpu] = if rng.below(4) == 0 { Ns::MAX } else { Ns(rng.below(50) as u64) };
                calendar.set(CpuId::new(cpu), plain[cpu]);
                let first = plain.iter().enumerate().map(|(cpu, at)| (*at, CpuId::new(cpu))).min().unwrap();
                assert_eq!(calendar.first(), first);
            }
        }
    }

    #[test]
    fn timers_come_in_order_and_arrivals_first() {
        let mut timers = Timers::new([Ns(5), Ns(0), Ns(5)].into_iter());
        timers.set(Ns(5), Timer::Io(ThreadId(9)));
        timers.set(Ns(2), Timer::Io(ThreadId(8)));
        let order: Vec<_> = std::iter::from_fn(|| timers.pop()).collect();
        let (arrive, io) = (|t| Timer::Arrive(ThreadId(t)), |t| Timer::Io(ThreadId(t)));
        assert_eq!(order, [arrive(1), io(8), arrive(0), arrive(2), io(9)]);
        assert!(timers.is_empty());
    }
}
