//! What stands behind a block device: backends that read and write bytes, and the copy-on-write overlay.

use crate::state::{Source, State, StateError};
use std::collections::BTreeMap;
use std::io;

/// Bytes in a sector, the unit of block requests.
pub const SECTOR_BYTES: u64 = 512;
/// Bytes in a block of the overlay.
const BLOCK_BYTES: u64 = 4096;
const BLOCK: usize = 4096;
const SECTOR: usize = 512;

/// A disk's contents. Its state is what a run has changed in it and keeps in memory, if anything.
pub trait BlockBackend: State + std::fmt::Debug + Send {
    /// The size, in sectors.
    fn len_sectors(&self) -> u64;

    /// Whether writes are refused.
    fn read_only(&self) -> bool;

    /// Fills `into` from byte `offset` on.
    ///
    /// Errors: the host's, or a range beyond the end.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// Stores `bytes` from byte `offset` on.
    ///
    /// Errors: the host's, or a range beyond the end.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes `length` bytes from `offset` on read as zeros; both are multiples of a sector.
    ///
    /// Errors: as [`BlockBackend::write_at`].
    fn write_zeroes(&mut self, offset: u64, length: u64) -> io::Result<()> {
        let zeros = [0; BLOCK];
        let end = offset.saturating_add(length);
        let mut at = offset;
        while at < end {
            let part = usize::try_from((end - at).min(BLOCK_BYTES)).unwrap_or(BLOCK);
            self.write_at(at, &zeros[..part])?;
            at += part as u64;
        }
        Ok(())
    }

    /// Makes what was written durable.
    ///
    /// Errors: the host's.
    fn flush(&mut self) -> io::Result<()>;
}

/// A disk in memory.
#[derive(Debug)]
pub struct MemoryDisk {
    bytes: Vec<u8>,
}

crate::state_fields!(MemoryDisk { bytes });

impl MemoryDisk {
    /// A disk with these contents, filled up to a sector.
    pub fn new(mut bytes: Vec<u8>) -> MemoryDisk {
        bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
        MemoryDisk { bytes }
    }

    fn range(&self, offset: u64, length: usize) -> io::Result<std::ops::Range<usize>> {
        let start = usize::try_from(offset).map_err(|_| beyond())?;
        let end = start.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or_else(beyond)?;
        Ok(start..end)
    }
}

impl BlockBackend for MemoryDisk {
    fn len_sectors(&self) -> u64 {
        self.bytes.len() as u64 / SECTOR_BYTES
    }

    fn read_only(&self) -> bool {
        false
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let range = self.range(offset, into.len())?;
        into.copy_from_slice(&self.bytes[range]);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let range = self.range(offset, bytes.len())?;
        self.bytes[range].copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A block of the overlay.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    Zero,
    Data(Box<[u8; BLOCK]>),
}

/// A copy-on-write disk: what is written stays in memory, above a base that is only read.
#[derive(Debug)]
pub struct Overlay {
    base: Box<dyn BlockBackend>,
    blocks: BTreeMap<u64, Block>,
}

impl Overlay {
    /// An overlay without changes.
    pub fn new(base: Box<dyn BlockBackend>) -> Overlay {
        Overlay { base, blocks: BTreeMap::new() }
    }

    /// How many blocks of 4 KiB differ from the base.
    pub fn changed_blocks(&self) -> usize {
        self.blocks.len()
    }

    fn check(&self, offset: u64, length: u64) -> io::Result<()> {
        let size = self.base.len_sectors().saturating_mul(SECTOR_BYTES);
        offset.checked_add(length).filter(|end| *end <= size).map(|_| ()).ok_or_else(beyond)
    }

    /// The block's contents, from the overlay or the base, which may end within it.
    fn load(&mut self, number: u64) -> io::Result<Box<[u8; BLOCK]>> {
        match self.blocks.get(&number) {
            Some(Block::Data(bytes)) => Ok(bytes.clone()),
            Some(Block::Zero) => Ok(Box::new([0; BLOCK])),
            None => {
                let mut bytes = Box::new([0; BLOCK]);
                let start = number * BLOCK_BYTES;
                let size = self.base.len_sectors().saturating_mul(SECTOR_BYTES);
                let length = usize::try_from(size.saturating_sub(start).min(BLOCK_BYTES)).unwrap_or(0);
                self.base.read_at(start, &mut bytes[..length])?;
                Ok(bytes)
            }
        }
    }
}

/// The pieces of a range that each lie in one block: the block, the offset in it, and how many bytes.
fn pieces(offset: u64, length: u64) -> impl Iterator<Item = (u64, usize, usize)> {
    let mut at = offset;
    let end = offset + length;
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let (block, inside) = (at / BLOCK_BYTES, at % BLOCK_BYTES);
        let bytes = (BLOCK_BYTES - inside).min(end - at);
        at += bytes;
        Some((block, usize::try_from(inside).unwrap_or(0), usize::try_from(bytes).unwrap_or(0)))
    })
}

impl BlockBackend for Overlay {
    fn len_sectors(&self) -> u64 {
        self.base.len_sectors()
    }

    fn read_only(&self) -> bool {
        false
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.check(offset, into.len() as u64)?;
        let mut done = 0;
        for (block, inside, bytes) in pieces(offset, into.len() as u64) {
            let target = &mut into[done..done + bytes];
            match self.blocks.get(&block) {
                Some(Block::Zero) => target.fill(0),
                Some(Block::Data(data)) => target.copy_from_slice(&data[inside..inside + bytes]),
                None => self.base.read_at(block * BLOCK_BYTES + inside as u64, target)?,
            }
            done += bytes;
        }
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check(offset, bytes.len() as u64)?;
        let mut done = 0;
        for (block, inside, length) in pieces(offset, bytes.len() as u64) {
            if !matches!(self.blocks.get(&block), Some(Block::Data(_))) {
                let loaded = self.load(block)?;
                self.blocks.insert(block, Block::Data(loaded));
            }
            if let Some(Block::Data(data)) = self.blocks.get_mut(&block) {
                data[inside..inside + length].copy_from_slice(&bytes[done..done + length]);
            }
            done += length;
        }
        Ok(())
    }

    fn write_zeroes(&mut self, offset: u64, length: u64) -> io::Result<()> {
        self.check(offset, length)?;
        for (block, inside, bytes) in pieces(offset, length) {
            if bytes == BLOCK {
                self.blocks.insert(block, Block::Zero);
            } else {
                let zeros = [0; BLOCK];
                self.write_at(block * BLOCK_BYTES + inside as u64, &zeros[..bytes])?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl State for Overlay {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        (self.blocks.len() as u64).save(sink);
        for (number, block) in &self.blocks {
            number.save(sink);
            match block {
                Block::Zero => sink(&[0]),
                Block::Data(bytes) => {
                    sink(&[1]);
                    sink(&bytes[..]);
                }
            }
        }
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.blocks.clear();
        let mut count = 0u64;
        count.restore(source)?;
        for _ in 0..count {
            let (mut number, mut has_data) = (0u64, false);
            number.restore(source)?;
            has_data.restore(source)?;
            let block = if has_data {
                let mut bytes = Box::new([0; BLOCK]);
                bytes.restore(source)?;
                Block::Data(bytes)
            } else {
                Block::Zero
            };
            self.blocks.insert(number, block);
        }
        Ok(())
    }
}

fn beyond() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "beyond the end of the disk")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay() -> Overlay {
        let base: Vec<u8> = (0..9 * 512u32).map(|byte| byte.to_le_bytes()[0] | 1).collect();
        Overlay::new(Box::new(MemoryDisk::new(base)))
    }

    fn read(disk: &mut Overlay, offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        disk.read_at(offset, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn writes_stay_above_the_base() {
        let mut disk = overlay();
        disk.write_at(4094, &[9; 4]).unwrap();
        assert_eq!(read(&mut disk, 4092, 8), [0xfd, 0xfd, 9, 9, 9, 9, 3, 3]);
        assert_eq!(disk.changed_blocks(), 2);
        let mut base = [0; 2];
        disk.base.read_at(4094, &mut base).unwrap();
        assert_eq!(base, [0xff, 0xff]);
    }

    #[test]
    fn zeros_take_no_memory_for_whole_blocks() {
        let mut disk = overlay();
        disk.write_zeroes(0, 4096).unwrap();
        assert_eq!(disk.blocks[&0], Block::Zero);
        disk.write_zeroes(4096, 512).unwrap();
        assert_eq!(read(&mut disk, 4090, 12), [0; 12]);
        disk.write_at(1, &[5]).unwrap();
        assert_eq!(read(&mut disk, 0, 3), [0, 5, 0]);
    }

    #[test]
    fn beyond_the_end_is_refused() {
        let mut disk = overlay();
        assert_eq!(disk.len_sectors(), 9);
        assert!(disk.write_at(9 * 512 - 1, &[0; 2]).is_err());
        assert!(disk.read_at(u64::MAX, &mut [0; 2]).is_err());
        assert!(disk.write_zeroes(0, 10 * 512).is_err());
        disk.write_at(9 * 512 - 2, &[1, 2]).unwrap();
        assert_eq!(read(&mut disk, 9 * 512 - 2, 2), [1, 2]);
    }

    #[test]
    fn changes_are_saved_and_restored() {
        let mut disk = overlay();
        disk.write_at(100, b"changed").unwrap();
        disk.write_zeroes(0, 0).unwrap();
        let mut saved = Vec::new();
        disk.save(&mut |part| saved.extend_from_slice(part));
        let mut other = overlay();
        other.restore(&mut Source::new(&saved)).unwrap();
        assert_eq!(read(&mut other, 98, 9), read(&mut disk, 98, 9));
        saved.truncate(50);
        assert!(overlay().restore(&mut Source::new(&saved)).is_err());
    }
}
