//! The interpreter as the lowest tier of a translator: single instructions, and what its caches know.

use super::cpu::{Cpu, Flow, Stop};
use super::tlb::{Kind, Tlb};
use super::{HANDLERS, Interpreter};
use crate::core::Core;
use crate::engine::Exit;
use isa::Inst;

/// Where a single step left the hart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stepped {
    /// At the instruction that follows, with every translation and all code as they were.
    Next,
    /// Anywhere: it jumped, trapped, or changed what a translator may have cached.
    Elsewhere,
    /// The node has something to do.
    Exit(Exit),
}

impl Interpreter {
    /// An interpreter under a translator, which must ask for [`Interpreter::take_removed`].
    pub fn under_translator(harts: usize) -> Interpreter {
        let mut interpreter = Interpreter::new(harts);
        interpreter.blocks.removed = Some(Vec::new());
        interpreter
    }

    /// Executes `inst`, which stands at the hart's `pc`.
    pub fn step(&mut self, core: &mut Core<'_>, inst: &Inst) -> Stepped {
        let mut cpu = self.cpu(core);
        match HANDLERS[inst.op as usize](&mut cpu, inst) {
            Ok(Flow::Next) => {
                cpu.hart.pc = cpu.hart.pc.wrapping_add(u64::from(inst.len));
                cpu.hart.retired += 1;
                if cpu.stop == Stop::No {
                    return Stepped::Next;
                }
            }
            Ok(Flow::Jump) => cpu.hart.retired += 1,
            Ok(Flow::Stay) => {}
            Err(trap) => cpu.trap(trap),
        }
        match cpu.stop {
            Stop::Exit(exit) => Stepped::Exit(exit),
            Stop::No | Stop::Refetch => Stepped::Elsewhere,
        }
    }

    /// Executes straight-line code from the hart's `pc` to behind the next instruction that may go elsewhere, for at most
    /// `budget` cycles.
    pub fn run_block(&mut self, core: &mut Core<'_>, budget: u64) -> Exit {
        let Interpreter { tlbs, blocks } = self;
        let mut cpu = Cpu::new(core, &mut tlbs[core.hart.id]);
        cpu.synchronize(blocks);
        cpu.stop = Stop::No;
        cpu.advance::<false>(blocks, budget);
        match cpu.stop {
            Stop::Exit(exit) => exit,
            Stop::No | Stop::Refetch => Exit::Budget,
        }
    }

    /// Brings the caches up to what happened since the last look.
    pub fn synchronize(&mut self, core: &mut Core<'_>) {
        let _ = self.cpu(core);
    }

    /// The byte offset in memory of the code at `va`, which the hart is about to fetch; `None` when it cannot be
    /// cached or the fetch would trap, and the instruction is to be interpreted.
    pub fn code_offset(&mut self, core: &mut Core<'_>, va: u64) -> Option<u64> {
        let mut cpu = self.cpu(core);
        cpu.code_offset(va)
    }

    /// The byte offset in memory of the load or store (by `kind`) of `bytes` at `va`, within a page, that the hart is
    /// about to make; `None` when it would trap, is not to memory, or has to be looked at, and is to be interpreted.
    pub fn data_offset(&mut self, core: &mut Core<'_>, kind: Kind, va: u64, bytes: u64) -> Option<u64> {
        let mut cpu = self.cpu(core);
        cpu.data_offset(kind, va, bytes)
    }

    /// The byte offset in memory of `va` for an access of `kind`, if the hart's present context has it cached.
    pub fn cached(&self, hart: usize, kind: Kind, va: u64) -> Option<u64> {
        self.tlbs[hart].look(kind, va)
    }

    /// Whether [`Interpreter::take_removed`] has something to give.
    #[inline]
    pub fn has_removed(&self) -> bool {
        self.blocks.removed.as_ref().is_some_and(|removed| !removed.is_empty())
    }

    /// The pages (from the start of memory) whose code was stored over since the last call.
    pub fn take_removed(&mut self) -> Vec<u32> {
        self.blocks.removed.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn cpu<'a>(&'a mut self, core: &'a mut Core<'_>) -> Cpu<'a> {
        let Interpreter { tlbs, blocks, .. } = self;
        let tlb: &mut Tlb = &mut tlbs[core.hart.id];
        let mut cpu = Cpu::new(core, tlb);
        cpu.synchronize(blocks);
        cpu.stop = Stop::No;
        cpu
    }
}
