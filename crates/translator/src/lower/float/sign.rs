//! Sign injection and moves between register files: bits, no arithmetic.

use super::{begin, singles};
use crate::abi::{RAX, f_at};
use crate::emit::{Emitter, FloatUse};
use crate::space::Space;
use dynasmrt::{DynasmApi, dynasm};
use isa::{Inst, Op};
use std::mem::offset_of;

pub(super) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    match inst.op {
        Op::FsgnjD | Op::FsgnjnD | Op::FsgnjxD => inject(e, inst, true),
        Op::FsgnjS | Op::FsgnjnS | Op::FsgnjxS => inject(e, inst, false),
        Op::FmvXD | Op::FmvXW => {
            e.float_guard(inst, FloatUse::Any);
            let d = e.destination(inst.rd);
            match (e.f_home(inst.rs1), inst.op) {
                (Some(home), Op::FmvXD) => dynasm!(e.ops ; .arch x64 ; vmovq Rq(d), Rx(home)),
                (Some(home), _) => dynasm!(e.ops ; .arch x64 ; vmovd eax, Rx(home) ; movsxd Rq(d), eax),
                (None, Op::FmvXD) => dynasm!(e.ops ; .arch x64 ; mov Rq(d), [rbp + f_at(inst.rs1)]),
                (None, _) => dynasm!(e.ops ; .arch x64 ; movsxd Rq(d), DWORD [rbp + f_at(inst.rs1)]),
            }
            e.put(inst.rd, d);
        }
        Op::FmvDX | Op::FmvWX => {
            e.float_guard(inst, FloatUse::Any);
            let a = e.get(inst.rs1, RAX);
            let d = e.f_destination(inst.rd, 0);
            if inst.op == Op::FmvDX {
                dynasm!(e.ops ; .arch x64 ; vmovq Rx(d), Rq(a));
            } else {
                dynasm!(e.ops ; .arch x64 ; vmovd Rx(d), Rd(a));
                e.make_boxed(d);
            }
            e.f_put(inst.rd, d, inst.op == Op::FmvWX);
        }
        _ => return false,
    }
    true
}

/// The box of a single stays that of the first operand.
fn inject(e: &mut Emitter<'_>, inst: &Inst, double: bool) {
    begin(e, inst, singles(&[inst.rs1, inst.rs2], double), false);
    let a = e.f_get(inst.rs1, 0);
    let moves = inst.rs1 == inst.rs2 && matches!(inst.op, Op::FsgnjD | Op::FsgnjS);
    if moves {
        return e.f_put(inst.rd, a, !double);
    }
    let b = if inst.rs1 == inst.rs2 { a } else { e.f_get(inst.rs2, 1) };
    let sign =
        if double { offset_of!(Space, float.sign_double) } else { offset_of!(Space, float.sign_single) }
            as i32;
    let d = e.f_destination(inst.rd, 0);
    dynasm!(e.ops ; .arch x64 ; vmovsd xmm2, [r15 + sign]);
    match inst.op {
        Op::FsgnjxD | Op::FsgnjxS if a == b => dynasm!(e.ops ; .arch x64 ; vandnps Rx(d), xmm2, Rx(a)),
        Op::FsgnjnD | Op::FsgnjnS if a == b => dynasm!(e.ops ; .arch x64 ; vxorps Rx(d), xmm2, Rx(a)),
        Op::FsgnjxD | Op::FsgnjxS => dynasm!(e.ops
            ; .arch x64
            ; vandps xmm1, xmm2, Rx(b)
            ; vxorps Rx(d), xmm1, Rx(a)
        ),
        Op::FsgnjnD | Op::FsgnjnS => dynasm!(e.ops
            ; .arch x64
            ; vandnps xmm1, Rx(b), xmm2
            ; vandnps xmm0, xmm2, Rx(a)
            ; vorps Rx(d), xmm0, xmm1
        ),
        _ => dynasm!(e.ops
            ; .arch x64
            ; vandps xmm1, xmm2, Rx(b)
            ; vandnps xmm0, xmm2, Rx(a)
            ; vorps Rx(d), xmm0, xmm1
        ),
    }
    e.f_put(inst.rd, d, !double);
}
