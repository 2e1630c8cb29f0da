//! M: multiplication and division.

use super::{in_place, with_operand};
use crate::abi::{RAX, RCX};
use crate::emit::Emitter;
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};
use isa::{Inst, Op};

pub(super) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    match inst.op {
        Op::Mul => {
            let (d, first, second) = in_place(e, inst);
            e.copy(first, d);
            with_operand!(e, imul Rq, d, second);
            e.put(inst.rd, d);
        }
        Op::Mulw => {
            let (d, first, second) = in_place(e, inst);
            e.copy(first, d);
            with_operand!(e, imul Rd, d, second);
            dynasm!(e.ops ; .arch x64 ; movsxd Rq(d), Rd(d));
            e.put(inst.rd, d);
        }
        Op::Mulh | Op::Mulhu => {
            e.copy(inst.rs1, RAX);
            let b = e.get(inst.rs2, RCX);
            if inst.op == Op::Mulh {
                dynasm!(e.ops ; .arch x64 ; imul Rq(b));
            } else {
                dynasm!(e.ops ; .arch x64 ; mul Rq(b));
            }
            e.put(inst.rd, crate::abi::RDX);
        }
        Op::Mulhsu => {
            // Without signs, less the second factor where the first is negative.
            e.copy(inst.rs1, RAX);
            let b = e.get(inst.rs2, RCX);
            dynasm!(e.ops ; .arch x64 ; mul Rq(b));
            e.clobber_rax();
            e.copy(inst.rs1, RAX);
            dynasm!(e.ops ; .arch x64 ; sar rax, 63 ; and rax, Rq(b) ; sub rdx, rax);
            e.put(inst.rd, crate::abi::RDX);
        }
        Op::Divu | Op::Remu | Op::Divuw | Op::Remuw | Op::Div | Op::Rem | Op::Divw | Op::Remw => {
            divide(e, inst)
        }
        _ => return false,
    }
    true
}

/// What kernels execute to let time pass: the quotient is -1 and the remainder the dividend.
fn divide_by_zero(e: &mut Emitter<'_>, inst: &Inst) {
    let d = e.destination(inst.rd);
    match inst.op {
        Op::Rem | Op::Remu => e.copy(inst.rs1, d),
        Op::Remw | Op::Remuw => {
            let a = e.get(inst.rs1, RAX);
            dynasm!(e.ops ; .arch x64 ; movsxd Rq(d), Rd(a));
        }
        _ => e.constant(d, u64::MAX),
    }
    e.put(inst.rd, d);
}

/// Divides on the host; a divisor of 0 and, for signed operands, of -1 goes to the interpreter, which knows the
/// specified results that the host traps on.
fn divide(e: &mut Emitter<'_>, inst: &Inst) {
    if e.known(inst.rs2) == Some(0) {
        return divide_by_zero(e, inst);
    }
    let special = e.fallback(inst);
    let word = matches!(inst.op, Op::Divuw | Op::Remuw | Op::Divw | Op::Remw);
    let signed = matches!(inst.op, Op::Div | Op::Rem | Op::Divw | Op::Remw);
    let b = e.get(inst.rs2, RCX);
    e.clobber_rax();
    if signed {
        // 0 and -1 are the values that one more makes 1 or 0 without sign.
        if word {
            dynasm!(e.ops ; .arch x64 ; lea eax, [Rd(b) + 1] ; cmp eax, BYTE 1);
        } else {
            dynasm!(e.ops ; .arch x64 ; lea rax, [Rq(b) + 1] ; cmp rax, BYTE 1);
        }
        dynasm!(e.ops ; .arch x64 ; jbe =>special);
    } else if word {
        dynasm!(e.ops ; .arch x64 ; test Rd(b), Rd(b) ; jz =>special);
    } else {
        dynasm!(e.ops ; .arch x64 ; test Rq(b), Rq(b) ; jz =>special);
    }
    e.copy(inst.rs1, RAX);
    match (signed, word) {
        (true, true) => dynasm!(e.ops ; .arch x64 ; cdq ; idiv Rd(b)),
        (true, false) => dynasm!(e.ops ; .arch x64 ; cqo ; idiv Rq(b)),
        (false, true) => dynasm!(e.ops ; .arch x64 ; xor edx, edx ; div Rd(b)),
        (false, false) => dynasm!(e.ops ; .arch x64 ; xor edx, edx ; div Rq(b)),
    }
    let remainder = matches!(inst.op, Op::Remu | Op::Remuw | Op::Rem | Op::Remw);
    let result = if remainder { crate::abi::RDX } else { RAX };
    if word {
        dynasm!(e.ops ; .arch x64 ; movsxd rax, Rd(result));
        e.put(inst.rd, RAX);
    } else {
        e.put(inst.rd, result);
    }
}
