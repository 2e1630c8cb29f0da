//! F and D on the host's SSE.
//!
//! Exceptions accrue in MXCSR, whose rounding mode is the guest's. A result that is a NaN becomes the canonical one;
//! a fused operation that gives one is left to the interpreter, which tells whether it is invalid. So are conversions
//! out of range, minima of NaNs, and operands of single precision that are not boxed.

mod convert;
mod flags;
mod sign;

use super::memory;
use crate::emit::floats::scalar;
use crate::emit::{Emitter, FloatUse};
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
            e.float_guard(inst, FloatUse::Any);
            memory::load_float(e, inst);
        }
        Op::Fsw | Op::Fsd => {
            e.float_guard(inst, FloatUse::Reads);
            memory::store_float(e, inst);
        }
        Op::FaddD | Op::FsubD | Op::FmulD | Op::FdivD => arithmetic(e, inst, true),
        Op::FaddS | Op::FsubS | Op::FmulS | Op::FdivS => arithmetic(e, inst, false),
        Op::FsqrtD => square_root(e, inst, true),
        Op::FsqrtS => square_root(e, inst, false),
        Op::FmaddD | Op::FmsubD | Op::FnmsubD | Op::FnmaddD => fused(e, inst, true),
        Op::FmaddS | Op::FmsubS | Op::FnmsubS | Op::FnmaddS => fused(e, inst, false),
        Op::FeqD | Op::FltD | Op::FleD | Op::FltqD | Op::FleqD => compare(e, inst, true),
        Op::FeqS | Op::FltS | Op::FleS | Op::FltqS | Op::FleqS => compare(e, inst, false),
        Op::FminD | Op::FmaxD => extreme(e, inst, true),
        Op::FminS | Op::FmaxS => extreme(e, inst, false),
        _ => return sign::lower(e, inst) || convert::lower(e, inst) || flags::lower(e, inst),
    }
    true
}

/// Checks that floating point may run, that `singles` are boxed, and, if the instruction `rounds`, that MXCSR does as
/// it asks.
fn begin(e: &mut Emitter<'_>, inst: &Inst, singles: &[u8], rounds: bool) {
    e.float_guard(inst, FloatUse::Any);
    e.flags_in = None;
    for &single in singles {
        e.check_boxed(inst, single);
    }
    if rounds && inst.rm != DYNAMIC {
        let slow: DynamicLabel = e.fallback(inst);
        let frm = offset_of!(Space, frm) as i32;
        dynasm!(e.ops ; .arch x64 ; cmp BYTE [r15 + frm], inst.rm as i8 ; jne =>slow);
    }
}

/// `operands` if they are singles, none if they are doubles.
fn singles(operands: &[u8], double: bool) -> &[u8] {
    if double { &[] } else { operands }
}

/// Makes `xmm`, the result of the instruction's operation, the value of its destination.
fn finish(e: &mut Emitter<'_>, inst: &Inst, xmm: u8, double: bool) {
    e.canonical(xmm, double);
    e.f_put(inst.rd, xmm, !double);
}

/// A result in single precision takes the box of its first operand.
fn arithmetic(e: &mut Emitter<'_>, inst: &Inst, double: bool) {
    begin(e, inst, singles(&[inst.rs1, inst.rs2], double), true);
    let (a, b) = (e.f_get(inst.rs1, 0), e.f_get(inst.rs2, 1));
    let d = e.f_destination(inst.rd, 0);
    match inst.op {
        Op::FaddD | Op::FaddS => scalar!(e, double, vaddsd / vaddss Rx(d), Rx(a), Rx(b)),
        Op::FsubD | Op::FsubS => scalar!(e, double, vsubsd / vsubss Rx(d), Rx(a), Rx(b)),
        Op::FmulD | Op::FmulS => scalar!(e, double, vmulsd / vmulss Rx(d), Rx(a), Rx(b)),
        _ => scalar!(e, double, vdivsd / vdivss Rx(d), Rx(a), Rx(b)),
    }
    finish(e, inst, d, double);
}

fn square_root(e: &mut Emitter<'_>, inst: &Inst, double: bool) {
    begin(e, inst, singles(&[inst.rs1], double), true);
    let a = e.f_get(inst.rs1, 0);
    let d = e.f_destination(inst.rd, 0);
    scalar!(e, double, vsqrtsd / vsqrtss Rx(d), Rx(a), Rx(a));
    finish(e, inst, d, double);
}

/// RISC-V negates the product (`fnm...`), and the host names its forms by the same products and sums.
fn fused(e: &mut Emitter<'_>, inst: &Inst, double: bool) {
    begin(e, inst, singles(&[inst.rs1, inst.rs2, inst.rs3], double), true);
    let slow = e.fallback(inst);
    let (a, b, c) = (e.f_get(inst.rs1, 0), e.f_get(inst.rs2, 1), e.f_get(inst.rs3, 2));
    if a != 0 {
        dynasm!(e.ops ; .arch x64 ; vmovaps xmm0, Rx(a));
    }
    match inst.op {
        Op::FmaddD | Op::FmaddS => scalar!(e, double, vfmadd213sd / vfmadd213ss xmm0, Rx(b), Rx(c)),
        Op::FmsubD | Op::FmsubS => scalar!(e, double, vfmsub213sd / vfmsub213ss xmm0, Rx(b), Rx(c)),
        Op::FnmsubD | Op::FnmsubS => scalar!(e, double, vfnmadd213sd / vfnmadd213ss xmm0, Rx(b), Rx(c)),
        _ => scalar!(e, double, vfnmsub213sd / vfnmsub213ss xmm0, Rx(b), Rx(c)),
    }
    scalar!(e, double, vucomisd / vucomiss xmm0, xmm0);
    dynasm!(e.ops ; .arch x64 ; jp =>slow);
    e.f_put(inst.rd, 0, !double);
}

/// `flt` and `fle` swap their operands, so that an unordered pair, which sets the carry, compares false; they
/// signal on quiet NaNs as `comisd` does, `feq` and the quiet forms only on signalling ones as `ucomisd`.
///
/// While a register holds the exceptions accrued before, the interpreter compares NaNs, and the block is left.
fn compare(e: &mut Emitter<'_>, inst: &Inst, double: bool) {
    let flags_in = e.flags_in;
    begin(e, inst, singles(&[inst.rs1, inst.rs2], double), false);
    let (a, b) = (e.f_get(inst.rs1, 0), e.f_get(inst.rs2, 1));
    let signals = matches!(inst.op, Op::FltD | Op::FleD | Op::FltS | Op::FleS) && flags_in.is_none();
    match inst.op {
        Op::FeqD | Op::FeqS => scalar!(e, double, vucomisd / vucomiss Rx(a), Rx(b)),
        _ if signals => scalar!(e, double, vcomisd / vcomiss Rx(b), Rx(a)),
        _ => scalar!(e, double, vucomisd / vucomiss Rx(b), Rx(a)),
    }
    if flags_in.is_some() {
        let unordered = e.fallback_once(inst);
        dynasm!(e.ops ; .arch x64 ; jp =>unordered);
        e.flags_in = flags_in;
    }
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
fn extreme(e: &mut Emitter<'_>, inst: &Inst, double: bool) {
    begin(e, inst, singles(&[inst.rs1, inst.rs2], double), false);
    let slow = e.fallback(inst);
    let (a, b) = (e.f_get(inst.rs1, 0), e.f_get(inst.rs2, 1));
    scalar!(e, double, vucomisd / vucomiss Rx(a), Rx(b));
    dynasm!(e.ops ; .arch x64 ; jp =>slow ; jne >differ);
    let minimum = matches!(inst.op, Op::FminD | Op::FminS);
    if minimum {
        dynasm!(e.ops ; .arch x64 ; vorps xmm0, Rx(a), Rx(b));
    } else {
        dynasm!(e.ops ; .arch x64 ; vandps xmm0, Rx(a), Rx(b));
    }
    dynasm!(e.ops ; .arch x64 ; jmp >done ; differ:);
    if minimum {
        scalar!(e, double, vminsd / vminss xmm0, Rx(a), Rx(b));
    } else {
        scalar!(e, double, vmaxsd / vmaxss xmm0, Rx(a), Rx(b));
    }
    dynasm!(e.ops ; .arch x64 ; done:);
    e.f_put(inst.rd, 0, !double);
}
