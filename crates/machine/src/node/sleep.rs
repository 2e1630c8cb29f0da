//! Sleeping harts of a node: who is woken when, and how long nothing happens.

use super::{Node, Turn};
use crate::core::Core;
use crate::hart::{Resume, RunState};
use crate::interrupt;
use crate::lines::mip;

/// Timer interrupts of all levels.
const TIMERS: u64 = mip::MTIP | mip::STIP | mip::VSTIP;

impl Node {
    /// The cycle at which something is due that may wake a hart, where all sleep; `u64::MAX` for never, `None` where
    /// one is awake or the node stands within a round.
    pub fn sleeps_until(&mut self) -> Option<u64> {
        let between = self.turn == Turn::default();
        (between && self.all_sleep()).then(|| self.next_event().unwrap_or(u64::MAX))
    }

    /// Whether the hart executes now; a sleeper is woken by what is pending, or by a timer due in its turn.
    pub(super) fn awake(&mut self, id: usize, now: u64) -> bool {
        match self.harts[id].state {
            RunState::Running => return true,
            RunState::Stopped => return false,
            RunState::Waiting | RunState::Suspended(_) => {}
        }
        let core = self.core(id);
        if !interrupt::wakes(&core) {
            let due = core.clock.turn_cycle_of(interrupt::next_timer(&core));
            let cycles = core.hart.cycles();
            if due >= self.clock.round_cycles() {
                return false;
            }
            self.clock.skip_to(cycles, due.max(now));
            if !interrupt::wakes(&self.core(id)) {
                return false;
            }
        }
        let hart = &mut self.harts[id];
        match hart.state {
            RunState::Suspended(Resume::At { entry, opaque }) => hart.enter_supervisor(entry, opaque),
            _ => hart.state = RunState::Running,
        }
        true
    }

    /// A view of hart `id` at the start of a round.
    fn core_at_round(&mut self, id: usize) -> Core<'_> {
        self.clock.begin_turn(0, self.harts[id].cycles());
        self.core(id)
    }

    pub(super) fn all_sleep(&mut self) -> bool {
        (0..self.harts.len()).all(|id| match self.harts[id].state {
            RunState::Running => false,
            RunState::Stopped => true,
            RunState::Waiting | RunState::Suspended(_) => {
                !self.bus.lines.raise_ssip[id] && !interrupt::wakes(&self.core_at_round(id))
            }
        })
    }

    /// The cycle at which something is due that may wake a hart, all of them being asleep at a round's start.
    pub(super) fn next_event(&mut self) -> Option<u64> {
        let mut tick = self.bus.due().unwrap_or(u64::MAX);
        for id in 0..self.harts.len() {
            if matches!(self.harts[id].state, RunState::Waiting | RunState::Suspended(_)) {
                let core = self.core_at_round(id);
                if core.hart.csr.mie & TIMERS != 0 {
                    tick = tick.min(interrupt::next_timer(&core));
                }
            }
        }
        (tick != u64::MAX).then(|| self.clock.node_cycle_of(tick))
    }
}
