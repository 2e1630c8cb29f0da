//! Two-level scheduling: the least loaded CPU at creation, then a ready vector per CPU; a CPU about to idle steals.

use super::kit::{CpuSet, LocalQueues, Memory};
use super::{Arrival, Decision, Departure, Left, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, Ns, ThreadId};

/// The policy.
pub(super) struct TwoLevel {
    queues: LocalQueues,
    quantum: Ns,
}

impl TwoLevel {
    pub(super) fn new(setup: &Setup<'_>) -> Result<TwoLevel, Refusal> {
        Ok(TwoLevel { queues: LocalQueues::new(setup), quantum: setup.tuning.quantum })
    }
}

impl Policy for TwoLevel {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, _: Arrival, kick: &mut CpuSet) {
        self.queues.enter(thread);
        self.queues.push(machine, thread, machine.priority(thread), kick);
    }

    fn next(&mut self, _: &Machine, cpu: CpuId) -> Decision {
        Decision::quantum(self.queues.pop_or_steal(cpu), self.quantum)
    }

    fn left(&mut self, machine: &Machine, gone: Departure, kick: &mut CpuSet) {
        match gone.why {
            Left::Preempted => self.queues.push_here(machine, gone.thread, kick),
            Left::Blocked | Left::Ended => self.queues.leave(gone.thread),
        }
    }

    fn memory(&self) -> Option<&dyn Memory> {
        Some(&self.queues)
    }
}
