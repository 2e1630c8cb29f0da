//! The interpreter: the engine that is also the oracle.
//!
//! The instruction table names a handler for each operation; [`HANDLERS`] collects them from the modules here,
//! one a extension. Decoded instructions are kept in straight-line blocks keyed by physical address
//! ([`blocks`]), translations in a cache per hart ([`tlb`]). Neither is simulated state.

mod blocks;
mod context;
mod cpu;
mod float;
mod memory;
mod tier;
mod timed;
mod tlb;
mod watched;

mod hypervisor;
mod privileged;
mod rv_a;
mod rv_d;
mod rv_f;
mod rv_i;
mod rv_m;
mod svinval;
mod zawrs;
mod zba;
mod zbb;
mod zbc;
mod zbs;
mod zfa;
mod zicbo;
mod zicond;
mod zicsr;
mod zifencei;

use crate::core::Core;
use crate::delivery;
use crate::engine::{Engine, Exit};
use crate::trap::Trap;
use blocks::{BlockCache, Decoded};
use cpu::{Cpu, Flow, Step, Stop};
use isa::Inst;
use tlb::Tlb;

pub use context::Context;
pub use tier::Stepped;
pub use tlb::Kind;

/// Executes one decoded instruction.
type Handler = fn(&mut Cpu<'_>, &Inst) -> Step;

macro_rules! collect_handlers {
    (; $(($op:ident, $handler:ident, $name:literal, $mask:literal, $match:literal,
         $format:ident, $module:ident, $extension:ident, $spec:literal))*) => {
        /// The handler of each operation, in the order of the instruction table.
        static HANDLERS: [Handler; isa::Op::COUNT] = [$($module::$handler),*];
    };
}
isa::for_each_instruction!(collect_handlers);

/// The interpreter of one node.
pub struct Interpreter {
    tlbs: Vec<Tlb>,
    blocks: BlockCache,
}

impl Interpreter {
    /// An interpreter for a node of `harts` harts.
    pub fn new(harts: usize) -> Interpreter {
        Interpreter { tlbs: (0..harts).map(|_| Tlb::new()).collect(), blocks: BlockCache::new() }
    }
}

impl Engine for Interpreter {
    fn name(&self) -> &'static str {
        "interp"
    }

    fn run(&mut self, core: &mut Core<'_>, budget: u64) -> Exit {
        if core.bus.debug.is_some() {
            self.run_as::<true>(core, budget)
        } else {
            self.run_as::<false>(core, budget)
        }
    }

    fn forget(&mut self) {
        self.blocks.clear();
        self.tlbs.iter_mut().for_each(Tlb::clear);
    }
}

impl Interpreter {
    /// As [`Engine::run`]; `WATCHED` with an eye on [`crate::bus::Bus::debug`], where a stop is noted that leaves with
    /// [`Exit::Recheck`].
    fn run_as<const WATCHED: bool>(&mut self, core: &mut Core<'_>, budget: u64) -> Exit {
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
            if WATCHED && cpu.stops_here() {
                return Exit::Recheck;
            }
            cpu.advance::<WATCHED>(blocks, left);
            if let Stop::Exit(exit) = cpu.stop {
                return exit;
            }
            if WATCHED && cpu.is_hit() {
                return Exit::Recheck;
            }
        }
    }
}

impl Cpu<'_> {
    /// Executes the block at `pc` for at most `budget` cycles, or takes the exception of its fetch.
    #[inline(always)]
    fn advance<const WATCHED: bool>(&mut self, blocks: &mut BlockCache, budget: u64) {
        match self.fetch(blocks) {
            Ok(Some(block)) => {
                let code = blocks.code(block);
                let budget = if WATCHED { budget.min(self.clear_run(code)) } else { budget };
                if self.timed { self.execute_charged(code, budget) } else { self.execute(code, budget) }
            }
            Ok(None) => {}
            Err(trap) => self.trap(trap),
        }
    }

    /// Executes a block from its start, for at most `budget` cycles.
    ///
    /// `pc` and `retired` are brought up to date only where somebody may look: before instructions that can do
    /// more than compute in registers, and at the end.
    #[inline]
    fn execute(&mut self, code: &[Decoded], budget: u64) {
        let count = usize::try_from(budget).unwrap_or(usize::MAX).min(code.len());
        let (pc, retired, extra_cycles) = (self.hart.pc, self.hart.retired, self.hart.extra_cycles);
        for (index, decoded) in code[..count].iter().enumerate() {
            if decoded.computes {
                let step = (decoded.handler)(self, &decoded.inst);
                debug_assert_eq!(step, Ok(Flow::Next), "an instruction that only computes");
                continue;
            }
            self.hart.pc = pc.wrapping_add(u64::from(decoded.offset));
            self.hart.retired = retired.wrapping_add(index as u64);
            let step = (decoded.handler)(self, &decoded.inst);
            let goes_on = self.stop == Stop::No && self.hart.extra_cycles == extra_cycles;
            if step != Ok(Flow::Next) || !goes_on {
                return self.finish(step, decoded);
            }
        }
        if let Some(last) = code[..count].last() {
            self.hart.pc = pc.wrapping_add(last.end());
            self.hart.retired = retired.wrapping_add(count as u64);
        }
    }

    /// Executes the one instruction that `pc` points at; false when the next one is not its successor.
    fn step(&mut self, decoded: &Decoded) -> bool {
        let step = (decoded.handler)(self, &decoded.inst);
        let goes_on = step == Ok(Flow::Next) && self.stop == Stop::No;
        self.finish(step, decoded);
        goes_on
    }

    /// Leaves the hart as an instruction that `pc` points at has left it.
    #[inline(always)]
    fn finish(&mut self, step: Step, decoded: &Decoded) {
        match step {
            Ok(Flow::Next) => {
                self.hart.pc = self.hart.pc.wrapping_add(u64::from(decoded.inst.len));
                self.hart.retired += 1;
            }
            Ok(Flow::Jump) => self.hart.retired += 1,
            Ok(Flow::Stay) => {}
            Err(trap) => self.trap(trap),
        }
    }

    #[cold]
    fn trap(&mut self, trap: Trap) {
        delivery::exception(&mut self.core(), trap);
        if self.stop == Stop::No {
            self.stop = Stop::Refetch;
        }
    }
}
