//! The boundary between the engine and translated code: entering it, and what it calls, the interpreter for one
//! instruction.

use crate::emit::trampoline::Outcome;
use crate::engine::{Parts, Translator};
use crate::space::Space;
use crate::store::Site;
use machine::core::Core;
use machine::engine::Exit;
use machine::interp::{Kind, Stepped};
use machine::interrupt;
use machine::ram::RAM_BASE;
use std::alloc::Layout;

/// One run of the engine, as translated code carries it along.
pub(crate) struct Run {
    pub(crate) parts: *mut Parts,
    pub(crate) core: *mut Core<'static>,
    pub(crate) space: *mut Space,
    /// Instructions that the hart had retired when translated code was entered.
    pub(crate) retired: u64,
    /// The budget with which it was entered.
    pub(crate) budget: u64,
    /// Why the engine must stop, if it must.
    pub(crate) exit: Option<Exit>,
}

/// Interprets the instruction at `site`, `left` being what translated code has left of its budget.
///
/// Returns 0 when translated code goes on with the next instruction, 1 when it must leave.
#[allow(unsafe_code, reason = "called from translated code with raw pointers")]
pub(crate) extern "sysv64" fn fallback(run: *mut Run, site: u32, left: u64) -> u64 {
    // SAFETY: translated code hands over the pointer that the engine put into the space when it entered; all
    // that it points to outlives the stay in translated code, during which only this function uses it.
    let run = unsafe { &mut *run };
    // SAFETY: as above; the three are distinct and none of them is part of the run.
    let (parts, core, space) = unsafe { (&mut *run.parts, &mut *run.core, &mut *run.space) };
    let Site { pc, inst, refund, relative } = parts.store.site(site);
    space.settle_float(core.hart);
    core.hart.pc = space.address(pc, relative);
    let spent = run.budget.wrapping_sub(left).wrapping_sub(u64::from(refund));
    core.hart.retired = run.retired.wrapping_add(spent);
    parts.counters.fallbacks += 1;
    let address = memory_address(core, &inst);
    let changes = core.bus.ram.changes();
    if let Some(va) = address
        && parts.access(core, space, &inst, va)
    {
        // A walk that set an A bit in a page of code has changed code, and one that met new tables may have withdrawn a
        // permission to store that the block relies on.
        return u64::from(core.bus.ram.has_stale_code() || core.bus.ram.changes() != changes);
    }
    match parts.interpreter.step(core, &inst) {
        // As above.
        Stepped::Next if core.bus.ram.has_stale_code() || core.bus.ram.changes() != changes => {
            if let Some(va) = address {
                space.refresh(&core.bus.ram, parts.store.removed());
                parts.keep_page(core, space, va);
            }
            1
        }
        Stepped::Next => {
            space.refresh_mode(core.hart);
            if matches!(inst.op.format(), isa::Format::Csr | isa::Format::CsrImm) {
                space.note_unrest(interrupt::wakes(core));
            }
            if let Some(va) = address {
                parts.keep_page(core, space, va);
            }
            0
        }
        Stepped::Elsewhere => 1,
        Stepped::Exit(exit) => {
            run.exit = Some(exit);
            1
        }
    }
}

/// The address that a load, a store or an atomic operation is about to access.
fn memory_address(core: &Core<'_>, inst: &isa::Inst) -> Option<u64> {
    let plain = matches!(
        inst.op.format(),
        isa::Format::Load
            | isa::Format::Store
            | isa::Format::FLoad
            | isa::Format::FStore
            | isa::Format::Amo
            | isa::Format::Lr
    ) || inst.op == isa::Op::CboZero;
    plain.then(|| core.hart.x[usize::from(inst.rs1)].wrapping_add(i64::from(inst.imm).cast_unsigned()))
}

// SAFETY: the raw pointers in the spaces are set at each entry into translated code and used only during it; a
// translator moved to another thread takes all that they may point to along or sets them anew.
#[allow(unsafe_code, reason = "engines move between threads")]
unsafe impl Send for Translator {}

/// A space of zeros, made where it is to stay: it is too big for the stack, and most of it is never touched.
#[allow(unsafe_code, reason = "memory that the host hands out as zeros")]
pub(crate) fn zeroed_space() -> Box<Space> {
    let layout = Layout::new::<Space>();
    // SAFETY: a space has a size.
    let memory = unsafe { std::alloc::alloc_zeroed(layout) };
    if memory.is_null() {
        std::alloc::handle_alloc_error(layout);
    }
    // SAFETY: the memory is a space's, from the allocator that a box gives it back to; zeros are a value of all that is
    // in a space: a null pointer, integers, and arrays and structures of integers.
    unsafe { Box::from_raw(memory.cast()) }
}

impl Parts {
    /// Runs translated code from `entry`.
    #[allow(unsafe_code, reason = "this is where translated code is entered")]
    pub(crate) fn enter(
        &mut self,
        core: &mut Core<'_>,
        space: &mut Space,
        entry: u64,
        budget: u64,
    ) -> (Outcome, Option<Exit>) {
        self.counters.entries += 1;
        let trampoline = self.trampoline;
        space.host_to_physical = RAM_BASE.wrapping_sub(core.bus.ram.host_base() as u64);
        let hart: *mut _ = &mut *core.hart;
        let mut run = Run {
            retired: core.hart.retired,
            budget,
            exit: None,
            parts: self,
            core: std::ptr::from_mut(core).cast(),
            space,
        };
        space.run = &mut run;
        // SAFETY: `entry` came from the store, whose blocks are live; the space is the one of the hart's present
        // context and up to date; everything that `run` points to is borrowed by this call alone.
        let outcome = unsafe { trampoline.enter(hart, space, entry, budget) };
        space.run = std::ptr::null_mut();
        space.settle_float(core.hart);
        (outcome, run.exit)
    }

    /// Enters the page of `va` into the space's TLBs as far as the interpreter has it cached.
    fn keep_page(&mut self, core: &mut Core<'_>, space: &mut Space, va: u64) {
        self.counters.tlb_misses += 1;
        let base = core.bus.ram.host_base() as u64;
        if let Some(offset) = self.interpreter.cached(core.hart.id, Kind::Read, va) {
            space.enter_read(va, base + offset);
        }
        if let Some(offset) = self.interpreter.cached(core.hart.id, Kind::Write, va) {
            core.bus.ram.note_writer(RAM_BASE + offset, va);
            space.enter_write(va, base + offset);
        }
    }
}
