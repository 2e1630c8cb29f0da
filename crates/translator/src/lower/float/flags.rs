//! Reading the accrued exceptions, and writing back what was read: compilers do so around comparisons that are to
//! raise none.

use crate::abi::{RAX, at};
use crate::emit::{Emitter, FloatUse};
use crate::space::Space;
use dynasmrt::{DynasmApi, dynasm};
use isa::{Inst, Op, csr};
use machine::hart::Hart;
use std::mem::offset_of;

pub(super) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    if inst.imm & 0xfff != i32::from(csr::FFLAGS) {
        return false;
    }
    match inst.op {
        Op::Csrrs if inst.rs1 == 0 && inst.rd != 0 => read(e, inst),
        // Since they were read only comparisons were made, and of numbers.
        Op::Csrrw if inst.rd == 0 && e.flags_in == Some(inst.rs1) => {}
        _ => return false,
    }
    true
}

fn read(e: &mut Emitter<'_>, inst: &Inst) {
    e.float_guard(inst, FloatUse::Any);
    let seen = offset_of!(Space, float.mxcsr) as i32;
    let table = offset_of!(Space, float.flags) as i32;
    let accrued = at(offset_of!(Hart, fflags));
    dynasm!(e.ops
        ; .arch x64
        ; vstmxcsr [r15 + seen]
        ; mov eax, [r15 + seen]
        ; and eax, 0x3f
        ; movzx eax, BYTE [r15 + rax + table]
        ; or al, [rbp + accrued]
    );
    e.put(inst.rd, RAX);
    e.flags_in = Some(inst.rd);
}
