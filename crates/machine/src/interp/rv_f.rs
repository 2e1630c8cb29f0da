//! Floating point.

use super::cpu::{Cpu, Step};
use crate::trap::Trap;
use isa::Inst;

pub(super) fn flw(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fsw(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmadd_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmsub_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fnmsub_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fnmadd_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fadd_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fsub_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmul_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fdiv_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fsqrt_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fsgnj_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fsgnjn_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fsgnjx_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmin_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmax_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_w_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_wu_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_l_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_lu_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_s_w(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_s_wu(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_s_l(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_s_lu(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmv_x_w(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmv_w_x(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn feq_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn flt_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fle_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fclass_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
