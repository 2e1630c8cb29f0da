//! Emitting one block: the frame around its instructions, its exits and its cold paths.

pub(crate) mod plan;
pub(crate) mod probe;
pub(crate) mod trampoline;

use crate::abi::{RAX, pinned, x_at};
use crate::block;
use crate::lower;
use crate::space::{JUMP_ENTRIES, JumpEntry, Space, jump_index};
use crate::store::{Site, Stub};
use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler, dynasm};
use isa::Inst;
use plan::Role;
use std::mem::offset_of;
use trampoline::Trampoline;

/// Where a block is to be emitted.
#[derive(Default)]
pub(crate) struct Target {
    /// Where its code will run.
    pub(crate) address: usize,
    /// The shared code.
    pub(crate) trampoline: Trampoline,
    /// Number of the block.
    pub(crate) id: u32,
    /// Where the table of link slots lies, as code sees it.
    pub(crate) slots: usize,
    /// Number of its first link slot.
    pub(crate) first_slot: u32,
    /// Number of its first site.
    pub(crate) first_site: u32,
}

/// A block's code and tables.
pub(crate) struct Emitted {
    pub(crate) code: Vec<u8>,
    pub(crate) sites: Vec<Site>,
    /// Its link slots: host address of the stub, and where the guest goes on.
    pub(crate) stubs: Vec<Stub>,
}

/// Code that stands behind the block's hot path.
enum Cold {
    /// Has the interpreter execute the instruction of a site, then goes on at `resume`.
    Fallback { label: DynamicLabel, site: u32, resume: DynamicLabel },
    /// As `Fallback`, but leaves for the next instruction: what the block relies on does not hold.
    FallbackOnce { label: DynamicLabel, site: u32, next: u64, refund: u32 },
    /// Leaves for `target`, giving back `refund` instructions that were charged.
    Exit { label: DynamicLabel, target: u64, refund: u32 },
    /// Leaves because the budget does not cover the block.
    Short { label: DynamicLabel },
    /// Leaves because slot `slot` is not linked.
    Stub { label: DynamicLabel, slot: u32 },
    /// Has the interpreter execute the first access of a group, then looks the group up again and goes on at
    /// `resume`, or leaves for the next instruction.
    Group {
        label: DynamicLabel,
        site: u32,
        resume: DynamicLabel,
        base: u8,
        range: Range,
        next: u64,
        refund: u32,
    },
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

/// The block being emitted.
pub(crate) struct Emitter<'a> {
    pub(crate) ops: VecAssembler<X64Relocation>,
    target: &'a Target,
    va: u64,
    count: u32,
    /// Index of the instruction being lowered.
    index: u32,
    /// Its address.
    pub(crate) pc: u64,
    entry: DynamicLabel,
    cold: Vec<Cold>,
    sites: Vec<Site>,
    stubs: Vec<(DynamicLabel, u64)>,
    /// How each instruction gets at memory.
    roles: Vec<Role>,
    /// Where the present instruction is handed to the interpreter and where it comes back, if asked for.
    fallback: Option<(DynamicLabel, DynamicLabel)>,
    /// Whether the block has checked that floating point may run.
    float_checked: bool,
}

/// Emits the block of `insts` at virtual address `va`; `None` when the assembler refuses.
pub(crate) fn block(target: &Target, va: u64, insts: &[Inst]) -> Option<Emitted> {
    let mut emitter = Emitter::new(target, va, insts);
    emitter.charge();
    for inst in insts {
        emitter.instruction(inst);
        emitter.pc = emitter.pc.wrapping_add(u64::from(inst.len));
        emitter.index += 1;
    }
    if insts.last().is_some_and(|inst| !transfers(inst)) {
        let next = emitter.pc;
        emitter.leave_to(next, 0);
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
    fn new(target: &'a Target, va: u64, insts: &[Inst]) -> Emitter<'a> {
        let mut ops = VecAssembler::new(target.address);
        let entry = ops.new_dynamic_label();
        Emitter {
            ops,
            target,
            va,
            count: insts.len() as u32,
            index: 0,
            pc: va,
            entry,
            cold: Vec::new(),
            sites: Vec::new(),
            stubs: Vec::new(),
            roles: plan::roles(insts),
            fallback: None,
            float_checked: false,
        }
    }
}

impl Emitter<'_> {
    /// Charges the whole block to the budget, or leaves when it does not fit.
    fn charge(&mut self) {
        let (entry, short) = (self.entry, self.ops.new_dynamic_label());
        self.cold.push(Cold::Short { label: short });
        dynasm!(self.ops ; .arch x64 ; =>entry ; sub r14, BYTE self.count as i8 ; js =>short);
    }

    fn instruction(&mut self, inst: &Inst) {
        self.fallback = None;
        if block::leaves(inst.op) || !lower::lower(self, inst) {
            let label = self.fallback(inst);
            // Nothing was emitted for the instruction: its only path is the cold one.
            dynasm!(self.ops ; .arch x64 ; jmp =>label);
            self.float_checked = false;
        }
        if let Some((_, resume)) = self.fallback {
            dynasm!(self.ops ; .arch x64 ; =>resume);
        }
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
        self.cold.push(Cold::Group { label, site, resume, base: inst.rs1, range, next, refund });
        self.fallback = Some((label, resume));
        label
    }

    /// How the present instruction gets at memory.
    pub(crate) fn role(&self) -> Role {
        self.roles[self.index as usize]
    }

    /// Has the block check again before floating-point instructions that they may run.
    pub(crate) fn forget_float(&mut self) {
        self.float_checked = false;
    }

    fn site(&mut self, inst: &Inst) -> u32 {
        self.sites.push(Site { pc: self.pc, inst: *inst, refund: self.count - self.index });
        self.target.first_site + self.sites.len() as u32 - 1
    }

    /// Goes to the interpreter, and out of the block, unless floating-point instructions may run in host code.
    ///
    /// Once a block has checked, it holds for the rest of it, until an instruction may change the mode.
    pub(crate) fn float_guard(&mut self, inst: &Inst) {
        if std::mem::replace(&mut self.float_checked, true) {
            return;
        }
        let label = self.ops.new_dynamic_label();
        let site = self.site(inst);
        let next = self.pc.wrapping_add(u64::from(inst.len));
        self.cold.push(Cold::FallbackOnce { label, site, next, refund: self.behind() });
        let ready = offset_of!(Space, float_ready) as i32;
        dynasm!(self.ops ; .arch x64 ; cmp BYTE [r15 + ready], 0 ; je =>label);
    }

    /// Instructions of the block behind the present one.
    fn behind(&self) -> u32 {
        self.count - self.index - 1
    }

    /// A label that leaves for `target` after the present instruction.
    pub(crate) fn exit_label(&mut self, target: u64) -> DynamicLabel {
        let refund = self.behind();
        if refund == 0 && target == self.va {
            return self.entry;
        }
        let label = self.ops.new_dynamic_label();
        self.cold.push(Cold::Exit { label, target, refund });
        label
    }

    /// Leaves for `target` after the present instruction.
    pub(crate) fn leave(&mut self, target: u64) {
        let refund = self.behind();
        self.leave_to(target, refund);
    }

    fn leave_to(&mut self, target: u64, refund: u32) {
        if refund != 0 {
            dynasm!(self.ops ; .arch x64 ; add r14, BYTE refund as i8);
        }
        if target == self.va {
            let entry = self.entry;
            dynasm!(self.ops ; .arch x64 ; jmp =>entry);
        } else if target >> 12 == self.va >> 12 {
            let slot = self.target.first_slot + self.stubs.len() as u32;
            let label = self.ops.new_dynamic_label();
            self.stubs.push((label, target));
            self.cold.push(Cold::Stub { label, slot });
            self.jump_through(slot);
        } else {
            self.leave_page(target);
        }
    }

    /// Jumps to where link slot `slot` says: `jmp [rip + ...]`.
    fn jump_through(&mut self, slot: u32) {
        const LENGTH: usize = 6;
        let next = self.target.address + self.ops.offset().0 + LENGTH;
        let place = self.target.slots + slot as usize * size_of::<u64>();
        let distance = place.wrapping_sub(next).cast_signed() as i32;
        dynasm!(self.ops ; .arch x64 ; .bytes [0xffu8, 0x25] ; .i32 distance);
    }

    /// Leaves for `target` in another page, if the jump cache has it in its place.
    fn leave_page(&mut self, target: u64) {
        let entry = (offset_of!(Space, jumps) + jump_index(target) * size_of::<JumpEntry>()) as i32;
        self.constant(RAX, target);
        dynasm!(self.ops
            ; .arch x64
            ; cmp rax, [r15 + entry]
            ; jne extern self.target.trampoline.lookup
            ; jmp QWORD [r15 + entry + 8]
        );
    }

    /// Leaves for the address in `rax`, after the last instruction of the block.
    pub(crate) fn leave_indirect(&mut self) {
        let jumps = offset_of!(Space, jumps) as i32;
        let code = jumps + 8;
        let mask = ((JUMP_ENTRIES - 1) * size_of::<JumpEntry>()) as i32;
        dynasm!(self.ops
            ; .arch x64
            ; mov ecx, eax
            ; shl ecx, 3
            ; and ecx, mask
            ; cmp rax, [r15 + rcx + jumps]
            ; jne extern self.target.trampoline.lookup
            ; jmp QWORD [r15 + rcx + code]
        );
    }

    fn finish(mut self) -> Option<Emitted> {
        // Exits may add stubs, so that the list grows while it is emitted.
        let mut next = 0;
        while next < self.cold.len() {
            match self.cold[next] {
                Cold::Fallback { label, site, resume } => dynasm!(self.ops
                    ; .arch x64
                    ; =>label
                    ; mov eax, site as i32
                    ; call extern self.target.trampoline.fallback
                    ; jmp =>resume
                ),
                Cold::FallbackOnce { label, site, next, refund } => {
                    dynasm!(self.ops
                        ; .arch x64
                        ; =>label
                        ; mov eax, site as i32
                        ; call extern self.target.trampoline.fallback
                    );
                    self.leave_to(next, refund);
                }
                Cold::Short { label } => dynasm!(self.ops
                    ; .arch x64
                    ; =>label
                    ; mov eax, self.target.id as i32
                    ; jmp extern self.target.trampoline.short
                ),
                Cold::Exit { label, target, refund } => {
                    dynasm!(self.ops ; .arch x64 ; =>label);
                    self.leave_to(target, refund);
                }
                Cold::Stub { label, slot } => dynasm!(self.ops
                    ; .arch x64
                    ; =>label
                    ; mov eax, slot as i32
                    ; jmp extern self.target.trampoline.exit
                ),
                Cold::Group { label, site, resume, base, range, next, refund } => {
                    let miss = self.ops.new_dynamic_label();
                    dynasm!(self.ops
                        ; .arch x64
                        ; =>label
                        ; mov eax, site as i32
                        ; call extern self.target.trampoline.fallback
                    );
                    lower::look_up(&mut self, base, range, miss);
                    dynasm!(self.ops ; .arch x64 ; jmp =>resume ; =>miss);
                    self.leave_to(next, refund);
                }
            }
            next += 1;
        }
        let stub = |&(label, target): &(DynamicLabel, u64)| {
            let offset = self.ops.labels().resolve_dynamic(label).ok()?;
            Some(Stub { address: (self.target.address + offset.0) as u64, target })
        };
        let stubs = self.stubs.iter().map(stub).collect::<Option<Vec<Stub>>>()?;
        Some(Emitted { sites: self.sites, stubs, code: self.ops.finalize().ok()? })
    }

    /// The host register that holds guest register `guest`, loaded into `scratch` if it has none of its own.
    pub(crate) fn get(&mut self, guest: u8, scratch: u8) -> u8 {
        match pinned(guest) {
            Some(host) => host,
            None if guest == 0 => {
                dynasm!(self.ops ; .arch x64 ; xor Rd(scratch), Rd(scratch));
                scratch
            }
            None => {
                dynasm!(self.ops ; .arch x64 ; mov Rq(scratch), [BYTE rbp + x_at(guest)]);
                scratch
            }
        }
    }

    /// Copies guest register `guest` into `scratch`.
    pub(crate) fn copy(&mut self, guest: u8, scratch: u8) {
        let held = self.get(guest, scratch);
        if held != scratch {
            dynasm!(self.ops ; .arch x64 ; mov Rq(scratch), Rq(held));
        }
    }

    /// The host register in which to compute the new value of `guest`; [`Emitter::put`] stores it.
    pub(crate) fn destination(&self, guest: u8) -> u8 {
        pinned(guest).unwrap_or(RAX)
    }

    /// Makes host register `host` the value of `guest`.
    pub(crate) fn put(&mut self, guest: u8, host: u8) {
        match pinned(guest) {
            Some(own) if own == host => {}
            Some(own) => dynasm!(self.ops ; .arch x64 ; mov Rq(own), Rq(host)),
            None if guest == 0 => {}
            None => dynasm!(self.ops ; .arch x64 ; mov [BYTE rbp + x_at(guest)], Rq(host)),
        }
    }

    /// Puts a constant into a host register.
    pub(crate) fn constant(&mut self, host: u8, value: u64) {
        if value == 0 {
            dynasm!(self.ops ; .arch x64 ; xor Rd(host), Rd(host));
        } else if let Ok(low) = u32::try_from(value) {
            dynasm!(self.ops ; .arch x64 ; mov Rd(host), low.cast_signed());
        } else if let Ok(signed) = i32::try_from(value.cast_signed()) {
            dynasm!(self.ops ; .arch x64 ; mov Rq(host), signed);
        } else {
            dynasm!(self.ops ; .arch x64 ; mov Rq(host), QWORD value.cast_signed());
        }
    }
}
