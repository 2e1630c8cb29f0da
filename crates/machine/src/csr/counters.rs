//! `cycle`, `time`, `instret` and the event counters.

use super::access::Denied;
use crate::core::Core;
use crate::hart::Hart;
use crate::privilege::Privilege;
use isa::csr as n;

/// Bit of `mcountinhibit` that stops `cycle`.
pub const INHIBIT_CYCLE: u64 = 1 << 0;
/// Bit of `mcountinhibit` that stops `instret`.
pub const INHIBIT_INSTRET: u64 = 1 << 2;
/// Bit of the counter-enable registers for `time`.
pub const TIME: u64 = 1 << 1;

/// Whether the current mode may read user counter `number`.
///
/// Errors: [`Denied`].
/// Source: RISC-V Privileged Architecture, "Machine Counter-Enable Register", "Hypervisor Counter-Enable Register".
pub fn may_read(hart: &Hart, number: u16) -> Result<(), Denied> {
    let bit = 1u64 << (number - n::CYCLE);
    let csr = &hart.csr;
    if hart.privilege == Privilege::Machine {
        return Ok(());
    }
    if csr.mcounteren & bit == 0 {
        return Err(Denied::Illegal);
    }
    if hart.virt && csr.hcounteren & bit == 0 {
        return Err(Denied::Virtual);
    }
    if hart.privilege == Privilege::User && csr.scounteren & bit == 0 {
        return Err(Denied::by_mode(hart.virt));
    }
    Ok(())
}

/// `mcycle`: cycles executed, shifted by what software wrote; time asleep does not count.
pub fn cycle(hart: &Hart) -> u64 {
    if hart.csr.mcountinhibit & INHIBIT_CYCLE != 0 {
        hart.csr.cycle_offset
    } else {
        hart.csr.cycle_offset.wrapping_add(hart.cycles())
    }
}

/// `minstret`: instructions retired, shifted by what software wrote.
pub fn instret(hart: &Hart) -> u64 {
    if hart.csr.mcountinhibit & INHIBIT_INSTRET != 0 {
        hart.csr.instret_offset
    } else {
        hart.csr.instret_offset.wrapping_add(hart.retired)
    }
}

/// Makes `mcycle` read `value` after the writing instruction.
pub fn write_cycle(hart: &mut Hart, value: u64) {
    hart.csr.cycle_offset = if hart.csr.mcountinhibit & INHIBIT_CYCLE != 0 {
        value
    } else {
        value.wrapping_sub(hart.cycles()).wrapping_sub(1)
    };
}

/// Makes `minstret` read `value` after the writing instruction.
pub fn write_instret(hart: &mut Hart, value: u64) {
    hart.csr.instret_offset = if hart.csr.mcountinhibit & INHIBIT_INSTRET != 0 {
        value
    } else {
        value.wrapping_sub(hart.retired).wrapping_sub(1)
    };
}

/// `mcountinhibit` written: counters freeze at what they show, and go on from there.
pub fn write_inhibit(hart: &mut Hart, value: u64) {
    let (cycles, instructions) = (cycle(hart), instret(hart));
    hart.csr.mcountinhibit = value & (INHIBIT_CYCLE | INHIBIT_INSTRET);
    let running = |bit| hart.csr.mcountinhibit & bit == 0;
    let cycle_base = if running(INHIBIT_CYCLE) { hart.cycles() } else { 0 };
    let instret_base = if running(INHIBIT_INSTRET) { hart.retired } else { 0 };
    hart.csr.cycle_offset = cycles.wrapping_sub(cycle_base);
    hart.csr.instret_offset = instructions.wrapping_sub(instret_base);
}

/// `time` as the current mode reads it.
pub fn time(core: &Core<'_>) -> u64 {
    let delta = if core.hart.virt { core.hart.csr.htimedelta } else { 0 };
    core.time().wrapping_add(delta)
}
