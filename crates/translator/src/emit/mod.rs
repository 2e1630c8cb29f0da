//! Emitting one unit: the frame around its instructions, and its exits.

mod cold;
mod constant;
mod exits;
pub(crate) mod floats;
mod homes;
mod integers;
mod operands;
pub(crate) mod plan;
pub(crate) mod probe;
pub(crate) mod trampoline;

use crate::block::{self, Block, Unit};
use crate::lower;
use crate::space::Space;
use crate::store::{Site, Stub};
use cold::Cold;
use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler, dynasm};
use homes::Homes;
use isa::{Inst, Op};
use operands::{Registers, x_written};
use plan::Role;
use std::mem::offset_of;
use trampoline::Trampoline;

/// Where a unit is to be emitted.
#[derive(Default)]
pub(crate) struct Target {
    /// Where its code will run.
    pub(crate) address: usize,
    /// The shared code.
    pub(crate) trampoline: Trampoline,
    /// Where the table of link slots lies, as code sees it.
    pub(crate) slots: usize,
    /// Number of its first link slot.
    pub(crate) first_slot: u32,
    /// Number of its first site.
    pub(crate) first_site: u32,
}

/// A unit's code and tables.
pub(crate) struct Emitted {
    pub(crate) code: Vec<u8>,
    /// Bytes of it that note where the page is mapped: those who come from within the page enter behind them.
    pub(crate) prologue: usize,
    pub(crate) sites: Vec<Site>,
    /// Its link slots: host address of the stub, and where the guest goes on.
    pub(crate) stubs: Vec<Stub>,
}

/// What the accesses of a group need to be in one cached page, relative to their base register.
#[derive(Clone, Copy)]
pub(crate) struct Range {
    pub(crate) low: i32,
    pub(crate) high: i32,
    pub(crate) stores: bool,
    /// Where the host address of the base is kept.
    pub(crate) kept: usize,
}

/// What instructions do with floating point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FloatUse {
    /// Nothing.
    None,
    /// Read registers, for which floating point must be on.
    Reads,
    /// Anything else, for which it must be dirty already, too, with a rounding mode that the host has.
    Any,
}

/// The unit being emitted.
pub(crate) struct Emitter<'a> {
    pub(crate) ops: VecAssembler<X64Relocation>,
    target: &'a Target,
    unit: &'a Unit,
    prologue: usize,
    homes: Homes,
    /// Where each block's code begins.
    labels: Vec<DynamicLabel>,
    /// The way to the interpreter when homes are unusual, if it is needed.
    interlude: Option<DynamicLabel>,
    cold: Vec<Cold>,
    sites: Vec<Site>,
    stubs: Vec<(DynamicLabel, u64)>,
    /// Index of the present block.
    block: usize,
    /// Number of its instructions.
    count: u32,
    /// How each of them gets at memory.
    roles: Vec<Role>,
    /// Index of the instruction being lowered.
    index: u32,
    /// Its address.
    pub(crate) pc: u64,
    /// Where the present instruction is handed to the interpreter and where it comes back, if asked for.
    fallback: Option<(DynamicLabel, DynamicLabel)>,
    /// The guest register whose value is in `rax` as the present instruction begins.
    in_rax: Option<u8>,
    /// The one after it.
    next_in_rax: Option<u8>,
    /// Which host address that the block keeps is in `rcx`.
    pub(crate) kept_in_rcx: Option<usize>,
    /// What registers are known to hold.
    known: [Option<u64>; 32],
    /// Whether the present instruction was done along with the one before it.
    done: bool,
    /// The integer register that holds the accrued exceptions as they are.
    pub(crate) flags_in: Option<u8>,
    /// What of floating point the block has checked.
    float_checked: FloatUse,
    /// Floating-point registers whose homes differ from memory.
    dirty: Registers,
    /// Floating-point registers known to hold a boxed single.
    boxed: Registers,
}

/// Room that units begin with: bytes of code, labels, and what there are fewer of. Growing costs more than room.
const CODE_USUAL: usize = 1000;
const LABELS_USUAL: usize = 24;
const LABELS_FEW: usize = 8;

/// Emits `unit`; `None` when the assembler refuses.
pub(crate) fn unit(target: &Target, unit: &Unit) -> Option<Emitted> {
    let mut emitter = Emitter::new(target, unit);
    emitter.note_page();
    emitter.settle();
    for index in 0..unit.blocks.len() {
        emitter.block(index);
    }
    emitter.finish()
}

/// Whether the lowering of the instruction has emitted all ways on.
fn transfers(inst: &Inst) -> bool {
    use isa::Op::{Beq, Bge, Bgeu, Blt, Bltu, Bne, Jal, Jalr};
    matches!(inst.op, Jal | Jalr)
        || (matches!(inst.op, Beq | Bne | Blt | Bge | Bltu | Bgeu) && block::ends(inst))
}

impl<'a> Emitter<'a> {
    fn new(target: &'a Target, unit: &'a Unit) -> Emitter<'a> {
        let mut ops = VecAssembler::new_with_capacity(
            target.address,
            CODE_USUAL,
            0,
            0,
            LABELS_USUAL,
            LABELS_FEW,
            LABELS_USUAL,
        );
        let labels = unit.blocks.iter().map(|_| ops.new_dynamic_label()).collect();
        let homes = Homes::new(unit);
        Emitter {
            ops,
            target,
            unit,
            prologue: 0,
            homes,
            labels,
            interlude: None,
            cold: Vec::with_capacity(LABELS_FEW),
            sites: Vec::with_capacity(LABELS_FEW),
            stubs: Vec::with_capacity(LABELS_FEW),
            block: 0,
            count: 0,
            roles: Vec::new(),
            index: 0,
            pc: 0,
            fallback: None,
            in_rax: None,
            next_in_rax: None,
            kept_in_rcx: None,
            known: [None; 32],
            done: false,
            flags_in: None,
            float_checked: FloatUse::None,
            dirty: Registers::default(),
            boxed: Registers::default(),
        }
    }

    /// Whether the code serves wherever its page is mapped.
    pub(crate) fn is_relative(&self) -> bool {
        self.unit.relative
    }

    /// The present block.
    fn present(&self) -> &'a Block {
        &self.unit.blocks[self.block]
    }

    /// Makes block `index` the present one; before the first, nothing can be lowered.
    fn begin(&mut self, index: usize) {
        self.block = index;
        let block = self.present();
        self.count = block.insts.len() as u32;
        self.roles =
            if self.unit.alone { vec![Role::Alone; block.insts.len()] } else { plan::roles(&block.insts) };
        self.index = 0;
        self.pc = block.va;
        self.fallback = None;
        self.next_in_rax = None;
        self.kept_in_rcx = None;
        self.known = [None; 32];
        self.known[0] = Some(0);
        self.done = false;
        self.flags_in = None;
        self.float_checked = FloatUse::None;
        self.dirty = self.homes.dirty_at_entry();
        self.boxed = Registers::default();
    }
}

impl Emitter<'_> {
    /// Emits block `index`.
    fn block(&mut self, index: usize) {
        self.begin(index);
        self.charge();
        let block = self.present();
        for inst in &block.insts {
            self.instruction(inst);
            self.pc = self.pc.wrapping_add(u64::from(inst.len));
            self.index += 1;
        }
        if block.insts.last().is_some_and(|inst| !transfers(inst)) {
            let next = self.pc;
            self.leave_to(next, 0, self.dirty);
        }
    }

    /// Charges the whole block to the budget, or leaves when it does not fit.
    fn charge(&mut self) {
        let (entry, short) = (self.labels[self.block], self.ops.new_dynamic_label());
        let (target, count, dirty) = (self.pc, self.count, self.dirty);
        self.cold.push(Cold::Short { label: short, target, count, dirty });
        dynasm!(self.ops ; .arch x64 ; =>entry ; sub r14, BYTE count as i8 ; js =>short);
    }

    fn instruction(&mut self, inst: &Inst) {
        let written = x_written(inst);
        if std::mem::take(&mut self.done) {
            written.into_iter().for_each(|register| self.known[usize::from(register)] = None);
            return;
        }
        self.fallback = None;
        self.in_rax = self.next_in_rax.take();
        self.flags_in = self.flags_in.filter(|&flags| written != Some(flags));
        let known = written.and_then(|_| constant::result(inst, self.fixed_pc(), &self.known));
        if let (Some(register), Some(value)) = (written, known) {
            self.known_result(inst, register, value);
        } else if block::leaves(inst.op) || !lower::lower(self, inst) {
            let label = self.fallback(inst);
            // Nothing was emitted for the instruction: its only path is the cold one.
            dynasm!(self.ops ; .arch x64 ; jmp =>label);
            self.float_checked = FloatUse::None;
            self.flags_in = None;
            self.boxed.remove(inst.rd);
        }
        written.into_iter().for_each(|register| self.known[usize::from(register)] = known);
        if known.is_none() && self.role() == Role::Alone && !matches!(inst.op, Op::Addi | Op::Add | Op::Sub) {
            self.kept_in_rcx = None;
        }
        if let Some((_, resume)) = self.fallback {
            self.next_in_rax = None;
            dynasm!(self.ops ; .arch x64 ; =>resume);
        }
    }

    /// The instruction behind the present one, if it is in the block.
    pub(crate) fn following(&self) -> Option<&Inst> {
        self.present().insts.get(self.index as usize + 1)
    }

    /// Notes that what was emitted for the present instruction does the following one, too.
    pub(crate) fn do_following(&mut self) {
        self.done = true;
    }

    /// The label to jump to for having the present instruction interpreted; nothing of it may have been done.
    pub(crate) fn fallback(&mut self, inst: &Inst) -> DynamicLabel {
        if let Some((label, _)) = self.fallback {
            return label;
        }
        let label = self.ops.new_dynamic_label();
        let resume = self.ops.new_dynamic_label();
        let site = self.site(inst);
        self.cold.push(Cold::Fallback { label, site, resume });
        self.fallback = Some((label, resume));
        label
    }

    /// As [`Emitter::fallback`], for the first access of a group.
    pub(crate) fn group_fallback(&mut self, inst: &Inst, range: Range) -> DynamicLabel {
        let label = self.ops.new_dynamic_label();
        let resume = self.ops.new_dynamic_label();
        let site = self.site(inst);
        let (next, refund) = (self.pc.wrapping_add(u64::from(inst.len)), self.behind());
        let dirty = self.dirty;
        let (base, here) = (inst.rs1, self.pc);
        self.cold.push(Cold::Group { label, site, resume, base, range, here, next, refund, dirty });
        self.fallback = Some((label, resume));
        label
    }

    /// How the present instruction gets at memory.
    pub(crate) fn role(&self) -> Role {
        self.roles[self.index as usize]
    }

    /// Has the block check again before floating-point instructions that they may run.
    pub(crate) fn forget_float(&mut self) {
        self.float_checked = FloatUse::None;
    }

    fn site(&mut self, inst: &Inst) -> u32 {
        let relative = self.unit.relative;
        self.sites.push(Site { pc: self.pc, inst: *inst, refund: self.count - self.index, relative });
        self.target.first_site + self.sites.len() as u32 - 1
    }

    /// Goes to the interpreter, and out of the block, unless instructions may use floating point as `kind` says.
    ///
    /// Once a block has checked, it holds for the rest of it, until an instruction may change the mode.
    pub(crate) fn float_guard(&mut self, inst: &Inst, kind: FloatUse) {
        if self.float_checked >= kind {
            return;
        }
        self.float_checked = kind;
        let label = self.fallback_once(inst);
        let field = match kind {
            FloatUse::Any => offset_of!(Space, float_ready),
            _ => offset_of!(Space, float_on),
        };
        dynasm!(self.ops ; .arch x64 ; cmp BYTE [r15 + field as i32], 0 ; je =>label);
    }

    /// The label to jump to for having the present instruction interpreted and leaving for the next one: what the
    /// block relies on does not hold. Nothing of the instruction may have been done.
    pub(crate) fn fallback_once(&mut self, inst: &Inst) -> DynamicLabel {
        let label = self.ops.new_dynamic_label();
        let site = self.site(inst);
        let next = self.pc.wrapping_add(u64::from(inst.len));
        self.cold.push(Cold::FallbackOnce { label, site, next, refund: self.behind(), dirty: self.dirty });
        label
    }

    /// Instructions of the block behind the present one.
    fn behind(&self) -> u32 {
        self.count - self.index - 1
    }
}
