//! Programs and kernels, from bytes to places in memory. Every entry point takes bytes that someone else wrote:
//! it gives a description or a [`LoadError`], and never panics.

pub mod bytes;
pub mod elf;
pub mod kernel;
pub mod layout;

use crate::ram::{RAM_BASE, Ram};

/// Why a file cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The file ends before `what` does.
    Truncated {
        /// The part that does not fit.
        what: &'static str,
        /// Where it begins in the file.
        offset: u64,
        /// How many bytes the file has.
        length: u64,
    },
    /// The file is not of the kind that was asked for.
    NotThis {
        /// What the file should have been.
        expected: &'static str,
        /// What it looks like.
        found: &'static str,
    },
    /// A field of the file contradicts another, or the format.
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// The value found.
        value: u64,
    },
    /// A part has its place where the machine has no memory.
    OutsideMemory {
        /// The part.
        what: &'static str,
        /// Its first physical address.
        start: u64,
        /// Its size.
        bytes: u64,
        /// One past the machine's last address.
        memory_end: u64,
    },
    /// Two parts want the same memory.
    Overlap {
        /// The one.
        what: &'static str,
        /// The other.
        with: &'static str,
        /// An address that both want.
        address: u64,
    },
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LoadError::Truncated { what, offset, length } => {
                write!(f, "truncated: the {what} at byte {offset} does not fit in the file's {length} bytes")
            }
            LoadError::NotThis { expected, found } => write!(f, "not {expected}: {found}"),
            LoadError::Malformed { what, value } => write!(f, "malformed: {what} ({value:#x})"),
            LoadError::OutsideMemory { what, start, bytes, memory_end } => write!(
                f,
                "the {what} ({bytes} bytes at {start:#x}) does not fit in memory, which is {RAM_BASE:#x} to \
                 {memory_end:#x}"
            ),
            LoadError::Overlap { what, with, address } => {
                write!(f, "the {what} and the {with} both want memory at {address:#x}")
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// Bytes with a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// What it is, for messages.
    pub what: &'static str,
    /// The first physical address.
    pub start: u64,
    /// What stands there at the start.
    pub data: &'a [u8],
    /// How much memory it takes; what `data` does not fill is zero.
    pub bytes: u64,
}

impl Part<'_> {
    /// One past its last address.
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes)
    }
}

/// Puts parts into memory, all or none.
///
/// Errors: a part outside memory, or two parts over each other.
pub fn place(parts: &[Part<'_>], ram: &mut Ram) -> Result<(), LoadError> {
    check(parts, ram.end())?;
    for part in parts {
        let stored = ram.write(part.start, part.data);
        debug_assert!(stored.is_some(), "checked above");
        let zeros = [0; 4096];
        let mut at = part.start + part.data.len() as u64;
        while at < part.end() {
            let length = usize::try_from(part.end() - at).unwrap_or(zeros.len()).min(zeros.len());
            // Untouched memory is zero already, and touching it would make the host commit it.
            if ram.slice(at, length as u64).is_some_and(|old| old.iter().any(|byte| *byte != 0)) {
                let stored = ram.write(at, &zeros[..length]);
                debug_assert!(stored.is_some(), "checked above");
            }
            at += length as u64;
        }
    }
    Ok(())
}

/// Whether parts fit into memory that ends at `memory_end`, and keep clear of each other.
///
/// Errors: as [`place`].
pub fn check(parts: &[Part<'_>], memory_end: u64) -> Result<(), LoadError> {
    for part in parts {
        let end = part.start.checked_add(part.bytes);
        if part.start < RAM_BASE || end.is_none_or(|end| end > memory_end) {
            return Err(LoadError::OutsideMemory {
                what: part.what,
                start: part.start,
                bytes: part.bytes,
                memory_end,
            });
        }
    }
    let mut sorted: Vec<&Part<'_>> = parts.iter().filter(|part| part.bytes > 0).collect();
    sorted.sort_by_key(|part| part.start);
    for pair in sorted.windows(2) {
        if pair[1].start < pair[0].end() {
            return Err(LoadError::Overlap {
                what: pair[0].what,
                with: pair[1].what,
                address: pair[1].start,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part<'a>(what: &'static str, start: u64, data: &'a [u8], bytes: u64) -> Part<'a> {
        Part { what, start, data, bytes }
    }

    #[test]
    fn parts_fill_memory_and_zero_the_rest() {
        let mut ram = Ram::new(16384).unwrap();
        ram.write(RAM_BASE + 4100, &[7; 8]).unwrap();
        place(&[part("a", RAM_BASE + 4096, &[1, 2], 100)], &mut ram).unwrap();
        assert_eq!(ram.slice(RAM_BASE + 4096, 12).unwrap(), [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn parts_that_cannot_stand_are_refused() {
        let end = RAM_BASE + 8192;
        for (start, bytes) in [(0, 1), (RAM_BASE + 8000, 193), (u64::MAX - 5, 10), (RAM_BASE - 1, 2)] {
            let refused = check(&[part("a", start, &[], bytes)], end);
            assert!(matches!(refused, Err(LoadError::OutsideMemory { .. })), "{start:#x}: {refused:?}");
        }
        let refused = check(&[part("b", RAM_BASE + 10, &[], 1), part("a", RAM_BASE, &[], 11)], end);
        assert_eq!(refused, Err(LoadError::Overlap { what: "a", with: "b", address: RAM_BASE + 10 }));
        assert_eq!(check(&[part("b", RAM_BASE + 11, &[], 1), part("a", RAM_BASE, &[], 11)], end), Ok(()));
    }
}
