//! Space sharing, first come, first served: a group starts when it can have a CPU for each thread, and keeps them to its end.

use super::kit::{CpuSet, Partitions, Rule, SpaceSharing};
use super::{Machine, Refusal, Setup};

/// The rule: the group at the head, as long as it fits.
pub(super) struct Fcfs;

/// The policy.
pub(super) fn new(setup: &Setup<'_>) -> Result<SpaceSharing<Fcfs>, Refusal> {
    SpaceSharing::new(setup, 1, Fcfs)
}

/// The same with CPUs given out in fixed partitions.
pub(super) fn partitioned(setup: &Setup<'_>) -> Result<SpaceSharing<Fcfs>, Refusal> {
    SpaceSharing::new(setup, setup.tuning.partition_cpus, Fcfs)
}

impl Rule for Fcfs {
    fn start(&mut self, partitions: &mut Partitions, machine: &Machine, kick: &mut CpuSet) {
        while partitions.head().is_some_and(|head| partitions.start(machine, head, kick)) {}
    }
}
