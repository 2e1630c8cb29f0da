//! How far the threads of a group have got, and who is too far ahead of its slowest companion.

use super::Lists;
use crate::sched::{Departure, Left, Machine, Setup};
use crate::unit::{Ns, ThreadId};
use heap::vec;
use heap::vec::Vec;

/// Progress in laps of one quantum of CPU time each; threads that wait for something do not hold the others back.
///
/// Invariant: `count[g][lap % ring]` is the number of threads of `g` that can run and are in `lap`; all are within `ring` laps.
#[derive(Clone, Debug)]
pub struct Laps {
    lap: Ns,
    ring: u64,
    ran: Vec<Ns>,
    racing: Vec<bool>,
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
            lap: Ns(lap.0.max(1)),
            ring,
            ran: vec![Ns::ZERO; threads],
            racing: vec![false; threads],
            slowest: vec![0; groups],
            count: vec![0; groups * Ns(ring).index()],
            runners: vec![0; groups],
            parked: Lists::new(groups, threads),
        }
    }

    /// `thread` can run: it joins no further back than the slowest.
    pub fn enter(&mut self, machine: &Machine, thread: ThreadId) {
        let group = machine.threads[thread.index()].group.index();
        let own = self.ran[thread.index()].0 / self.lap.0;
        if self.runners[group] == 0 {
            self.slowest[group] = self.slowest[group].max(own);
        }
        let start = Ns(self.slowest[group] * self.lap.0);
        self.ran[thread.index()] = self.ran[thread.index()].max(start);
        self.tally(group, thread, true);
    }

    /// A thread left its CPU after it ran, at most a lap.
    pub fn ran(&mut self, machine: &Machine, gone: Departure) {
        let group = machine.threads[gone.thread.index()].group.index();
        self.tally(group, gone.thread, false);
        self.ran[gone.thread.index()] += gone.ran.min(self.lap);
        self.tally(group, gone.thread, gone.why == Left::Preempted);
        self.advance(group);
    }

    /// Whether `thread` is so far ahead that it must wait.
    #[must_use]
    pub fn ahead(&self, machine: &Machine, thread: ThreadId) -> bool {
        let group = machine.threads[thread.index()].group.index();
        self.ran[thread.index()].0 / self.lap.0 + 2 > self.slowest[group] + self.ring
    }

    /// Sets `thread` aside until its companions have caught up, if it is too far ahead; whether it did.
    pub fn park_if_ahead(&mut self, machine: &Machine, thread: ThreadId) -> bool {
        let ahead = self.ahead(machine, thread);
        if ahead {
            self.parked.push(machine.threads[thread.index()].group.index(), thread);
        }
        ahead
    }

    /// Takes back a companion of `thread` that need not wait any longer.
    pub fn unpark(&mut self, machine: &Machine, thread: ThreadId) -> Option<ThreadId> {
        let group = machine.threads[thread.index()].group.index();
        let waits = self.parked.first(group)?;
        if self.ahead(machine, waits) { None } else { self.parked.pop(group) }
    }

    fn tally(&mut self, group: usize, thread: ThreadId, up: bool) {
        if self.racing[thread.index()] == up {
            return;
        }
        self.racing[thread.index()] = up;
        let lap = self.ran[thread.index()].0 / self.lap.0;
        let cell = &mut self.count[group * Ns(self.ring).index() + Ns(lap % self.ring).index()];
        let by = if up { 1 } else { u32::MAX };
        *cell = cell.wrapping_add(by);
        self.runners[group] = self.runners[group].wrapping_add(by);
    }

    fn advance(&mut self, group: usize) {
        let base = group * Ns(self.ring).index();
        while self.runners[group] > 0 && self.count[base + Ns(self.slowest[group] % self.ring).index()] == 0 {
            self.slowest[group] += 1;
        }
    }
}

impl Ns {
    /// A small count as an index.
    fn index(self) -> usize {
        usize::try_from(self.0).expect("a lap of the ring")
    }
}
