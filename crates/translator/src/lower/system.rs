//! Control and status registers that a kernel touches at every trap, where they are plain storage, and fences.
//!
//! All others, and these in any mode but supervisor mode, go to the interpreter; so do writes to `sstatus` that
//! let an interrupt in that is pending, or change how addresses translate.

use crate::abi::{RAX, RDX, at};
use crate::emit::Emitter;
use crate::space::Space;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, dynasm};
use isa::csr as n;
use isa::{Inst, Op};
use machine::csr::{S_LEVEL, status};
use machine::hart::{Csrs, Hart};
use std::mem::offset_of;

/// Fields of `sstatus` that a block can change by itself.
const HARMLESS: i32 = (status::S_WRITABLE & !(status::SUM | status::MXR)) as i32;

pub(super) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    match inst.op {
        // Nothing cached is ever stale: a store that voids something leaves the block.
        Op::FenceI => return true,
        Op::SfenceVma | Op::SinvalVma | Op::SfenceWInval | Op::SfenceInvalIr => {
            guard(e, inst);
            return true;
        }
        _ => {}
    }
    let writes = match inst.op {
        Op::Csrrw | Op::Csrrwi => true,
        Op::Csrrs | Op::Csrrc | Op::Csrrsi | Op::Csrrci => inst.rs1 != 0,
        _ => return false,
    };
    let number = u16::try_from(inst.imm & 0xfff).unwrap_or(0);
    match number {
        n::SSCRATCH => plain(e, inst, offset_of!(Csrs, sscratch), writes, -1),
        n::SEPC => plain(e, inst, offset_of!(Csrs, sepc), writes, -2),
        n::SCAUSE => plain(e, inst, offset_of!(Csrs, scause), writes, -1),
        n::STVAL => plain(e, inst, offset_of!(Csrs, stval), writes, -1),
        n::STVEC if !writes => plain(e, inst, offset_of!(Csrs, stvec), false, -1),
        n::SATP if !writes => plain(e, inst, offset_of!(Csrs, satp), false, -1),
        n::SIE if !writes => {
            guard(e, inst);
            let (mie, mideleg) = (field(offset_of!(Csrs, mie)), field(offset_of!(Csrs, mideleg)));
            dynasm!(e.ops ; .arch x64 ; mov eax, [rbp + mie] ; and eax, [rbp + mideleg] ; and eax, S_LEVEL as i32);
            e.put(inst.rd, RAX);
        }
        n::SSTATUS => sstatus(e, inst, writes),
        _ => return false,
    }
    true
}

/// Displacement from `rbp` of a control and status register.
const fn field(offset: usize) -> i32 {
    at(offset_of!(Hart, csr) + offset)
}

/// Goes to the interpreter unless the hart is in supervisor mode; where to go otherwise, too.
fn guard(e: &mut Emitter<'_>, inst: &Inst) -> DynamicLabel {
    let slow = e.fallback(inst);
    let supervisor = offset_of!(Space, supervisor) as i32;
    dynasm!(e.ops ; .arch x64 ; cmp BYTE [r15 + supervisor], 0 ; je =>slow);
    slow
}

/// Leaves the word to write in `rdx`, the old one being in `rax`.
fn combine(e: &mut Emitter<'_>, inst: &Inst) {
    match inst.op {
        Op::Csrrw | Op::Csrrs | Op::Csrrc => e.copy(inst.rs1, RDX),
        _ => e.constant(RDX, u64::from(inst.rs1)),
    }
    match inst.op {
        Op::Csrrs | Op::Csrrsi => dynasm!(e.ops ; .arch x64 ; or rdx, rax),
        Op::Csrrc | Op::Csrrci => dynasm!(e.ops ; .arch x64 ; not rdx ; and rdx, rax),
        _ => {}
    }
}

/// A register that holds what was written to it but for the bits that `mask` clears.
fn plain(e: &mut Emitter<'_>, inst: &Inst, offset: usize, writes: bool, mask: i32) {
    guard(e, inst);
    let register = field(offset);
    dynasm!(e.ops ; .arch x64 ; mov rax, [rbp + register]);
    if writes {
        combine(e, inst);
        if mask != -1 {
            dynasm!(e.ops ; .arch x64 ; and rdx, mask);
        }
        dynasm!(e.ops ; .arch x64 ; mov [rbp + register], rdx);
    }
    e.put(inst.rd, RAX);
}

fn sstatus(e: &mut Emitter<'_>, inst: &Inst, writes: bool) {
    let slow = guard(e, inst);
    let mstatus = field(offset_of!(Csrs, mstatus));
    dynasm!(e.ops ; .arch x64 ; mov rax, [rbp + mstatus]);
    if writes {
        combine(e, inst);
        let ready = offset_of!(Space, float_ready) as i32;
        let unrest = offset_of!(Space, unrest) as i32;
        dynasm!(e.ops
            ; .arch x64
            ; xor edx, eax
            ; and edx, status::S_WRITABLE as i32
            // Letting interrupts in, while one is pending: a bit that changes and is clear.
            ; mov ecx, eax
            ; not ecx
            ; and ecx, edx
            ; and ecx, [r15 + unrest]
            ; mov eax, edx
            ; and eax, !HARMLESS
            ; or eax, ecx
            ; mov rax, [rbp + mstatus]
            ; jnz =>slow
            ; xor [rbp + mstatus], rdx
            ; test edx, status::FS as i32
            ; jz >same
            ; mov WORD [r15 + ready], 0
            ; same:
        );
        e.forget_float();
    }
    if inst.rd != 0 {
        // Old value in `rax`: bit SD follows from FS.
        dynasm!(e.ops
            ; .arch x64
            ; mov rcx, QWORD status::S_VISIBLE.cast_signed()
            ; and rcx, rax
            ; and eax, status::FS as i32
            ; cmp eax, status::FS as i32
            ; jne >clean
            ; bts rcx, BYTE 63
            ; clean:
        );
        e.put(inst.rd, crate::abi::RCX);
    }
}
