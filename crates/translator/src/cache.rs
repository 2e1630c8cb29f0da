//! Executable memory: one region, mapped twice, so that no mapping is writable and executable at once.
//!
//! Behind the code lies the table of link slots, which code reads relative to where it runs and the engine
//! writes through the other mapping.

mod mapping;

use mapping::Mapping;
use std::io;

/// A region of code that grows until it is cleared.
pub(crate) struct CodeMemory {
    writable: Mapping,
    executable: Mapping,
    used: usize,
    /// Bytes of code at most; the link slots come after.
    capacity: usize,
}

/// Code that is not written to any more, and runs wherever it is mapped.
pub(crate) struct SealedCode {
    /// Where it ran, and where addresses in what was kept of it point.
    executable: Mapping,
    /// Bytes of code, a multiple of [`PAGE`].
    bytes: usize,
    capacity: usize,
}

/// The host's page size, or a multiple of it.
const PAGE: usize = 1 << 16;

/// Blocks begin at multiples of this.
const ALIGN: usize = 16;

impl CodeMemory {
    /// A region for `capacity` bytes of code, a multiple of the page size, and `slots` link slots.
    ///
    /// Errors: the host's, when it refuses executable memory.
    pub(crate) fn new(capacity: usize, slots: usize) -> io::Result<CodeMemory> {
        let writable = Mapping::writable(capacity + slots * size_of::<u64>())?;
        let executable = writable.executable()?;
        Ok(CodeMemory { writable, executable, used: 0, capacity })
    }

    /// Gives up writing.
    pub(crate) fn seal(self) -> SealedCode {
        let CodeMemory { executable, used, capacity, .. } = self;
        SealedCode { executable, bytes: used.next_multiple_of(PAGE).min(capacity), capacity }
    }

    /// A region like the one that `base` was, which begins with its code, shared, and goes on with code of its own.
    /// Its link slots are for the caller to fill.
    ///
    /// Errors: the host's, when it refuses executable memory.
    pub(crate) fn on(base: &SealedCode) -> io::Result<CodeMemory> {
        let slots = (base.executable.len() - base.capacity) / size_of::<u64>();
        let mut memory = CodeMemory::new(base.capacity, slots)?;
        memory.executable.begin_with(&base.executable, base.bytes)?;
        memory.used = base.bytes;
        Ok(memory)
    }

    /// What added to an address in `base` gives the same place here.
    pub(crate) fn offset_from(&self, base: &SealedCode) -> u64 {
        (self.executable.start() as u64).wrapping_sub(base.executable.start() as u64)
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
        self.executable.start() + self.capacity
    }

    /// Makes link slot `slot` lead to `address`.
    ///
    /// Panics: when there is no such slot.
    pub(crate) fn set_slot(&mut self, slot: u32, address: u64) {
        self.writable.store(self.capacity + slot as usize * size_of::<u64>(), &address.to_ne_bytes());
    }

    /// Where the next code will run.
    pub(crate) fn next_address(&self) -> usize {
        self.executable.start() + self.used
    }

    /// Appends code that was assembled for [`CodeMemory::next_address`]; `None` when it does not fit.
    pub(crate) fn append(&mut self, code: &[u8]) -> Option<usize> {
        if code.len() > self.capacity() - self.used {
            return None;
        }
        let address = self.next_address();
        self.writable.store(self.used, code);
        self.used = (self.used + code.len()).next_multiple_of(ALIGN).min(self.capacity());
        Some(address)
    }

    /// Forgets all code but the first `keep` bytes.
    pub(crate) fn truncate(&mut self, keep: usize) {
        self.used = keep;
    }

    /// The code of `length` bytes at `address`, for disassembly.
    pub(crate) fn bytes(&self, address: u64, length: usize) -> &[u8] {
        let start = (address as usize).saturating_sub(self.executable.start()).min(self.capacity());
        self.executable.bytes(start..(start + length).min(self.capacity()))
    }
}
