//! `hstatus` and the hypervisor's views of interrupt state.
//!
//! Source: RISC-V Privileged Architecture, "Hypervisor Extension", "Hypervisor CSRs".

use super::{VS_LEVEL, mip};
use crate::core::Core;

/// `stval` holds a guest virtual address.
pub const GVA: u64 = 1 << 6;
/// Virtualization mode before the trap.
pub const SPV: u64 = 1 << 7;
/// Privilege of the guest before the trap: supervisor.
pub const SPVP: u64 = 1 << 8;
/// User mode may use hypervisor loads and stores.
pub const HU: u64 = 1 << 9;
/// VS-mode may not touch `satp` and `sfence.vma`.
pub const VTVM: u64 = 1 << 20;
/// WFI in VS-mode is a virtual instruction.
pub const VTW: u64 = 1 << 21;
/// `sret` in VS-mode is a virtual instruction.
pub const VTSR: u64 = 1 << 22;

const VSXL_64: u64 = 2 << 32;
const WRITABLE: u64 = GVA | SPV | SPVP | HU | VTVM | VTW | VTSR;

/// `hstatus` after reset.
pub const HSTATUS_RESET: u64 = VSXL_64;

/// `hstatus` after software wrote `value`; there are no guest external interrupts, so `VGEIN` is 0.
pub fn hstatus_write(old: u64, value: u64) -> u64 {
    (old & !WRITABLE) | (value & WRITABLE)
}

/// `vsie` and `vsip` (and `sie` and `sip` in VS-mode): delegated guest interrupts, one bit down.
pub fn vs_view(core: &Core<'_>, bits: u64) -> u64 {
    (bits & core.hart.csr.hideleg & VS_LEVEL) >> 1
}

/// `vsie` written.
pub fn vsie_write(core: &mut Core<'_>, value: u64) {
    let csr = &mut core.hart.csr;
    let mask = csr.hideleg & VS_LEVEL;
    csr.mie = (csr.mie & !mask) | ((value << 1) & mask);
}

/// `vsip` written: only the software interrupt, and only when delegated.
pub fn vsip_write(core: &mut Core<'_>, value: u64) {
    let csr = &mut core.hart.csr;
    let mask = csr.hideleg & mip::VSSIP;
    csr.hvip = (csr.hvip & !mask) | ((value << 1) & mask);
}
