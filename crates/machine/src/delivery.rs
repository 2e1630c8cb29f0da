//! Delivering traps to their handlers, and returning from them.
//!
//! Source: RISC-V Privileged Architecture, "Traps", "Trap Return", "Hypervisor Extension: Traps".

use crate::core::Core;
use crate::csr::{hypervisor, status};
use crate::hart::{Hart, Reservation};
use crate::interrupt::{Interrupt, Target};
use crate::privilege::Privilege;
use crate::trap::{Cause, Trap};

const INTERRUPT: u64 = 1 << 63;

/// Delivers a synchronous exception raised by the instruction at `pc`; costs a cycle.
pub fn exception(core: &mut Core<'_>, trap: Trap) {
    let hart = &mut *core.hart;
    let code = trap.cause as u32;
    let delegated = |mask: u64| mask >> code & 1 != 0;
    let target = if hart.privilege == Privilege::Machine || !delegated(hart.csr.medeleg) {
        Target::Machine
    } else if hart.virt && delegated(hart.csr.hedeleg) {
        Target::VirtualSupervisor
    } else {
        Target::Supervisor
    };
    let gva = trap.gva || (hart.virt && holds_address(trap.cause));
    hart.stats.exceptions[code as usize & 31] += 1;
    enter(hart, target, u64::from(code), Trap { gva, ..trap });
}

/// Delivers an interrupt; costs a cycle.
pub fn interrupt(core: &mut Core<'_>, interrupt: Interrupt) {
    let hart = &mut *core.hart;
    hart.stats.interrupts[interrupt.code as usize & 15] += 1;
    // A virtual supervisor sees its interrupts under the supervisor's codes.
    let shift = u32::from(interrupt.target == Target::VirtualSupervisor);
    let cause = INTERRUPT | u64::from(interrupt.code - shift);
    let nothing = Trap { cause: Cause::Breakpoint, tval: 0, gva: false, tval2: 0, tinst: 0 };
    enter(hart, interrupt.target, cause, nothing);
}

fn enter(hart: &mut Hart, target: Target, cause: u64, trap: Trap) {
    hart.extra_cycles += 1;
    let (privilege, virt, pc) = (hart.privilege, hart.virt, hart.pc);
    let csr = &mut hart.csr;
    let vector = match target {
        Target::Machine => {
            let mpie = if csr.mstatus & status::MIE != 0 { status::MPIE } else { 0 };
            let kept = csr.mstatus & !(status::MPP | status::MPIE | status::MIE | status::MPV | status::GVA);
            csr.mstatus = kept
                | mpie
                | (privilege as u64) << status::MPP_SHIFT
                | flag(virt, status::MPV)
                | flag(trap.gva, status::GVA);
            csr.mepc = pc;
            csr.mcause = cause;
            csr.mtval = trap.tval;
            csr.mtval2 = trap.tval2;
            csr.mtinst = trap.tinst;
            hart.privilege = Privilege::Machine;
            hart.virt = false;
            csr.mtvec
        }
        Target::Supervisor => {
            csr.mstatus = supervisor_status(csr.mstatus, privilege);
            let kept = csr.hstatus & !(hypervisor::SPV | hypervisor::GVA);
            csr.hstatus = kept | flag(virt, hypervisor::SPV) | flag(trap.gva, hypervisor::GVA);
            if virt {
                let spvp = flag(privilege == Privilege::Supervisor, hypervisor::SPVP);
                csr.hstatus = (csr.hstatus & !hypervisor::SPVP) | spvp;
            }
            csr.sepc = pc;
            csr.scause = cause;
            csr.stval = trap.tval;
            csr.htval = trap.tval2;
            csr.htinst = trap.tinst;
            hart.privilege = Privilege::Supervisor;
            hart.virt = false;
            csr.stvec
        }
        Target::VirtualSupervisor => {
            csr.vsstatus = supervisor_status(csr.vsstatus, privilege);
            csr.vsepc = pc;
            csr.vscause = cause;
            csr.vstval = trap.tval;
            hart.privilege = Privilege::Supervisor;
            csr.vstvec
        }
    };
    let vectored = vector & 3 == 1 && cause & INTERRUPT != 0;
    hart.pc = (vector & !3).wrapping_add(if vectored { (cause & !INTERRUPT) * 4 } else { 0 });
}

/// Executes `mret`; the caller has checked that it is legal.
pub fn mret(hart: &mut Hart) {
    let old = hart.csr.mstatus;
    let privilege = Privilege::from_bits(old >> status::MPP_SHIFT);
    let mut new = old & !(status::MPP | status::MIE | status::MPV) | status::MPIE;
    new |= flag(old & status::MPIE != 0, status::MIE);
    if privilege != Privilege::Machine {
        new &= !status::MPRV;
    }
    hart.csr.mstatus = new;
    hart.virt = privilege != Privilege::Machine && old & status::MPV != 0;
    hart.privilege = privilege;
    hart.pc = hart.csr.mepc;
    hart.reservation = Reservation::NONE;
}

/// Executes `sret` for HS-mode (or M-mode) or, in virtualization mode, for VS-mode.
pub fn sret(hart: &mut Hart) {
    let status = if hart.virt { &mut hart.csr.vsstatus } else { &mut hart.csr.mstatus };
    let old = *status;
    let mut new = old & !(status::SPP | status::SIE) | status::SPIE;
    new |= flag(old & status::SPIE != 0, status::SIE);
    *status = new;
    hart.privilege = if old & status::SPP != 0 { Privilege::Supervisor } else { Privilege::User };
    if hart.virt {
        hart.pc = hart.csr.vsepc;
    } else {
        hart.csr.mstatus &= !status::MPRV;
        hart.virt = hart.csr.hstatus & hypervisor::SPV != 0;
        hart.csr.hstatus &= !hypervisor::SPV;
        hart.pc = hart.csr.sepc;
    }
    hart.reservation = Reservation::NONE;
}

fn supervisor_status(old: u64, privilege: Privilege) -> u64 {
    let kept = old & !(status::SPP | status::SPIE | status::SIE);
    kept | flag(old & status::SIE != 0, status::SPIE) | flag(privilege == Privilege::Supervisor, status::SPP)
}

fn flag(set: bool, bit: u64) -> u64 {
    if set { bit } else { 0 }
}

/// Whether `tval` of such an exception is an address.
fn holds_address(cause: Cause) -> bool {
    !matches!(
        cause,
        Cause::IllegalInstruction
            | Cause::VirtualInstruction
            | Cause::EcallFromU
            | Cause::EcallFromS
            | Cause::EcallFromVs
            | Cause::EcallFromM
    )
}
