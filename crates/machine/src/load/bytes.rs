//! Little-endian fields of a file that may end anywhere.

use super::LoadError;

/// A file's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// The bytes of `what`.
    ///
    /// Errors: [`LoadError::Truncated`] when they are not all there.
    pub fn slice(self, what: &'static str, offset: u64, length: u64) -> Result<&'a [u8], LoadError> {
        let error = LoadError::Truncated { what, offset, length: self.0.len() as u64 };
        let range = || {
            let start = usize::try_from(offset).ok()?;
            let end = start.checked_add(usize::try_from(length).ok()?)?;
            self.0.get(start..end)
        };
        range().ok_or(error)
    }

    fn array<const N: usize>(self, what: &'static str, offset: u64) -> Result<[u8; N], LoadError> {
        let mut out = [0; N];
        out.copy_from_slice(self.slice(what, offset, N as u64)?);
        Ok(out)
    }

    /// Two bytes.
    ///
    /// Errors: as [`Bytes::slice`].
    pub fn u16(self, what: &'static str, offset: u64) -> Result<u16, LoadError> {
        self.array(what, offset).map(u16::from_le_bytes)
    }

    /// Four bytes.
    ///
    /// Errors: as [`Bytes::slice`].
    pub fn u32(self, what: &'static str, offset: u64) -> Result<u32, LoadError> {
        self.array(what, offset).map(u32::from_le_bytes)
    }

    /// Eight bytes.
    ///
    /// Errors: as [`Bytes::slice`].
    pub fn u64(self, what: &'static str, offset: u64) -> Result<u64, LoadError> {
        self.array(what, offset).map(u64::from_le_bytes)
    }
}
