//! Executable memory: one region, mapped twice, so that no mapping is writable and executable at once.
//!
//! Behind the code lies the table of link slots, which code reads relative to where it runs and the engine
//! writes through the other mapping.

use memmap2::{MmapOptions, MmapRaw};
use rustix::mm::{MapFlags, ProtFlags, mmap};
use std::fs::File;
use std::io;

/// A region of code that grows until it is cleared.
pub(crate) struct CodeMemory {
    file: File,
    writable: MmapRaw,
    executable: memmap2::Mmap,
    used: usize,
    /// Bytes of code at most; the link slots come after.
    capacity: usize,
}

/// Code that is not written to any more, and runs wherever it is mapped.
pub(crate) struct SealedCode {
    file: File,
    /// Bytes from the start of the file, a multiple of [`PAGE`].
    bytes: usize,
    capacity: usize,
    length: usize,
    /// Where it ran, and where addresses in what was kept of it point.
    origin: usize,
}

/// The host's page size, or a multiple of it.
const PAGE: usize = 1 << 16;

/// Blocks begin at multiples of this.
const ALIGN: usize = 16;

impl CodeMemory {
    /// A region for `capacity` bytes of code, a multiple of the page size, and `slots` link slots.
    ///
    /// Errors: the host's, when it refuses executable memory.
    #[allow(unsafe_code, reason = "mapping a file is unsafe in the library's eyes")]
    pub(crate) fn new(capacity: usize, slots: usize) -> io::Result<CodeMemory> {
        let bytes = capacity + slots * size_of::<u64>();
        let name = c"multivac-code";
        let file = File::from(rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::CLOEXEC)?);
        file.set_len(bytes as u64)?;
        let writable = MmapOptions::new().len(bytes).map_raw(&file)?;
        // SAFETY: the file is anonymous and private to this value, so that nobody truncates or changes it
        // behind the mapping; it is written only through `writable`, never while its code runs.
        let executable = unsafe { MmapOptions::new().len(bytes).map_exec(&file)? };
        Ok(CodeMemory { file, writable, executable, used: 0, capacity })
    }

    /// Gives up writing.
    pub(crate) fn seal(self) -> SealedCode {
        let CodeMemory { file, executable, used, capacity, .. } = self;
        let bytes = used.next_multiple_of(PAGE).min(capacity);
        SealedCode { file, bytes, capacity, length: executable.len(), origin: executable.as_ptr() as usize }
    }

    /// A region like the one that `base` was, which begins with its code, shared, and goes on with code of its own.
    /// Its link slots are for the caller to fill.
    ///
    /// Errors: the host's, when it refuses executable memory.
    #[allow(unsafe_code, reason = "maps one file over the beginning of another")]
    pub(crate) fn on(base: &SealedCode) -> io::Result<CodeMemory> {
        let slots = (base.length - base.capacity) / size_of::<u64>();
        let mut memory = CodeMemory::new(base.capacity, slots)?;
        let start = memory.executable.as_ptr().cast_mut().cast();
        let (prot, flags) = (ProtFlags::READ | ProtFlags::EXEC, MapFlags::SHARED | MapFlags::FIXED);
        if base.bytes > 0 {
            // SAFETY: the range is the beginning of this value's own executable mapping, of which nothing is in use
            // yet, and stays mapped as long as that; the file behind it is as long and is not written to any more.
            unsafe { mmap(start, base.bytes, prot, flags, &base.file, 0)? };
        }
        memory.used = base.bytes;
        Ok(memory)
    }

    /// What added to an address in `base` gives the same place here.
    pub(crate) fn offset_from(&self, base: &SealedCode) -> u64 {
        (self.executable.as_ptr() as u64).wrapping_sub(base.origin as u64)
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Bytes in all.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Where code finds the table of link slots.
    pub(crate) fn slots(&self) -> usize {
        self.executable.as_ptr() as usize + self.capacity
    }

    /// Makes link slot `slot` lead to `address`.
    ///
    /// Panics: when there is no such slot.
    #[allow(unsafe_code, reason = "raw store into the writable mapping")]
    pub(crate) fn set_slot(&mut self, slot: u32, address: u64) {
        let offset = self.capacity + slot as usize * size_of::<u64>();
        assert!(offset + size_of::<u64>() <= self.executable.len(), "slots are counted by the store");
        // SAFETY: the word is inside the writable mapping (checked above) and aligned, since the capacity is; no
        // reference to it exists, and code does not run meanwhile.
        unsafe { self.writable.as_mut_ptr().add(offset).cast::<u64>().write(address) }
    }

    /// Where the next code will run.
    pub(crate) fn next_address(&self) -> usize {
        self.executable.as_ptr() as usize + self.used
    }

    /// Appends code that was assembled for [`CodeMemory::next_address`]; `None` when it does not fit.
    #[allow(unsafe_code, reason = "raw copy into the writable mapping")]
    pub(crate) fn append(&mut self, code: &[u8]) -> Option<usize> {
        if code.len() > self.capacity() - self.used {
            return None;
        }
        let address = self.next_address();
        // SAFETY: the range is inside the writable mapping (checked above), and `code` is elsewhere.
        unsafe {
            self.writable.as_mut_ptr().add(self.used).copy_from_nonoverlapping(code.as_ptr(), code.len());
        }
        self.used = (self.used + code.len()).next_multiple_of(ALIGN).min(self.capacity());
        Some(address)
    }

    /// Forgets all code but the first `keep` bytes.
    pub(crate) fn truncate(&mut self, keep: usize) {
        self.used = keep;
    }

    /// The code of `length` bytes at `address`, for disassembly.
    pub(crate) fn bytes(&self, address: u64, length: usize) -> &[u8] {
        let start = (address as usize).saturating_sub(self.executable.as_ptr() as usize).min(self.capacity());
        &self.executable[start..(start + length).min(self.capacity())]
    }
}
