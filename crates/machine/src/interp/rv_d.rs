//! Floating point.

use super::cpu::{Cpu, Step};
use crate::trap::Trap;
use isa::Inst;

pub(super) fn fld(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fsd(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmadd_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmsub_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fnmsub_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fnmadd_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fadd_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fsub_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmul_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fdiv_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fsqrt_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fsgnj_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fsgnjn_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fsgnjx_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmin_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmax_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_w_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_wu_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_l_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_lu_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_d_w(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_d_wu(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_d_l(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_d_lu(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_s_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvt_d_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmv_x_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmv_d_x(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn feq_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn flt_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fle_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fclass_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
