//! The manifest: what a snapshot is of, and what its files must be.
//!
//! It is TOML whose last line, a comment, is the checksum of all before it.

use super::{FORMAT, MANIFEST, SnapshotError};
use blake3::Hash;
use serde::{Deserialize, Serialize};
use std::path::Path;

const KIND: &str = "multivac snapshot";
const SEAL: &str = "# blake3 of the lines above: ";

/// What a snapshot says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always the same words.
    pub(super) kind: String,
    /// The version of the layout.
    pub format: u64,
    /// The version of the program that made it.
    pub program: String,
    /// What ran, in words.
    pub what: String,
    /// The instant.
    pub virtual_ns: u64,
    /// Instructions executed by then, all harts of all nodes together.
    pub instructions: u64,
    /// Files that are read whole.
    #[serde(default, rename = "section")]
    pub sections: Vec<Section>,
    /// Memories of nodes.
    #[serde(default, rename = "memory")]
    pub memories: Vec<Memory>,
    /// Files under the nodes' disks, which are no part of the snapshot and must be as they were.
    #[serde(default, rename = "disk")]
    pub disks: Vec<Disk>,
}

/// A file under a disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Where it was.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its checksum.
    pub blake3: String,
}

/// A file that is read whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Its name: the path without the extension.
    pub name: String,
    /// The version of its layout.
    pub version: u32,
    /// Its length.
    pub bytes: u64,
    /// Its checksum.
    pub blake3: String,
}

/// A node's memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// The node.
    pub node: String,
    /// Its size.
    pub bytes: u64,
    /// How much of it is not zero, in whole pages.
    pub filled_bytes: u64,
}

/// What is read first, of any format.
#[derive(Deserialize)]
struct Head {
    kind: String,
    format: u64,
}

impl Manifest {
    /// A manifest of nothing yet.
    pub(super) fn new(what: &str, virtual_ns: u64, instructions: u64) -> Manifest {
        Manifest {
            kind: KIND.to_owned(),
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            what: what.to_owned(),
            virtual_ns,
            instructions,
            ..Manifest::default()
        }
    }

    /// The text of the file.
    ///
    /// Errors: a value that TOML cannot hold: a number above 2^63.
    pub(super) fn text(&self) -> Result<String, String> {
        let body = toml::to_string(self).map_err(|error| error.to_string())?;
        let sum = blake3::hash(body.as_bytes());
        Ok(format!("{body}{SEAL}{sum}\n"))
    }

    /// Reads the manifest in `dir`.
    ///
    /// Errors: [`SnapshotError`], when it is none, of a later format, or damaged.
    pub(super) fn read(dir: &Path) -> Result<Manifest, SnapshotError> {
        let path = dir.join(MANIFEST);
        let not_one = |reason: &str| SnapshotError::NotOne { dir: dir.to_owned(), reason: reason.to_owned() };
        let bytes = std::fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound if dir.exists() => not_one("it has no manifest.toml"),
            std::io::ErrorKind::NotFound => not_one("it is not there"),
            std::io::ErrorKind::NotADirectory => not_one("it is not a directory"),
            _ => SnapshotError::host("read", &path)(error),
        })?;
        let text = String::from_utf8(bytes).map_err(|_| SnapshotError::damaged(&path, "it is not text"))?;
        // The format comes first: a later one may have another seal.
        let head: Option<Head> = toml::from_str(&text).ok();
        match &head {
            Some(head) if head.kind != KIND => return Err(not_one("its manifest is of something else")),
            Some(head) if head.format > FORMAT => {
                let what = "format".to_owned();
                return Err(SnapshotError::Newer { what, found: head.format, known: FORMAT });
            }
            _ => {}
        }
        let lines = text.strip_suffix('\n').and_then(|text| text.rsplit_once(SEAL));
        let sealed = lines.and_then(|(body, sum)| Some((body, Hash::from_hex(sum).ok()?)));
        let Some((body, sum)) = sealed else {
            return Err(SnapshotError::damaged(&path, "its last line, the checksum, is missing"));
        };
        if blake3::hash(body.as_bytes()) != sum {
            return Err(SnapshotError::damaged(&path, "its checksum differs"));
        }
        let manifest: Manifest =
            toml::from_str(body).map_err(|error| SnapshotError::damaged(&path, error.to_string()))?;
        if let Some(name) = manifest.names().find(|name| !is_plain(name)) {
            return Err(SnapshotError::damaged(
                &path,
                format!("`{name}` is no name of a file of a snapshot"),
            ));
        }
        Ok(manifest)
    }

    /// The section of that name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let sections = self.sections.iter().map(|section| section.name.as_str());
        sections.chain(self.memories.iter().map(|memory| memory.node.as_str()))
    }
}

/// Whether a name leads nowhere but into the snapshot.
fn is_plain(name: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.split('/').all(word)
}
