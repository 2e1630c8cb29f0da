//! How the memory that a translator may take is shared out: code, link slots, tables, and the harts' spaces.

use crate::space::Space;

/// Smallest code cache for each hart.
pub const CACHE_BYTES_MIN: usize = 1 << 20;
/// Largest code cache: all of it is within reach of a relative jump.
pub const CACHE_BYTES_MAX: usize = 1 << 30;

/// Bytes of code, slots and tables for each link slot.
const SLOT_SHARE: usize = 128;
/// Sixteenths for code of what code, slots and tables have: tables of a block take a little more than its code.
const CODE_SIXTEENTHS: usize = 7;
/// Contexts kept for each hart: enough that kernel and processes do not drive each other out, and no more than pay.
const SPACES: std::ops::RangeInclusive<usize> = 2..=8;
/// Divides the whole into the part that spaces may take beyond the fewest.
const SPACES_SHARE: usize = 4;

/// Shares of a code cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    /// Bytes of code.
    pub(crate) code: usize,
    /// Link slots.
    pub(crate) slots: usize,
    /// Bytes of the tables of blocks.
    pub(crate) tables: usize,
    /// Spaces of each hart.
    pub(crate) spaces: usize,
}

impl Shares {
    /// The shares of `bytes`, or of the smallest or largest possible number, on a node of `harts` harts.
    pub(crate) fn of(bytes: usize, harts: usize) -> Shares {
        let bytes = bytes.clamp(harts * CACHE_BYTES_MIN, CACHE_BYTES_MAX).next_multiple_of(1 << 16);
        let each = harts * size_of::<Space>();
        let spaces = (bytes / SPACES_SHARE / each).clamp(*SPACES.start(), *SPACES.end());
        let rest = bytes - spaces * each;
        let (code, slots) = ((rest / 16 * CODE_SIXTEENTHS).next_multiple_of(1 << 16), rest / SLOT_SHARE);
        Shares { code, slots, tables: rest - code - slots * size_of::<u64>(), spaces }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_the_whole() {
        for (asked, harts, bytes, spaces) in [
            (64 << 20, 1, 64 << 20, 8),
            (64 << 20, 16, 64 << 20, 5),
            (64 << 20, 64, 64 << 20, 2),
            (0, 1, CACHE_BYTES_MIN, 2),
            (0, 64, 64 << 20, 2),
        ] {
            let shares = Shares::of(asked, harts);
            let tables = shares.tables + shares.slots * size_of::<u64>();
            let taken = shares.code + tables + shares.spaces * harts * size_of::<Space>();
            assert_eq!((taken, shares.spaces), (bytes, spaces), "{asked} bytes for {harts} harts");
            assert!(shares.code > bytes / 4 && shares.tables > bytes / 5, "{shares:?}");
        }
    }
}
