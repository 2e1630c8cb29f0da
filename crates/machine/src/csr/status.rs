//! `mstatus` and its views `sstatus` and `vsstatus`.
//!
//! Source: RISC-V Privileged Architecture, "Machine Status Registers", "Supervisor Status Register".

/// Supervisor interrupts enabled.
pub const SIE: u64 = 1 << 1;
/// Machine interrupts enabled.
pub const MIE: u64 = 1 << 3;
/// `SIE` before the trap.
pub const SPIE: u64 = 1 << 5;
/// `MIE` before the trap.
pub const MPIE: u64 = 1 << 7;
/// Privilege before the trap to S-mode: supervisor.
pub const SPP: u64 = 1 << 8;
/// Privilege before the trap to M-mode.
pub const MPP: u64 = 3 << 11;
/// Position of `MPP`.
pub const MPP_SHIFT: u32 = 11;
/// State of the floating-point registers: off, initial, clean, dirty.
pub const FS: u64 = 3 << 13;
/// Loads and stores as if in mode `MPP`.
pub const MPRV: u64 = 1 << 17;
/// S-mode may access user pages.
pub const SUM: u64 = 1 << 18;
/// Executable pages are readable.
pub const MXR: u64 = 1 << 19;
/// S-mode may not touch `satp` and `sfence.vma`.
pub const TVM: u64 = 1 << 20;
/// WFI below M-mode is illegal.
pub const TW: u64 = 1 << 21;
/// `sret` in S-mode is illegal.
pub const TSR: u64 = 1 << 22;
/// `mtval` holds a guest virtual address.
pub const GVA: u64 = 1 << 38;
/// Virtualization mode before the trap to M-mode.
pub const MPV: u64 = 1 << 39;
/// Some extension state is dirty.
pub const SD: u64 = 1 << 63;

const UXL_64: u64 = 2 << 32;
const SXL_64: u64 = 2 << 34;
/// What software may write through `sstatus`.
pub const S_WRITABLE: u64 = SIE | SPIE | SPP | FS | SUM | MXR;
/// What `sstatus` shows, [`SD`] aside.
pub const S_VISIBLE: u64 = S_WRITABLE | (3 << 32);
const M_WRITABLE: u64 = S_WRITABLE | MIE | MPIE | MPP | MPRV | TVM | TW | TSR | GVA | MPV;

/// `mstatus` after reset.
pub const RESET: u64 = UXL_64 | SXL_64;
/// `vsstatus` after reset.
pub const VS_RESET: u64 = UXL_64;

/// `stored` as software reads it, with `SD` derived.
pub fn mstatus_read(stored: u64) -> u64 {
    stored | if stored & FS == FS { SD } else { 0 }
}

/// The `sstatus` view of `mstatus`, or `vsstatus` as software reads it.
pub fn sstatus_read(stored: u64) -> u64 {
    mstatus_read(stored) & (S_VISIBLE | SD)
}

/// `mstatus` after software wrote `value`; a reserved `MPP` leaves the old.
pub fn mstatus_write(old: u64, value: u64) -> u64 {
    let mut writable = M_WRITABLE;
    if value & MPP == 2 << MPP_SHIFT {
        writable &= !MPP;
    }
    (old & !writable) | (value & writable)
}

/// `mstatus` or `vsstatus` after software wrote `value` through the supervisor's view.
pub fn sstatus_write(old: u64, value: u64) -> u64 {
    (old & !S_WRITABLE) | (value & S_WRITABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_mpp_keeps_the_old_and_sd_follows_fs() {
        let user = mstatus_write(RESET, FS);
        assert_eq!(mstatus_read(user) & SD, SD);
        let machine = mstatus_write(user, MPP);
        assert_eq!(mstatus_write(machine, 2 << MPP_SHIFT) & MPP, MPP);
    }

    #[test]
    fn the_supervisor_view_hides_machine_fields() {
        let all = mstatus_write(RESET, !(1 << 11));
        assert_eq!(sstatus_read(all) & (MIE | MPIE | MPP | MPRV | TVM | TW | TSR | GVA | MPV), 0);
        assert_eq!(sstatus_write(0, u64::MAX), S_WRITABLE);
    }
}
