//! Takes a `.deb` apart.

use crate::archive::ar;
use crate::tree::{Content, Meta, Node, Spool, Tree};
use std::io::{self, Read};
use tar::EntryType;

/// The parts of a package.
#[derive(Debug)]
pub struct Deb<'a> {
    control: ar::Member<'a>,
    data: ar::Member<'a>,
}

/// A path that the package ships, as its list says it: starts with `/`.
pub type Shipped = Vec<Vec<u8>>;

/// No control archive is larger, uncompressed.
const CONTROL_BYTES_MAX: u64 = 64 << 20;
/// What a decoder may take, in KiB: Debian's tools write with dictionaries of 64 MiB at most.
const XZ_MEMORY_KIB: u32 = 1 << 17;

impl<'a> Deb<'a> {
    /// Opens a package in memory.
    ///
    /// Errors: the first thing that does not follow the format.
    /// Source: deb(5).
    pub fn open(bytes: &'a [u8]) -> Result<Deb<'a>, String> {
        let members = ar::members(bytes)?;
        let find = |prefix: &str| {
            let member = members.iter().find(|member| member.name.starts_with(prefix));
            member.copied().ok_or_else(|| format!("no {prefix} in the package"))
        };
        let version = find("debian-binary")?;
        if !version.content.starts_with(b"2.") {
            return Err("not a package of format 2".into());
        }
        Ok(Deb { control: find("control.tar")?, data: find("data.tar")? })
    }

    /// The files of the control archive: name and content, in its order.
    ///
    /// Errors: the first thing that does not follow the format.
    pub fn control(&self) -> Result<Vec<(String, u16, Vec<u8>)>, String> {
        let mut files = Vec::new();
        let reader = decoder(self.control)?.take(CONTROL_BYTES_MAX);
        let mut archive = tar::Archive::new(reader);
        for entry in archive.entries().map_err(text)? {
            let mut entry = entry.map_err(text)?;
            if entry.header().entry_type() != EntryType::Regular {
                continue;
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
            let mode = entry.header().mode().map_err(text)? & 0o7777;
            let mut content = Vec::new();
            entry.read_to_end(&mut content).map_err(text)?;
            files.push((name, u16::try_from(mode).map_err(|_| "a mode out of range")?, content));
        }
        Ok(files)
    }

    /// Unpacks the files into a tree, owners and modes as they are, if `wanted` says so of their path;
    /// returns what the package ships.
    ///
    /// Errors: the first thing that does not follow the format, or the spool's.
    pub fn unpack(
        &self,
        tree: &mut Tree,
        spool: &mut Spool,
        wanted: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Shipped, String> {
        let mut shipped = Shipped::new();
        let mut archive = tar::Archive::new(decoder(self.data)?);
        for entry in archive.entries().map_err(text)? {
            let mut entry = entry.map_err(text)?;
            let clean = absolute(&entry.path_bytes());
            shipped.push(if clean.is_empty() { b"/.".to_vec() } else { clean.clone() });
            if clean.is_empty() || !wanted(&clean) {
                continue;
            }
            let (meta, node) = node(&mut entry, tree, spool)?;
            tree.insert(&clean, meta, node)?;
        }
        Ok(shipped)
    }
}

/// `./usr/bin/` as `/usr/bin`, and the root as nothing.
fn absolute(path: &[u8]) -> Vec<u8> {
    let path =
        path.strip_prefix(b".").filter(|rest| matches!(rest.first(), None | Some(b'/'))).unwrap_or(path);
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let path = path.strip_suffix(b"/").unwrap_or(path);
    if path.is_empty() { Vec::new() } else { [b"/", path].concat() }
}

/// What one tar entry becomes.
pub(crate) fn node(
    entry: &mut tar::Entry<'_, impl Read>,
    tree: &Tree,
    spool: &mut Spool,
) -> Result<(Meta, Node), String> {
    let header = entry.header();
    let number = |value: io::Result<u64>| {
        value.map_err(text).and_then(|n| u32::try_from(n).map_err(|e| e.to_string()))
    };
    let mut meta = Meta {
        mode: u16::try_from(header.mode().map_err(text)? & 0o7777).map_err(|_| "a mode out of range")?,
        uid: number(header.uid())?,
        gid: number(header.gid())?,
        mtime: number(header.mtime())?,
    };
    let device = || -> Result<u32, String> {
        let major = header.device_major().map_err(text)?.unwrap_or(0);
        let minor = header.device_minor().map_err(text)?.unwrap_or(0);
        Ok((major & 0xfff) << 8 | (minor & 0xff))
    };
    let target = entry.link_name_bytes().map(|target| target.into_owned()).unwrap_or_default();
    let node = match header.entry_type() {
        EntryType::Directory => Node::Directory,
        EntryType::Regular | EntryType::Continuous => Node::File(spool.add(entry).map_err(text)?),
        EntryType::Symlink => Node::Symlink(target),
        EntryType::Link => {
            let (of, original) = tree.get(&target).ok_or("a hard link to a file that is not there")?;
            meta = *of;
            original.clone()
        }
        EntryType::Char => Node::Character(device()?),
        EntryType::Block => Node::Block(device()?),
        EntryType::Fifo => Node::Fifo,
        other => return Err(format!("an entry of kind {other:?}")),
    };
    Ok((meta, node))
}

/// Decompresses a member by what its name says.
pub(crate) fn decoder(member: ar::Member<'_>) -> Result<Box<dyn Read + '_>, String> {
    decompress(member.content, member.name)
}

/// Decompresses bytes by the end of their name: `.xz`, `.gz` or none.
pub(crate) fn decompress<'a>(bytes: &'a [u8], name: &str) -> Result<Box<dyn Read + 'a>, String> {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "xz" => Ok(Box::new(lzma_rust2::XzReader::new_mem_limit(bytes, true, XZ_MEMORY_KIB))),
        "gz" => Ok(Box::new(flate2::read::GzDecoder::new(bytes))),
        "zst" | "bz2" | "lzma" => Err(format!("{name}: this compression is not one that Debian 13 uses")),
        _ => Ok(Box::new(bytes)),
    }
}

fn text(error: io::Error) -> String {
    error.to_string()
}

/// All of a small file, in memory.
pub(crate) fn content(bytes: Vec<u8>) -> Node {
    Node::File(Content::bytes(bytes))
}
