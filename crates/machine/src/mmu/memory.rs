//! How a walk reaches the page tables.

use crate::changes::Owner;
use crate::ram::Ram;

/// Memory as a page-table walk uses it: whole entries, at addresses that are multiples of 8.
pub trait TableMemory {
    /// Reads an entry of a table whose entries lie where `owner` says; `None` where tables cannot be (not main
    /// memory).
    fn read_entry(&mut self, pa: u64, owner: Owner) -> Option<u64>;

    /// Replaces `old` by `new`, which differs only in A and D bits that it sets; false when the entry is not
    /// `old` any more.
    fn update_entry(&mut self, pa: u64, old: u64, new: u64) -> bool;
}

/// The real thing: pages that are read are marked as tables, so that stores to them void what was derived.
impl TableMemory for Ram {
    #[inline]
    fn read_entry(&mut self, pa: u64, owner: Owner) -> Option<u64> {
        let entry = self.load(pa, 8)?;
        self.mark_table(pa, owner);
        Some(entry)
    }

    fn update_entry(&mut self, pa: u64, old: u64, new: u64) -> bool {
        self.update_table_entry(pa, old, new)
    }
}

/// A look at memory that leaves no trace: nothing is marked, and bits that the walk sets are set for it alone.
#[derive(Debug)]
pub struct Peek<'a> {
    ram: &'a Ram,
    updates: Vec<(u64, u64)>,
}

impl<'a> Peek<'a> {
    /// Looks at `ram` as it is.
    pub fn new(ram: &'a Ram) -> Peek<'a> {
        Peek { ram, updates: Vec::new() }
    }
}

impl TableMemory for Peek<'_> {
    fn read_entry(&mut self, pa: u64, _owner: Owner) -> Option<u64> {
        let updated = self.updates.iter().rev().find(|update| update.0 == pa);
        updated.map(|update| update.1).or_else(|| self.ram.load(pa, 8))
    }

    fn update_entry(&mut self, pa: u64, old: u64, new: u64) -> bool {
        let unchanged = self.read_entry(pa, Owner::MANY) == Some(old);
        if unchanged {
            self.updates.push((pa, new));
        }
        unchanged
    }
}
