//! F and D on the host's SSE.
//!
//! Exceptions accrue in MXCSR, whose rounding mode is the guest's. A result that is a NaN goes to the
//! interpreter, which redoes the operation exactly: the host's payloads and signs of NaNs are not RISC-V's. So do
//! operands of single precision that are not boxed, and conversions out of range.

mod convert;
mod sign;

use super::memory;
use crate::abi::f_at;
use crate::emit::Emitter;
use crate::space::Space;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, dynasm};
use isa::{Inst, Op};
use std::mem::offset_of;

/// The rounding mode that names `frm`.
const DYNAMIC: u8 = 7;
/// Rounding modes that are none.
const RESERVED: [u8; 2] = [5, 6];

pub(super) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    // A reserved rounding mode is an illegal instruction even where nothing is rounded.
    if RESERVED.contains(&inst.rm) {
        return false;
    }
    match inst.op {
        Op::Flw | Op::Fld => {
            e.float_guard(inst);
            memory::load_float(e, inst);
        }
        Op::Fsw | Op::Fsd => {
            e.float_guard(inst);
            memory::store_float(e, inst);
        }
        Op::FaddD | Op::FsubD | Op::FmulD | Op::FdivD | Op::FsqrtD => arithmetic_double(e, inst),
        Op::FaddS | Op::FsubS | Op::FmulS | Op::FdivS | Op::FsqrtS => arithmetic_single(e, inst),
        Op::FmaddD | Op::FmsubD | Op::FnmsubD | Op::FnmaddD => fused_double(e, inst),
        Op::FmaddS | Op::FmsubS | Op::FnmsubS | Op::FnmaddS => fused_single(e, inst),
        Op::FeqD | Op::FltD | Op::FleD | Op::FltqD | Op::FleqD => compare_double(e, inst),
        Op::FeqS | Op::FltS | Op::FleS | Op::FltqS | Op::FleqS => compare_single(e, inst),
        Op::FminD | Op::FmaxD => extreme_double(e, inst),
        _ => return sign::lower(e, inst) || convert::lower(e, inst),
    }
    true
}

/// Checks that floating point may run and that MXCSR rounds as the instruction asks; where to go otherwise.
fn begin(e: &mut Emitter<'_>, inst: &Inst, rounds: bool) -> DynamicLabel {
    e.float_guard(inst);
    let slow = e.fallback(inst);
    if rounds && inst.rm != DYNAMIC {
        let frm = offset_of!(Space, frm) as i32;
        dynasm!(e.ops ; .arch x64 ; cmp BYTE [r15 + frm], inst.rm as i8 ; jne =>slow);
    }
    slow
}

/// Goes to `slow` unless the single in register `f` is boxed.
fn check_boxed(e: &mut Emitter<'_>, f: u8, slow: DynamicLabel) {
    let high = f_at(f) + 4;
    dynasm!(e.ops ; .arch x64 ; cmp DWORD [rbp + high], -1 ; jne =>slow);
}

/// Makes the double in `xmm0` the value of register `f`, unless it is a NaN.
fn finish_double(e: &mut Emitter<'_>, f: u8, slow: DynamicLabel) {
    let f = f_at(f);
    dynasm!(e.ops ; .arch x64 ; ucomisd xmm0, xmm0 ; jp =>slow ; movsd [rbp + f], xmm0);
}

/// Makes the single in `xmm0` the value of register `f`, unless it is a NaN.
fn finish_single(e: &mut Emitter<'_>, f: u8, slow: DynamicLabel) {
    let f = f_at(f);
    dynasm!(e.ops
        ; .arch x64
        ; ucomiss xmm0, xmm0
        ; jp =>slow
        ; movss [rbp + f], xmm0
        ; mov DWORD [rbp + f + 4], -1
    );
}

fn arithmetic_double(e: &mut Emitter<'_>, inst: &Inst) {
    let slow = begin(e, inst, true);
    let (a, b) = (f_at(inst.rs1), f_at(inst.rs2));
    if inst.op == Op::FsqrtD {
        dynasm!(e.ops ; .arch x64 ; xorps xmm0, xmm0 ; sqrtsd xmm0, [rbp + a]);
    } else {
        dynasm!(e.ops ; .arch x64 ; movsd xmm0, [rbp + a]);
    }
    match inst.op {
        Op::FaddD => dynasm!(e.ops ; .arch x64 ; addsd xmm0, [rbp + b]),
        Op::FsubD => dynasm!(e.ops ; .arch x64 ; subsd xmm0, [rbp + b]),
        Op::FmulD => dynasm!(e.ops ; .arch x64 ; mulsd xmm0, [rbp + b]),
        Op::FdivD => dynasm!(e.ops ; .arch x64 ; divsd xmm0, [rbp + b]),
        _ => {}
    }
    finish_double(e, inst.rd, slow);
}

fn arithmetic_single(e: &mut Emitter<'_>, inst: &Inst) {
    let slow = begin(e, inst, true);
    check_boxed(e, inst.rs1, slow);
    let (a, b) = (f_at(inst.rs1), f_at(inst.rs2));
    if inst.op == Op::FsqrtS {
        dynasm!(e.ops ; .arch x64 ; xorps xmm0, xmm0 ; sqrtss xmm0, [rbp + a]);
    } else {
        check_boxed(e, inst.rs2, slow);
        dynasm!(e.ops ; .arch x64 ; movss xmm0, [rbp + a]);
    }
    match inst.op {
        Op::FaddS => dynasm!(e.ops ; .arch x64 ; addss xmm0, [rbp + b]),
        Op::FsubS => dynasm!(e.ops ; .arch x64 ; subss xmm0, [rbp + b]),
        Op::FmulS => dynasm!(e.ops ; .arch x64 ; mulss xmm0, [rbp + b]),
        Op::FdivS => dynasm!(e.ops ; .arch x64 ; divss xmm0, [rbp + b]),
        _ => {}
    }
    finish_single(e, inst.rd, slow);
}

/// RISC-V negates the product (`fnm...`), and the host names its forms by the same products and sums.
fn fused_double(e: &mut Emitter<'_>, inst: &Inst) {
    let slow = begin(e, inst, true);
    let (a, b, c) = (f_at(inst.rs1), f_at(inst.rs2), f_at(inst.rs3));
    dynasm!(e.ops ; .arch x64 ; vmovsd xmm0, [rbp + a] ; vmovsd xmm1, [rbp + b]);
    match inst.op {
        Op::FmaddD => dynasm!(e.ops ; .arch x64 ; vfmadd213sd xmm0, xmm1, [rbp + c]),
        Op::FmsubD => dynasm!(e.ops ; .arch x64 ; vfmsub213sd xmm0, xmm1, [rbp + c]),
        Op::FnmsubD => dynasm!(e.ops ; .arch x64 ; vfnmadd213sd xmm0, xmm1, [rbp + c]),
        _ => dynasm!(e.ops ; .arch x64 ; vfnmsub213sd xmm0, xmm1, [rbp + c]),
    }
    finish_double(e, inst.rd, slow);
}

fn fused_single(e: &mut Emitter<'_>, inst: &Inst) {
    let slow = begin(e, inst, true);
    for operand in [inst.rs1, inst.rs2, inst.rs3] {
        check_boxed(e, operand, slow);
    }
    let (a, b, c) = (f_at(inst.rs1), f_at(inst.rs2), f_at(inst.rs3));
    dynasm!(e.ops ; .arch x64 ; vmovss xmm0, [rbp + a] ; vmovss xmm1, [rbp + b]);
    match inst.op {
        Op::FmaddS => dynasm!(e.ops ; .arch x64 ; vfmadd213ss xmm0, xmm1, [rbp + c]),
        Op::FmsubS => dynasm!(e.ops ; .arch x64 ; vfmsub213ss xmm0, xmm1, [rbp + c]),
        Op::FnmsubS => dynasm!(e.ops ; .arch x64 ; vfnmadd213ss xmm0, xmm1, [rbp + c]),
        _ => dynasm!(e.ops ; .arch x64 ; vfnmsub213ss xmm0, xmm1, [rbp + c]),
    }
    finish_single(e, inst.rd, slow);
}

/// `flt` and `fle` swap their operands, so that an unordered pair, which sets the carry, compares false; they
/// signal on quiet NaNs as `comisd` does, `feq` and the quiet forms only on signalling ones as `ucomisd`.
fn compare_double(e: &mut Emitter<'_>, inst: &Inst) {
    begin(e, inst, false);
    let (a, b) = (f_at(inst.rs1), f_at(inst.rs2));
    match inst.op {
        Op::FeqD => dynasm!(e.ops ; .arch x64 ; movsd xmm0, [rbp + a] ; ucomisd xmm0, [rbp + b]),
        Op::FltD | Op::FleD => dynasm!(e.ops ; .arch x64 ; movsd xmm0, [rbp + b] ; comisd xmm0, [rbp + a]),
        _ => dynasm!(e.ops ; .arch x64 ; movsd xmm0, [rbp + b] ; ucomisd xmm0, [rbp + a]),
    }
    set_condition(e, inst);
}

fn compare_single(e: &mut Emitter<'_>, inst: &Inst) {
    let slow = begin(e, inst, false);
    check_boxed(e, inst.rs1, slow);
    check_boxed(e, inst.rs2, slow);
    let (a, b) = (f_at(inst.rs1), f_at(inst.rs2));
    match inst.op {
        Op::FeqS => dynasm!(e.ops ; .arch x64 ; movss xmm0, [rbp + a] ; ucomiss xmm0, [rbp + b]),
        Op::FltS | Op::FleS => dynasm!(e.ops ; .arch x64 ; movss xmm0, [rbp + b] ; comiss xmm0, [rbp + a]),
        _ => dynasm!(e.ops ; .arch x64 ; movss xmm0, [rbp + b] ; ucomiss xmm0, [rbp + a]),
    }
    set_condition(e, inst);
}

fn set_condition(e: &mut Emitter<'_>, inst: &Inst) {
    match inst.op {
        Op::FeqD | Op::FeqS => dynasm!(e.ops ; .arch x64 ; setnp al ; sete cl ; and al, cl),
        Op::FltD | Op::FltS | Op::FltqD | Op::FltqS => dynasm!(e.ops ; .arch x64 ; seta al),
        _ => dynasm!(e.ops ; .arch x64 ; setae al),
    }
    let d = e.destination(inst.rd);
    dynasm!(e.ops ; .arch x64 ; movzx Rd(d), al);
    e.put(inst.rd, d);
}

/// Of equal operands, which differ at most as +0 and -0 do, the minimum has either sign bit and the maximum both.
fn extreme_double(e: &mut Emitter<'_>, inst: &Inst) {
    let slow = begin(e, inst, false);
    let (a, b, d) = (f_at(inst.rs1), f_at(inst.rs2), f_at(inst.rd));
    dynasm!(e.ops
        ; .arch x64
        ; movsd xmm0, [rbp + a]
        ; movsd xmm1, [rbp + b]
        ; ucomisd xmm0, xmm1
        ; jp =>slow
        ; jne >differ
    );
    if inst.op == Op::FminD {
        dynasm!(e.ops ; .arch x64 ; orpd xmm0, xmm1 ; jmp >done ; differ: ; minsd xmm0, xmm1 ; done:);
    } else {
        dynasm!(e.ops ; .arch x64 ; andpd xmm0, xmm1 ; jmp >done ; differ: ; maxsd xmm0, xmm1 ; done:);
    }
    dynasm!(e.ops ; .arch x64 ; movsd [rbp + d], xmm0);
}
