//! A small Debian archive made of nothing: packages, index, signature, and a server that drops
//! connections.

mod packages;
mod server;
mod sign;

pub(crate) use packages::listing;
pub(crate) use server::Server;

use image::Sha256;
use packages::Entry;
use std::fs;
use std::path::{Path, PathBuf};

/// The packages that an image of the archive has, by name.
pub(crate) const IN_THE_ROOT: [&str; 8] =
    ["base-files", "busybox", "iproute2", "kmod", "mount", "netbase", "passwd", "procps"];

/// An archive in a temporary folder.
pub(crate) struct Archive {
    dir: tempfile::TempDir,
    packages: Vec<(String, String, Vec<u8>)>,
}

impl Archive {
    /// The archive, published.
    pub(crate) fn new() -> Archive {
        let mut archive =
            Archive { dir: tempfile::tempdir().expect("a temporary folder"), packages: Vec::new() };
        let base = [
            Entry::Link("./lib", "usr/lib"),
            Entry::Folder("./usr/lib"),
            Entry::File("./usr/bin/tool", 0o4755, 8, b"tool"),
            Entry::File("./lib/libtool.so", 0o644, 0, b"library"),
            Entry::File("./etc/tool.conf", 0o644, 0, b"configuration"),
        ];
        archive.add("base-files", "1", "Essential: yes\nPriority: required\n", &base);
        for name in &IN_THE_ROOT[1..] {
            let path = format!("./usr/share/doc/{name}");
            archive.add(name, "1", "", &[Entry::File(&path, 0o644, 0, name.repeat(2000).as_bytes())]);
        }
        archive.add("linux-image-riscv64", "1", "Depends: linux-image-6.1-test (= 1)\n", &[]);
        let mut image = vec![0; 5000];
        image[0x30..0x35].copy_from_slice(b"RISCV");
        image[0x38..0x3c].copy_from_slice(b"RSC\x05");
        let module = packages::module();
        let kernel = [
            Entry::File("./boot/vmlinux-6.1-test", 0o644, 0, &image),
            Entry::File("./usr/lib/modules/6.1-test/kernel/squashfs.ko", 0o644, 0, &module),
        ];
        archive.add("linux-image-6.1-test", "1", "", &kernel);
        archive.add("systemd-sysv", "1", "", &[]);
        for name in ["dbus", "libpam-systemd", "login", "udev"] {
            archive.add(name, "1", "", &[]);
        }
        archive.add("busybox-static", "1", "", &[Entry::File("./usr/bin/busybox", 0o755, 0, b"static")]);
        archive.publish();
        archive
    }

    /// The mirror's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// The key that signs it.
    pub(crate) fn keyring(&self) -> PathBuf {
        self.folder().join("key.gpg")
    }

    /// Where a package is.
    pub(crate) fn package(&self, name: &str) -> PathBuf {
        self.folder().join(format!("pool/{name}.deb"))
    }

    /// Gives a package another version.
    pub(crate) fn change(&mut self, name: &str, version: &str) {
        let at = self.packages.iter().position(|(known, ..)| known == name).expect("a package");
        let more = "Essential: yes\nPriority: required\n";
        self.packages.remove(at);
        self.add(name, version, more, &[Entry::File("./usr/bin/tool", 0o755, 0, version.as_bytes())]);
    }

    fn add(&mut self, name: &str, version: &str, more: &str, files: &[Entry<'_>]) {
        let about = format!("Package: {name}\nVersion: {version}\nArchitecture: riscv64\n{more}");
        let deb = packages::deb(&about, files);
        self.packages.push((name.to_owned(), about, deb));
    }

    /// Writes packages, index and signed release.
    pub(crate) fn publish(&self) {
        let mut index = String::new();
        let write = |path: &str, bytes: &[u8]| {
            let path = self.folder().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, bytes).expect("written");
        };
        for (name, about, deb) in &self.packages {
            write(&format!("pool/{name}.deb"), deb);
            let (size, sum) = (deb.len(), Sha256::of(deb));
            index += &format!("{about}Filename: pool/{name}.deb\nSize: {size}\nSHA256: {sum}\n\n");
        }
        write("dists/trixie/main/binary-riscv64/Packages", index.as_bytes());
        let sum = Sha256::of(index.as_bytes());
        let size = index.len();
        let release =
            format!("Codename: trixie\nVersion: 13.7\nSHA256:\n {sum} {size} main/binary-riscv64/Packages");
        write("dists/trixie/InRelease", sign::clearsigned(&release).as_bytes());
        write("key.gpg", &sign::public_key());
    }
}
