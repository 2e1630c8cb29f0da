//! Relaxed co-scheduling: a queue per CPU, and whoever is too far ahead of its gang waits for the others.

use super::kit::{CpuSet, Laps, LocalQueues};
use super::{Arrival, Decision, Departure, Left, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, Ns, ThreadId};

/// The policy.
pub(super) struct GangRelaxed {
    queues: LocalQueues,
    laps: Laps,
    quantum: Ns,
}

impl GangRelaxed {
    pub(super) fn new(setup: &Setup<'_>) -> Result<GangRelaxed, Refusal> {
        let (quantum, skew) = (setup.tuning.quantum, setup.tuning.skew);
        Ok(GangRelaxed { queues: LocalQueues::new(setup), laps: Laps::new(setup, quantum, skew), quantum })
    }
}

impl Policy for GangRelaxed {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, _: Arrival, kick: &mut CpuSet) {
        self.queues.enter(thread);
        self.laps.enter(machine, thread);
        self.queues.push_here(machine, thread, kick);
    }

    fn next(&mut self, machine: &Machine, cpu: CpuId) -> Decision {
        let ready = core::iter::from_fn(|| self.queues.pop(cpu));
        let thread = { ready }.find(|&thread| !self.laps.park_if_ahead(machine, thread));
        Decision::quantum(thread, self.quantum)
    }

    fn left(&mut self, machine: &Machine, gone: Departure, kick: &mut CpuSet) {
        match gone.why {
            Left::Preempted => self.queues.push_here(machine, gone.thread, kick),
            Left::Blocked | Left::Ended => self.queues.leave(gone.thread),
        }
        self.laps.ran(machine, gone);
        while let Some(thread) = self.laps.unpark(machine, gone.thread) {
            self.queues.push_here(machine, thread, kick);
        }
    }
}
