//! Writes a tree as a squashfs, and checks one that is read.
//!
//! Padded to 4 KiB, since a disk is whole sectors. Compressed with LZ4: a guest reads its root through a simulated processor, and LZ4 costs it the
//! fewest instructions a byte.

use crate::ImageError;
use crate::tree::{Node, Tree};
use backhand::compression::{CompressionOptions, Compressor, Lz4};
use backhand::{FilesystemCompressor, FilesystemReader, FilesystemWriter, NodeHeader};
use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufReader, BufWriter, Cursor, Read, Write as _};
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

/// Checks that bytes are a squashfs whose tables can be read.
///
/// Errors: the first thing that does not follow the format.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    FilesystemReader::from_reader(Cursor::new(bytes)).map(drop).map_err(|error| error.to_string())
}

/// Checks that a file is a squashfs whose tables can be read, and is as long as it says.
///
/// Errors: [`ImageError::Malformed`], [`ImageError::Host`].
pub fn check_file(path: &Path) -> Result<(), ImageError> {
    let file = File::open(path).map_err(ImageError::at(path))?;
    let bytes = file.metadata().map_err(ImageError::at(path))?.len();
    let malformed = |reason: String| ImageError::malformed(path.display().to_string(), reason);
    let mut head = [0; 48];
    BufReader::new(&file).read_exact(&mut head).map_err(|_| malformed("too short for a squashfs".into()))?;
    let says = u64::from_le_bytes(head[40..48].try_into().map_err(|_| malformed(String::new()))?);
    if &head[..4] != b"hsqs" {
        return Err(malformed("not a squashfs".into()));
    }
    if bytes < says {
        return Err(malformed(format!("a squashfs of {says} bytes cut short at {bytes}")));
    }
    let reader = BufReader::new(File::open(path).map_err(ImageError::at(path))?);
    FilesystemReader::from_reader(reader).map(drop).map_err(|error| malformed(error.to_string()))
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
