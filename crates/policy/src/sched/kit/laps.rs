//! How far the threads of a group have got, and who is too far ahead of its slowest companion.

use super::{Lists, LocalQueues, Memory, touch};
use crate::sched::{Departure, Left, Machine, Setup};
use crate::unit::{CpuId, Ns, ThreadId};
use heap::vec;
use heap::vec::Vec;

/// How far a thread has got, and whether it counts.
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
struct Progress {
    ran: Ns,
    racing: bool,
}

/// Progress in laps of one quantum of CPU time each; threads that wait for something do not hold the others back.
///
/// Invariant: `count[g][lap & mask]` is the number of threads of `g` that can run and are in `lap`; all are within `ring` laps.
#[derive(Clone, Debug)]
pub struct Laps {
    /// Those who race.
    pub queues: LocalQueues,
    lap: Ns,
    ring: u64,
    /// `ring` rounded up to a power of two, less one.
    mask: u64,
    progress: Vec<Progress>,
    slowest: Vec<u64>,
    count: Vec<u32>,
    runners: Vec<u32>,
    parked: Lists,
}

impl Laps {
    /// Everyone in lap 0; a thread may be `skew` ahead of its slowest companion, at least one lap.
    #[must_use]
    pub fn new(setup: &Setup<'_>, lap: Ns, skew: Ns) -> Laps {
        let ring = (skew.0 / lap.0.max(1)).clamp(1, 64) + 2;
        let (threads, groups) = (setup.threads.len(), setup.groups.len());
        Laps {
            queues: LocalQueues::new(setup),
            lap: Ns(lap.0.max(1)),
            ring,
            mask: ring.next_power_of_two() - 1,
            progress: vec![Progress { ran: Ns::ZERO, racing: false }; threads],
            slowest: vec![0; groups],
            count: vec![0; groups * index(ring.next_power_of_two())],
            runners: vec![0; groups],
            parked: Lists::new(groups, threads),
        }
    }

    /// `thread` can run: it joins no further back than the slowest.
    pub fn enter(&mut self, machine: &Machine, thread: ThreadId) {
        let group = machine.threads[thread.index()].group.index();
        let mut own = self.lap_of(thread);
        if self.runners[group] == 0 {
            self.slowest[group] = self.slowest[group].max(own);
        }
        if own < self.slowest[group] {
            own = self.slowest[group];
            self.progress[thread.index()].ran = Ns(own * self.lap.0);
        }
        self.count(group, thread, own, true);
    }

    /// A thread left its CPU after it ran, at most a lap.
    pub fn ran(&mut self, machine: &Machine, gone: Departure) {
        let group = machine.threads[gone.thread.index()].group.index();
        self.count(group, gone.thread, self.lap_of(gone.thread), false);
        self.progress[gone.thread.index()].ran += gone.ran.min(self.lap);
        if gone.why == Left::Preempted {
            self.count(group, gone.thread, self.lap_of(gone.thread), true);
        }
        self.advance(group);
    }

    fn lap_of(&self, thread: ThreadId) -> u64 {
        self.progress[thread.index()].ran.0 / self.lap.0
    }

    /// Whether `thread` is so far ahead that it must wait.
    fn ahead(&self, machine: &Machine, thread: ThreadId) -> bool {
        let group = machine.threads[thread.index()].group.index();
        self.lap_of(thread) + 2 > self.slowest[group] + self.ring
    }

    /// Takes the next thread of `cpu` that is not too far ahead, and sets those before it aside until their companions have
    /// caught up.
    pub fn pop(&mut self, machine: &Machine, cpu: CpuId) -> Option<ThreadId> {
        loop {
            let thread = self.queues.pop(cpu)?;
            if !self.ahead(machine, thread) {
                return Some(thread);
            }
            self.parked.push(machine.threads[thread.index()].group.index(), thread);
        }
    }

    /// Takes back a companion of `thread` that need not wait any longer.
    pub fn unpark(&mut self, machine: &Machine, thread: ThreadId) -> Option<ThreadId> {
        let group = machine.threads[thread.index()].group.index();
        let waits = self.parked.first(group)?;
        if self.ahead(machine, waits) { None } else { self.parked.pop(group) }
    }

    /// `thread`, in `lap`, begins to count, or ceases to.
    fn count(&mut self, group: usize, thread: ThreadId, lap: u64, up: bool) {
        if core::mem::replace(&mut self.progress[thread.index()].racing, up) == up {
            return;
        }
        let place = self.place(group, lap);
        let by = if up { 1 } else { u32::MAX };
        self.count[place] = self.count[place].wrapping_add(by);
        self.runners[group] = self.runners[group].wrapping_add(by);
    }

    fn advance(&mut self, group: usize) {
        while self.runners[group] > 0 && self.count[self.place(group, self.slowest[group])] == 0 {
            self.slowest[group] += 1;
        }
    }

    fn place(&self, group: usize, lap: u64) -> usize {
        group * index(self.mask + 1) + index(lap & self.mask)
    }
}

impl Memory for Laps {
    fn soon(&self, cpu: CpuId) -> Option<ThreadId> {
        self.queues.soon(cpu)
    }

    fn fetch(&self, threads: &[ThreadId]) {
        touch(threads.iter().map(|thread| u32::from(self.progress[thread.index()].racing)));
        self.queues.fetch(threads);
    }
}

/// A lap of the ring as an index.
fn index(lap: u64) -> usize {
    usize::try_from(lap).expect("a lap of the ring")
}
