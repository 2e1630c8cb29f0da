//! A completely fair policy: earliest eligible virtual deadline first on each CPU, with stealing.

use super::kit::{CpuSet, FairQueues, Memory};
use super::{Arrival, Decision, Departure, Left, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, Ns, ThreadId};

/// The policy.
pub(super) struct Fair {
    queues: FairQueues,
    quantum: Ns,
}

impl Fair {
    pub(super) fn new(setup: &Setup<'_>) -> Result<Fair, Refusal> {
        let quantum = setup.tuning.quantum;
        Ok(Fair { queues: FairQueues::new(setup, quantum), quantum })
    }
}

impl Policy for Fair {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, _: Arrival, kick: &mut CpuSet) {
        self.queues.enter(machine, thread, kick);
    }

    fn next(&mut self, machine: &Machine, cpu: CpuId) -> Decision {
        Decision::quantum(self.queues.pop_or_steal(machine, cpu), self.quantum)
    }

    fn left(&mut self, machine: &Machine, gone: Departure, _: &mut CpuSet) {
        self.queues.ran(machine, gone.cpu, gone.thread, gone.ran);
        match gone.why {
            Left::Preempted => self.queues.queue(machine, gone.cpu, gone.thread),
            Left::Blocked | Left::Ended => self.queues.leave(machine, gone.cpu, gone.thread),
        }
    }

    fn memory(&self) -> Option<&dyn Memory> {
        Some(&self.queues)
    }
}
