//! Affinity scheduling: a CPU prefers threads whose blocks its cache still holds.

use super::kit::{CpuSet, Memory, WarmQueues};
use super::{Arrival, Decision, Departure, Left, Machine, Policy, Refusal, Setup, Tuning};
use crate::unit::{CpuId, ThreadId};

/// The policy.
pub(super) struct Affinity {
    queues: WarmQueues,
    tuning: Tuning,
}

impl Affinity {
    pub(super) fn new(setup: &Setup<'_>) -> Result<Affinity, Refusal> {
        Ok(Affinity { queues: WarmQueues::new(setup), tuning: setup.tuning })
    }
}

impl Policy for Affinity {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, _: Arrival, kick: &mut CpuSet) {
        let warm = machine.last_cpu(thread).filter(|_| machine.is_warm(thread));
        self.queues.push(machine, thread, warm);
        machine.kick_near(warm.map_or(0, CpuId::index), kick);
    }

    fn next(&mut self, _: &Machine, cpu: CpuId) -> Decision {
        // Whoever is warm nowhere goes first once it has waited much longer: nobody starves.
        let (warm, cold) = (self.queues.since(Some(cpu)), self.queues.since(None));
        let late = cold.is_some_and(|cold| warm.is_none_or(|warm| cold + self.tuning.patience < warm));
        let thread = self.queues.pop_or_any(if late { None } else { Some(cpu) });
        Decision::quantum(thread, self.tuning.quantum)
    }

    fn left(&mut self, machine: &Machine, gone: Departure, _: &mut CpuSet) {
        if gone.why == Left::Preempted {
            self.queues.push(machine, gone.thread, Some(gone.cpu));
        }
    }

    fn memory(&self) -> Option<&dyn Memory> {
        Some(&self.queues)
    }
}
