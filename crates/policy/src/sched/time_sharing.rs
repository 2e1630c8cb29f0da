//! Time sharing: one vector of ready lists for all CPUs. It balances the load by itself; its lock is the price.

use super::kit::{CpuSet, Memory, ReadyVector};
use super::{Arrival, Decision, Departure, Left, Machine, Policy, Refusal, Setup, Structure};
use crate::unit::{CpuId, Ns, ThreadId};

/// The policy.
pub(super) struct TimeSharing {
    ready: ReadyVector,
    quantum: Ns,
}

impl TimeSharing {
    pub(super) fn new(setup: &Setup<'_>) -> Result<TimeSharing, Refusal> {
        Ok(TimeSharing { ready: ReadyVector::new(1, setup.threads.len()), quantum: setup.tuning.quantum })
    }
}

impl Policy for TimeSharing {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, _: Arrival, kick: &mut CpuSet) {
        self.ready.push(0, machine.priority(thread), thread);
        machine.kick_near(0, kick);
    }

    fn next(&mut self, _: &Machine, _: CpuId) -> Decision {
        Decision::quantum(self.ready.pop(0), self.quantum)
    }

    fn left(&mut self, machine: &Machine, gone: Departure, _: &mut CpuSet) {
        if gone.why == Left::Preempted {
            self.ready.push(0, machine.priority(gone.thread), gone.thread);
        }
    }

    fn memory(&self) -> Option<&dyn Memory> {
        Some(&self.ready)
    }

    fn structure(&self) -> Structure {
        Structure::Shared
    }
}
