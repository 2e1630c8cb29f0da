//! Debian's kernel package: the kernel, and the modules that a machine of ours needs.

use crate::debian::deb::decompress;
use crate::tree::{Node, Tree};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

/// No module is larger, uncompressed.
const MODULE_BYTES_MAX: u64 = 256 << 20;

/// Checks that bytes are an uncompressed RISC-V Linux `Image`.
///
/// Errors: what else they seem to be.
/// Source: the kernel's RISC-V boot image header.
pub fn check_image(bytes: &[u8]) -> Result<(), String> {
    if bytes.get(0x38..0x3c) == Some(b"RSC\x05") && bytes.get(0x30..0x35) == Some(b"RISCV") {
        return Ok(());
    }
    Err(match bytes {
        [0x1f, 0x8b, ..] => "a compressed kernel: only an uncompressed Image boots".into(),
        _ => "not a RISC-V kernel Image".into(),
    })
}

/// The modules of one kernel package.
#[derive(Debug)]
pub struct Modules {
    /// What `uname -r` says.
    pub version: String,
    /// Path in the package by module name (with `_` for `-`).
    paths: BTreeMap<String, Vec<u8>>,
}

impl Modules {
    /// Finds the modules in the tree of an unpacked kernel package.
    ///
    /// Errors: there are none.
    pub fn find(tree: &Tree) -> Result<Modules, String> {
        let mut paths = BTreeMap::new();
        let mut version = None;
        for (path, _, node) in tree.entries() {
            let Some(rest) = after(path, b"lib/modules/") else { continue };
            let Ok(rest) = std::str::from_utf8(rest) else { continue };
            let file = rest.rsplit('/').next().unwrap_or("");
            if let (Node::File(_), Some((name, "" | ".xz" | ".gz"))) = (node, file.rsplit_once(".ko")) {
                version = version.or_else(|| rest.split('/').next().map(str::to_owned));
                paths.insert(name.replace('-', "_"), path.to_vec());
            }
        }
        let version = version.ok_or("no kernel modules in the package")?;
        Ok(Modules { version, paths })
    }

    /// Has the package this module? (If not, it may be part of the kernel.)
    pub fn has(&self, name: &str) -> bool {
        self.paths.contains_key(name)
    }

    /// A module's uncompressed bytes.
    ///
    /// Errors: that it is not there, or does not follow its format.
    pub fn read(&self, tree: &Tree, name: &str) -> Result<Vec<u8>, String> {
        let wrong = |reason: &dyn std::fmt::Display| format!("module {name}: {reason}");
        let path = self.paths.get(name).ok_or_else(|| wrong(&"not in the kernel package"))?;
        let content = tree.file(path).ok_or_else(|| wrong(&"not a file"))?;
        let stored = content.read_all().map_err(|error| wrong(&error))?;
        let mut bytes = Vec::new();
        let reader = decompress(&stored, &String::from_utf8_lossy(path)).map_err(|error| wrong(&error))?;
        reader.take(MODULE_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| wrong(&error))?;
        Ok(bytes)
    }

    /// The wanted modules and what they need, each after what it needs, with its uncompressed bytes.
    ///
    /// Errors: a module that cannot be read.
    pub fn closure(&self, tree: &Tree, wanted: &[&str]) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut done = BTreeSet::new();
        let mut ordered = Vec::new();
        for name in wanted.iter().filter(|name| self.has(name)) {
            self.visit(tree, name, &mut done, &mut ordered)?;
        }
        Ok(ordered)
    }

    fn visit(
        &self,
        tree: &Tree,
        name: &str,
        done: &mut BTreeSet<String>,
        ordered: &mut Vec<(String, Vec<u8>)>,
    ) -> Result<(), String> {
        if !done.insert(name.to_owned()) {
            return Ok(());
        }
        let bytes = self.read(tree, name)?;
        for needed in needs(&bytes).map_err(|error| format!("module {name}: {error}"))? {
            self.visit(tree, &needed.replace('-', "_"), done, ordered)?;
        }
        ordered.push((name.to_owned(), bytes));
        Ok(())
    }
}

fn after<'a>(path: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = path.windows(mark.len()).position(|window| window == mark)?;
    Some(&path[at + mark.len()..])
}

/// The names in a module's `depends=` entry.
///
/// Errors: as [`information`].
pub fn needs(elf: &[u8]) -> Result<Vec<String>, String> {
    let lists = information(elf, "depends")?;
    let names = lists.first().map_or("", String::as_str).split(',');
    Ok(names.filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// What a module says of itself under `key`, in order.
///
/// Errors: not a 64-bit little-endian ELF file, or one whose section table leads out of it.
/// Source: ELF-64 object file format; the kernel's `.modinfo` section.
pub fn information(elf: &[u8], key: &str) -> Result<Vec<String>, String> {
    let field = |at: usize, size: usize| -> Result<usize, String> {
        let bytes = at.checked_add(size).and_then(|end| elf.get(at..end)).ok_or("leads out of the file")?;
        let value = bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        usize::try_from(value).map_err(|_| "a number out of range".into())
    };
    if elf.get(..6) != Some(&[0x7f, b'E', b'L', b'F', 2, 1]) {
        return Err("not a 64-bit little-endian ELF file".into());
    }
    let (table, size, count, names) = (field(0x28, 8)?, field(0x3a, 2)?, field(0x3c, 2)?, field(0x3e, 2)?);
    let header = |index: usize| {
        index.checked_mul(size).and_then(|offset| offset.checked_add(table)).ok_or("leads out of the file")
    };
    let section = |header: usize| -> Result<&[u8], String> {
        let (start, len) = (field(header.saturating_add(0x18), 8)?, field(header.saturating_add(0x20), 8)?);
        let end = start.checked_add(len).ok_or("leads out of the file")?;
        elf.get(start..end).ok_or_else(|| "leads out of the file".into())
    };
    let names = section(header(names)?)?;
    for index in 0..count {
        let header = header(index)?;
        let name = names.get(field(header, 4)?..).ok_or("a section's name leads out of the file")?;
        if name.starts_with(b".modinfo\0") {
            let entries = section(header)?.split(|byte| *byte == 0);
            let values = entries.filter_map(|entry| entry.strip_prefix(key.as_bytes())?.strip_prefix(b"="));
            let text = |value: &[u8]| {
                String::from_utf8(value.to_vec()).map_err(|_| "an entry that is not text".into())
            };
            return values.map(text).collect();
        }
    }
    Ok(Vec::new())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::tree::{Content, Meta};

    /// A module that needs others.
    pub(crate) fn module(needs: &str) -> Vec<u8> {
        let names = b"\0.modinfo\0".to_vec();
        let info = format!("license=GPL\0depends={needs}\0").into_bytes();
        let mut elf = vec![0; 0x40];
        elf[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
        let table = 0x40 + names.len() + info.len();
        elf[0x28..0x30].copy_from_slice(&(table as u64).to_le_bytes());
        elf[0x3a] = 0x40;
        elf[0x3c] = 2;
        let info_at = 0x40 + names.len();
        elf.extend_from_slice(&names);
        elf.extend_from_slice(&info);
        for (name, start, len) in [(0u32, 0x40, names.len()), (1, info_at, info.len())] {
            let mut header = [0; 0x40];
            header[..4].copy_from_slice(&name.to_le_bytes());
            header[0x18..0x20].copy_from_slice(&(start as u64).to_le_bytes());
            header[0x20..0x28].copy_from_slice(&(len as u64).to_le_bytes());
            elf.extend_from_slice(&header);
        }
        elf
    }

    #[test]
    fn modules_come_after_what_they_need() {
        let mut tree = Tree::new();
        for (name, needed) in [("a", "b,c-x"), ("b", "c_x"), ("c-x", ""), ("unused", "")] {
            let path = format!("usr/lib/modules/6.1-x/kernel/{name}.ko");
            let file = Node::File(Content::bytes(module(needed)));
            tree.insert(path.as_bytes(), Meta::root(0o644), file).expect("inserted");
        }
        let modules = Modules::find(&tree).expect("modules");
        assert_eq!(modules.version, "6.1-x");
        let ordered = modules.closure(&tree, &["a", "builtin"]).expect("closure");
        let names: Vec<_> = ordered.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["c_x", "b", "a"]);
    }

    #[test]
    fn hostile_modules_are_refused() {
        let good = module("a");
        assert_eq!(needs(&good), Ok(vec!["a".to_owned()]));
        for end in 0..good.len() {
            let _ = needs(&good[..end]);
        }
        assert!(needs(&good[..0x3f]).is_err() && needs(&good[..good.len() - 0x20]).is_err());
        for at in 0x28..0x40 {
            let mut bad = good.clone();
            bad[at] = 0xff;
            let _ = needs(&bad);
        }
    }

    #[test]
    fn kernels_are_told_from_other_files() {
        let mut image = vec![0; 0x40];
        image[0x30..0x35].copy_from_slice(b"RISCV");
        image[0x38..0x3c].copy_from_slice(b"RSC\x05");
        assert_eq!(check_image(&image), Ok(()));
        assert!(check_image(&image[..0x3a]).is_err());
        assert!(check_image(b"\x1f\x8b\x08").is_err_and(|error| error.contains("compressed")));
    }
}
