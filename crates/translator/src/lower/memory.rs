//! Loads and stores: an inline look into the space's TLB, and the interpreter when it misses.

use crate::abi::{RAX, RCX, RDX, f_at};
use crate::emit::Emitter;
use crate::space::{Space, TLB_ENTRIES, TlbEntry};
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};
use isa::{Inst, Op};
use std::mem::offset_of;

pub(super) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    match inst.op {
        Op::Lb | Op::Lbu => load(e, inst, 1),
        Op::Lh | Op::Lhu => load(e, inst, 2),
        Op::Lw | Op::Lwu => load(e, inst, 4),
        Op::Ld => load(e, inst, 8),
        Op::Sb => store(e, inst, 1),
        Op::Sh => store(e, inst, 2),
        Op::Sw => store(e, inst, 4),
        Op::Sd => store(e, inst, 8),
        _ => return false,
    }
    true
}

/// Leaves the guest address in the register returned, and in `rcx` what to add to it for the host address; goes
/// to the interpreter when the page is not cached or the access crosses it. Clobbers `rax`, `rcx`, `rdx`.
pub(super) fn translate(e: &mut Emitter<'_>, inst: &Inst, bytes: i8, stores: bool) -> u8 {
    let slow = e.fallback(inst);
    let base = e.get(inst.rs1, RAX);
    let address = if inst.imm == 0 {
        base
    } else {
        match i8::try_from(inst.imm) {
            Ok(small) => dynasm!(e.ops ; .arch x64 ; lea rax, [BYTE Rq(base) + small]),
            Err(_) => dynasm!(e.ops ; .arch x64 ; lea rax, [Rq(base) + inst.imm]),
        }
        RAX
    };
    let table = if stores { offset_of!(Space, write) } else { offset_of!(Space, read) } as i32;
    let addend = table + 8;
    let mask = ((TLB_ENTRIES - 1) * size_of::<TlbEntry>()) as i32;
    dynasm!(e.ops ; .arch x64 ; mov edx, Rd(address) ; shr edx, 8 ; and edx, mask);
    if bytes == 1 {
        dynasm!(e.ops ; .arch x64 ; mov rcx, Rq(address));
    } else {
        // The page of the last byte, so that an access across pages misses.
        dynasm!(e.ops ; .arch x64 ; lea rcx, [BYTE Rq(address) + bytes - 1]);
    }
    dynasm!(e.ops
        ; .arch x64
        ; and rcx, -4096
        ; cmp rcx, [r15 + rdx + table]
        ; jne =>slow
        ; mov rcx, [r15 + rdx + addend]
    );
    address
}

fn load(e: &mut Emitter<'_>, inst: &Inst, bytes: i8) {
    let a = translate(e, inst, bytes, false);
    let d = e.destination(inst.rd);
    match inst.op {
        Op::Lb => dynasm!(e.ops ; .arch x64 ; movsx Rq(d), BYTE [rcx + Rq(a)]),
        Op::Lbu => dynasm!(e.ops ; .arch x64 ; movzx Rd(d), BYTE [rcx + Rq(a)]),
        Op::Lh => dynasm!(e.ops ; .arch x64 ; movsx Rq(d), WORD [rcx + Rq(a)]),
        Op::Lhu => dynasm!(e.ops ; .arch x64 ; movzx Rd(d), WORD [rcx + Rq(a)]),
        Op::Lw => dynasm!(e.ops ; .arch x64 ; movsxd Rq(d), DWORD [rcx + Rq(a)]),
        Op::Lwu => dynasm!(e.ops ; .arch x64 ; mov Rd(d), [rcx + Rq(a)]),
        _ => dynasm!(e.ops ; .arch x64 ; mov Rq(d), [rcx + Rq(a)]),
    }
    e.put(inst.rd, d);
}

fn store(e: &mut Emitter<'_>, inst: &Inst, bytes: i8) {
    let a = translate(e, inst, bytes, true);
    let value = e.get(inst.rs2, RDX);
    match inst.op {
        Op::Sb => dynasm!(e.ops ; .arch x64 ; mov [rcx + Rq(a)], Rb(value)),
        Op::Sh => dynasm!(e.ops ; .arch x64 ; mov [rcx + Rq(a)], Rw(value)),
        Op::Sw => dynasm!(e.ops ; .arch x64 ; mov [rcx + Rq(a)], Rd(value)),
        _ => dynasm!(e.ops ; .arch x64 ; mov [rcx + Rq(a)], Rq(value)),
    }
}

/// `flw` and `fld`; the caller has checked that floating point may run.
pub(super) fn load_float(e: &mut Emitter<'_>, inst: &Inst) {
    let f = f_at(inst.rd);
    if inst.op == Op::Fld {
        let a = translate(e, inst, 8, false);
        dynasm!(e.ops ; .arch x64 ; mov rax, [rcx + Rq(a)] ; mov [rbp + f], rax);
    } else {
        let a = translate(e, inst, 4, false);
        dynasm!(e.ops ; .arch x64 ; mov eax, [rcx + Rq(a)] ; mov [rbp + f], eax ; mov DWORD [rbp + f + 4], -1);
    }
}

/// `fsw` and `fsd`; the caller has checked that floating point may run.
pub(super) fn store_float(e: &mut Emitter<'_>, inst: &Inst) {
    let f = f_at(inst.rs2);
    if inst.op == Op::Fsd {
        let a = translate(e, inst, 8, true);
        dynasm!(e.ops ; .arch x64 ; mov rdx, [rbp + f] ; mov [rcx + Rq(a)], rdx);
    } else {
        let a = translate(e, inst, 4, true);
        dynasm!(e.ops ; .arch x64 ; mov edx, [rbp + f] ; mov [rcx + Rq(a)], edx);
    }
}

const _: () = assert!(RCX == 1 && size_of::<TlbEntry>() == 16);
