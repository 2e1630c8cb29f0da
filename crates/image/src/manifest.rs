//! The manifest of a bundle: what is in it, and what it was made of.
//!
//! A text of lines, each a key and its words, in this order:
//!
//! ```text
//! multivac-image 1
//! distribution debian:13
//! release trixie 13.7
//! state unpacked
//! key 64-DIGITS
//! kernel-version 6.12.107+deb13-riscv64
//! file kernel BYTES SHA256
//! file initramfs BYTES SHA256
//! file root.squashfs BYTES SHA256
//! package NAME VERSION ARCHITECTURE SHA256
//! ...
//! end
//! ```
//!
//! Invariant: `end` is the last line, so a text cut short is seen as such. Equal inputs give equal
//! manifests: there is no time, host or path in them.

use crate::Sha256;
use std::fmt::{self, Write as _};

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its name in the bundle's folder.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its checksum.
    pub sha256: Sha256,
}

/// One Debian package that went into an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageEntry {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `riscv64` or `all`.
    pub architecture: String,
    /// The checksum of its `.deb`.
    pub sha256: Sha256,
}

/// What a bundle holds and what it was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// What was asked for: `debian:13`.
    pub distribution: String,
    /// Code name and version of the archive's release.
    pub release: String,
    /// `unpacked` or `configured`.
    pub state: String,
    /// The checksum over everything that determines the bundle; names its folder in the store.
    pub key: Sha256,
    /// What `uname -r` says in the guest.
    pub kernel_version: String,
    /// The bundle's files.
    pub files: Vec<FileEntry>,
    /// The packages in the root, by name.
    pub packages: Vec<PackageEntry>,
}

const FIRST_LINE: &str = "multivac-image 1";

impl Manifest {
    /// Reads a manifest's text.
    ///
    /// Errors: what is wrong, with the line's number.
    pub fn parse(text: &str) -> Result<Manifest, String> {
        let mut manifest = Manifest {
            distribution: String::new(),
            release: String::new(),
            state: String::new(),
            key: Sha256::of(b""),
            kernel_version: String::new(),
            files: Vec::new(),
            packages: Vec::new(),
        };
        let mut lines = text.lines().enumerate();
        match lines.next() {
            Some((_, FIRST_LINE)) => {}
            Some((_, other)) if other.starts_with("multivac-image ") => {
                return Err("its manifest is of another version of Multivac".into());
            }
            _ => return Err("its manifest does not start as one".into()),
        }
        for (index, line) in lines {
            let at = |what: &str| format!("manifest line {}: {what}", index + 1);
            if line == "end" {
                return Ok(manifest);
            }
            let (key, value) = line.split_once(' ').ok_or_else(|| at("no value"))?;
            let words: Vec<&str> = value.split(' ').collect();
            let checksum = |word: &str| Sha256::parse(word).ok_or_else(|| at("not a checksum"));
            match (key, words.as_slice()) {
                ("distribution", _) => manifest.distribution = value.into(),
                ("release", _) => manifest.release = value.into(),
                ("state", _) => manifest.state = value.into(),
                ("kernel-version", _) => manifest.kernel_version = value.into(),
                ("key", [word]) => manifest.key = checksum(word)?,
                ("file", [name, bytes, sum]) => manifest.files.push(FileEntry {
                    name: (*name).into(),
                    bytes: bytes.parse().map_err(|_| at("not a size"))?,
                    sha256: checksum(sum)?,
                }),
                ("package", [name, version, architecture, sum]) => manifest.packages.push(PackageEntry {
                    name: (*name).into(),
                    version: (*version).into(),
                    architecture: (*architecture).into(),
                    sha256: checksum(sum)?,
                }),
                _ => return Err(at("unknown")),
            }
        }
        Err("its manifest is cut short".into())
    }

    /// The entry of one file.
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        writeln!(text, "{FIRST_LINE}\ndistribution {}\nrelease {}", self.distribution, self.release)?;
        writeln!(text, "state {}\nkey {}\nkernel-version {}", self.state, self.key, self.kernel_version)?;
        for file in &self.files {
            writeln!(text, "file {} {} {}", file.name, file.bytes, file.sha256)?;
        }
        for PackageEntry { name, version, architecture, sha256 } in &self.packages {
            writeln!(text, "package {name} {version} {architecture} {sha256}")?;
        }
        writeln!(text, "end")?;
        f.write_str(&text)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> Manifest {
        Manifest {
            distribution: "debian:13".into(),
            release: "trixie 13.7".into(),
            state: "unpacked".into(),
            key: Sha256::of(b"key"),
            kernel_version: "6.12.0-riscv64".into(),
            files: vec![FileEntry { name: "kernel".into(), bytes: 3, sha256: Sha256::of(b"ker") }],
            packages: vec![PackageEntry {
                name: "dash".into(),
                version: "0.5.12-12".into(),
                architecture: "riscv64".into(),
                sha256: Sha256::of(b"dash"),
            }],
        }
    }

    #[test]
    fn a_manifest_reads_back_as_written() {
        assert_eq!(Manifest::parse(&sample().to_string()), Ok(sample()));
    }

    #[test]
    fn a_manifest_cut_anywhere_is_refused() {
        let text = sample().to_string();
        for end in 0..text.len() - 1 {
            assert!(Manifest::parse(&text[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn hostile_lines_are_refused_by_number() {
        let text = sample().to_string().replace(" 3 ", " three ");
        assert_eq!(Manifest::parse(&text), Err("manifest line 7: not a size".into()));
        assert!(Manifest::parse("multivac-image 2\nend\n").is_err_and(|e| e.contains("version")));
    }
}
