//! A hart alone on its node runs on over the ends of rounds at which nothing happens.
//!
//! Between two rounds devices do what is due and the serial port's output is taken; where the bus says that neither
//! changes anything, the rounds are run as one, and the clock is put right before anybody looks. A reservation of the
//! only hart outlives such an end of a round, in whatever way the rounds are run, and falls where devices act, since
//! they may store to memory.

use super::{Limits, Node};
use crate::engine::Exit;
use crate::hart::Reservation;

/// Longest stretch in cycles, so that budgets stay small numbers.
const STRETCH_MAX: u64 = 1 << 32;

impl Node {
    /// Whether the node has one hart.
    pub(super) fn is_alone(&self) -> bool {
        self.harts.len() == 1
    }

    /// Lets devices do what is due at the start of a round.
    pub(super) fn poll(&mut self) {
        let mtime = self.clock.mtime_at_round();
        if self.is_alone() && self.bus.still_until(mtime) > mtime {
            return;
        }
        self.drop_reservations();
        self.bus.poll(mtime);
    }

    pub(super) fn drop_reservations(&mut self) {
        self.harts.iter_mut().for_each(|hart| hart.reservation = Reservation::NONE);
    }

    /// Cycle of the running turn at which the first round ends that is to be ended in earnest.
    pub(super) fn stretch(&self, limits: Limits) -> u64 {
        let (round, start) = (self.clock.round_cycles(), self.clock.round_start());
        if !self.is_alone() || self.bus.timing.is_some() || round != self.clock.slice_cycles() {
            return round;
        }
        let still_until = self.bus.still_until(self.clock.mtime_at_round());
        let acts = self.clock.node_cycle_of(still_until).saturating_sub(start).div_ceil(round);
        let rounds = acts.min(limits.cycle.saturating_sub(start) / round).min(STRETCH_MAX / round);
        round * rounds.max(1)
    }

    /// Passes over the ends of rounds that lie behind the hart after a run of a stretch to cycle `end` of its turn.
    pub(super) fn pass_rounds(&mut self, id: usize, exit: Exit, end: u64) {
        let round = self.clock.round_cycles();
        if end == round {
            return;
        }
        let now = self.clock.turn_cycle(self.harts[id].cycles());
        // What an instruction did that ended with its round is seen to at that end; a call of the firmware has not begun.
        let reached = match exit {
            Exit::Budget | Exit::Sbi => now,
            Exit::Recheck | Exit::Wfi | Exit::Stall => now.saturating_sub(1),
        };
        self.clock.pass_rounds((reached / round).min(end / round - 1));
    }
}
