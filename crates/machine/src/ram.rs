//! The node's main memory, and the marks that keep caches of it honest.
//!
//! Every engine caches what it read: decoded code, and translations derived from page tables. So each page
//! carries two marks, for code and for tables. A store to a marked page, by a hart or by DMA, goes through
//! [`Ram::write`], which notes what the engines must drop:
//! - code: the page is queued in [`Ram::take_stale_code`] and its mark cleared;
//! - tables: a store over a valid page-table entry goes into the log of [`crate::changes`]. A store that leaves
//!   the entry as it is, or only sets A or D of a leaf, does not: a translation is derived only from a leaf with
//!   A set, and carries the permission to store only when D was set, so it stays true.
//!
//! Invariant: marks and the log are not simulated state; they are in no digest and no snapshot.

pub mod image;

use crate::changes::{Change, Owner};
use crate::marks::Marks;
use isa::pte::Pte;
use memmap2::MmapMut;

/// Where main memory begins in the physical address space.
pub const RAM_BASE: u64 = 0x8000_0000;
/// Bytes in a base page.
pub const PAGE_BYTES: u64 = 4096;
/// Address bits within a base page.
pub const PAGE_SHIFT: u32 = 12;

/// Main memory.
///
/// Invariant: its length is a multiple of [`PAGE_BYTES`], and every access is checked against it.
#[derive(Debug)]
pub struct Ram {
    bytes: MmapMut,
    marks: Marks,
    watched: Option<u64>,
}

impl Ram {
    /// Zeroed memory of `size` bytes (rounded up to a page), committed by the host as it is touched.
    ///
    /// Errors: the host's, when it refuses the mapping.
    pub fn new(size: u64) -> std::io::Result<Ram> {
        let pages = usize::try_from(size.div_ceil(PAGE_BYTES)).map_err(std::io::Error::other)?;
        let length =
            pages.checked_mul(1 << PAGE_SHIFT).ok_or_else(|| std::io::Error::other("memory size"))?;
        Ok(Ram::around(memmap2::MmapOptions::new().len(length).no_reserve_swap().map_anon()?))
    }

    /// Memory in a mapping of whole pages.
    fn around(bytes: MmapMut) -> Ram {
        let marks = Marks::new(bytes.len() >> PAGE_SHIFT);
        Ram { bytes, marks, watched: None }
    }

    /// Size in bytes.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// One past the last physical address.
    pub fn end(&self) -> u64 {
        RAM_BASE + self.size()
    }

    /// Whether `length` bytes at physical address `pa` lie in memory.
    pub fn contains(&self, pa: u64, length: u64) -> bool {
        self.range(pa, length).is_some()
    }

    /// The bytes at `pa`, or `None` when they are not all in memory.
    pub fn slice(&self, pa: u64, length: u64) -> Option<&[u8]> {
        self.range(pa, length).map(|range| &self.bytes[range])
    }

    /// Reads `N` bytes at `pa`, or `None` when they are not all in memory.
    #[inline]
    pub fn read<const N: usize>(&self, pa: u64) -> Option<[u8; N]> {
        let start = usize::try_from(pa.wrapping_sub(RAM_BASE)).ok()?;
        self.bytes.get(start..)?.first_chunk::<N>().copied()
    }

    /// Reads a naturally sized little-endian value of `bytes` (1, 2, 4 or 8) at `pa`.
    #[inline]
    pub fn load(&self, pa: u64, bytes: u64) -> Option<u64> {
        match bytes {
            1 => self.read(pa).map(|b| u64::from(u8::from_le_bytes(b))),
            2 => self.read(pa).map(|b| u64::from(u16::from_le_bytes(b))),
            4 => self.read(pa).map(|b| u64::from(u32::from_le_bytes(b))),
            _ => self.read(pa).map(u64::from_le_bytes),
        }
    }

    /// Stores `data` at `pa` for a hart, a device or a loader, keeping the marks; `None` when it does not fit.
    pub fn write(&mut self, pa: u64, data: &[u8]) -> Option<()> {
        let range = self.range(pa, data.len() as u64)?;
        let first = range.start >> PAGE_SHIFT;
        let last = range.end.saturating_sub(1).max(range.start) >> PAGE_SHIFT;
        for page in first..=last.min(self.marks.len().saturating_sub(1)) {
            self.marks.touch(page);
            if self.marks.is_table(page) {
                self.note_entries(&range, page, data);
            }
        }
        self.bytes[range].copy_from_slice(data);
        Some(())
    }

    /// Stores to a page that carries no mark, as [`Ram::is_marked`] told; faster than [`Ram::write`].
    #[inline]
    pub fn write_unmarked<const N: usize>(&mut self, offset: usize, data: [u8; N]) {
        self.bytes[offset..offset + N].copy_from_slice(&data);
    }

    /// Reads at a byte offset from [`RAM_BASE`] that a translation vouched for.
    ///
    /// Panics: when the offset is out of memory, a broken invariant of the translation cache.
    #[inline]
    pub fn read_at<const N: usize>(&self, offset: usize) -> [u8; N] {
        let mut out = [0; N];
        out.copy_from_slice(&self.bytes[offset..offset + N]);
        out
    }

    /// Replaces the page-table entry `old` at `pa` by `new`, which only sets A and D bits: a page-table walk's
    /// own store. False when the entry is not `old`.
    pub fn update_table_entry(&mut self, pa: u64, old: u64, new: u64) -> bool {
        self.load(pa, 8) == Some(old) && self.write(pa, &new.to_le_bytes()).is_some()
    }

    /// Whether stores to the page of `pa` must go through [`Ram::write`].
    pub fn is_marked(&self, pa: u64) -> bool {
        self.page_of(pa).is_none_or(|page| self.marks.is_marked(page) || self.is_watched(pa))
    }

    /// Watches the page of `pa`: the engine leaves for the run loop after each store to it.
    pub fn watch(&mut self, pa: u64) {
        self.watched = Some(pa >> PAGE_SHIFT);
        self.marks.log.push_all();
    }

    /// Whether `pa` lies in the watched page.
    pub fn is_watched(&self, pa: u64) -> bool {
        self.watched == Some(pa >> PAGE_SHIFT)
    }

    /// Marks the page of `pa` as holding decoded code; true when it was not marked before.
    pub fn mark_code(&mut self, pa: u64) -> bool {
        self.page_of(pa).is_some_and(|page| self.marks.mark_code(page))
    }

    /// Marks the page of `pa` as read by a page-table walk, its entries being where `owner` says.
    pub fn mark_table(&mut self, pa: u64, owner: Owner) {
        if let Some(page) = self.page_of(pa) {
            self.marks.mark_table(page, owner);
        }
    }

    /// Notes that a cache lets stores to the page of `pa`, which is not marked, pass under virtual address `va`.
    pub fn note_writer(&mut self, pa: u64, va: u64) {
        if let Some(page) = self.page_of(pa) {
            self.marks.note_writer(page, va);
        }
    }

    /// How many changes there were that concern caches of translations; never 0.
    #[inline]
    pub fn changes(&self) -> u64 {
        self.marks.log.count()
    }

    /// The changes after the first `seen`; `None` when a cache that far behind must drop everything.
    pub fn changes_since(&self, seen: u64) -> Option<impl Iterator<Item = Change> + '_> {
        self.marks.log.since(seen)
    }

    /// Declares every cached translation void.
    pub fn drop_translations(&mut self) {
        self.marks.drop_all();
    }

    /// The pages (indices from [`RAM_BASE`]) whose decoded code was stored over since the last call.
    pub fn take_stale_code(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.marks.stale_code)
    }

    /// Whether [`Ram::take_stale_code`] has something to give.
    #[inline]
    pub fn has_stale_code(&self) -> bool {
        !self.marks.stale_code.is_empty()
    }

    /// Where memory begins in the host's address space; it stays there as long as this value lives.
    pub fn host_base(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr()
    }

    /// All of memory, for the digest and for snapshots.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All of memory, to be filled from a snapshot: whatever engines hold of it is void.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        (0..self.marks.len()).for_each(|page| self.marks.touch(page));
        self.drop_translations();
        &mut self.bytes
    }

    fn page_of(&self, pa: u64) -> Option<usize> {
        let page = usize::try_from(pa.wrapping_sub(RAM_BASE) >> PAGE_SHIFT).ok()?;
        (page < self.marks.len()).then_some(page)
    }

    fn range(&self, pa: u64, length: u64) -> Option<std::ops::Range<usize>> {
        let start = usize::try_from(pa.checked_sub(RAM_BASE)?).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        (end <= self.bytes.len()).then_some(start..end)
    }

    /// Notes the entries within `page` that are valid now and that a store of `data` to `range` changes, other
    /// than by setting A or D of a leaf.
    fn note_entries(&mut self, range: &std::ops::Range<usize>, page: usize, data: &[u8]) {
        let first = range.start.max(page << PAGE_SHIFT) & !7;
        let last = range.end.min((page + 1) << PAGE_SHIFT);
        let mut changed = false;
        for at in (first..last).step_by(8) {
            let old: [u8; 8] = self.read_at(at);
            let mut new = old;
            for (byte, place) in new.iter_mut().zip(at..) {
                if range.contains(&place) {
                    *byte = data[place - range.start];
                }
            }
            let (old, new) = (u64::from_le_bytes(old), u64::from_le_bytes(new));
            let gained = if Pte(old).is_leaf() { (Pte::A | Pte::D) & new } else { 0 };
            if Pte(old).is_valid() && old | gained != new {
                let child = self.page_of(Pte(old).ppn() << PAGE_SHIFT);
                self.marks.entry_changed(page, (at as u64 & (PAGE_BYTES - 1)) / 8, old, child);
                changed = true;
            }
        }
        if !changed {
            self.marks.entry_filled(page);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_outside_are_refused() {
        let mut ram = Ram::new(8192).unwrap();
        assert_eq!(ram.read::<8>(RAM_BASE + 8185), None);
        assert_eq!(ram.read::<1>(RAM_BASE - 1), None);
        assert_eq!(ram.write(RAM_BASE + 8190, &[0; 4]), None);
        assert_eq!(ram.slice(u64::MAX, 2), None);
        assert_eq!(ram.write(RAM_BASE + 8184, &7u64.to_le_bytes()), Some(()));
        assert_eq!(ram.load(RAM_BASE + 8184, 8), Some(7));
    }

    #[test]
    fn a_store_over_code_is_noted_once() {
        let mut ram = Ram::new(8192).unwrap();
        assert!(ram.mark_code(RAM_BASE + 4096));
        assert!(!ram.mark_code(RAM_BASE + 4100));
        ram.write(RAM_BASE + 4094, &[1, 2, 3, 4]).unwrap();
        ram.write(RAM_BASE + 4096, &[1]).unwrap();
        assert_eq!(ram.take_stale_code(), [1]);
    }

    #[test]
    fn setting_accessed_and_dirty_of_a_leaf_drops_nothing() {
        let mut ram = Ram::new(8192).unwrap();
        let entries = [0x1fu64, 0x01, 0xdf];
        for (entry, at) in entries.iter().zip((RAM_BASE..).step_by(8)) {
            ram.write(at, &entry.to_le_bytes()).unwrap();
        }
        let owner = Owner::new(0x40_0000, 12, 39);
        ram.mark_table(RAM_BASE, owner);
        let before = ram.changes();
        assert!(ram.update_table_entry(RAM_BASE, 0x1f, 0xdf));
        assert!(!ram.update_table_entry(RAM_BASE, 0x1f, 0xdf), "it is another entry now");
        ram.write(RAM_BASE + 16, &[0xdf]).unwrap();
        assert_eq!(ram.changes(), before);
        ram.write(RAM_BASE + 8, &[0x41]).unwrap();
        assert_eq!(ram.changes(), before + 1, "A is reserved in a pointer to a table");
        ram.write(RAM_BASE + 16, &[0x9f]).unwrap();
        assert_eq!(ram.changes(), before + 2, "clearing A takes something away");
        let changes: Vec<_> = ram.changes_since(before).unwrap().collect();
        let unmapped = |va, code| Change::Unmapped { va, shift: 12, code };
        assert_eq!(changes, [unmapped(0x40_1000, true), unmapped(0x40_2000, true)]);
    }

    #[test]
    fn only_a_store_over_a_valid_entry_drops_translations() {
        let mut ram = Ram::new(8192).unwrap();
        ram.mark_table(RAM_BASE, Owner::new(0, 12, 39));
        ram.mark_table(RAM_BASE, Owner::new(1 << 21, 12, 39));
        let before = ram.changes();
        ram.write(RAM_BASE + 8, &1u64.to_le_bytes()).unwrap();
        assert_eq!(ram.changes(), before);
        ram.write(RAM_BASE + 12, &[9]).unwrap();
        assert!(ram.changes_since(before).is_none(), "the table is in two places");
        assert!(!ram.is_marked(RAM_BASE));
    }

    #[test]
    fn a_table_is_free_when_the_pointer_to_it_goes() {
        let mut ram = Ram::new(3 * 4096).unwrap();
        let pointer = Pte::V | (RAM_BASE + 4096) >> 12 << 10;
        ram.write(RAM_BASE, &pointer.to_le_bytes()).unwrap();
        ram.mark_table(RAM_BASE, Owner::new(0, 21, 39));
        ram.mark_table(RAM_BASE + 4096, Owner::new(0, 12, 39));
        let before = ram.changes();
        ram.write(RAM_BASE, &[0; 8]).unwrap();
        let changes: Vec<_> = ram.changes_since(before).unwrap().collect();
        assert_eq!(changes, [Change::Unmapped { va: 0, shift: 21, code: true }]);
        assert!(ram.is_marked(RAM_BASE) && !ram.is_marked(RAM_BASE + 4096));
    }

    #[test]
    fn a_page_that_gains_a_mark_is_withdrawn_where_it_is_written() {
        let mut ram = Ram::new(3 * 4096).unwrap();
        let before = ram.changes();
        ram.mark_code(RAM_BASE);
        assert_eq!(ram.changes(), before, "nobody stores there");
        ram.note_writer(RAM_BASE + 4096, 0x1_2345_6000);
        ram.mark_code(RAM_BASE + 4096);
        let change = Change::Watched { page: 1, low_vpn: Some(0x3456 | 0x2000) };
        assert_eq!(ram.changes_since(before).unwrap().collect::<Vec<_>>(), [change]);
        ram.note_writer(RAM_BASE + 8192, 0x1000);
        ram.note_writer(RAM_BASE + 8192, 0x2000);
        ram.mark_table(RAM_BASE + 8192, Owner::MANY);
        let change = Change::Watched { page: 2, low_vpn: None };
        assert_eq!(ram.changes_since(before + 1).unwrap().collect::<Vec<_>>(), [change]);
    }
}
