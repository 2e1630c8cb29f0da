//! EASY backfilling: the group at the head has a reservation, and another may overtake it only if that stays untouched.

use super::kit::{CpuSet, Partitions, Rule, SpaceSharing};
use super::{Machine, Refusal, Setup};

/// The rule: so many of those that fit are considered at a time.
pub(super) struct Easy;

const CANDIDATES_MAX: usize = 64;

/// The policy.
pub(super) fn new(setup: &Setup<'_>) -> Result<SpaceSharing<Easy>, Refusal> {
    SpaceSharing::new(setup, 1, Easy)
}

impl Rule for Easy {
    fn start(&mut self, partitions: &mut Partitions, machine: &Machine, kick: &mut CpuSet) {
        while partitions.head().is_some_and(|head| partitions.start(machine, head, kick)) {}
        let (Some(mut at), Some(mut held)) = (partitions.head(), partitions.reservation(machine)) else {
            return;
        };
        // As time goes by the reservation only comes nearer: who may not overtake now may not until a group comes or goes.
        for _ in 0..CANDIDATES_MAX {
            let Some(place) = partitions.fitting_after(at) else { return };
            let _ = held.spares(machine, partitions.waiting(place)) && partitions.start(machine, place, kick);
            at = place;
        }
    }
}
