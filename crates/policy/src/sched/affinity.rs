//! Affinity scheduling: a CPU prefers threads whose blocks its cache still holds.

use super::kit::{CpuSet, ReadyVector};
use super::{Arrival, Decision, Departure, Left, Machine, Policy, Refusal, Setup, Tuning};
use crate::unit::{CpuId, Ns, ThreadId};
use heap::{vec, vec::Vec};

/// The policy: a queue of warm threads for each CPU, and queue `cold` for those that are warm nowhere.
pub(super) struct Affinity {
    ready: ReadyVector,
    since: Vec<Ns>,
    cold: usize,
    tuning: Tuning,
}

impl Affinity {
    pub(super) fn new(setup: &Setup<'_>) -> Result<Affinity, Refusal> {
        let (cold, threads, tuning) = (setup.cpus, setup.threads.len(), setup.tuning);
        Ok(Affinity {
            ready: ReadyVector::new(cold + 1, threads),
            since: vec![Ns::ZERO; threads],
            cold,
            tuning,
        })
    }
}

impl Policy for Affinity {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, _: Arrival, kick: &mut CpuSet) {
        let warm = machine.threads[thread.index()].last_cpu.filter(|_| machine.threads[thread.index()].warm);
        let queue = warm.map_or(self.cold, CpuId::index);
        self.since[thread.index()] = machine.now;
        self.ready.push(queue, machine.priority(thread), thread);
        machine.kick_near(queue % self.cold, kick);
    }

    fn next(&mut self, _: &Machine, cpu: CpuId) -> Decision {
        let since = |queue| self.ready.first(queue).map(|thread: ThreadId| self.since[thread.index()]);
        let late = since(self.cold)
            .is_some_and(|cold| since(cpu.index()).is_none_or(|warm| cold + self.tuning.patience < warm));
        let queue = if late { self.cold } else { cpu.index() };
        let queue =
            if self.ready.is_empty(queue) { self.ready.filled().round_from(queue) } else { Some(queue) };
        Decision::quantum(queue.and_then(|queue| self.ready.pop(queue)), self.tuning.quantum)
    }

    fn left(&mut self, machine: &Machine, gone: Departure, _: &mut CpuSet) {
        if gone.why == Left::Preempted {
            self.since[gone.thread.index()] = machine.now;
            self.ready.push(gone.cpu.index(), machine.priority(gone.thread), gone.thread);
        }
    }
}
