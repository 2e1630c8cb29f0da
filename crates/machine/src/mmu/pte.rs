//! Page-table entries: what one says to an access that walks through it.

use super::{Access, Perms, Want};

/// The entry is valid.
pub const V: u64 = 1 << 0;
/// Readable.
pub const R: u64 = 1 << 1;
/// Writable.
pub const W: u64 = 1 << 2;
/// Executable.
pub const X: u64 = 1 << 3;
/// For user mode.
pub const U: u64 = 1 << 4;
/// In every address space.
pub const G: u64 = 1 << 5;
/// Accessed since software cleared it.
pub const A: u64 = 1 << 6;
/// Written since software cleared it.
pub const D: u64 = 1 << 7;
/// Memory type (Svpbmt).
pub const PBMT: u64 = 3 << 61;
/// Naturally aligned power-of-two range (Svnapot).
pub const N: u64 = 1 << 63;

const RESERVED: u64 = 0x7f << 54;
const PPN_MASK: u64 = (1 << 44) - 1;
const PPN_BITS_PER_LEVEL: u32 = 9;
/// The one NAPOT size: 64 KiB, told by this low nibble of the frame number.
const NAPOT_64K: u64 = 0b1000;
const NAPOT_64K_SHIFT: u32 = 16;

/// What a page-table entry says to the access at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It points to the next table, at this address.
    Table {
        /// Address of the next table.
        next: u64,
    },
    /// It maps the access.
    Leaf {
        /// First address of the mapped range.
        base: u64,
        /// Logarithm of the range's size.
        shift: u32,
        /// What the context may do, once `missing` is set.
        perms: Perms,
        /// The A and D bits that the access must set first.
        missing: u64,
    },
    /// V is clear.
    Invalid,
    /// A reserved bit or combination is set.
    Reserved,
    /// A superpage whose frame number is not a multiple of its size.
    Misaligned,
    /// The permissions refuse the access.
    Denied,
    /// A, or D for a store, is clear, and software is to set it (no Svadu).
    Unmarked,
    /// Memory or PMP refused to give the entry.
    Unreadable,
}

/// The address of the frame that an entry names.
pub fn frame_address(entry: u64) -> u64 {
    (entry >> 10 & PPN_MASK) << 12
}

/// Which optional behaviours a stage's tables have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Features {
    /// Hardware sets A and D (`ADUE`).
    pub(super) update: bool,
    /// PBMT is defined (`PBMTE`).
    pub(super) memory_types: bool,
}

/// Reads `entry`, found at `level` (0 is the last), for an access.
///
/// Source: RISC-V Privileged Architecture, "Virtual Address Translation Process", steps 3 to 9.
pub(super) fn judge(entry: u64, level: u32, want: &Want, features: Features) -> Meaning {
    if entry & V == 0 {
        return Meaning::Invalid;
    }
    let memory_type = entry & PBMT;
    if entry & RESERVED != 0
        || entry & (R | W) == W
        || memory_type != 0 && (!features.memory_types || memory_type == PBMT)
    {
        return Meaning::Reserved;
    }
    if entry & (R | W | X) == 0 {
        let reserved = level == 0 || entry & (A | D | U | N | PBMT) != 0;
        return if reserved { Meaning::Reserved } else { Meaning::Table { next: frame_address(entry) } };
    }
    leaf(entry, level, want, features)
}

fn leaf(entry: u64, level: u32, want: &Want, features: Features) -> Meaning {
    let frame = entry >> 10 & PPN_MASK;
    let (base, shift) = if entry & N != 0 {
        if level != 0 || frame & 0xf != NAPOT_64K {
            return Meaning::Reserved;
        }
        ((frame & !0xf) << 12, NAPOT_64K_SHIFT)
    } else {
        let below = PPN_BITS_PER_LEVEL * level;
        if frame & ((1 << below) - 1) != 0 {
            return Meaning::Misaligned;
        }
        (frame << 12, 12 + below)
    };
    let perms = granted(entry, want);
    if !perms.allow(want.access) {
        return Meaning::Denied;
    }
    let needed = if want.access == Access::Store { A | D } else { A };
    let missing = needed & !entry;
    if missing != 0 && !features.update {
        return Meaning::Unmarked;
    }
    let dirty = (entry | missing) & D != 0;
    Meaning::Leaf { base, shift, perms: Perms { write: perms.write && dirty, ..perms }, missing }
}

/// What the entry's permission bits grant in the context of `want`, A and D aside.
fn granted(entry: u64, want: &Want) -> Perms {
    let for_user = entry & U != 0;
    let data = if want.user { for_user } else { !for_user || want.sum };
    let fetch = want.user == for_user;
    let readable =
        if want.execute_to_read { entry & X != 0 } else { entry & R != 0 || want.mxr && entry & X != 0 };
    Perms { read: data && readable, write: data && entry & W != 0, execute: fetch && entry & X != 0 }
}
