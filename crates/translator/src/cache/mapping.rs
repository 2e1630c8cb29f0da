//! Memory of the process that can be mapped a second time, with other rights.
//!
//! It is shared memory without a name or a file, which `perf` takes for a translator's and asks the map file about.

use rustix::mm::{
    MapFlags, MprotectFlags, MremapFlags, ProtFlags, mmap_anonymous, mprotect, mremap, mremap_fixed, munmap,
};
use std::ffi::c_void;
use std::io;

/// One mapping, undone when it is dropped.
pub(super) struct Mapping {
    start: usize,
    bytes: usize,
}

impl Mapping {
    /// Memory of `bytes` bytes, all zero, to read and write.
    ///
    /// Errors: the host's.
    #[allow(unsafe_code, reason = "the library's call is unsafe, since a place may be chosen")]
    pub(super) fn writable(bytes: usize) -> io::Result<Mapping> {
        let (rights, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: the host chooses the place, where nothing is mapped.
        let start = unsafe { mmap_anonymous(std::ptr::null_mut(), bytes, rights, flags)? };
        Ok(Mapping { start: start as usize, bytes })
    }

    /// The same memory at another place, to read and execute.
    ///
    /// Errors: the host's, when it refuses executable memory.
    #[allow(
        unsafe_code,
        reason = "the library's calls are unsafe, since mappings may be moved and rights taken"
    )]
    pub(super) fn executable(&self) -> io::Result<Mapping> {
        // SAFETY: an old length of zero leaves a shared mapping where it is and maps its memory once more, where the
        // host finds room (mremap(2)).
        let start = unsafe { mremap(self.at(0), 0, self.bytes, MremapFlags::MAYMOVE)? };
        let second = Mapping { start: start as usize, bytes: self.bytes };
        // SAFETY: the range is the new mapping, to which nothing refers yet.
        unsafe { mprotect(start, self.bytes, MprotectFlags::READ | MprotectFlags::EXEC)? };
        Ok(second)
    }

    /// Makes the first `bytes` bytes those of `other`, with its rights.
    ///
    /// Errors: the host's. Panics: where either mapping is shorter.
    #[allow(unsafe_code, reason = "maps one piece of memory over another")]
    pub(super) fn begin_with(&mut self, other: &Mapping, bytes: usize) -> io::Result<()> {
        assert!(bytes <= self.bytes && bytes <= other.bytes, "a part of both");
        if bytes > 0 {
            // SAFETY: an old length of zero leaves `other` where it is; what is replaced is this value's own, borrowed
            // alone, so that nothing of it is in use.
            unsafe { mremap_fixed(other.at(0), 0, bytes, MremapFlags::MAYMOVE, self.at(0))? };
        }
        Ok(())
    }

    /// Bytes of it.
    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    /// Its first address.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    fn at(&self, offset: usize) -> *mut c_void {
        (self.start + offset) as *mut c_void
    }

    /// Stores `bytes` from `offset` on.
    ///
    /// Panics: when they do not fit.
    #[allow(unsafe_code, reason = "raw store: the other mapping of this memory is shared with running code")]
    pub(super) fn store(&mut self, offset: usize, bytes: &[u8]) {
        assert!(offset <= self.bytes && bytes.len() <= self.bytes - offset, "inside the mapping");
        // SAFETY: the range is inside this mapping (checked above), which is only asked to store where it is writable;
        // `bytes` is elsewhere, since references into a mapping are given out only by `bytes`, of executable ones.
        unsafe { self.at(offset).cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
    }

    /// A part of it, as it is now.
    ///
    /// Panics: when the range is not inside.
    #[allow(unsafe_code, reason = "raw view of mapped memory")]
    pub(super) fn bytes(&self, range: std::ops::Range<usize>) -> &[u8] {
        assert!(range.start <= range.end && range.end <= self.bytes, "inside the mapping");
        // SAFETY: the range is mapped and readable, and stays so as long as this value is borrowed; its other mapping
        // is written only by the owner of both, who borrows this one for the view.
        unsafe { std::slice::from_raw_parts(self.at(range.start).cast(), range.len()) }
    }
}

impl Drop for Mapping {
    #[allow(unsafe_code, reason = "gives the range back")]
    fn drop(&mut self) {
        // SAFETY: the range is this value's own, and no reference into it outlives the value. What the host thinks of
        // it changes nothing any more.
        let _ = unsafe { munmap(self.at(0), self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_shows_in_the_second_mapping_and_in_one_that_begins_with_it() {
        let mut writable = Mapping::writable(1 << 17).unwrap();
        let executable = writable.executable().unwrap();
        writable.store(70_000, b"code");
        assert_eq!(executable.bytes(70_000..70_004), b"code");

        let mut other = Mapping::writable(1 << 17).unwrap();
        let mut second = other.executable().unwrap();
        second.begin_with(&executable, 1 << 16).unwrap();
        other.store(70_000, b"more");
        writable.store(8, b"base");
        assert_eq!((second.bytes(8..12), second.bytes(70_000..70_004)), (&b"base"[..], &b"more"[..]));
        drop((writable, executable));
        assert_eq!(second.bytes(8..12), b"base");
    }

    #[test]
    fn perf_takes_the_mapping_for_a_translators() {
        let mapping = Mapping::writable(4096).unwrap().executable().unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.starts_with(&format!("{:x}-", mapping.start()))).unwrap();
        assert!(line.contains("r-xs") && line.contains("/dev/zero"), "{line}");
    }
}
