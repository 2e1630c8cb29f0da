//! Writes a tree as a squashfs, and checks whether a file can be one.
//!
//! Padded to 4 KiB, since a disk is whole sectors. Compressed with LZ4: a guest reads its root through a simulated processor, and LZ4 costs it the
//! fewest instructions a byte.

use crate::ImageError;
use crate::tree::{Node, Tree};
use backhand::compression::{CompressionOptions, Compressor, Lz4};
use backhand::{FilesystemCompressor, FilesystemWriter, NodeHeader};
use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Read, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const BLOCK_BYTES: u32 = 128 * 1024;

/// Writes a tree to a new file; `each` is told of every byte of content that goes in.
///
/// Errors: [`ImageError::Host`], or [`ImageError::Malformed`] for a tree that the format cannot hold.
pub fn write(tree: &Tree, path: &Path, each: impl FnMut(u64)) -> Result<(), ImageError> {
    let told = RefCell::new(each);
    let mut writer = FilesystemWriter::default();
    writer.set_block_size(BLOCK_BYTES);
    writer.set_time(0);
    let legacy_lz4 = CompressionOptions::Lz4(Lz4 { version: 1, flags: 0 });
    let compressor = FilesystemCompressor::new(Compressor::Lz4, Some(legacy_lz4));
    writer.set_compressor(compressor.map_err(|error| failed(path, error))?);
    for (name, meta, node) in tree.entries() {
        let header = NodeHeader::new(meta.mode, meta.uid, meta.gid, meta.mtime);
        let name = Path::new(OsStr::from_bytes(name));
        let pushed = match node {
            Node::Directory => writer.push_dir(name, header),
            Node::File(content) => {
                let reader = Counted { inner: content.reader(), told: &told };
                writer.push_file(reader, name, header)
            }
            Node::Symlink(target) => {
                writer.push_symlink(PathBuf::from(OsStr::from_bytes(target)), name, header)
            }
            Node::Character(device) => writer.push_char_device(*device, name, header),
            Node::Block(device) => writer.push_block_device(*device, name, header),
            Node::Fifo => writer.push_fifo(name, header),
        };
        pushed.map_err(|error| failed(path, error))?;
    }
    writer.set_root_mode(0o755);
    let file = File::create(path).map_err(ImageError::at(path))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    writer.write(&mut out).map_err(|error| failed(path, error))?;
    out.flush().map_err(ImageError::at(path))
}

fn failed(path: &Path, error: backhand::BackhandError) -> ImageError {
    match error {
        backhand::BackhandError::StdIo(source) => ImageError::at(path)(source),
        other => ImageError::malformed(path.display().to_string(), other.to_string()),
    }
}

/// Size of the superblock, which a squashfs starts with.
pub const SUPERBLOCK_BYTES: usize = 96;

/// Checks that a file of `file_bytes` bytes that begins with `head` can be a squashfs that is whole: the kernel's
/// magic and version, block sizes that agree, and every table within the file.
///
/// Errors: the first thing that does not follow the format.
/// Source: the kernel's squashfs format, version 4.0.
pub fn check(head: &[u8], file_bytes: u64) -> Result<(), String> {
    let head = head.first_chunk::<SUPERBLOCK_BYTES>().ok_or("too short for a squashfs")?;
    let number = |at: usize, size: usize| {
        head[at..at + size].iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte))
    };
    if &head[..4] != b"hsqs" || number(28, 2) != 4 || number(30, 2) != 0 {
        return Err("not a squashfs of version 4.0".into());
    }
    let (block_bytes, block_log, used) = (number(12, 4), number(22, 2), number(40, 8));
    if !(12..=20).contains(&block_log) || block_bytes != 1 << block_log {
        return Err(format!("a squashfs with blocks of {block_bytes} bytes"));
    }
    if used > file_bytes {
        return Err(format!("a squashfs of {used} bytes cut short at {file_bytes}"));
    }
    // The tables for attributes, fragments and export may be absent: all bits set.
    let tables = [(48, false), (56, true), (64, false), (72, false), (80, true), (88, true)];
    for (at, may_be_absent) in tables {
        let start = number(at, 8);
        let absent = may_be_absent && start == u64::MAX;
        if !absent && !(SUPERBLOCK_BYTES as u64..used).contains(&start) {
            return Err("a squashfs with a table outside of it".into());
        }
    }
    Ok(())
}

/// A reader that reports how much went through it.
struct Counted<'a, R, F> {
    inner: R,
    told: &'a RefCell<F>,
}

impl<R: Read, F: FnMut(u64)> Read for Counted<'_, R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        (self.told.borrow_mut())(n as u64);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Content, Meta};

    #[test]
    fn a_squashfs_is_told_from_what_is_cut_or_twisted() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("root");
        let mut tree = Tree::new();
        let file = Node::File(Content::bytes(vec![7; 300_000]));
        tree.insert(b"file", Meta::root(0o644), file).expect("inserted");
        write(&tree, &path, |_| {}).expect("written");
        let bytes = std::fs::read(&path).expect("read");
        let len = bytes.len() as u64;
        assert_eq!(len % 4096, 0);
        assert_eq!(check(&bytes, len), Ok(()));
        assert!(check(&bytes[..95], 95).is_err_and(|error| error.contains("too short")));
        assert!(check(&bytes, 100).is_err_and(|error| error.contains("cut short")));
        for at in [0, 12, 22, 28, 40 + 7, 48 + 7, 64, 72 + 5] {
            let mut bad = bytes.clone();
            bad[at] ^= 0x81;
            assert!(check(&bad, len).is_err(), "byte {at}");
        }
    }
}
