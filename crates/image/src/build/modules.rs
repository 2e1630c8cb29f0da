//! The modules of a root, with the indices by which `modprobe` and the kernel find them.

use crate::debian::deb::content;
use crate::kernel::{self, Modules};
use crate::tree::{Meta, Node, Tree};
use std::collections::BTreeMap;

/// Modules that guests are likely to want later; the ones that boot needs are in the initramfs.
const MODULES: [&str; 15] = [
    "9p",
    "bridge",
    // The ext4 file system asks for it by its alias.
    "crc32c_generic",
    "erofs",
    "ext4",
    "fuse",
    "isofs",
    "kvm",
    "loop",
    "nls_ascii",
    "overlay",
    "tun",
    "veth",
    "vfat",
    "virtio_rng",
];

/// Puts modules, uncompressed, where `modprobe` looks for them.
///
/// Errors: a module that cannot be read.
pub(super) fn add(tree: &mut Tree, modules: &Modules, kernel: &Tree) -> Result<(), String> {
    let folder = format!("usr/lib/modules/{}", modules.version);
    let mut lines = String::new();
    let (mut dependencies, mut aliases) = (Index::default(), Index::default());
    for (name, bytes) in modules.closure(kernel, &MODULES)? {
        let needed = kernel::needs(&bytes)?;
        let path = |name: &str| format!("kernel/{}.ko", name.replace('-', "_"));
        let needed: Vec<String> = needed
            .iter()
            .filter(|name| modules.has(&name.replace('-', "_")))
            .map(|name| path(name))
            .collect();
        let line = format!("{}: {}", path(&name), needed.join(" "));
        lines.push_str(&format!("{line}\n"));
        dependencies.add(&name, line.trim_end());
        for alias in kernel::information(&bytes, "alias")? {
            aliases.add(&normal(&alias), &name);
        }
        tree.insert(format!("{folder}/{}", path(&name)).as_bytes(), Meta::root(0o644), content(bytes))?;
    }
    for (name, bytes) in [
        ("modules.dep", lines.into_bytes()),
        ("modules.dep.bin", dependencies.bytes()),
        ("modules.alias.bin", aliases.bytes()),
    ] {
        tree.insert(format!("{folder}/{name}").as_bytes(), Meta::root(0o644), content(bytes))?;
    }
    // A whole kernel package in the root has these; `depmod` reads them.
    for name in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
        let path = format!("{folder}/{name}");
        if let Some(file) = kernel.file(path.as_bytes()).cloned() {
            tree.insert(path.as_bytes(), Meta::root(0o644), Node::File(file))?;
        }
    }
    Ok(())
}

/// An alias as it is looked up: hyphens are underscores, but for those in a set of characters.
fn normal(alias: &str) -> String {
    let mut in_set = false;
    let one = |c| {
        in_set = c == '[' || in_set && c != ']';
        if c == '-' && !in_set { '_' } else { c }
    };
    alias.chars().map(one).collect()
}

/// A map from names to texts, in the form that kmod reads: a trie with shared prefixes.
///
/// Source: kmod, `libkmod/libkmod-index.h`.
#[derive(Default)]
struct Index(BTreeMap<Vec<u8>, Vec<String>>);

impl Index {
    const MAGIC: u32 = 0xb007_f457;
    const VERSION: u32 = 0x0002_0001;
    const HAS_PREFIX: u32 = 0x8000_0000;
    const HAS_VALUES: u32 = 0x4000_0000;
    const HAS_CHILDREN: u32 = 0x2000_0000;

    /// Adds a text for `name`; names that are not ASCII are nobody's.
    fn add(&mut self, name: &str, text: &str) {
        if name.is_ascii() {
            self.0.entry(name.as_bytes().to_vec()).or_default().push(text.to_owned());
        }
    }

    fn bytes(self) -> Vec<u8> {
        let mut out = Vec::new();
        for word in [Index::MAGIC, Index::VERSION, 0] {
            out.extend(word.to_be_bytes());
        }
        let entries: Vec<Entry<'_>> = self.0.iter().map(|(name, texts)| (&name[..], &texts[..])).collect();
        let root = node(&mut out, &entries);
        out[8..12].copy_from_slice(&root.to_be_bytes());
        out
    }
}

/// What is left of a name below a node, and its texts.
type Entry<'a> = (&'a [u8], &'a [String]);

/// Writes the node for `entries`, in order, behind its children; returns where it is, with what it has.
fn node(out: &mut Vec<u8>, entries: &[Entry<'_>]) -> u32 {
    let (first, last) =
        (entries.first().map_or(&b""[..], |entry| entry.0), entries.last().map_or(&b""[..], |e| e.0));
    let shared = first.iter().zip(last).take_while(|(a, b)| a == b).count();
    let texts = entries.first().filter(|entry| entry.0.len() == shared).map_or(&[][..], |entry| entry.1);
    let longer = entries.iter().filter(|entry| entry.0.len() > shared);
    let mut children: BTreeMap<u8, Vec<Entry<'_>>> = BTreeMap::new();
    for (name, texts) in longer {
        children.entry(name[shared]).or_default().push((&name[shared + 1..], texts));
    }
    let places: BTreeMap<u8, u32> = children.iter().map(|(byte, below)| (*byte, node(out, below))).collect();

    let mut place = u32::try_from(out.len()).unwrap_or(0);
    if shared > 0 {
        place |= Index::HAS_PREFIX;
        out.extend_from_slice(&first[..shared]);
        out.push(0);
    }
    if let (Some((from, _)), Some((to, _))) = (places.first_key_value(), places.last_key_value()) {
        place |= Index::HAS_CHILDREN;
        out.extend([*from, *to]);
        for byte in *from..=*to {
            out.extend(places.get(&byte).unwrap_or(&0).to_be_bytes());
        }
    }
    if !texts.is_empty() {
        place |= Index::HAS_VALUES;
        out.extend(u32::try_from(texts.len()).unwrap_or(0).to_be_bytes());
        for (priority, text) in (0u32..).zip(texts) {
            out.extend(priority.to_be_bytes());
            out.extend_from_slice(text.as_bytes());
            out.push(0);
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of `name`, looked up as kmod does.
    fn found(index: &[u8], name: &str) -> Vec<String> {
        let word = |at: usize| u32::from_be_bytes(index[at..at + 4].try_into().expect("four bytes"));
        let string = |at: usize| index[at..].split(|byte| *byte == 0).next().expect("an end");
        let mut place = word(8);
        let mut rest = name.as_bytes();
        loop {
            let mut at = (place & 0x0fff_ffff) as usize;
            if place & Index::HAS_PREFIX != 0 {
                let prefix = string(at);
                at += prefix.len() + 1;
                let Some(tail) = rest.strip_prefix(prefix) else { return Vec::new() };
                rest = tail;
            }
            let mut next = 0;
            if place & Index::HAS_CHILDREN != 0 {
                let (from, to) = (index[at], index[at + 1]);
                if let Some(byte) = rest.first().filter(|byte| (from..=to).contains(byte)) {
                    next = word(at + 2 + 4 * usize::from(byte - from));
                }
                at += 2 + 4 * (usize::from(to - from) + 1);
            }
            if rest.is_empty() {
                let count = if place & Index::HAS_VALUES != 0 { word(at) } else { 0 };
                at += 4;
                let text = |_| {
                    let text = string(at + 4);
                    at += 4 + text.len() + 1;
                    String::from_utf8(text.to_vec()).expect("text")
                };
                return (0..count).map(text).collect();
            }
            if next == 0 {
                return Vec::new();
            }
            (place, rest) = (next, &rest[1..]);
        }
    }

    #[test]
    fn names_are_found_and_others_are_not() {
        let pairs = [("ext4", "a"), ("ext2", "b"), ("ext", "c"), ("9p", "d"), ("crypto_crc32c", "e")];
        let mut index = Index::default();
        pairs.iter().for_each(|(name, text)| index.add(name, text));
        index.add("ext4", "second");
        let bytes = index.bytes();
        assert_eq!(found(&bytes, "ext4"), ["a", "second"]);
        for (name, text) in &pairs[1..] {
            assert_eq!(found(&bytes, name), [*text], "{name}");
        }
        for name in ["", "ex", "ext3", "ext44", "zz", "9"] {
            assert!(found(&bytes, name).is_empty(), "{name}");
        }
        assert!(found(&Index::default().bytes(), "ext4").is_empty());
    }

    #[test]
    fn aliases_have_underscores_outside_of_sets() {
        assert_eq!(normal("fs-ext4"), "fs_ext4");
        assert_eq!(normal("of:N*T*C[0-9]-x"), "of:N*T*C[0-9]_x");
    }
}
