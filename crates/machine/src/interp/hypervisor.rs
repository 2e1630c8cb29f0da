//! H: fences over guests' translations, and loads and stores as the guest would make them.

use super::cpu::{Cpu, Flow, Step, Stop};
use super::memory::Mode;
use super::rv_i::{sext8, sext16, sext32};
use crate::csr::{hypervisor, status};
use crate::privilege::Privilege;
use crate::trap::Trap;
use isa::Inst;

/// HS-mode and machine mode may; a guest's attempt is the hypervisor's to emulate.
fn supervisors_only(cpu: &Cpu<'_>, inst: &Inst) -> Result<(), Trap> {
    match (cpu.hart.privilege, cpu.hart.virt) {
        (_, true) => Err(Trap::virtual_instruction(inst.raw)),
        (Privilege::User, false) => Err(Trap::illegal(inst.raw)),
        _ => Ok(()),
    }
}

pub(super) fn hfence_vvma(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    supervisors_only(cpu, inst)?;
    cpu.charge_fence(inst, true);
    cpu.stop = Stop::Refetch;
    Ok(Flow::Next)
}

pub(super) fn hfence_gvma(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    supervisors_only(cpu, inst)?;
    let trapped = cpu.hart.privilege == Privilege::Supervisor && cpu.hart.csr.mstatus & status::TVM != 0;
    if trapped {
        return Err(Trap::illegal(inst.raw));
    }
    cpu.charge_machine_fence(inst);
    cpu.stop = Stop::Refetch;
    Ok(Flow::Next)
}

/// As [`supervisors_only`], and user mode where `hstatus.HU` allows it.
fn may_reach_guest(cpu: &Cpu<'_>, inst: &Inst) -> Result<(), Trap> {
    let user = cpu.hart.privilege == Privilege::User && !cpu.hart.virt;
    if user && cpu.hart.csr.hstatus & hypervisor::HU != 0 {
        return Ok(());
    }
    supervisors_only(cpu, inst)
}

fn load(cpu: &mut Cpu<'_>, inst: &Inst, bytes: u64, hlvx: bool, extend: fn(u64) -> u64) -> Step {
    may_reach_guest(cpu, inst)?;
    let mode = Mode::of_guest(cpu.hart, hlvx);
    let value = cpu.load_as(mode, cpu.x(inst.rs1), bytes, false)?;
    cpu.set_x(inst.rd, extend(value));
    Ok(Flow::Next)
}

fn store(cpu: &mut Cpu<'_>, inst: &Inst, bytes: usize) -> Step {
    may_reach_guest(cpu, inst)?;
    let mode = Mode::of_guest(cpu.hart, false);
    let data = cpu.x(inst.rs2).to_le_bytes();
    cpu.store_as(mode, cpu.x(inst.rs1), &data[..bytes], false)?;
    Ok(Flow::Next)
}

macro_rules! loads {
    ($($name:ident $bytes:literal $hlvx:literal |$value:ident| $extended:expr;)*) => {
        $(pub(super) fn $name(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
            load(cpu, inst, $bytes, $hlvx, |$value| $extended)
        })*
    };
}

loads! {
    hlv_b 1 false |v| sext8(v);
    hlv_bu 1 false |v| v;
    hlv_h 2 false |v| sext16(v);
    hlv_hu 2 false |v| v;
    hlv_w 4 false |v| sext32(v);
    hlv_wu 4 false |v| v;
    hlv_d 8 false |v| v;
    hlvx_hu 2 true |v| v;
    hlvx_wu 4 true |v| v;
}

macro_rules! stores {
    ($($name:ident $bytes:literal;)*) => {
        $(pub(super) fn $name(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
            store(cpu, inst, $bytes)
        })*
    };
}

stores! { hsv_b 1; hsv_h 2; hsv_w 4; hsv_d 8; }
