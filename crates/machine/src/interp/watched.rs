//! The interpreter under observation: it stops before breakpoints and behind watched accesses.

use super::blocks::Decoded;
use super::cpu::{Cpu, Stop};
use crate::debug::Span;

impl Cpu<'_> {
    /// Whether the hart is to stop before the instruction at `pc`.
    pub(super) fn stops_here(&mut self) -> bool {
        let (hart, pc) = (self.hart.id, self.hart.pc);
        self.bus.debug.as_mut().is_some_and(|points| points.stops_at(hart, pc))
    }

    /// Whether it is to stop for what it did.
    pub(super) fn is_hit(&self) -> bool {
        self.bus.debug.as_ref().is_some_and(|points| points.is_hit())
    }

    /// How many instructions of the block at `pc` come before the next breakpoint in it; the first is past.
    pub(super) fn clear_run(&self, code: &[Decoded]) -> u64 {
        let Some(points) = &self.bus.debug else { return u64::MAX };
        let pc = self.hart.pc;
        let bytes = code.last().map_or(0, |last| u64::from(last.offset) + 1);
        points
            .ahead(pc, bytes)
            .find_map(|past| code.iter().position(|decoded| u64::from(decoded.offset) == past))
            .map_or(u64::MAX, |index| index as u64)
    }

    /// Tells the debugger of an access that translates.
    pub(super) fn note_access(&mut self, va: u64, bytes: u64, store: bool) {
        let hart = self.hart.id;
        let Some(points) = &mut self.bus.debug else { return };
        if points.note(hart, Span { start: va, bytes }, store) && self.stop == Stop::No {
            self.stop = Stop::Refetch;
        }
    }
}
