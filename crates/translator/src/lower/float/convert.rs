//! Conversions between formats and to and from integers.

use super::{DYNAMIC, begin, finish, singles};
use crate::abi::RAX;
use crate::emit::Emitter;
use crate::emit::floats::scalar;
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};
use isa::{Inst, Op};

/// The rounding mode towards zero, which conversions in C name.
const TOWARDS_ZERO: u8 = 1;

pub(super) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    match inst.op {
        Op::FcvtDW | Op::FcvtDWu | Op::FcvtDL => to_double(e, inst),
        Op::FcvtSW | Op::FcvtSWu | Op::FcvtSL => to_single(e, inst),
        Op::FcvtSD => {
            begin(e, inst, &[], true);
            let (a, d) = (e.f_get(inst.rs1, 0), e.f_destination(inst.rd, 0));
            e.empty_box(1);
            dynasm!(e.ops ; .arch x64 ; vcvtsd2ss Rx(d), xmm1, Rx(a));
            finish(e, inst, d, false);
        }
        Op::FcvtDS => {
            begin(e, inst, &[inst.rs1], false);
            let (a, d) = (e.f_get(inst.rs1, 0), e.f_destination(inst.rd, 0));
            dynasm!(e.ops ; .arch x64 ; vcvtss2sd Rx(d), Rx(a), Rx(a));
            finish(e, inst, d, true);
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
    begin(e, inst, &[], inst.op == Op::FcvtDL);
    let a = operand(e, inst);
    let d = e.f_destination(inst.rd, 0);
    dynasm!(e.ops ; .arch x64 ; vxorps Rx(d), Rx(d), Rx(d) ; vcvtsi2sd Rx(d), Rx(d), Rq(a));
    e.f_put(inst.rd, d, false);
}

fn to_single(e: &mut Emitter<'_>, inst: &Inst) {
    begin(e, inst, &[], true);
    let a = operand(e, inst);
    let d = e.f_destination(inst.rd, 0);
    e.empty_box(d);
    dynasm!(e.ops ; .arch x64 ; vcvtsi2ss Rx(d), Rx(d), Rq(a));
    e.f_put(inst.rd, d, true);
}

/// The host answers what is out of range with the most negative integer; the interpreter sorts it out.
fn to_integer(e: &mut Emitter<'_>, inst: &Inst) {
    let double = matches!(inst.op, Op::FcvtWD | Op::FcvtLD);
    begin(e, inst, singles(&[inst.rs1], double), false);
    let slow = e.fallback(inst);
    let a = e.f_get(inst.rs1, 0);
    match (inst.op, inst.rm == TOWARDS_ZERO) {
        (Op::FcvtWD | Op::FcvtWS, true) => scalar!(e, double, vcvttsd2si / vcvttss2si eax, Rx(a)),
        (Op::FcvtWD | Op::FcvtWS, false) => scalar!(e, double, vcvtsd2si / vcvtss2si eax, Rx(a)),
        (_, true) => scalar!(e, double, vcvttsd2si / vcvttss2si rax, Rx(a)),
        (_, false) => scalar!(e, double, vcvtsd2si / vcvtss2si rax, Rx(a)),
    }
    // The most negative integer is the only one whose negation overflows.
    if matches!(inst.op, Op::FcvtWD | Op::FcvtWS) {
        dynasm!(e.ops ; .arch x64 ; mov ecx, eax ; neg ecx ; jo =>slow ; movsxd rax, eax);
    } else {
        dynasm!(e.ops ; .arch x64 ; mov rcx, rax ; neg rcx ; jo =>slow);
    }
    e.put(inst.rd, RAX);
}
