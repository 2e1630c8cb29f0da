//! The floating-point environment: accrued exception flags and rounding modes, as `fcsr` holds them.

/// Accrued exception flags, in the layout of `fflags`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// Inexact.
    pub const NX: Flags = Flags(1);
    /// Underflow.
    pub const UF: Flags = Flags(2);
    /// Overflow.
    pub const OF: Flags = Flags(4);
    /// Division by zero.
    pub const DZ: Flags = Flags(8);
    /// Invalid operation.
    pub const NV: Flags = Flags(16);

    /// No flag.
    #[must_use]
    pub const fn none() -> Flags {
        Flags(0)
    }

    /// The flags in the low five bits of `fflags`; higher bits are dropped.
    #[must_use]
    pub const fn from_bits(fflags: u8) -> Flags {
        Flags(fflags & 31)
    }

    /// The value of `fflags`.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether every flag of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Sets the flags of `other`; flags are never cleared by arithmetic.
    #[inline]
    pub const fn raise(&mut self, other: Flags) {
        self.0 |= other.0;
    }

    /// The flags of either.
    #[must_use]
    pub const fn union(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// A rounding mode, numbered as in the `rm` field and `frm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// RNE: to nearest, ties to even.
    NearestEven = 0,
    /// RTZ: towards zero.
    Zero = 1,
    /// RDN: towards minus infinity.
    Down = 2,
    /// RUP: towards plus infinity.
    Up = 3,
    /// RMM: to nearest, ties away from zero.
    NearestAway = 4,
}

impl Rounding {
    /// Every mode.
    pub const ALL: [Rounding; 5] =
        [Rounding::NearestEven, Rounding::Zero, Rounding::Down, Rounding::Up, Rounding::NearestAway];

    /// The mode numbered `rm`, or none for the reserved numbers and for 7 (dynamic).
    #[must_use]
    pub const fn from_bits(rm: u8) -> Option<Rounding> {
        match rm {
            0 => Some(Rounding::NearestEven),
            1 => Some(Rounding::Zero),
            2 => Some(Rounding::Down),
            3 => Some(Rounding::Up),
            4 => Some(Rounding::NearestAway),
            _ => None,
        }
    }
}
