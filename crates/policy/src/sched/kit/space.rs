//! Space sharing but for one question: who of the groups that wait starts now?

use super::{CpuSet, Partitions};
use crate::sched::{Arrival, Decision, Departure, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, ThreadId};

/// What tells one kind of space sharing from another.
pub trait Rule: Send {
    /// Groups have come or gone: starts those that may start now.
    fn start(&mut self, partitions: &mut Partitions, machine: &Machine, kick: &mut CpuSet);
}

/// A policy that gives each group as many CPUs as it has threads, or none, and leaves them to it until it ends.
#[derive(Clone, Debug)]
pub struct SpaceSharing<R> {
    partitions: Partitions,
    rule: R,
}

impl<R> SpaceSharing<R> {
    /// The policy with this rule, in multiples of `granule` CPUs.
    ///
    /// Errors: as [`Partitions::new`].
    pub fn new(setup: &Setup<'_>, granule: usize, rule: R) -> Result<SpaceSharing<R>, Refusal> {
        Ok(SpaceSharing { partitions: Partitions::new(setup, granule)?, rule })
    }
}

impl<R: Rule> Policy for SpaceSharing<R> {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, how: Arrival, kick: &mut CpuSet) {
        if self.partitions.wake(machine, thread, how) {
            self.rule.start(&mut self.partitions, machine, kick);
        } else if let Some(cpu) = self.partitions.cpu(thread) {
            kick.insert(cpu.index());
        }
    }

    fn next(&mut self, _: &Machine, cpu: CpuId) -> Decision {
        Decision::dedicated(self.partitions.tenant(cpu))
    }

    fn dedicates(&self) -> bool {
        true
    }

    fn left(&mut self, machine: &Machine, gone: Departure, kick: &mut CpuSet) {
        if self.partitions.left(machine, gone.thread, gone.why) {
            self.rule.start(&mut self.partitions, machine, kick);
        }
    }
}
