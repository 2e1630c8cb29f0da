//! Translation modes and the registers that choose them.

pub use isa::pte::Mode;

/// The mode that `satp`, `vsatp` or `hgatp` chooses; `None` for an encoding that is not supported.
pub fn of(register: u64) -> Option<Mode> {
    Mode::from_field(register >> 60)
}

/// The mode of `satp` that turns translation by the software-managed TLB on, one of those for custom use.
pub const SOFTWARE_MODE: u64 = 15;

/// Whether `satp` turns translation by the software-managed TLB on, on a machine that has one.
pub fn is_software(satp: u64) -> bool {
    satp >> 60 == SOFTWARE_MODE
}

/// The address of the root table that `satp`, `vsatp` or `hgatp` names.
pub fn root_address(register: u64) -> u64 {
    (register & ((1 << 44) - 1)) << 12
}

/// The address-space identifier of `satp` or `vsatp` (16 bits).
pub fn asid(register: u64) -> u16 {
    (register >> 44 & 0xffff) as u16
}

/// The virtual-machine identifier of `hgatp` (14 bits).
pub fn vmid(register: u64) -> u16 {
    (register >> 44 & 0x3fff) as u16
}

/// What `satp` or `vsatp` holds after a write: an unsupported mode leaves it as it was.
///
/// Source: RISC-V Privileged Architecture, "Supervisor Address Translation and Protection Register".
pub fn satp_write(old: u64, new: u64) -> u64 {
    if of(new).is_some() { new } else { old }
}

/// What `hgatp` holds after a write: an unsupported mode keeps the old one, the other fields are written; the
/// root is aligned to its 16 KiB and the top two bits of the identifier are zero.
///
/// Source: RISC-V Privileged Architecture, "Hypervisor Guest Address Translation and Protection Register".
pub fn hgatp_write(old: u64, new: u64) -> u64 {
    const MODE: u64 = 0xf << 60;
    const FIELDS: u64 = 0x3fff << 44 | ((1 << 44) - 1) & !3;
    let mode = if of(new).is_some() { new } else { old };
    mode & MODE | new & FIELDS
}

/// What `satp` holds after a write on a machine with the software-managed TLB: Bare or [`SOFTWARE_MODE`]; the
/// frame number is the system's to use as it likes.
pub fn software_satp_write(old: u64, new: u64) -> u64 {
    if new >> 60 == 0 || is_software(new) { new } else { old }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_modes_do_not_stick() {
        let old = 9 << 60 | 0x1234;
        for mode in 0..16u64 {
            let supported = [0, 8, 9, 10].contains(&mode);
            let new = mode << 60 | 7 << 44 | 0x8_0003;
            assert_eq!(satp_write(old, new), if supported { new } else { old });
            let kept = if supported { mode } else { 9 };
            assert_eq!(hgatp_write(old, new), kept << 60 | 7 << 44 | 0x8_0000);
        }
        assert_eq!(vmid(hgatp_write(0, u64::MAX)), 0x3fff);
        assert_eq!(asid(satp_write(0, 8 << 60 | 0xffff << 44)), 0xffff);
    }
}
