//! A node under a debugger: breakpoints, steps, and the engine that heeds them.

use super::Node;
use crate::clock::Clock;
use crate::debug::{Before, Points, Span, Step, Stop, StopReason};
use crate::delivery;
use crate::hart::RunState;
use crate::interp::Interpreter;
use crate::interrupt;

impl Node {
    /// What a debugger sets on this node.
    pub fn points(&mut self) -> &mut Points {
        // What the observed engine cached may have skipped what is now to be seen.
        self.observed = None;
        self.bus.debug.get_or_insert_default()
    }

    /// Makes the node stop at the end of a step; `None` lets it go on.
    pub fn set_step(&mut self, step: Option<Step>) {
        self.bus.debug.get_or_insert_default().step = step;
    }

    /// Lets hart `id` go on from the breakpoint at which it stands.
    pub fn pass_breakpoint(&mut self, id: usize) {
        let pc = self.harts[id].pc;
        self.bus.debug.get_or_insert_default().pass(id, pc);
    }

    /// The hart whose turn it is.
    pub fn in_turn(&self) -> usize {
        self.turn.hart
    }

    /// The clock as hart `id` reads it: in its turn, before it, or behind it.
    pub(crate) fn clock_of(&self, id: usize) -> Clock {
        let mut clock = self.clock.clone();
        let in_turn = self.turn.begun && id == self.turn.hart;
        if !in_turn {
            let past = if id < self.turn.hart { self.clock.slice_cycles() } else { 0 };
            clock.begin_turn(id, self.harts[id].cycles().wrapping_sub(past));
        }
        clock
    }

    /// Executes one instruction of hart `id` or takes one trap, outside the turns, for debuggers and comparisons.
    ///
    /// Virtual time advances within the hart's turn only; a sleeping hart stays asleep.
    pub fn step(&mut self, id: usize) {
        self.observe();
        self.take_over_ssip(id);
        let mut core = self.core(id);
        if let Some(taken) = interrupt::next(&core) {
            delivery::interrupt(&mut core, taken);
        } else if self.harts[id].state == RunState::Running {
            let exit = self.execute(id, 1);
            self.settle(id, exit);
        }
    }

    /// Chooses the engine: its own, or the observed one. What the other caches is forgotten, since it did not
    /// hear of what went stale meanwhile.
    pub(super) fn observe(&mut self) -> bool {
        let observed = self.bus.debug.as_ref().is_some_and(|points| points.is_active());
        if observed && !(self.was_observed && self.observed.is_some()) {
            self.observed = Some(Box::new(Interpreter::new(self.harts.len())));
        }
        if !observed && self.was_observed {
            self.engine.forget();
            self.observed = None;
        }
        if !observed {
            self.bus.debug = None;
        }
        self.was_observed = observed;
        observed
    }

    /// A hart that is stepped or recorded executes one instruction at a time.
    pub(super) fn observed_budget(&self, id: usize, budget: u64) -> u64 {
        let Some(points) = &self.bus.debug else { return budget };
        let recorded =
            points.recording.as_ref().is_some_and(|recording| recording.hart.is_none_or(|only| only == id));
        let stepped = points.step.is_some_and(|step| step.hart == id);
        if recorded || stepped { budget.min(1) } else { budget }
    }

    /// Tells what hart `id` did, and whether that is a reason to stop.
    pub(super) fn observed_after(
        &mut self,
        id: usize,
        before: Option<Before>,
        interrupt: bool,
    ) -> Option<Stop> {
        let hit = self.bus.debug.as_mut().and_then(|points| points.take_hit());
        if let Some(before) = before
            && hit.is_none_or(|stop| stop.reason != StopReason::Breakpoint)
        {
            self.after(id, before, interrupt);
        }
        let points = self.bus.debug.as_mut()?;
        let pc = self.harts[id].pc;
        let stepped = points.step.filter(|step| {
            let inside = |span: Span| span.overlaps(Span { start: pc, bytes: 1 });
            step.hart == id && (interrupt || !step.within.is_some_and(inside))
        });
        let stop = hit.or(stepped.map(|step| Stop { hart: step.hart, reason: StopReason::Stepped }));
        if stop.is_some() {
            points.step = None;
        }
        stop
    }
}
