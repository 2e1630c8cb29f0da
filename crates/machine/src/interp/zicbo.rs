//! Zicbom, Zicboz and Zicbop: cache blocks of 64 bytes. Memory is coherent, so that the management instructions
//! only check; prefetches are hints.

use super::cpu::{Cpu, Flow, Step};
use super::memory::Mode;
use crate::csr::access::Denied;
use crate::csr::environment::{self, CBCFE, CBIE, CBZE};
use crate::mmu::Access;
use crate::trap::{Cause, Trap};
use isa::Inst;

/// Bytes of a cache block.
const BLOCK_BYTES: u64 = 64;

/// The physical address of the block at `rs1`, checked for `access`; faults report the address as given.
fn block(cpu: &mut Cpu<'_>, inst: &Inst, field: u64, access: Access) -> Result<u64, Trap> {
    environment::may_use_cbo(cpu.hart, field).map_err(|denied: Denied| denied.trap(inst.raw))?;
    let va = cpu.x(inst.rs1);
    let start = va & !(BLOCK_BYTES - 1);
    let mode = Mode::of_data(cpu.hart);
    let translation =
        cpu.translate(mode, start, BLOCK_BYTES, access, true).map_err(|trap| Trap { tval: va, ..trap })?;
    Ok(translation.pa)
}

fn manage(cpu: &mut Cpu<'_>, inst: &Inst, field: u64) -> Step {
    block(cpu, inst, field, Access::Manage)?;
    Ok(Flow::Next)
}

/// Flushing where a level above turns invalidation into it comes to the same.
pub(super) fn cbo_inval(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    manage(cpu, inst, CBIE)
}

pub(super) fn cbo_clean(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    manage(cpu, inst, CBCFE)
}

pub(super) fn cbo_flush(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    manage(cpu, inst, CBCFE)
}

pub(super) fn cbo_zero(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    let pa = block(cpu, inst, CBZE, Access::Store)?;
    if !cpu.bus.ram.contains(pa, BLOCK_BYTES) {
        return Err(Mode::of_data(cpu.hart).refused(Cause::StoreAccessFault, cpu.x(inst.rs1)));
    }
    cpu.write_memory(pa, &[0; 64]);
    Ok(Flow::Next)
}

pub(super) fn prefetch_i(_: &mut Cpu<'_>, _: &Inst) -> Step {
    Ok(Flow::Next)
}

pub(super) fn prefetch_r(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    prefetch_i(cpu, inst)
}

pub(super) fn prefetch_w(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    prefetch_i(cpu, inst)
}
