//! Relaxed co-scheduling: a queue per CPU, and whoever is too far ahead of its gang waits for the others.

use super::kit::{CpuSet, Laps, Memory};
use super::{Arrival, Decision, Departure, Left, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, Ns, ThreadId};

/// The policy: laps, with the queues of those who race.
pub(super) struct GangRelaxed {
    laps: Laps,
    quantum: Ns,
}

impl GangRelaxed {
    pub(super) fn new(setup: &Setup<'_>) -> Result<GangRelaxed, Refusal> {
        let (quantum, skew) = (setup.tuning.quantum, setup.tuning.skew);
        Ok(GangRelaxed { laps: Laps::new(setup, quantum, skew), quantum })
    }
}

impl Policy for GangRelaxed {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, _: Arrival, kick: &mut CpuSet) {
        self.laps.threads.queues.enter(thread);
        self.laps.enter(machine, thread);
        self.laps.threads.queues.push_here(machine, thread, kick);
    }
    fn next(&mut self, machine: &Machine, cpu: CpuId) -> Decision {
        Decision::quantum(self.laps.pop(machine, cpu), self.quantum)
    }
    fn left(&mut self, machine: &Machine, gone: Departure, kick: &mut CpuSet) {
        match gone.why {
            Left::Preempted => self.laps.threads.queues.push_here(machine, gone.thread, kick),
            Left::Blocked | Left::Ended => self.laps.threads.queues.leave(gone.thread),
        }
        self.laps.ran(machine, gone);
        while let Some(thread) = self.laps.unpark(machine, gone.thread) {
            self.laps.threads.queues.push_here(machine, thread, kick);
        }
    }
    fn memory(&self) -> Option<&dyn Memory> {
        Some(&self.laps.threads)
    }
}
