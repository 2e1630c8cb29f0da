//! Svinval: fine-grained invalidation. Translations are never stale here, so that only the permission checks
//! remain, which are those of the whole fences.

use super::cpu::{Cpu, Flow, Step};
use super::hypervisor as h;
use super::privileged;
use crate::privilege::Privilege;
use crate::trap::Trap;
use isa::Inst;

pub(super) fn sinval_vma(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    privileged::sfence_vma(cpu, inst)
}

pub(super) fn sfence_w_inval(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    ordered(cpu, inst)
}

pub(super) fn sfence_inval_ir(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    ordered(cpu, inst)
}

pub(super) fn hinval_vvma(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    h::hfence_vvma(cpu, inst)
}

pub(super) fn hinval_gvma(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    h::hfence_gvma(cpu, inst)
}

/// The ordering halves are open to S-mode whatever `TVM` says, and to no user.
fn ordered(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    match (cpu.hart.privilege, cpu.hart.virt) {
        (Privilege::User, true) => Err(Trap::virtual_instruction(inst.raw)),
        (Privilege::User, false) => Err(Trap::illegal(inst.raw)),
        _ => Ok(Flow::Next),
    }
}
