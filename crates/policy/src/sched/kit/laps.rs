//! How far the threads of a group have got, and who is too far ahead of its slowest companion.

use super::{Record, Records};
use crate::sched::{Departure, Left, Machine, Setup};
use crate::unit::{CpuId, Ns, ThreadId};
use heap::vec;
use heap::vec::Vec;

/// How far a thread has got.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(16))]
pub struct Progress {
    lap: u64,
    /// In this lap.
    ran: Ns,
}

impl Record for Progress {
    fn word(&self) -> u32 {
        u32::from(self.lap == u64::MAX)
    }
}

/// Progress in laps of one quantum of CPU time each; threads that wait for something do not hold the others back.
///
/// Invariant: `count[g][lap & mask]` is the number of threads of `g` that can run and are in `lap`; all are within `ring` laps.
#[derive(Clone, Debug)]
pub struct Laps {
    /// Of each thread how far it has got; parked are, by group, those too far ahead.
    pub threads: Records<Progress>,
    lap: Ns,
    ring: u64,
    /// `ring` rounded up to a power of two, less one.
    mask: u64,
    slowest: Vec<u64>,
    count: Vec<u32>,
    runners: Vec<u32>,
}

impl Laps {
    /// Everyone in lap 0; a thread may be `skew` ahead of its slowest companion, at least one lap.
    #[must_use]
    pub fn new(setup: &Setup<'_>, lap: Ns, skew: Ns) -> Laps {
        let ring = (skew.0 / lap.0.max(1)).clamp(1, 64) + 2;
        let groups = setup.groups.len();
        Laps {
            threads: Records::new(setup, groups, Progress::default()),
            lap: Ns(lap.0.max(1)),
            ring,
            mask: ring.next_power_of_two() - 1,
            slowest: vec![0; groups],
            count: vec![0; groups * index(ring.next_power_of_two())],
            runners: vec![0; groups],
        }
    }

    /// `thread` can run: it joins no further back than the slowest.
    pub fn enter(&mut self, machine: &Machine, thread: ThreadId) {
        let group = machine.group(thread).index();
        let mut own = self.lap_of(thread);
        if self.runners[group] == 0 {
            self.slowest[group] = self.slowest[group].max(own);
        }
        if own < self.slowest[group] {
            own = self.slowest[group];
            (self.threads[thread].lap, self.threads[thread].ran) = (own, Ns::ZERO);
        }
        self.count(group, own, 1);
    }

    /// A thread left its CPU after it ran, at most a lap.
    pub fn ran(&mut self, machine: &Machine, gone: Departure) {
        let group = machine.group(gone.thread).index();
        self.count(group, self.lap_of(gone.thread), -1);
        let progress = &mut self.threads[gone.thread];
        progress.ran += gone.ran.min(self.lap);
        if progress.ran >= self.lap {
            progress.ran = progress.ran - self.lap;
            progress.lap += 1;
        }
        if gone.why == Left::Preempted {
            self.count(group, self.lap_of(gone.thread), 1);
        }
        self.advance(group);
    }

    fn lap_of(&self, thread: ThreadId) -> u64 {
        self.threads[thread].lap
    }

    /// The last lap in which a thread of `group` need not wait for the others.
    fn last_lap(&self, group: usize) -> u64 {
        self.slowest[group] + self.ring - 2
    }

    /// Takes the next thread of `cpu` that is not too far ahead, and sets those before it aside until their companions have
    /// caught up.
    pub fn pop(&mut self, machine: &Machine, cpu: CpuId) -> Option<ThreadId> {
        loop {
            let thread = self.threads.queues.pop(cpu)?;
            let group = machine.group(thread).index();
            if self.lap_of(thread) <= self.last_lap(group) {
                return Some(thread);
            }
            self.threads.park(group, thread);
        }
    }

    /// Takes back a companion of `thread` that need not wait any longer.
    pub fn unpark(&mut self, machine: &Machine, thread: ThreadId) -> Option<ThreadId> {
        let group = machine.group(thread).index();
        let last = self.last_lap(group);
        self.threads.unpark(group, |progress| progress.lap <= last)
    }

    /// One more thread of `group` counts in `lap`, or one less.
    fn count(&mut self, group: usize, lap: u64, by: i32) {
        let place = self.place(group, lap);
        self.count[place] = self.count[place].wrapping_add_signed(by);
        self.runners[group] = self.runners[group].wrapping_add_signed(by);
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

/// A lap of the ring as an index.
fn index(lap: u64) -> usize {
    usize::try_from(lap).expect("a lap of the ring")
}
