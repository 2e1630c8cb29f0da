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
        Op::AmoswapW
        | Op::AmoaddW
        | Op::AmoxorW
        | Op::AmoandW
        | Op::AmoorW
        | Op::AmominW
        | Op::AmomaxW
        | Op::AmominuW
        | Op::AmomaxuW => modify_word(e, inst),
        Op::AmoswapD
        | Op::AmoaddD
        | Op::AmoxorD
        | Op::AmoandD
        | Op::AmoorD
        | Op::AmominD
        | Op::AmomaxD
        | Op::AmominuD
        | Op::AmomaxuD => modify_double(e, inst),
        _ => return false,
    }
    true
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

/// The new value is made in `edx` from the old one in `eax`.
fn modify_word(e: &mut Emitter<'_>, inst: &Inst) {
    address(e, inst, 4, true);
    e.copy(inst.rs2, RDX);
    dynasm!(e.ops ; .arch x64 ; mov eax, [rcx]);
    match inst.op {
        Op::AmoswapW => {}
        Op::AmoaddW => dynasm!(e.ops ; .arch x64 ; add edx, eax),
        Op::AmoxorW => dynasm!(e.ops ; .arch x64 ; xor edx, eax),
        Op::AmoandW => dynasm!(e.ops ; .arch x64 ; and edx, eax),
        Op::AmoorW => dynasm!(e.ops ; .arch x64 ; or edx, eax),
        Op::AmominW => dynasm!(e.ops ; .arch x64 ; cmp eax, edx ; cmovl edx, eax),
        Op::AmomaxW => dynasm!(e.ops ; .arch x64 ; cmp eax, edx ; cmovg edx, eax),
        Op::AmominuW => dynasm!(e.ops ; .arch x64 ; cmp eax, edx ; cmovb edx, eax),
        _ => dynasm!(e.ops ; .arch x64 ; cmp eax, edx ; cmova edx, eax),
    }
    dynasm!(e.ops ; .arch x64 ; mov [rcx], edx ; movsxd rax, eax);
    e.put(inst.rd, RAX);
}

fn modify_double(e: &mut Emitter<'_>, inst: &Inst) {
    address(e, inst, 8, true);
    e.copy(inst.rs2, RDX);
    dynasm!(e.ops ; .arch x64 ; mov rax, [rcx]);
    match inst.op {
        Op::AmoswapD => {}
        Op::AmoaddD => dynasm!(e.ops ; .arch x64 ; add rdx, rax),
        Op::AmoxorD => dynasm!(e.ops ; .arch x64 ; xor rdx, rax),
        Op::AmoandD => dynasm!(e.ops ; .arch x64 ; and rdx, rax),
        Op::AmoorD => dynasm!(e.ops ; .arch x64 ; or rdx, rax),
        Op::AmominD => dynasm!(e.ops ; .arch x64 ; cmp rax, rdx ; cmovl rdx, rax),
        Op::AmomaxD => dynasm!(e.ops ; .arch x64 ; cmp rax, rdx ; cmovg rdx, rax),
        Op::AmominuD => dynasm!(e.ops ; .arch x64 ; cmp rax, rdx ; cmovb rdx, rax),
        _ => dynasm!(e.ops ; .arch x64 ; cmp rax, rdx ; cmova rdx, rax),
    }
    dynasm!(e.ops ; .arch x64 ; mov [rcx], rdx);
    e.put(inst.rd, RAX);
}
