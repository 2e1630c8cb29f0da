//! What happens next: one event a CPU, kept in an indexed heap, and any number of timers.

use crate::unit::{CpuId, Ns, ThreadId};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The next event of each CPU, earliest first; equal times go by CPU number.
///
/// Invariant: `heap[position[cpu]] == cpu`, and a parent is never later than its children.
pub(super) struct Calendar {
    time: Vec<Ns>,
    heap: Vec<u32>,
    position: Vec<u32>,
}

impl Calendar {
    pub(super) fn new(cpus: usize) -> Calendar {
        let order: Vec<u32> = (0..CpuId::new(cpus).0).collect();
        Calendar { time: vec![Ns::MAX; cpus], heap: order.clone(), position: order }
    }

    /// The CPU whose event is next, and when; `Ns::MAX` when none has one.
    pub(super) fn first(&self) -> (Ns, CpuId) {
        let cpu = self.heap[0];
        (self.time[cpu as usize], CpuId(cpu))
    }

    /// Sets the next event of `cpu`.
    pub(super) fn set(&mut self, cpu: CpuId, at: Ns) {
        let earlier = at < self.time[cpu.index()];
        self.time[cpu.index()] = at;
        let at = self.position[cpu.index()] as usize;
        if earlier { self.up(at) } else { self.down(at) }
    }

    fn key(&self, slot: usize) -> (Ns, u32) {
        (self.time[self.heap[slot] as usize], self.heap[slot])
    }

    fn up(&mut self, mut slot: usize) {
        while slot > 0 && self.key(slot) < self.key((slot - 1) / 2) {
            self.swap(slot, (slot - 1) / 2);
            slot = (slot - 1) / 2;
        }
    }

    fn down(&mut self, mut slot: usize) {
        loop {
            let left = 2 * slot + 1;
            if left >= self.heap.len() {
                return;
            }
            let right = left + 1;
            let child =
                if right < self.heap.len() && self.key(right) < self.key(left) { right } else { left };
            if self.key(slot) <= self.key(child) {
                return;
            }
            self.swap(slot, child);
            slot = child;
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        for slot in [a, b] {
            self.position[self.heap[slot] as usize] = CpuId::new(slot).0;
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

/// Timers, earliest first; equal times in the order in which they were set.
#[derive(Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Ns, u64, Timer)>>,
    set: u64,
}

impl Timers {
    pub(super) fn set(&mut self, at: Ns, timer: Timer) {
        self.set += 1;
        self.heap.push(Reverse((at, self.set, timer)));
    }

    pub(super) fn first(&self) -> Ns {
        self.heap.peek().map_or(Ns::MAX, |Reverse((at, ..))| *at)
    }

    pub(super) fn pop(&mut self) -> Option<Timer> {
        self.heap.pop().map(|Reverse((.., timer))| timer)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}
