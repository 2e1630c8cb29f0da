//! Trap returns, WFI and the supervisor's fence.

use super::cpu::{Cpu, Flow, Step, Stop};
use crate::csr::{hypervisor, status};
use crate::delivery;
use crate::engine::Exit;
use crate::privilege::Privilege;
use crate::trap::Trap;
use isa::Inst;

pub(super) fn mret(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    if cpu.hart.privilege != Privilege::Machine {
        return Err(Trap::illegal(inst.raw));
    }
    delivery::mret(cpu.hart);
    cpu.recheck();
    Ok(Flow::Jump)
}

pub(super) fn sret(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    guarded(cpu, inst, status::TSR, hypervisor::VTSR)?;
    delivery::sret(cpu.hart);
    cpu.recheck();
    Ok(Flow::Jump)
}

pub(super) fn wfi(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    let hart = &*cpu.hart;
    let user = hart.privilege == Privilege::User;
    let timed_out = hart.privilege != Privilege::Machine && hart.csr.mstatus & status::TW != 0;
    if timed_out || (user && !hart.virt) {
        return Err(Trap::illegal(inst.raw));
    }
    if hart.virt && (user || hart.csr.hstatus & hypervisor::VTW != 0) {
        return Err(Trap::virtual_instruction(inst.raw));
    }
    cpu.stop = Stop::Exit(Exit::Wfi);
    Ok(Flow::Next)
}

/// Translations are never stale, so that the fence only checks permission and tells the model of their cost.
pub(super) fn sfence_vma(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    guarded(cpu, inst, status::TVM, hypervisor::VTVM)?;
    let virt = cpu.hart.virt;
    cpu.charge_fence(inst, virt);
    cpu.stop = Stop::Refetch;
    Ok(Flow::Next)
}

/// Lets supervisors through unless the bit that traps them is set: `own` in `mstatus` for S-mode, `guest` in
/// `hstatus` for VS-mode. Machine mode is always let through.
fn guarded(cpu: &Cpu<'_>, inst: &Inst, own: u64, guest: u64) -> Result<(), Trap> {
    let hart = &*cpu.hart;
    match (hart.privilege, hart.virt) {
        (Privilege::Machine, _) => Ok(()),
        (Privilege::Supervisor, false) if hart.csr.mstatus & own == 0 => Ok(()),
        (Privilege::Supervisor, true) if hart.csr.hstatus & guest == 0 => Ok(()),
        (_, true) => Err(Trap::virtual_instruction(inst.raw)),
        (_, false) => Err(Trap::illegal(inst.raw)),
    }
}
