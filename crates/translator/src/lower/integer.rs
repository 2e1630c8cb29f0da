//! RV64I's arithmetic, Zba and Zicond.

use super::{in_place, with_operand};
use crate::abi::{RAX, RCX};
use crate::emit::Emitter;
use dynasmrt::{DynasmApi, dynasm};
use isa::{Inst, Op};

pub(super) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    let known = matches!(
        inst.op,
        Op::Lui
            | Op::Auipc
            | Op::Fence
            | Op::FenceTso
            | Op::Pause
            | Op::Add
            | Op::Addw
            | Op::Sub
            | Op::Subw
            | Op::And
            | Op::Or
            | Op::Xor
            | Op::Addi
            | Op::Addiw
            | Op::Andi
            | Op::Ori
            | Op::Xori
            | Op::Slt
            | Op::Sltu
            | Op::Slti
            | Op::Sltiu
            | Op::Sll
            | Op::Srl
            | Op::Sra
            | Op::Sllw
            | Op::Srlw
            | Op::Sraw
            | Op::Slli
            | Op::Srli
            | Op::Srai
            | Op::Slliw
            | Op::Srliw
            | Op::Sraiw
            | Op::Sh1add
            | Op::Sh2add
            | Op::Sh3add
            | Op::AddUw
            | Op::Sh1addUw
            | Op::Sh2addUw
            | Op::Sh3addUw
            | Op::SlliUw
            | Op::CzeroEqz
            | Op::CzeroNez
            | Op::PrefetchI
            | Op::PrefetchR
            | Op::PrefetchW
    );
    if !known || inst.rd == 0 {
        // With no destination there is nothing to do: none of these has another effect.
        return known;
    }
    match inst.op {
        Op::Add => add(e, inst),
        Op::Sub => subtract(e, inst),
        Op::And | Op::Or | Op::Xor => logic(e, inst),
        Op::Addw | Op::Subw => word_sum(e, inst),
        Op::Addi => add_immediate(e, inst),
        Op::Auipc => e.put_address(inst.rd, e.pc.wrapping_add(i64::from(inst.imm).cast_unsigned())),
        Op::Addiw => {
            let a = e.get(inst.rs1, RAX);
            let d = e.destination(inst.rd);
            if inst.imm != 0 {
                dynasm!(e.ops ; .arch x64 ; lea eax, [Rd(a) + inst.imm] ; movsxd Rq(d), eax);
            } else {
                dynasm!(e.ops ; .arch x64 ; movsxd Rq(d), Rd(a));
            }
            e.put(inst.rd, d);
        }
        Op::Andi | Op::Ori | Op::Xori => logic_immediate(e, inst),
        Op::Slt | Op::Sltu | Op::Slti | Op::Sltiu => set_less(e, inst),
        Op::Sll | Op::Srl | Op::Sra | Op::Sllw | Op::Srlw | Op::Sraw => shift(e, inst),
        Op::Slli | Op::Srli | Op::Srai | Op::Slliw | Op::Srliw | Op::Sraiw => shift_immediate(e, inst),
        Op::Sh1add | Op::Sh2add | Op::Sh3add | Op::AddUw | Op::Sh1addUw | Op::Sh2addUw | Op::Sh3addUw => {
            shift_add(e, inst);
        }
        Op::SlliUw => {
            let a = e.get(inst.rs1, RAX);
            let d = e.destination(inst.rd);
            dynasm!(e.ops ; .arch x64 ; mov Rd(d), Rd(a) ; shl Rq(d), BYTE (inst.imm & 63) as i8);
            e.put(inst.rd, d);
        }
        Op::CzeroEqz | Op::CzeroNez => conditional_zero(e, inst),
        // Fences and prefetches: harts take turns, and memory is coherent.
        _ => {}
    }
    true
}

fn add(e: &mut Emitter<'_>, inst: &Inst) {
    let (rs1, rs2) = if inst.rs1 == 0 { (inst.rs2, inst.rs1) } else { (inst.rs1, inst.rs2) };
    let d = e.destination(inst.rd);
    if rs2 == 0 {
        let a = e.get(rs1, d);
        return e.put(inst.rd, a);
    }
    match (e.home(rs1), e.home(rs2)) {
        (Some(a), Some(b)) if d != a && d != b => dynasm!(e.ops ; .arch x64 ; lea Rq(d), [Rq(a) + Rq(b)]),
        (_, Some(b)) if d == b => with_operand!(e, add Rq, d, rs1),
        _ => {
            e.copy(rs1, d);
            with_operand!(e, add Rq, d, rs2);
        }
    }
    e.put(inst.rd, d);
}

fn subtract(e: &mut Emitter<'_>, inst: &Inst) {
    let mut d = e.destination(inst.rd);
    if e.home(inst.rs2) == Some(d) && inst.rs1 != inst.rs2 {
        d = RAX;
    }
    e.copy(inst.rs1, d);
    with_operand!(e, sub Rq, d, inst.rs2);
    e.put(inst.rd, d);
}

fn logic(e: &mut Emitter<'_>, inst: &Inst) {
    let (d, first, second) = in_place(e, inst);
    e.copy(first, d);
    match inst.op {
        Op::And => with_operand!(e, and Rq, d, second),
        Op::Or => with_operand!(e, or Rq, d, second),
        _ => with_operand!(e, xor Rq, d, second),
    }
    e.put(inst.rd, d);
}

fn word_sum(e: &mut Emitter<'_>, inst: &Inst) {
    if inst.op == Op::Addw {
        let (d, first, second) = in_place(e, inst);
        e.copy(first, d);
        with_operand!(e, add Rd, d, second);
        dynasm!(e.ops ; .arch x64 ; movsxd Rq(d), Rd(d));
        return e.put(inst.rd, d);
    }
    e.copy(inst.rs1, RAX);
    with_operand!(e, sub Rd, RAX, inst.rs2);
    let d = e.destination(inst.rd);
    dynasm!(e.ops ; .arch x64 ; movsxd Rq(d), eax);
    e.put(inst.rd, d);
}

fn add_immediate(e: &mut Emitter<'_>, inst: &Inst) {
    let d = e.destination(inst.rd);
    let a = e.get(inst.rs1, d);
    if inst.imm == 0 {
        return e.put(inst.rd, a);
    }
    match (a == d, i8::try_from(inst.imm)) {
        (true, Ok(small)) => dynasm!(e.ops ; .arch x64 ; add Rq(d), BYTE small),
        (true, Err(_)) => dynasm!(e.ops ; .arch x64 ; add Rq(d), inst.imm),
        (false, Ok(small)) => dynasm!(e.ops ; .arch x64 ; lea Rq(d), [BYTE Rq(a) + small]),
        (false, Err(_)) => dynasm!(e.ops ; .arch x64 ; lea Rq(d), [Rq(a) + inst.imm]),
    }
    e.put(inst.rd, d);
}

fn logic_immediate(e: &mut Emitter<'_>, inst: &Inst) {
    let d = e.destination(inst.rd);
    if inst.op == Op::Andi && inst.imm == 0xff {
        let a = e.get(inst.rs1, d);
        dynasm!(e.ops ; .arch x64 ; movzx Rd(d), Rb(a));
        return e.put(inst.rd, d);
    }
    e.copy(inst.rs1, d);
    match inst.op {
        Op::Andi => dynasm!(e.ops ; .arch x64 ; and Rq(d), inst.imm),
        Op::Ori => dynasm!(e.ops ; .arch x64 ; or Rq(d), inst.imm),
        _ if inst.imm == -1 => dynasm!(e.ops ; .arch x64 ; not Rq(d)),
        _ => dynasm!(e.ops ; .arch x64 ; xor Rq(d), inst.imm),
    }
    e.put(inst.rd, d);
}

fn set_less(e: &mut Emitter<'_>, inst: &Inst) {
    let a = e.get(inst.rs1, RAX);
    match inst.op {
        Op::Slt | Op::Sltu => with_operand!(e, cmp Rq, a, inst.rs2),
        _ => dynasm!(e.ops ; .arch x64 ; cmp Rq(a), inst.imm),
    }
    match inst.op {
        Op::Slt | Op::Slti => dynasm!(e.ops ; .arch x64 ; setl al),
        _ => dynasm!(e.ops ; .arch x64 ; setb al),
    }
    let d = e.destination(inst.rd);
    dynasm!(e.ops ; .arch x64 ; movzx Rd(d), al);
    e.put(inst.rd, d);
}

fn shift(e: &mut Emitter<'_>, inst: &Inst) {
    let a = e.get(inst.rs1, RAX);
    let b = e.get(inst.rs2, RCX);
    let d = e.destination(inst.rd);
    match inst.op {
        Op::Sll => dynasm!(e.ops ; .arch x64 ; shlx Rq(d), Rq(a), Rq(b)),
        Op::Srl => dynasm!(e.ops ; .arch x64 ; shrx Rq(d), Rq(a), Rq(b)),
        Op::Sra => dynasm!(e.ops ; .arch x64 ; sarx Rq(d), Rq(a), Rq(b)),
        Op::Sllw => dynasm!(e.ops ; .arch x64 ; shlx eax, Rd(a), Rd(b) ; movsxd Rq(d), eax),
        Op::Srlw => dynasm!(e.ops ; .arch x64 ; shrx eax, Rd(a), Rd(b) ; movsxd Rq(d), eax),
        _ => dynasm!(e.ops ; .arch x64 ; sarx eax, Rd(a), Rd(b) ; movsxd Rq(d), eax),
    }
    e.put(inst.rd, d);
}

fn shift_immediate(e: &mut Emitter<'_>, inst: &Inst) {
    let d = e.destination(inst.rd);
    let count = (inst.imm & 63) as i8;
    match inst.op {
        Op::Slli if count == 32 && zero_extends(e, inst.rd) => {
            let right = e.following().map_or(0, |following| following.imm as i8);
            let a = e.get(inst.rs1, RAX);
            dynasm!(e.ops ; .arch x64 ; mov Rd(d), Rd(a));
            if right != 32 {
                dynasm!(e.ops ; .arch x64 ; shl Rq(d), BYTE 32 - right);
            }
            e.do_following();
        }
        Op::Slli | Op::Srli | Op::Srai => {
            e.copy(inst.rs1, d);
            match inst.op {
                Op::Slli => dynasm!(e.ops ; .arch x64 ; shl Rq(d), BYTE count),
                Op::Srli => dynasm!(e.ops ; .arch x64 ; shr Rq(d), BYTE count),
                _ => dynasm!(e.ops ; .arch x64 ; sar Rq(d), BYTE count),
            }
        }
        _ => {
            e.copy(inst.rs1, RAX);
            match inst.op {
                Op::Slliw => dynasm!(e.ops ; .arch x64 ; shl eax, BYTE count),
                Op::Srliw => dynasm!(e.ops ; .arch x64 ; shr eax, BYTE count),
                _ => dynasm!(e.ops ; .arch x64 ; sar eax, BYTE count),
            }
            dynasm!(e.ops ; .arch x64 ; movsxd Rq(d), eax);
        }
    }
    e.put(inst.rd, d);
}

/// Whether the following instruction shifts `register`, which 32 zeroes were shifted into, back by so much or less: what
/// compilers make of an index of 32 bits.
fn zero_extends(e: &Emitter<'_>, register: u8) -> bool {
    e.following().is_some_and(|following| {
        following.op == Op::Srli
            && (following.rd, following.rs1) == (register, register)
            && (1..=32).contains(&following.imm)
    })
}

fn shift_add(e: &mut Emitter<'_>, inst: &Inst) {
    let mut a = e.get(inst.rs1, RAX);
    if matches!(inst.op, Op::AddUw | Op::Sh1addUw | Op::Sh2addUw | Op::Sh3addUw) {
        dynasm!(e.ops ; .arch x64 ; mov eax, Rd(a));
        a = RAX;
    }
    let b = e.get(inst.rs2, RCX);
    let d = e.destination(inst.rd);
    match inst.op {
        Op::AddUw => dynasm!(e.ops ; .arch x64 ; lea Rq(d), [Rq(b) + Rq(a)]),
        Op::Sh1add | Op::Sh1addUw => dynasm!(e.ops ; .arch x64 ; lea Rq(d), [Rq(b) + Rq(a) * 2]),
        Op::Sh2add | Op::Sh2addUw => dynasm!(e.ops ; .arch x64 ; lea Rq(d), [Rq(b) + Rq(a) * 4]),
        _ => dynasm!(e.ops ; .arch x64 ; lea Rq(d), [Rq(b) + Rq(a) * 8]),
    }
    e.put(inst.rd, d);
}

fn conditional_zero(e: &mut Emitter<'_>, inst: &Inst) {
    e.copy(inst.rs1, RAX);
    let b = e.get(inst.rs2, RCX);
    dynasm!(e.ops ; .arch x64 ; xor edx, edx ; test Rq(b), Rq(b));
    match inst.op {
        Op::CzeroEqz => dynasm!(e.ops ; .arch x64 ; cmovz rax, rdx),
        _ => dynasm!(e.ops ; .arch x64 ; cmovnz rax, rdx),
    }
    e.put(inst.rd, RAX);
}
