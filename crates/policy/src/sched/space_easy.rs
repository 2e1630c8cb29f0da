//! EASY backfilling: the group at the head has a reservation, and another may overtake it only if that stays untouched.

use super::kit::{CpuSet, Partitions};
use super::{Arrival, Decision, Departure, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, ThreadId};

/// The policy: so many of those that fit are considered at a time.
pub(super) struct SpaceEasy(Partitions);

const CANDIDATES_MAX: usize = 64;

impl SpaceEasy {
    pub(super) fn new(setup: &Setup<'_>) -> Result<SpaceEasy, Refusal> {
        Ok(SpaceEasy(Partitions::new(setup, 1)?))
    }

    fn start(&mut self, machine: &Machine, kick: &mut CpuSet) {
        while self.0.head().is_some_and(|head| self.0.start(machine, head, kick)) {}
        let (Some(mut at), Some(mut held)) = (self.0.head(), self.0.reservation(machine)) else { return };
        for _ in 0..CANDIDATES_MAX {
            let Some(place) = self.0.fitting_after(at) else { return };
            let _ = held.spares(machine, self.0.waiting(place)) && self.0.start(machine, place, kick);
            at = place;
        }
    }
}

impl Policy for SpaceEasy {
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
