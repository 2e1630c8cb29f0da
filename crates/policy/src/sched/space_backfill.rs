//! Space sharing with backfilling: a group that fits may overtake one that does not, a bounded number of times.

use super::kit::{CpuSet, Partitions};
use super::{Arrival, Decision, Departure, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, ThreadId};

/// The policy: `overtaken` counts how often the group at the head has been.
pub(super) struct SpaceBackfill {
    partitions: Partitions,
    overtaken: u32,
    most: u32,
}

impl SpaceBackfill {
    pub(super) fn new(setup: &Setup<'_>) -> Result<SpaceBackfill, Refusal> {
        let partitions = Partitions::new(setup, 1)?;
        Ok(SpaceBackfill { partitions, overtaken: 0, most: setup.tuning.overtakes_max })
    }

    fn start(&mut self, machine: &Machine, kick: &mut CpuSet) {
        while let Some(place) = self.partitions.first_fitting() {
            let at_head = self.partitions.head() == Some(place);
            if !at_head && self.overtaken == self.most {
                return;
            }
            self.overtaken = if at_head { 0 } else { self.overtaken + 1 };
            self.partitions.start(machine, place, kick);
        }
    }
}

impl Policy for SpaceBackfill {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, how: Arrival, kick: &mut CpuSet) {
        self.partitions.wake(machine, thread, how).into_iter().for_each(|cpu| kick.insert(cpu.index()));
        self.start(machine, kick);
    }
    fn next(&mut self, _: &Machine, cpu: CpuId) -> Decision {
        Decision::dedicated(self.partitions.tenant(cpu))
    }
    fn left(&mut self, machine: &Machine, gone: Departure, kick: &mut CpuSet) {
        self.partitions.left(machine, gone.thread, gone.why);
        self.start(machine, kick);
    }
}
