//! Sign injection and moves between register files: bits, no arithmetic.

use super::{begin, check_boxed};
use crate::abi::{RAX, f_at};
use crate::emit::Emitter;
use dynasmrt::{DynasmApi, dynasm};
use isa::{Inst, Op};

pub(super) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    match inst.op {
        Op::FsgnjD | Op::FsgnjnD | Op::FsgnjxD => double(e, inst),
        Op::FsgnjS | Op::FsgnjnS | Op::FsgnjxS => single(e, inst),
        Op::FmvXD | Op::FmvXW => {
            e.float_guard(inst);
            let f = f_at(inst.rs1);
            let d = e.destination(inst.rd);
            if inst.op == Op::FmvXD {
                dynasm!(e.ops ; .arch x64 ; mov Rq(d), [rbp + f]);
            } else {
                dynasm!(e.ops ; .arch x64 ; movsxd Rq(d), DWORD [rbp + f]);
            }
            e.put(inst.rd, d);
        }
        Op::FmvDX | Op::FmvWX => {
            e.float_guard(inst);
            let f = f_at(inst.rd);
            let a = e.get(inst.rs1, RAX);
            if inst.op == Op::FmvDX {
                dynasm!(e.ops ; .arch x64 ; mov [rbp + f], Rq(a));
            } else {
                dynasm!(e.ops ; .arch x64 ; mov [rbp + f], Rd(a) ; mov DWORD [rbp + f + 4], -1);
            }
        }
        _ => return false,
    }
    true
}

fn double(e: &mut Emitter<'_>, inst: &Inst) {
    e.float_guard(inst);
    let (a, b, d) = (f_at(inst.rs1), f_at(inst.rs2), f_at(inst.rd));
    dynasm!(e.ops ; .arch x64 ; mov rax, [rbp + a]);
    if inst.rs1 == inst.rs2 {
        match inst.op {
            Op::FsgnjD => {}
            Op::FsgnjnD => dynasm!(e.ops ; .arch x64 ; btc rax, 63),
            _ => dynasm!(e.ops ; .arch x64 ; btr rax, 63),
        }
    } else {
        dynasm!(e.ops ; .arch x64 ; mov rcx, [rbp + b]);
        match inst.op {
            Op::FsgnjD => dynasm!(e.ops ; .arch x64 ; btr rax, 63),
            Op::FsgnjnD => dynasm!(e.ops ; .arch x64 ; not rcx ; btr rax, 63),
            _ => {}
        }
        dynasm!(e.ops ; .arch x64 ; shr rcx, 63 ; shl rcx, 63 ; xor rax, rcx);
    }
    dynasm!(e.ops ; .arch x64 ; mov [rbp + d], rax);
}

fn single(e: &mut Emitter<'_>, inst: &Inst) {
    let slow = begin(e, inst, false);
    check_boxed(e, inst.rs1, slow);
    if inst.rs1 != inst.rs2 {
        check_boxed(e, inst.rs2, slow);
    }
    let (a, b, d) = (f_at(inst.rs1), f_at(inst.rs2), f_at(inst.rd));
    dynasm!(e.ops ; .arch x64 ; mov eax, [rbp + a] ; mov ecx, [rbp + b]);
    match inst.op {
        Op::FsgnjS => dynasm!(e.ops ; .arch x64 ; btr eax, 31),
        Op::FsgnjnS => dynasm!(e.ops ; .arch x64 ; not ecx ; btr eax, 31),
        _ => {}
    }
    dynasm!(e.ops
        ; .arch x64
        ; shr ecx, 31
        ; shl ecx, 31
        ; xor eax, ecx
        ; mov [rbp + d], eax
        ; mov DWORD [rbp + d + 4], -1
    );
}
