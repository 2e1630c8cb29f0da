//! Jumps and branches.

use super::with_operand;
use crate::abi::{RAX, RCX};
use crate::block;
use crate::emit::Emitter;
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};
use isa::{Inst, Op};

pub(super) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    match inst.op {
        Op::Jal => {
            let target = e.pc.wrapping_add(i64::from(inst.imm).cast_unsigned());
            link(e, inst);
            e.leave(target);
        }
        Op::Jalr => {
            if let Some(base) = e.known(inst.rs1)
                && !e.is_relative()
            {
                link(e, inst);
                e.leave(base.wrapping_add(i64::from(inst.imm).cast_unsigned()) & !1);
                return true;
            }
            // No block begins at an odd address: bit 0 is cleared where none is found.
            let base = e.get(inst.rs1, RAX);
            if inst.imm != 0 {
                dynasm!(e.ops ; .arch x64 ; lea rax, [Rq(base) + inst.imm]);
            } else if base != RAX {
                dynasm!(e.ops ; .arch x64 ; mov rax, Rq(base));
            }
            if inst.rd != 0 {
                let next = e.pc.wrapping_add(u64::from(inst.len));
                e.address(RCX, next);
                e.put(inst.rd, RCX);
            }
            e.leave_indirect();
        }
        Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu => branch(e, inst),
        _ => return false,
    }
    true
}

fn link(e: &mut Emitter<'_>, inst: &Inst) {
    if inst.rd != 0 {
        let next = e.pc.wrapping_add(u64::from(inst.len));
        e.put_address(inst.rd, next);
    }
}

fn branch(e: &mut Emitter<'_>, inst: &Inst) {
    let (mut rs1, mut rs2, mut op) = (inst.rs1, inst.rs2, inst.op);
    if rs1 == 0 && matches!(op, Op::Beq | Op::Bne) {
        std::mem::swap(&mut rs1, &mut rs2);
    }
    let a = e.get(rs1, RAX);
    if rs2 == 0 {
        dynasm!(e.ops ; .arch x64 ; test Rq(a), Rq(a));
    } else {
        with_operand!(e, cmp Rq, a, rs2);
    }
    let target = e.pc.wrapping_add(i64::from(inst.imm).cast_unsigned());
    let taken = e.exit_label(target);
    if rs1 == rs2 && matches!(op, Op::Bge | Op::Bgeu) {
        op = Op::Beq;
    }
    match op {
        Op::Beq => dynasm!(e.ops ; .arch x64 ; je =>taken),
        Op::Bne => dynasm!(e.ops ; .arch x64 ; jne =>taken),
        Op::Blt => dynasm!(e.ops ; .arch x64 ; jl =>taken),
        Op::Bge => dynasm!(e.ops ; .arch x64 ; jge =>taken),
        Op::Bltu => dynasm!(e.ops ; .arch x64 ; jb =>taken),
        _ => dynasm!(e.ops ; .arch x64 ; jae =>taken),
    }
    if block::ends(inst) {
        let next = e.pc.wrapping_add(u64::from(inst.len));
        e.leave(next);
    }
}
