//! What replies tell of a file, all of it the same on every host.

use super::share::{Kind, Name, Stat};
use super::wire::Writer;

/// The attributes that Linux asks for, all of which are given.
const BASIC_ATTRIBUTES: u64 = 0x7ff;
/// The size that every folder has.
const FOLDER_BYTES: u64 = 4096;
const BLOCK_BYTES: u64 = 4096;

/// The number that stands for a path: an FNV-1a hash, mixed.
pub(super) fn inode(path: &[Name]) -> u64 {
    let bytes = path.iter().flat_map(|name| [b'/'].into_iter().chain(name.bytes().iter().copied()));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}

/// Appends the 13 bytes that identify a file.
pub(super) fn qid(writer: &mut Writer, kind: Kind, path: &[Name]) {
    let kind = match kind {
        Kind::File => 0,
        Kind::Folder => 0x80,
        Kind::Link => 0x02,
    };
    writer.u8(kind).u32(0).u64(inode(path));
}

/// The type of a file in a folder's listing (Linux's `d_type`).
pub(super) fn listed_type(kind: Kind) -> u8 {
    match kind {
        Kind::Folder => 4,
        Kind::File => 8,
        Kind::Link => 10,
    }
}

/// Appends all attributes of a file that was last changed at `changed_ns`.
pub(super) fn attributes(writer: &mut Writer, stat: Stat, path: &[Name], changed_ns: u64) {
    let (mode, links, size) = match stat.kind {
        Kind::Folder => (0o040_755, 2, FOLDER_BYTES),
        Kind::Link => (0o120_777, 1, stat.size),
        Kind::File if stat.executable => (0o100_755, 1, stat.size),
        Kind::File => (0o100_644, 1, stat.size),
    };
    writer.u64(BASIC_ATTRIBUTES);
    qid(writer, stat.kind, path);
    // Mode, user, group, links, device, size, block size, blocks of 512 bytes.
    writer.u32(mode).u32(0).u32(0).u64(links).u64(0).u64(size).u64(BLOCK_BYTES).u64(size.div_ceil(512));
    for _ in ["access", "modification", "status change"] {
        writer.u64(changed_ns / 1_000_000_000).u64(changed_ns % 1_000_000_000);
    }
    // Birth, generation and version of the data are not known.
    writer.u64(0).u64(0).u64(0).u64(0);
}
