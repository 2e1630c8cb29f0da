//! Zicsr: reading and writing control and status registers.

use super::cpu::{Cpu, Flow, Step};
use crate::csr::{self, mip};
use isa::Inst;
use isa::csr as n;

/// What is written, given the old value and the operand.
type Combine = fn(u64, u64) -> u64;

const WRITE: Combine = |_, operand| operand;
const SET: Combine = |old, operand| old | operand;
const CLEAR: Combine = |old, operand| old & !operand;

fn execute(cpu: &mut Cpu<'_>, inst: &Inst, operand: u64, writes: bool, combine: Combine) -> Step {
    let number = number(inst);
    let mut core = cpu.core();
    let register = csr::access(&core, number, writes).map_err(|denied| denied.trap(inst.raw))?;
    let old = csr::read(&core, register);
    if writes {
        // Set and clear act on the supervisor's external interrupt as software wrote it, not on the wire.
        let base = if register == n::MIP { (old & !mip::SEIP) | core.hart.csr.mip & mip::SEIP } else { old };
        let effect = csr::write(&mut core, register, combine(base, operand));
        cpu.after(effect);
    }
    cpu.set_x(inst.rd, old);
    Ok(Flow::Next)
}

fn number(inst: &Inst) -> u16 {
    u16::try_from(inst.imm & 0xfff).unwrap_or(0)
}

pub(super) fn csrrw(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    execute(cpu, inst, cpu.x(inst.rs1), true, WRITE)
}

pub(super) fn csrrs(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    execute(cpu, inst, cpu.x(inst.rs1), inst.rs1 != 0, SET)
}

pub(super) fn csrrc(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    execute(cpu, inst, cpu.x(inst.rs1), inst.rs1 != 0, CLEAR)
}

pub(super) fn csrrwi(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    execute(cpu, inst, u64::from(inst.rs1), true, WRITE)
}

pub(super) fn csrrsi(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    execute(cpu, inst, u64::from(inst.rs1), inst.rs1 != 0, SET)
}

pub(super) fn csrrci(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    execute(cpu, inst, u64::from(inst.rs1), inst.rs1 != 0, CLEAR)
}
