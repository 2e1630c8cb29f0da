//! Conversions between formats and to and from integers.

use super::{DYNAMIC, begin, finish, singles};
use crate::abi::{RAX, RCX};
use crate::emit::Emitter;
use crate::emit::floats::scalar;
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};
use isa::{Inst, Op};

/// The rounding mode towards zero, which conversions in C name.
const TOWARDS_ZERO: u8 = 1;

pub(super) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    match inst.op {
        Op::FcvtDW | Op::FcvtDWu | Op::FcvtDL | Op::FcvtDLu => to_double(e, inst),
        Op::FcvtSW | Op::FcvtSWu | Op::FcvtSL | Op::FcvtSLu => to_single(e, inst),
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
        Op::FcvtWuD | Op::FcvtLuD | Op::FcvtWuS | Op::FcvtLuS
            if inst.rm == TOWARDS_ZERO || inst.rm == DYNAMIC =>
        {
            to_unsigned(e, inst);
        }
        Op::FclassD | Op::FclassS => classify(e, inst),
        _ => return false,
    }
    true
}

/// Puts the integer operand where a conversion of 64 bits finds it, if it is to be widened first; one that is beyond
/// those with a sign is the interpreter's.
fn operand(e: &mut Emitter<'_>, inst: &Inst) -> u8 {
    let a = e.get(inst.rs1, RAX);
    match inst.op {
        Op::FcvtDLu | Op::FcvtSLu => {
            let slow = e.fallback(inst);
            dynasm!(e.ops ; .arch x64 ; test Rq(a), Rq(a) ; js =>slow);
            return a;
        }
        Op::FcvtDWu | Op::FcvtSWu => dynasm!(e.ops ; .arch x64 ; mov eax, Rd(a)),
        Op::FcvtDW | Op::FcvtSW => dynasm!(e.ops ; .arch x64 ; movsxd rax, Rd(a)),
        _ => return a,
    }
    RAX
}

fn to_double(e: &mut Emitter<'_>, inst: &Inst) {
    // Every 32-bit integer is a double, so that only the wide form rounds.
    begin(e, inst, &[], matches!(inst.op, Op::FcvtDL | Op::FcvtDLu));
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
        _ => to_long(e, inst, double, a),
    }
    // The most negative integer is the only one whose negation overflows.
    if matches!(inst.op, Op::FcvtWD | Op::FcvtWS) {
        dynasm!(e.ops ; .arch x64 ; mov ecx, eax ; neg ecx ; jo =>slow ; movsxd rax, eax);
    } else {
        dynasm!(e.ops ; .arch x64 ; mov rcx, rax ; neg rcx ; jo =>slow);
    }
    e.put(inst.rd, RAX);
}

/// Converts the number in `xmm` to 64 bits with a sign, in `rax`.
fn to_long(e: &mut Emitter<'_>, inst: &Inst, double: bool, xmm: u8) {
    if inst.rm == TOWARDS_ZERO {
        scalar!(e, double, vcvttsd2si / vcvttss2si rax, Rx(xmm));
    } else {
        scalar!(e, double, vcvtsd2si / vcvtss2si rax, Rx(xmm));
    }
}

/// The host converts to integers with a sign; what is none of the lower half of those without, or no number, is known
/// by its bits, taken for an unsigned integer, and the interpreter's.
fn to_unsigned(e: &mut Emitter<'_>, inst: &Inst) {
    /// 2^63 in either format.
    const HALF_DOUBLE: u64 = 0x43e0_0000_0000_0000;
    const HALF_SINGLE: i32 = 0x5f00_0000;
    /// The largest number that no rounding takes beyond 32 bits.
    const WORD_DOUBLE: u64 = 0x41ef_ffff_ffe0_0000;
    const WORD_SINGLE: i32 = 0x4f7f_ffff;
    let double = matches!(inst.op, Op::FcvtWuD | Op::FcvtLuD);
    let word = matches!(inst.op, Op::FcvtWuD | Op::FcvtWuS);
    begin(e, inst, singles(&[inst.rs1], double), false);
    let slow = e.fallback(inst);
    let a = e.f_get(inst.rs1, 0);
    if double {
        e.constant(RCX, if word { WORD_DOUBLE + 1 } else { HALF_DOUBLE });
        dynasm!(e.ops ; .arch x64 ; vmovq rax, Rx(a) ; cmp rax, rcx ; jae =>slow);
    } else {
        let end = if word { WORD_SINGLE + 1 } else { HALF_SINGLE };
        dynasm!(e.ops ; .arch x64 ; vmovd eax, Rx(a) ; cmp eax, end ; jae =>slow);
    }
    to_long(e, inst, double, a);
    if word {
        dynasm!(e.ops ; .arch x64 ; movsxd rax, eax);
    }
    e.put(inst.rd, RAX);
}

/// Zeros and normal numbers; the rest is the interpreter's.
fn classify(e: &mut Emitter<'_>, inst: &Inst) {
    let double = inst.op == Op::FclassD;
    begin(e, inst, singles(&[inst.rs1], double), false);
    let slow = e.fallback(inst);
    let a = e.f_get(inst.rs1, 0);
    // The sign is in the highest bit, and so is the exponent's behind it.
    let (behind_exponent, last_normal) = if double {
        dynasm!(e.ops ; .arch x64 ; vmovq rax, Rx(a));
        (53, 0x7fd)
    } else {
        dynasm!(e.ops ; .arch x64 ; vmovd eax, Rx(a) ; shl rax, 32);
        (56, 0xfd)
    };
    dynasm!(e.ops
        ; .arch x64
        ; lea rcx, [rax + rax]
        ; shr rcx, behind_exponent
        ; dec ecx
        ; cmp ecx, last_normal
        ; ja >other
        ; shr rax, 63
        ; lea ecx, [rax + rax * 4]
        ; mov eax, 1 << 6 // Positive; negative ones are five bits below.
        ; jmp >shift
        ; other:
        ; lea rcx, [rax + rax]
        ; test rcx, rcx
        ; jnz =>slow
        ; shr rax, 63
        ; mov ecx, eax
        ; mov eax, 1 << 4 // +0; -0 is one bit below.
        ; shift:
        ; shr eax, cl
    );
    e.put(inst.rd, RAX);
}
