//! Privilege levels.

/// A privilege level, without the virtualization mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Privilege {
    /// User (U, or VU with virtualization on).
    User = 0,
    /// Supervisor (HS, or VS with virtualization on).
    Supervisor = 1,
    /// Machine.
    #[default]
    Machine = 3,
}

impl Privilege {
    /// The level that a two-bit `xPP` field names; the reserved encoding 2 reads as user.
    pub fn from_bits(bits: u64) -> Privilege {
        match bits & 3 {
            1 => Privilege::Supervisor,
            3 => Privilege::Machine,
            _ => Privilege::User,
        }
    }
}
