//! What an image is made of, read back: its manifest, the head of its root, and a guest's answer to being configured.
#![no_main]

use fuzz::scratch_file;
use image::archive::{cpio, squashfs};
use image::tree::{Content, Meta, Node, Spool, Tree};
use libfuzzer_sys::fuzz_target;
use std::fs::OpenOptions;

const MANIFEST: &str = "multivac-image 1\ndistribution debian\nrelease 13\nstate unpacked\n\
    key e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nkernel-version 6\n\
    file kernel 5 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nend\n";

/// A tree as packages leave it.
fn unpacked() -> Tree {
    let mut tree = Tree::new();
    for name in ["etc/kept", "etc/gone", "dev/x"] {
        tree.insert(name.as_bytes(), Meta::root(0o644), Node::File(Content::bytes("old"))).unwrap();
    }
    tree
}

/// A guest's answer: the list of paths, then files.
fn answer(list: &[u8], files: &[(&str, tar::EntryType)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &str, kind: tar::EntryType, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        builder.append_data(&mut header, name, content).unwrap();
    };
    add(".multivac-paths", tar::EntryType::Regular, list);
    files
        .iter()
        .for_each(|(name, kind)| add(name, *kind, if *kind == tar::EntryType::Regular { b"x" } else { b"" }));
    builder.into_inner().unwrap()
}

fn seeds() -> Vec<Vec<u8>> {
    let path = scratch_file("seed", b"");
    squashfs::write(&unpacked(), &path, |_| {}).unwrap();
    let mut head = std::fs::read(path).unwrap();
    head.truncate(squashfs::SUPERBLOCK_BYTES);
    let kinds = [("etc/new", tar::EntryType::Regular), ("etc/dir", tar::EntryType::Directory)];
    vec![head, MANIFEST.into(), answer(b"./etc\0./etc/kept\0./etc/new\0./etc/dir", &kinds)]
}

fuzz_target!(init: fuzz::seed(seeds()), |data: &[u8]| {
    let _ = squashfs::check(data, data.len() as u64);
    if let Ok(manifest) = std::str::from_utf8(data).map_err(drop).and_then(|text| image::Manifest::parse(text).map_err(drop)) {
        assert_eq!(image::Manifest::parse(&manifest.to_string()), Ok(manifest));
    }
    let spool = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(fuzz::scratch().join("spool"));
    let mut tree = unpacked();
    if image::apply(&mut tree, &mut Spool::new(spool.unwrap()), data).is_ok() {
        cpio::write(&tree, &mut std::io::sink()).unwrap();
    }
});
