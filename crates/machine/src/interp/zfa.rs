//! Floating point.

use super::cpu::{Cpu, Step};
use crate::trap::Trap;
use isa::Inst;

pub(super) fn fli_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fminm_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmaxm_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fround_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn froundnx_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fleq_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fltq_s(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fli_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fminm_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fmaxm_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fround_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn froundnx_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fleq_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fltq_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
pub(super) fn fcvtmod_w_d(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
