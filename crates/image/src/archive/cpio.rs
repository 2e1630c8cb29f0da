//! Writes cpio archives in the `newc` form, which the kernel unpacks as its initramfs.

use crate::tree::{Meta, Node, Tree};
use std::io::{self, Read, Write};

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;
const CHARACTER: u32 = 0o020_000;
const BLOCK: u32 = 0o060_000;
const FIFO: u32 = 0o010_000;

/// Writes a tree as an archive, in the tree's order.
///
/// Errors: the output's, and those of reading the files' content.
/// Source: the kernel's initramfs buffer format.
pub fn write(tree: &Tree, out: &mut impl Write) -> io::Result<()> {
    let mut number = 0;
    for (path, meta, node) in tree.entries() {
        number += 1;
        let (kind, device) = match node {
            Node::Directory => (DIRECTORY, 0),
            Node::File(_) => (REGULAR, 0),
            Node::Symlink(_) => (SYMLINK, 0),
            Node::Character(device) => (CHARACTER, *device),
            Node::Block(device) => (BLOCK, *device),
            Node::Fifo => (FIFO, 0),
        };
        let size = match node {
            Node::File(content) => content.len(),
            Node::Symlink(target) => target.len() as u64,
            _ => 0,
        };
        let size = u32::try_from(size).map_err(|_| io::Error::other("a file too large for an initramfs"))?;
        let mode = kind | u32::from(meta.mode);
        header(out, number, mode, meta, size, device, path)?;
        match node {
            Node::File(content) => {
                let copied = io::copy(&mut content.reader().take(u64::from(size)), out)?;
                if copied != u64::from(size) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Node::Symlink(target) => out.write_all(target)?,
            _ => {}
        }
        pad(out, size as usize)?;
    }
    let meta = Meta::default();
    header(out, 0, 0, &meta, 0, Default::default(), b"TRAILER!!!")
}

fn header(
    out: &mut impl Write,
    inode: u32,
    mode: u32,
    meta: &Meta,
    size: u32,
    device: u32,
    path: &[u8],
) -> io::Result<()> {
    let (major, minor) = (device >> 8, device & 0xff);
    let name = u32::try_from(path.len() + 1).map_err(io::Error::other)?;
    write!(out, "070701")?;
    for field in [inode, mode, meta.uid, meta.gid, 1, meta.mtime, size, 0, 0, major, minor, name, 0] {
        write!(out, "{field:08x}")?;
    }
    out.write_all(path)?;
    out.write_all(&[0])?;
    pad(out, 110 + path.len() + 1)
}

/// Fills up to a multiple of four.
fn pad(out: &mut impl Write, written: usize) -> io::Result<()> {
    out.write_all(&[0; 3][..written.next_multiple_of(4) - written])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Content;

    #[test]
    fn an_archive_has_headers_names_and_content_on_words() {
        let mut tree = Tree::new();
        let meta = Meta { mode: 0o755, ..Meta::default() };
        tree.insert(b"init", meta, Node::File(Content::bytes(*b"hello"))).expect("inserted");
        tree.insert(b"dev/console", meta, Node::Character(0x501)).expect("inserted");
        let mut bytes = Vec::new();
        write(&tree, &mut bytes).expect("written");
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(bytes.len() % 4, 0);
        assert!(text.starts_with("070701") && text.contains("init\0\0hello") && text.contains("TRAILER!!!"));
        // dev, dev/console, init, trailer
        assert_eq!(text.matches("070701").count(), 4);
        assert!(text.contains("000081ed") && text.contains("000021ed") && text.contains("000041ed"));
        assert!(text.contains("0000000500000001"), "major 5, minor 1");
    }
}
