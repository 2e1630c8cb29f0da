//! Page-table entries: what one says to an access that walks through it.

use super::{Access, Perms, Want};
use isa::pte::{LEVEL_BITS, PAGE_BITS, Pte};

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
pub(super) fn judge(entry: Pte, level: u32, want: &Want, features: Features) -> Meaning {
    if !entry.is_valid() {
        return Meaning::Invalid;
    }
    let memory_type = entry.0 & Pte::PBMT;
    if entry.0 & Pte::RESERVED != 0
        || entry.is_writable() && !entry.is_readable()
        || memory_type != 0 && (!features.memory_types || memory_type == Pte::PBMT)
    {
        return Meaning::Reserved;
    }
    if entry.is_leaf() {
        return leaf(entry, level, want, features);
    }
    let reserved = level == 0 || entry.0 & (Pte::A | Pte::D | Pte::U | Pte::N | Pte::PBMT) != 0;
    if reserved { Meaning::Reserved } else { Meaning::Table { next: entry.ppn() << PAGE_BITS } }
}

fn leaf(entry: Pte, level: u32, want: &Want, features: Features) -> Meaning {
    let (base, shift) = if entry.is_napot() {
        if level != 0 || entry.ppn() & 0xf != NAPOT_64K {
            return Meaning::Reserved;
        }
        ((entry.ppn() & !0xf) << PAGE_BITS, NAPOT_64K_SHIFT)
    } else {
        let below = LEVEL_BITS * level;
        if entry.ppn() & ((1 << below) - 1) != 0 {
            return Meaning::Misaligned;
        }
        (entry.ppn() << PAGE_BITS, PAGE_BITS + below)
    };
    let perms = granted(entry, want);
    if !perms.allow(want.access) {
        return Meaning::Denied;
    }
    let needed = if want.access == Access::Store { Pte::A | Pte::D } else { Pte::A };
    let missing = needed & !entry.0;
    if missing != 0 && !features.update {
        return Meaning::Unmarked;
    }
    let dirty = (entry.0 | missing) & Pte::D != 0;
    Meaning::Leaf { base, shift, perms: Perms { write: perms.write && dirty, ..perms }, missing }
}

/// What the entry's permission bits grant in the context of `want`, A and D aside.
fn granted(entry: Pte, want: &Want) -> Perms {
    let for_user = entry.is_user();
    let data = if want.user { for_user } else { !for_user || want.sum };
    let fetch = want.user == for_user;
    let readable = if want.execute_to_read {
        entry.is_executable()
    } else {
        entry.is_readable() || want.mxr && entry.is_executable()
    };
    Perms {
        read: data && readable,
        write: data && entry.is_writable(),
        execute: fetch && entry.is_executable(),
    }
}
