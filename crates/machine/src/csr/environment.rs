//! Environment configuration: `menvcfg`, `henvcfg`, `senvcfg`, and what they allow.
//!
//! Source: RISC-V Privileged Architecture, "Machine Environment Configuration Register" and its kin;
//! "Sstc"; RISC-V Instruction Set Manual, "Zicbom", "Zicboz".

use super::access::Denied;
use super::counters::TIME;
use crate::hart::{Csrs, Hart};
use crate::privilege::Privilege;

/// Fences of I/O imply memory; kept, without effect here.
pub const FIOM: u64 = 1;
/// Position of `CBIE`.
pub const CBIE_SHIFT: u32 = 4;
/// What `cbo.inval` does: 0 traps, 1 flushes, 3 invalidates.
pub const CBIE: u64 = 3 << CBIE_SHIFT;
/// `cbo.clean` and `cbo.flush` execute.
pub const CBCFE: u64 = 1 << 6;
/// `cbo.zero` executes.
pub const CBZE: u64 = 1 << 7;
/// Hardware sets A and D bits.
pub const ADUE: u64 = 1 << 61;
/// Page-based memory types are in use.
pub const PBMTE: u64 = 1 << 62;
/// `stimecmp` is in use.
pub const STCE: u64 = 1 << 63;

/// `menvcfg` out of reset, as on QEMU's `virt` board: software that knows of neither bit finds page tables that
/// update themselves.
pub const RESET: u64 = ADUE | PBMTE;

const S_FIELDS: u64 = FIOM | CBIE | CBCFE | CBZE;
const H_FIELDS: u64 = ADUE | PBMTE | STCE;

/// `senvcfg` after software wrote `value`.
pub fn senvcfg_write(old: u64, value: u64) -> u64 {
    legal(old, value, S_FIELDS)
}

/// `menvcfg` after software wrote `value`.
pub fn menvcfg_write(old: u64, value: u64) -> u64 {
    legal(old, value, S_FIELDS | H_FIELDS)
}

/// `henvcfg` after software wrote `value`: what the machine level does not grant stays 0.
pub fn henvcfg_write(old: u64, value: u64, menvcfg: u64) -> u64 {
    legal(old, value, S_FIELDS | (H_FIELDS & menvcfg))
}

/// `henvcfg` in force and as read.
pub fn henvcfg(csr: &Csrs) -> u64 {
    csr.henvcfg & (S_FIELDS | (H_FIELDS & csr.menvcfg))
}

fn legal(old: u64, value: u64, writable: u64) -> u64 {
    let writable = if value & CBIE == 2 << CBIE_SHIFT { writable & !CBIE } else { writable };
    (old & !writable) | (value & writable)
}

/// Whether the current mode may execute a cache-block instruction that `field` governs.
///
/// Errors: [`Denied`].
pub fn may_use_cbo(hart: &Hart, field: u64) -> Result<(), Denied> {
    let csr = &hart.csr;
    let user = hart.privilege == Privilege::User;
    if hart.privilege == Privilege::Machine {
        return Ok(());
    }
    if csr.menvcfg & field == 0 || (!hart.virt && user && csr.senvcfg & field == 0) {
        return Err(Denied::Illegal);
    }
    if hart.virt && (csr.henvcfg & field == 0 || (user && csr.senvcfg & field == 0)) {
        return Err(Denied::Virtual);
    }
    Ok(())
}

/// Whether machine mode lets the hypervisor at `stimecmp` and `vstimecmp`.
pub fn has_stimecmp(hart: &Hart) -> bool {
    hart.csr.menvcfg & STCE != 0 && hart.csr.mcounteren & TIME != 0
}

/// Whether a mode below machine may access `stimecmp` (`own`) or `vstimecmp`.
///
/// Errors: [`Denied`].
pub fn may_use_stimecmp(hart: &Hart, own: bool) -> Result<(), Denied> {
    let csr = &hart.csr;
    if !has_stimecmp(hart) {
        return Err(Denied::Illegal);
    }
    if own && hart.virt && (csr.henvcfg & STCE == 0 || csr.hcounteren & TIME == 0) {
        return Err(Denied::Virtual);
    }
    Ok(())
}
