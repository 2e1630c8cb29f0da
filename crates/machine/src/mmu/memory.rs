//! How a walk reaches the page tables.

use crate::ram::Ram;

/// Memory as a page-table walk uses it: whole entries, at addresses that are multiples of 8.
pub trait TableMemory {
    /// Reads an entry; `None` where tables cannot be (not main memory).
    fn read_entry(&mut self, pa: u64) -> Option<u64>;

    /// Replaces `old` by `new`, which differs only in A and D bits that it sets; false when the entry is not
    /// `old` any more.
    fn update_entry(&mut self, pa: u64, old: u64, new: u64) -> bool;
}

/// The real thing: pages that are read are marked as tables, so that stores to them void what was derived.
impl TableMemory for Ram {
    fn read_entry(&mut self, pa: u64) -> Option<u64> {
        let entry = self.load(pa, 8)?;
        self.mark_table(pa);
        Some(entry)
    }

    fn update_entry(&mut self, pa: u64, old: u64, new: u64) -> bool {
        self.update_table_entry(pa, old, new)
    }
}

/// A look at memory that leaves no trace: nothing is marked and no bit is set.
#[derive(Debug)]
pub struct Peek<'a>(pub &'a Ram);

impl TableMemory for Peek<'_> {
    fn read_entry(&mut self, pa: u64) -> Option<u64> {
        self.0.load(pa, 8)
    }

    fn update_entry(&mut self, _pa: u64, _old: u64, _new: u64) -> bool {
        true
    }
}
