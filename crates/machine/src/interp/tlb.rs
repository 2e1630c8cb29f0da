//! The interpreter's cache of translations for one hart.
//!
//! A set serves one translation context: everything but the address that a walk's outcome depends on. Several
//! sets are kept, so that going between kernel and user, or between processes, costs no walks. Page tables are
//! watched ([`crate::ram`]), so entries never need the guest's fences to be right.

use super::context::Context;
use crate::changes::Change;
use crate::hart::Hart;
use crate::ram::{PAGE_SHIFT, Ram};

/// Entries of a set for one kind of access; direct-mapped by page number.
const ENTRIES: usize = 256;
/// Contexts kept.
const SETS: usize = 8;
/// Bits of a tag below the page: the generation in which it was entered, and [`VEIL`].
const LOW_BITS: u64 = 0xfff;
/// Largest generation.
const GENERATION_MAX: u64 = 0x7ff;
/// Set in the tags of loads and stores while timing is modelled, which has to see every access: [`Tlb::look`]
/// then finds none of them, so that all take the slow path, and flat timing pays nothing for the possibility.
const VEIL: u64 = 0x800;

/// A cached page: `tag` is the virtual page with the generation in its low bits.
#[derive(Clone, Copy, Default)]
struct Entry {
    tag: u64,
    /// Added to a virtual address (wrapping) it gives the byte offset in memory.
    addend: u64,
}

/// The kinds of access that entries are kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Loads.
    Read = 0,
    /// Stores to pages without marks.
    Write = 1,
    /// Instruction fetches.
    Fetch = 2,
}

const KINDS: [Kind; 3] = [Kind::Read, Kind::Write, Kind::Fetch];

struct Set {
    context: Context,
    used: u64,
    entries: [[Entry; ENTRIES]; 3],
    tables: [LastTable; TABLES],
}

impl Set {
    /// Empties it for `context`.
    fn reset(&mut self, context: Context) {
        self.context = context;
        self.entries = [[Entry::default(); ENTRIES]; 3];
        self.tables = [NO_TABLE; TABLES];
    }
}

/// Where the table of the last level of an address region is.
#[derive(Clone, Copy)]
struct LastTable {
    /// The addresses that it maps, shifted right by [`REGION_SHIFT`].
    region: u64,
    address: u64,
}

/// Logarithm of the bytes that a table of the last level maps.
const REGION_SHIFT: u32 = 21;
/// Tables remembered in a set; direct-mapped by region.
const TABLES: usize = 64;
/// No region has this number.
const NO_TABLE: LastTable = LastTable { region: u64::MAX, address: 0 };

/// The translations cached for one hart.
pub(super) struct Tlb {
    /// The set of the hart's present context.
    active: Box<Set>,
    others: Vec<Box<Set>>,
    uses: u64,
    /// Tags of each kind are valid in one generation; 0 is never current.
    generation: [u64; 3],
    /// [`VEIL`] or 0, for each kind.
    veil: [u64; 3],
    /// What [`Ram::changes`] was when last looked at.
    seen: u64,
}

impl Tlb {
    pub(super) fn new() -> Tlb {
        let empty = || {
            Box::new(Set {
                context: Context::NONE,
                used: 0,
                entries: [[Entry::default(); ENTRIES]; 3],
                tables: [NO_TABLE; TABLES],
            })
        };
        let others = (1..SETS).map(|_| empty()).collect();
        Tlb { active: empty(), others, uses: 0, generation: [1; 3], veil: [0; 3], seen: 0 }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Tlb { veil: self.veil, ..Tlb::new() };
    }

    /// Selects the set of the hart's present context, taking over the least recently used one if need be.
    pub(super) fn select(&mut self, hart: &Hart) {
        let context = Context::of(hart);
        if self.active.context == context {
            return;
        }
        self.uses += 1;
        self.active.used = self.uses;
        let found = self.others.iter().position(|set| set.context == context);
        let next = found.or_else(|| (0..self.others.len()).min_by_key(|&set| self.others[set].used));
        std::mem::swap(&mut self.active, &mut self.others[next.unwrap_or(0)]);
        if found.is_none() {
            self.active.reset(context);
        }
    }

    /// Veils loads and stores from [`Tlb::look`], or unveils them.
    pub(super) fn veil(&mut self, on: bool) {
        let data = if on { VEIL } else { 0 };
        if self.veil[Kind::Read as usize] != data {
            self.clear();
            self.veil = [data, data, 0];
        }
    }

    /// As [`Tlb::look`], behind the veil.
    pub(super) fn look_veiled(&self, kind: Kind, va: u64) -> Option<u64> {
        let entry = &self.active.entries[kind as usize][index(va)];
        (entry.tag == self.tag(kind, va)).then(|| va.wrapping_add(entry.addend))
    }

    fn tag(&self, kind: Kind, va: u64) -> u64 {
        (va & !LOW_BITS) | self.generation[kind as usize] | self.veil[kind as usize]
    }

    /// The byte offset in memory of `va`, if its page is cached for `kind`.
    #[inline(always)]
    pub(super) fn look(&self, kind: Kind, va: u64) -> Option<u64> {
        let entry = &self.active.entries[kind as usize][index(va)];
        let tag = (va & !LOW_BITS) | self.generation[kind as usize];
        (entry.tag == tag).then(|| va.wrapping_add(entry.addend))
    }

    /// Enters the page of `va`, which lies at byte offset `offset` of memory (of the same byte).
    pub(super) fn enter(&mut self, kind: Kind, va: u64, offset: u64) {
        let tag = self.tag(kind, va);
        self.active.entries[kind as usize][index(va)] = Entry { tag, addend: offset.wrapping_sub(va) };
    }

    /// Brings the cache up to what happened in memory since the last look.
    #[inline]
    pub(super) fn catch_up(&mut self, ram: &Ram) {
        if self.seen != ram.changes() {
            self.drop_changed(ram);
        }
    }

    #[cold]
    fn drop_changed(&mut self, ram: &Ram) {
        let seen = std::mem::replace(&mut self.seen, ram.changes());
        let Some(changes) = ram.changes_since(seen) else {
            self.drop_tables();
            return KINDS.into_iter().for_each(|kind| self.void(kind));
        };
        for change in changes {
            match change {
                Change::Root { page } => self.drop_space(u64::from(page)),
                Change::Unmapped { va, shift: PAGE_SHIFT, .. } => self.drop_page(va),
                Change::Unmapped { .. } => {
                    self.drop_tables();
                    KINDS.into_iter().for_each(|kind| self.void(kind));
                }
                Change::Watched { page, low_vpn: Some(low) } => self.withdraw(u64::from(page), low),
                Change::Watched { low_vpn: None, .. } => self.void(Kind::Write),
            }
        }
    }

    /// Drops all pages of the address space whose root table is page `root` of memory.
    fn drop_space(&mut self, root: u64) {
        for set in std::iter::once(&mut self.active).chain(&mut self.others) {
            if set.context.root() == root {
                set.reset(set.context);
            }
        }
    }

    /// The address of the table of the last level through which the page of `va` is reached, if it is known.
    pub(super) fn last_table(&self, va: u64) -> Option<u64> {
        let table = &self.active.tables[table_index(va)];
        (table.region == va >> REGION_SHIFT).then_some(table.address)
    }

    /// Remembers it.
    pub(super) fn enter_last_table(&mut self, va: u64, address: u64) {
        self.active.tables[table_index(va)] = LastTable { region: va >> REGION_SHIFT, address };
    }

    fn drop_tables(&mut self) {
        let sets = std::iter::once(&mut self.active).chain(&mut self.others);
        sets.for_each(|set| set.tables = [NO_TABLE; TABLES]);
    }

    /// Drops the page of `va` for all kinds of access in all sets.
    fn drop_page(&mut self, va: u64) {
        for set in std::iter::once(&mut self.active).chain(&mut self.others) {
            for entries in &mut set.entries {
                let entry = &mut entries[index(va)];
                if entry.tag & !LOW_BITS == va & !LOW_BITS {
                    *entry = Entry::default();
                }
            }
        }
    }

    /// Drops the permission to store to page `page` of memory, which is cached under `low_vpn`.
    fn withdraw(&mut self, page: u64, low_vpn: u16) {
        for set in std::iter::once(&mut self.active).chain(&mut self.others) {
            let entry = &mut set.entries[Kind::Write as usize][index(u64::from(low_vpn) << PAGE_SHIFT)];
            if (entry.tag & !LOW_BITS).wrapping_add(entry.addend) >> PAGE_SHIFT == page {
                *entry = Entry::default();
            }
        }
    }

    /// Voids the entries of one kind in all sets.
    fn void(&mut self, kind: Kind) {
        let generation = &mut self.generation[kind as usize];
        *generation += 1;
        if *generation > GENERATION_MAX {
            *generation = 1;
            let sets = std::iter::once(&mut self.active).chain(&mut self.others);
            sets.for_each(|set| set.entries[kind as usize] = [Entry::default(); ENTRIES]);
        }
    }
}

fn table_index(va: u64) -> usize {
    usize::from((va >> REGION_SHIFT).to_le_bytes()[0]) % TABLES
}

#[inline(always)]
fn index(va: u64) -> usize {
    usize::from(((va >> 12) & 0xff).to_le_bytes()[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privilege::Privilege;

    #[test]
    fn entries_belong_to_their_context_and_generation() {
        let mut hart = Hart::new(0);
        let mut tlb = Tlb::new();
        tlb.select(&hart);
        tlb.enter(Kind::Read, 0x8000_1234, 0x1234);
        assert_eq!(tlb.look(Kind::Read, 0x8000_1fff), Some(0x1fff));
        assert_eq!(tlb.look(Kind::Write, 0x8000_1fff), None);
        hart.privilege = Privilege::User;
        tlb.select(&hart);
        assert_eq!(tlb.look(Kind::Read, 0x8000_1fff), None);
        hart.privilege = Privilege::Machine;
        tlb.select(&hart);
        assert_eq!(tlb.look(Kind::Read, 0x8000_1000), Some(0x1000));
        tlb.veil(true);
        tlb.select(&hart);
        tlb.enter(Kind::Read, 0x8000_1234, 0x1234);
        assert_eq!(tlb.look(Kind::Read, 0x8000_1000), None);
        assert_eq!(tlb.look_veiled(Kind::Read, 0x8000_1000), Some(0x1000));
        tlb.veil(false);
        tlb.select(&hart);
        for _ in 0..5000 {
            tlb.void(Kind::Read);
            assert_eq!(tlb.look(Kind::Read, 0x8000_1000), None);
        }
    }
}
