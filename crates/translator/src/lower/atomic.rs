//! A: harts take turns, so that plain loads and stores make the operations atomic.

use super::memory;
use crate::abi::{RAX, RDX, RESERVATION};
use crate::emit::Emitter;
use crate::space::Space;
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};
use isa::{Inst, Op};
use std::mem::offset_of;

pub(super) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    match inst.op {
        Op::LrW => load_reserved(e, inst, 4),
        Op::LrD => load_reserved(e, inst, 8),
        Op::ScW => store_conditional(e, inst, 4),
        Op::ScD => store_conditional(e, inst, 8),
        op => {
            let Some((kind, bytes)) = modification(op) else { return false };
            modify(e, inst, kind, bytes);
        }
    }
    true
}

/// What an operation makes of the old value and its operand.
#[derive(Clone, Copy)]
enum Kind {
    Swap,
    Add,
    Xor,
    And,
    Or,
    Min,
    Max,
    Minu,
    Maxu,
}

/// What `op` does to how many bytes, if it modifies memory.
fn modification(op: Op) -> Option<(Kind, i8)> {
    Some(match op {
        Op::AmoswapW => (Kind::Swap, 4),
        Op::AmoaddW => (Kind::Add, 4),
        Op::AmoxorW => (Kind::Xor, 4),
        Op::AmoandW => (Kind::And, 4),
        Op::AmoorW => (Kind::Or, 4),
        Op::AmominW => (Kind::Min, 4),
        Op::AmomaxW => (Kind::Max, 4),
        Op::AmominuW => (Kind::Minu, 4),
        Op::AmomaxuW => (Kind::Maxu, 4),
        Op::AmoswapD => (Kind::Swap, 8),
        Op::AmoaddD => (Kind::Add, 8),
        Op::AmoxorD => (Kind::Xor, 8),
        Op::AmoandD => (Kind::And, 8),
        Op::AmoorD => (Kind::Or, 8),
        Op::AmominD => (Kind::Min, 8),
        Op::AmomaxD => (Kind::Max, 8),
        Op::AmominuD => (Kind::Minu, 8),
        Op::AmomaxuD => (Kind::Maxu, 8),
        _ => return None,
    })
}

/// Leaves the host address of the aligned operand in `rcx`; misaligned ones go to the interpreter, which traps.
fn address(e: &mut Emitter<'_>, inst: &Inst, bytes: i8, stores: bool) {
    let inst = Inst { imm: 0, ..*inst };
    let a = memory::translate(e, &inst, bytes, stores);
    let slow = e.fallback(&inst);
    dynasm!(e.ops ; .arch x64 ; test Rb(a), bytes - 1 ; jnz =>slow ; add rcx, Rq(a));
}

fn load_reserved(e: &mut Emitter<'_>, inst: &Inst, bytes: i8) {
    address(e, inst, bytes, false);
    if bytes == 4 {
        dynasm!(e.ops ; .arch x64 ; movsxd rax, DWORD [rcx]);
    } else {
        dynasm!(e.ops ; .arch x64 ; mov rax, [rcx]);
    }
    let physical = offset_of!(Space, host_to_physical) as i32;
    dynasm!(e.ops ; .arch x64 ; add rcx, [r15 + physical] ; mov [rbp + RESERVATION], rcx);
    e.put(inst.rd, RAX);
}

fn store_conditional(e: &mut Emitter<'_>, inst: &Inst, bytes: i8) {
    address(e, inst, bytes, true);
    let physical = offset_of!(Space, host_to_physical) as i32;
    dynasm!(e.ops
        ; .arch x64
        ; mov rdx, rcx
        ; add rdx, [r15 + physical]
        ; mov eax, 1
        ; cmp rdx, [rbp + RESERVATION]
        ; jne >failed
    );
    let value = e.get(inst.rs2, RDX);
    if bytes == 4 {
        dynasm!(e.ops ; .arch x64 ; mov [rcx], Rd(value));
    } else {
        dynasm!(e.ops ; .arch x64 ; mov [rcx], Rq(value));
    }
    dynasm!(e.ops ; .arch x64 ; xor eax, eax ; failed: ; mov QWORD [rbp + RESERVATION], -1);
    e.put(inst.rd, RAX);
}

/// Makes the new value in `rdx` from the old one in `rax`, both as wide as `$width` says.
macro_rules! combine {
    ($e:ident, $kind:expr, $width:ident) => {
        match $kind {
            Kind::Swap => {}
            Kind::Add => dynasm!($e.ops ; .arch x64 ; add $width(RDX), $width(RAX)),
            Kind::Xor => dynasm!($e.ops ; .arch x64 ; xor $width(RDX), $width(RAX)),
            Kind::And => dynasm!($e.ops ; .arch x64 ; and $width(RDX), $width(RAX)),
            Kind::Or => dynasm!($e.ops ; .arch x64 ; or $width(RDX), $width(RAX)),
            extreme => {
                dynasm!($e.ops ; .arch x64 ; cmp $width(RAX), $width(RDX));
                match extreme {
                    Kind::Min => dynasm!($e.ops ; .arch x64 ; cmovl $width(RDX), $width(RAX)),
                    Kind::Max => dynasm!($e.ops ; .arch x64 ; cmovg $width(RDX), $width(RAX)),
                    Kind::Minu => dynasm!($e.ops ; .arch x64 ; cmovb $width(RDX), $width(RAX)),
                    _ => dynasm!($e.ops ; .arch x64 ; cmova $width(RDX), $width(RAX)),
                }
            }
        }
    };
}

fn modify(e: &mut Emitter<'_>, inst: &Inst, kind: Kind, bytes: i8) {
    address(e, inst, bytes, true);
    e.copy(inst.rs2, RDX);
    if bytes == 4 {
        dynasm!(e.ops ; .arch x64 ; mov eax, [rcx]);
        combine!(e, kind, Rd);
        dynasm!(e.ops ; .arch x64 ; mov [rcx], edx ; movsxd rax, eax);
    } else {
        dynasm!(e.ops ; .arch x64 ; mov rax, [rcx]);
        combine!(e, kind, Rq);
        dynasm!(e.ops ; .arch x64 ; mov [rcx], rdx);
    }
    e.put(inst.rd, RAX);
}
