//! The node's main memory, and the marks that keep caches of it honest.
//!
//! Every engine caches what it read: decoded code, and translations derived from page tables. So each page
//! carries two marks, [`Mark::CODE`] and [`Mark::TABLE`]. A store to a marked page, by a hart or by DMA, goes
//! through [`Ram::write`], which notes what the engines must drop:
//! - code: the page is queued in [`Ram::take_stale_code`] and its mark cleared;
//! - tables: a store over a valid page-table entry advances [`Ram::mapping_generation`], which clears all
//!   table marks at once (nothing derived from any table is in a cache of the new generation). A store that
//!   leaves the entry as it is, or only sets A or D of a leaf, does not: a translation is derived only from a
//!   leaf with A set, and carries the permission to store only when D was set, so it stays true.
//!
//! Invariant: marks and generations are not simulated state; they are in no digest and no snapshot.

pub mod image;

use memmap2::MmapMut;

/// Where main memory begins in the physical address space.
pub const RAM_BASE: u64 = 0x8000_0000;
/// Bytes in a base page.
pub const PAGE_BYTES: u64 = 4096;
/// Address bits within a base page.
pub const PAGE_SHIFT: u32 = 12;

/// Bits of a page-table entry: V; any of R, W, X; A and D.
const VALID: u64 = 1;
const LEAF: u64 = 0xe;
const ACCESSED_DIRTY: u64 = 0xc0;

/// Why a page's stores take the slow path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    /// Some engine holds decoded instructions of the page.
    code: bool,
    /// The mapping generation in which a walk last read the page; 0 is never.
    table: u32,
}

/// Main memory.
///
/// Invariant: its length is a multiple of [`PAGE_BYTES`], and every access is checked against it.
#[derive(Debug)]
pub struct Ram {
    bytes: MmapMut,
    marks: Vec<Mark>,
    generation: u32,
    watch_generation: u64,
    stale_code: Vec<u32>,
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
        let marks = vec![Mark::default(); bytes.len() >> PAGE_SHIFT];
        Ram { bytes, marks, generation: 1, watch_generation: 0, stale_code: Vec::new(), watched: None }
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
            let mark = self.marks[page];
            if mark.code {
                self.marks[page].code = false;
                self.stale_code.push(u32::try_from(page).unwrap_or(u32::MAX));
                self.watch_generation += 1;
            }
            if mark.table == self.generation && self.takes_from_entry(&range, page, data) {
                self.drop_translations();
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
        self.page_of(pa).is_none_or(|page| {
            let mark = self.marks[page];
            mark.code || mark.table == self.generation || self.is_watched(pa)
        })
    }

    /// Watches the page of `pa`: the engine leaves for the run loop after each store to it.
    pub fn watch(&mut self, pa: u64) {
        self.watched = Some(pa >> PAGE_SHIFT);
        self.watch_generation += 1;
    }

    /// Whether `pa` lies in the watched page.
    pub fn is_watched(&self, pa: u64) -> bool {
        self.watched == Some(pa >> PAGE_SHIFT)
    }

    /// Marks the page of `pa` as holding decoded code; true when it was not marked before (engines then drop
    /// the write permissions that they cached).
    pub fn mark_code(&mut self, pa: u64) -> bool {
        let Some(page) = self.page_of(pa) else { return false };
        let fresh = !self.marks[page].code;
        self.marks[page].code = true;
        self.watch_generation += u64::from(fresh);
        fresh
    }

    /// Marks the page of `pa` as read by a page-table walk.
    pub fn mark_table(&mut self, pa: u64) {
        let Some(page) = self.page_of(pa) else { return };
        if self.marks[page].table != self.generation {
            self.marks[page].table = self.generation;
            self.watch_generation += 1;
        }
    }

    /// Advances whenever a translation that some engine cached may no longer be what a walk would find.
    pub fn mapping_generation(&self) -> u32 {
        self.generation
    }

    /// Advances whenever a page gains a mark or code goes stale: cached permissions to store are then void.
    pub fn watch_generation(&self) -> u64 {
        self.watch_generation
    }

    /// Declares every cached translation void.
    pub fn drop_translations(&mut self) {
        if self.generation == u32::MAX {
            self.marks.iter_mut().for_each(|mark| mark.table = 0);
            self.generation = 0;
        }
        self.generation += 1;
    }

    /// The pages (indices from [`RAM_BASE`]) whose decoded code was stored over since the last call.
    pub fn take_stale_code(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.stale_code)
    }

    /// Whether [`Ram::take_stale_code`] has something to give.
    pub fn has_stale_code(&self) -> bool {
        !self.stale_code.is_empty()
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
        for (page, mark) in (0..).zip(&mut self.marks) {
            if std::mem::take(&mut mark.code) {
                self.stale_code.push(page);
            }
        }
        self.watch_generation += 1;
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

    /// Whether a store of `data` to `range` changes, within `page`, a page-table entry that is valid now, other
    /// than by setting A or D of a leaf.
    fn takes_from_entry(&self, range: &std::ops::Range<usize>, page: usize, data: &[u8]) -> bool {
        let first = range.start.max(page << PAGE_SHIFT) & !7;
        let last = range.end.min((page + 1) << PAGE_SHIFT);
        (first..last).step_by(8).any(|at| {
            let old: [u8; 8] = self.read_at(at);
            let mut new = old;
            for (byte, place) in new.iter_mut().zip(at..) {
                if range.contains(&place) {
                    *byte = data[place - range.start];
                }
            }
            let (old, new) = (u64::from_le_bytes(old), u64::from_le_bytes(new));
            let leaf = old & LEAF != 0;
            let gained = if leaf { ACCESSED_DIRTY & new } else { 0 };
            old & VALID != 0 && old | gained != new
        })
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
        ram.mark_table(RAM_BASE);
        let before = ram.mapping_generation();
        assert!(ram.update_table_entry(RAM_BASE, 0x1f, 0xdf));
        assert!(!ram.update_table_entry(RAM_BASE, 0x1f, 0xdf), "it is another entry now");
        ram.write(RAM_BASE + 16, &[0xdf]).unwrap();
        assert_eq!(ram.mapping_generation(), before);
        ram.write(RAM_BASE + 8, &[0x41]).unwrap();
        assert_eq!(ram.mapping_generation(), before + 1, "A is reserved in a pointer to a table");
        ram.mark_table(RAM_BASE);
        ram.write(RAM_BASE + 16, &[0x9f]).unwrap();
        assert_eq!(ram.mapping_generation(), before + 2, "clearing A takes something away");
    }

    #[test]
    fn only_a_store_over_a_valid_entry_drops_translations() {
        let mut ram = Ram::new(8192).unwrap();
        let before = ram.mapping_generation();
        ram.mark_table(RAM_BASE);
        ram.write(RAM_BASE + 8, &1u64.to_le_bytes()).unwrap();
        assert_eq!(ram.mapping_generation(), before);
        ram.write(RAM_BASE + 12, &[9]).unwrap();
        assert_eq!(ram.mapping_generation(), before + 1);
        assert!(!ram.is_marked(RAM_BASE));
    }
}
