//! Conversions between formats and to and from integers.

use super::{DYNAMIC, begin, check_boxed, finish_double, finish_single};
use crate::abi::{RAX, f_at};
use crate::emit::Emitter;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, dynasm};
use isa::{Inst, Op};

/// The rounding mode towards zero, which conversions in C name.
const TOWARDS_ZERO: u8 = 1;

pub(super) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    match inst.op {
        Op::FcvtDW | Op::FcvtDWu | Op::FcvtDL => to_double(e, inst),
        Op::FcvtSW | Op::FcvtSWu | Op::FcvtSL => to_single(e, inst),
        Op::FcvtSD => {
            let slow = begin(e, inst, true);
            let a = f_at(inst.rs1);
            dynasm!(e.ops ; .arch x64 ; xorps xmm0, xmm0 ; cvtsd2ss xmm0, [rbp + a]);
            finish_single(e, inst.rd, slow);
        }
        Op::FcvtDS => {
            let slow = begin(e, inst, false);
            check_boxed(e, inst.rs1, slow);
            let a = f_at(inst.rs1);
            dynasm!(e.ops ; .arch x64 ; xorps xmm0, xmm0 ; cvtss2sd xmm0, [rbp + a]);
            finish_double(e, inst.rd, slow);
        }
        Op::FcvtWD | Op::FcvtLD | Op::FcvtWS | Op::FcvtLS
            if inst.rm == TOWARDS_ZERO || inst.rm == DYNAMIC =>
        {
            to_integer(e, inst);
        }
        _ => return false,
    }
    true
}

/// Puts the integer operand where a conversion of 64 bits finds it, if it is to be widened first.
fn operand(e: &mut Emitter<'_>, inst: &Inst) -> u8 {
    let a = e.get(inst.rs1, RAX);
    match inst.op {
        Op::FcvtDWu | Op::FcvtSWu => dynasm!(e.ops ; .arch x64 ; mov eax, Rd(a)),
        Op::FcvtDW | Op::FcvtSW => dynasm!(e.ops ; .arch x64 ; movsxd rax, Rd(a)),
        _ => return a,
    }
    RAX
}

fn to_double(e: &mut Emitter<'_>, inst: &Inst) {
    // Every 32-bit integer is a double, so that only the wide form rounds.
    begin(e, inst, inst.op == Op::FcvtDL);
    let a = operand(e, inst);
    let d = f_at(inst.rd);
    dynasm!(e.ops ; .arch x64 ; xorps xmm0, xmm0 ; cvtsi2sd xmm0, Rq(a) ; movsd [rbp + d], xmm0);
}

fn to_single(e: &mut Emitter<'_>, inst: &Inst) {
    begin(e, inst, true);
    let a = operand(e, inst);
    let d = f_at(inst.rd);
    dynasm!(e.ops
        ; .arch x64
        ; xorps xmm0, xmm0
        ; cvtsi2ss xmm0, Rq(a)
        ; movss [rbp + d], xmm0
        ; mov DWORD [rbp + d + 4], -1
    );
}

/// The host answers what is out of range with the most negative integer; the interpreter sorts it out.
fn to_integer(e: &mut Emitter<'_>, inst: &Inst) {
    let slow: DynamicLabel = begin(e, inst, false);
    let a = f_at(inst.rs1);
    let truncates = inst.rm == TOWARDS_ZERO;
    match (inst.op, truncates) {
        (Op::FcvtWD, true) => dynasm!(e.ops ; .arch x64 ; cvttsd2si eax, [rbp + a]),
        (Op::FcvtWD, false) => dynasm!(e.ops ; .arch x64 ; cvtsd2si eax, [rbp + a]),
        (Op::FcvtLD, true) => dynasm!(e.ops ; .arch x64 ; cvttsd2si rax, [rbp + a]),
        (Op::FcvtLD, false) => dynasm!(e.ops ; .arch x64 ; cvtsd2si rax, [rbp + a]),
        _ => {
            check_boxed(e, inst.rs1, slow);
            match (inst.op, truncates) {
                (Op::FcvtWS, true) => dynasm!(e.ops ; .arch x64 ; cvttss2si eax, [rbp + a]),
                (Op::FcvtWS, false) => dynasm!(e.ops ; .arch x64 ; cvtss2si eax, [rbp + a]),
                (_, true) => dynasm!(e.ops ; .arch x64 ; cvttss2si rax, [rbp + a]),
                (_, false) => dynasm!(e.ops ; .arch x64 ; cvtss2si rax, [rbp + a]),
            }
        }
    }
    // The most negative integer is the only one whose negation overflows.
    if matches!(inst.op, Op::FcvtWD | Op::FcvtWS) {
        dynasm!(e.ops ; .arch x64 ; mov ecx, eax ; neg ecx ; jo =>slow ; movsxd rax, eax);
    } else {
        dynasm!(e.ops ; .arch x64 ; mov rcx, rax ; neg rcx ; jo =>slow);
    }
    e.put(inst.rd, RAX);
}
