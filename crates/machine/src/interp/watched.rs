//! The interpreter under observation: it stops before breakpoints and behind watched accesses.

use super::Interpreter;
use super::blocks::Decoded;
use super::cpu::{Cpu, Stop};
use crate::core::Core;
use crate::debug::Span;
use crate::engine::Exit;

impl Interpreter {
    /// As [`crate::engine::Engine::run`], with an eye on [`crate::bus::Bus::debug`]; a stop leaves with
    /// [`Exit::Recheck`] and is noted there.
    pub(super) fn run_watched(&mut self, core: &mut Core<'_>, budget: u64) -> Exit {
        let Interpreter { tlbs, blocks } = self;
        let tlb = &mut tlbs[core.hart.id];
        let mut cpu = Cpu::new(core, tlb);
        let end = cpu.hart.cycles().wrapping_add(budget);
        loop {
            let left = end.wrapping_sub(cpu.hart.cycles());
            if left == 0 || left > budget {
                return Exit::Budget;
            }
            if cpu.stop != Stop::No {
                cpu.stop = Stop::No;
                cpu.synchronize(blocks);
            }
            let (hart, pc) = (cpu.hart.id, cpu.hart.pc);
            if cpu.bus.debug.as_mut().is_some_and(|points| points.stops_at(hart, pc)) {
                return Exit::Recheck;
            }
            match cpu.fetch(blocks) {
                Ok(Some(block)) => {
                    let code = blocks.code(block);
                    let left = left.min(cpu.clear_run(pc, code));
                    if cpu.timed { cpu.execute_charged(code, left) } else { cpu.execute(code, left) }
                }
                Ok(None) => {}
                Err(trap) => cpu.trap(trap),
            }
            if let Stop::Exit(exit) = cpu.stop {
                return exit;
            }
            if cpu.bus.debug.as_ref().is_some_and(|points| points.is_hit()) {
                return Exit::Recheck;
            }
        }
    }
}

impl Cpu<'_> {
    /// How many instructions of the block at `pc` come before the next breakpoint in it; the first is past.
    fn clear_run(&self, pc: u64, code: &[Decoded]) -> u64 {
        let Some(points) = &self.bus.debug else { return u64::MAX };
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
