//! Zbb and Zbs, as far as the host has them.

use super::with_operand;
use crate::abi::{RAX, RCX};
use crate::emit::Emitter;
use dynasmrt::{DynasmApi, dynasm};
use isa::{Inst, Op};

pub(super) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    if inst.rd == 0 {
        return false;
    }
    match inst.op {
        Op::Clz
        | Op::Ctz
        | Op::Cpop
        | Op::Clzw
        | Op::Ctzw
        | Op::Cpopw
        | Op::SextB
        | Op::SextH
        | Op::ZextH
        | Op::OrcB
        | Op::Rev8 => unary(e, inst),
        Op::Andn | Op::Orn | Op::Xnor => negated(e, inst),
        Op::Min | Op::Minu | Op::Max | Op::Maxu => extreme(e, inst),
        Op::Rol | Op::Ror | Op::Rolw | Op::Rorw | Op::Rori | Op::Roriw => rotate(e, inst),
        Op::Bclr | Op::Bset | Op::Binv | Op::Bext => single(e, inst),
        Op::Bclri | Op::Bseti | Op::Binvi | Op::Bexti => single_immediate(e, inst),
        _ => return false,
    }
    true
}

fn unary(e: &mut Emitter<'_>, inst: &Inst) {
    let d = e.destination(inst.rd);
    let a = e.get(inst.rs1, RAX);
    match inst.op {
        Op::Clz => dynasm!(e.ops ; .arch x64 ; lzcnt Rq(d), Rq(a)),
        Op::Ctz => dynasm!(e.ops ; .arch x64 ; tzcnt Rq(d), Rq(a)),
        Op::Cpop => dynasm!(e.ops ; .arch x64 ; popcnt Rq(d), Rq(a)),
        Op::Clzw => dynasm!(e.ops ; .arch x64 ; lzcnt Rd(d), Rd(a)),
        Op::Ctzw => dynasm!(e.ops ; .arch x64 ; tzcnt Rd(d), Rd(a)),
        Op::Cpopw => dynasm!(e.ops ; .arch x64 ; popcnt Rd(d), Rd(a)),
        Op::SextB => dynasm!(e.ops ; .arch x64 ; movsx Rq(d), Rb(a)),
        Op::SextH => dynasm!(e.ops ; .arch x64 ; movsx Rq(d), Rw(a)),
        Op::ZextH => dynasm!(e.ops ; .arch x64 ; movzx Rd(d), Rw(a)),
        Op::OrcB => dynasm!(e.ops
            ; .arch x64
            ; vmovq xmm0, Rq(a)
            ; vpxor xmm1, xmm1, xmm1
            ; vpcmpeqb xmm0, xmm0, xmm1
            ; vpcmpeqd xmm1, xmm1, xmm1
            ; vpandn xmm0, xmm0, xmm1
            ; vmovq Rq(d), xmm0
        ),
        _ => {
            e.copy(inst.rs1, RAX);
            dynasm!(e.ops ; .arch x64 ; bswap rax);
            return e.put(inst.rd, RAX);
        }
    }
    e.put(inst.rd, d);
}

fn negated(e: &mut Emitter<'_>, inst: &Inst) {
    e.copy(inst.rs2, RAX);
    dynasm!(e.ops ; .arch x64 ; not rax);
    match inst.op {
        Op::Andn => with_operand!(e, and Rq, RAX, inst.rs1),
        Op::Orn => with_operand!(e, or Rq, RAX, inst.rs1),
        _ => with_operand!(e, xor Rq, RAX, inst.rs1),
    }
    e.put(inst.rd, RAX);
}

fn extreme(e: &mut Emitter<'_>, inst: &Inst) {
    e.copy(inst.rs1, RAX);
    let b = e.get(inst.rs2, RCX);
    dynasm!(e.ops ; .arch x64 ; cmp rax, Rq(b));
    match inst.op {
        Op::Min => dynasm!(e.ops ; .arch x64 ; cmovg rax, Rq(b)),
        Op::Minu => dynasm!(e.ops ; .arch x64 ; cmova rax, Rq(b)),
        Op::Max => dynasm!(e.ops ; .arch x64 ; cmovl rax, Rq(b)),
        _ => dynasm!(e.ops ; .arch x64 ; cmovb rax, Rq(b)),
    }
    e.put(inst.rd, RAX);
}

fn rotate(e: &mut Emitter<'_>, inst: &Inst) {
    e.copy(inst.rs1, RAX);
    let count = (inst.imm & 63) as i8;
    match inst.op {
        Op::Rori => dynasm!(e.ops ; .arch x64 ; ror rax, BYTE count),
        Op::Roriw => dynasm!(e.ops ; .arch x64 ; ror eax, BYTE count & 31),
        _ => {
            e.copy(inst.rs2, RCX);
            match inst.op {
                Op::Rol => dynasm!(e.ops ; .arch x64 ; rol rax, cl),
                Op::Ror => dynasm!(e.ops ; .arch x64 ; ror rax, cl),
                Op::Rolw => dynasm!(e.ops ; .arch x64 ; rol eax, cl),
                _ => dynasm!(e.ops ; .arch x64 ; ror eax, cl),
            }
        }
    }
    if matches!(inst.op, Op::Roriw | Op::Rolw | Op::Rorw) {
        dynasm!(e.ops ; .arch x64 ; movsxd rax, eax);
    }
    e.put(inst.rd, RAX);
}

fn single(e: &mut Emitter<'_>, inst: &Inst) {
    e.copy(inst.rs1, RAX);
    let b = match e.home(inst.rs2) {
        Some(host) => host,
        None => {
            e.copy(inst.rs2, RCX);
            RCX
        }
    };
    match inst.op {
        Op::Bclr => dynasm!(e.ops ; .arch x64 ; btr rax, Rq(b)),
        Op::Bset => dynasm!(e.ops ; .arch x64 ; bts rax, Rq(b)),
        Op::Binv => dynasm!(e.ops ; .arch x64 ; btc rax, Rq(b)),
        _ => dynasm!(e.ops ; .arch x64 ; bt rax, Rq(b) ; setc al ; movzx eax, al),
    }
    e.put(inst.rd, RAX);
}

fn single_immediate(e: &mut Emitter<'_>, inst: &Inst) {
    e.copy(inst.rs1, RAX);
    let bit = (inst.imm & 63) as i8;
    match inst.op {
        Op::Bclri => dynasm!(e.ops ; .arch x64 ; btr rax, BYTE bit),
        Op::Bseti => dynasm!(e.ops ; .arch x64 ; bts rax, BYTE bit),
        Op::Binvi => dynasm!(e.ops ; .arch x64 ; btc rax, BYTE bit),
        _ => dynasm!(e.ops ; .arch x64 ; bt rax, BYTE bit ; setc al ; movzx eax, al),
    }
    e.put(inst.rd, RAX);
}
