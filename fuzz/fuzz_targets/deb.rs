//! Debian packages.
#![no_main]

use image::archive::ar;
use image::debian::deb::Deb;
use image::tree::{Spool, Tree};
use libfuzzer_sys::fuzz_target;
use std::fs::OpenOptions;

/// An archive whose members have these names and contents.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        bytes.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).bytes(),
        );
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

fn tarball(names: &[&str]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for name in names {
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        builder.append_data(&mut header, name, &b"text"[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

fn seeds() -> Vec<Vec<u8>> {
    let (control, data) = (tarball(&["control", "postinst"]), tarball(&["usr/bin/x"]));
    let package = |control: (&str, &[u8]), data: (&str, &[u8])| {
        archive(&[("debian-binary", b"2.0\n"), (control.0, control.1), (data.0, data.1)])
    };
    // An empty stream of each kind of compression: the smallest that decodes.
    let xz = b"\xfd7zXZ\0\0\x01\x69\x22\xde\x36\0\0\0\0\x1c\xdf\x44\x21\x90\x42\x99\x0d\0\0\0\0\x01YZ";
    let zstd = b"\x28\xb5\x2f\xfd\x20\0\x01\0\0";
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x03\0\0\0\0\0\0\0\0\0";
    vec![
        package(("control.tar", &control), ("data.tar", &data)),
        package(("control.tar.xz", xz), ("data.tar.zst", zstd)),
        package(("control.tar.gz", gzip), ("data.tar.xz", xz)),
    ]
}

fuzz_target!(init: fuzz::seed(seeds()), |data: &[u8]| {
    let _ = ar::members(data);
    let Ok(package) = Deb::open(data) else { return };
    let _ = package.control();
    let spool = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(fuzz::scratch().join("spool"));
    let _ = package.unpack(&mut Tree::new(), &mut Spool::new(spool.unwrap()), &|_| true);
});
