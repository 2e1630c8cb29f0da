//! Translation modes and the registers that choose them.

use super::PHYSICAL_BITS;

/// How one stage translates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Addresses pass unchanged.
    Bare,
    /// Three levels (Sv39, Sv39x4).
    Sv39,
    /// Four levels (Sv48, Sv48x4).
    Sv48,
    /// Five levels (Sv57, Sv57x4).
    Sv57,
}

impl Mode {
    /// The mode that `satp`, `vsatp` or `hgatp` chooses; `None` for an encoding that is not supported.
    pub fn of(register: u64) -> Option<Mode> {
        match register >> 60 {
            0 => Some(Mode::Bare),
            8 => Some(Mode::Sv39),
            9 => Some(Mode::Sv48),
            10 => Some(Mode::Sv57),
            _ => None,
        }
    }

    /// Levels of the page table; 0 for Bare.
    pub fn levels(self) -> u32 {
        match self {
            Mode::Bare => 0,
            Mode::Sv39 => 3,
            Mode::Sv48 => 4,
            Mode::Sv57 => 5,
        }
    }

    /// Bits of a virtual address of the first stage; the second stage translates two more.
    pub fn address_bits(self) -> u32 {
        match self {
            Mode::Bare => PHYSICAL_BITS,
            _ => 12 + 9 * self.levels(),
        }
    }

    /// The name that the specification gives it in the first stage.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Bare => "Bare",
            Mode::Sv39 => "Sv39",
            Mode::Sv48 => "Sv48",
            Mode::Sv57 => "Sv57",
        }
    }
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
    if Mode::of(new).is_some() { new } else { old }
}

/// What `hgatp` holds after a write: an unsupported mode keeps the old one, the other fields are written; the
/// root is aligned to its 16 KiB and the top two bits of the identifier are zero.
///
/// Source: RISC-V Privileged Architecture, "Hypervisor Guest Address Translation and Protection Register".
pub fn hgatp_write(old: u64, new: u64) -> u64 {
    const MODE: u64 = 0xf << 60;
    const FIELDS: u64 = 0x3fff << 44 | ((1 << 44) - 1) & !3;
    let mode = if Mode::of(new).is_some() { new } else { old };
    mode & MODE | new & FIELDS
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
