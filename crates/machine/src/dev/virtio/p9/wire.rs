//! The parts of 9P messages: numbers, strings and their bounds.
//!
//! Source: diod, `protocol.md`, "Data Structures".

/// A message being read, from the front.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (found, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(*found)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (found, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(found)
    }

    /// A string: its length in two bytes, then its bytes.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }
}

/// A message being written.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn u8(&mut self, value: u8) -> &mut Writer {
        self.bytes.push(value);
        self
    }

    pub(super) fn u16(&mut self, value: u16) -> &mut Writer {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Writer {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub(super) fn u64(&mut self, value: u64) -> &mut Writer {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    /// A string, cut to the longest that there can be.
    pub(super) fn string(&mut self, value: &[u8]) -> &mut Writer {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.u16(length);
        self.bytes.extend(&value[..usize::from(length)]);
        self
    }
}
