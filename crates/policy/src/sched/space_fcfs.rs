//! Space sharing, first come, first served: a group starts when it can have a CPU for each thread, and keeps them to its end.

use super::kit::{CpuSet, Partitions};
use super::{Arrival, Decision, Departure, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, ThreadId};

/// The policy.
pub(super) struct SpaceFcfs(Partitions);

impl SpaceFcfs {
    pub(super) fn new(setup: &Setup<'_>) -> Result<SpaceFcfs, Refusal> {
        Ok(SpaceFcfs(Partitions::new(setup, 1)?))
    }

    /// The same with CPUs given out in fixed partitions.
    pub(super) fn partitioned(setup: &Setup<'_>) -> Result<SpaceFcfs, Refusal> {
        Ok(SpaceFcfs(Partitions::new(setup, setup.tuning.partition_cpus)?))
    }

    fn start(&mut self, machine: &Machine, kick: &mut CpuSet) {
        while self.0.head().is_some_and(|head| self.0.start(machine, head, kick)) {}
    }
}

impl Policy for SpaceFcfs {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, how: Arrival, kick: &mut CpuSet) {
        self.0.wake(machine, thread, how).into_iter().for_each(|cpu| kick.insert(cpu.index()));
        self.start(machine, kick);
    }

    fn next(&mut self, _: &Machine, cpu: CpuId) -> Decision {
        Decision::dedicated(self.0.tenant(cpu))
    }

    fn left(&mut self, machine: &Machine, gone: Departure, kick: &mut CpuSet) {
        self.0.left(machine, gone.thread, gone.why);
        self.start(machine, kick);
    }
}
