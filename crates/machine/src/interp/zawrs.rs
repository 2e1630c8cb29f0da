//! Zawrs: waiting for a reservation to fall.
//!
//! Another hart runs when the turn ends, so that both forms stall for the rest of it. `wrs.nto` below M-mode obeys
//! the same time-out controls as WFI.

use super::cpu::{Cpu, Flow, Step, Stop};
use crate::csr::{hypervisor, status};
use crate::engine::Exit;
use crate::hart::Reservation;
use crate::privilege::Privilege;
use crate::trap::Trap;
use isa::Inst;

pub(super) fn wrs_nto(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    let hart = &*cpu.hart;
    let timed_out = hart.privilege != Privilege::Machine && hart.csr.mstatus & status::TW != 0;
    if timed_out {
        return Err(Trap::illegal(inst.raw));
    }
    if hart.virt && hart.csr.hstatus & hypervisor::VTW != 0 {
        return Err(Trap::virtual_instruction(inst.raw));
    }
    wrs_sto(cpu, inst)
}

pub(super) fn wrs_sto(cpu: &mut Cpu<'_>, _: &Inst) -> Step {
    if cpu.hart.reservation != Reservation::NONE {
        cpu.stop = Stop::Exit(Exit::Stall);
    }
    Ok(Flow::Next)
}
