//! Space sharing with backfilling: a group that fits may overtake one that does not, a bounded number of times.

use super::kit::{CpuSet, Partitions, Rule, SpaceSharing};
use super::{Machine, Refusal, Setup};

/// The rule: `overtaken` counts how often the group at the head has been.
pub(super) struct Backfill {
    overtaken: u32,
    most: u32,
}

/// The policy.
pub(super) fn new(setup: &Setup<'_>) -> Result<SpaceSharing<Backfill>, Refusal> {
    SpaceSharing::new(setup, 1, Backfill { overtaken: 0, most: setup.tuning.overtakes_max })
}

impl Rule for Backfill {
    fn start(&mut self, partitions: &mut Partitions, machine: &Machine, kick: &mut CpuSet) {
        while let Some(place) = partitions.first_fitting() {
            let at_head = partitions.head() == Some(place);
            if !at_head && self.overtaken == self.most {
                return;
            }
            self.overtaken = if at_head { 0 } else { self.overtaken + 1 };
            partitions.start(machine, place, kick);
        }
    }
}
