//! Snapshots: a run at a virtual instant, as a directory.
//!
//! ```text
//! DIR/manifest.toml    format, what it is of, every other file with its length and checksum; ends with its own
//! DIR/config.toml      the resolved configuration
//! DIR/run.bin          the run loop: output so far, command, pending input, network, random generators
//! DIR/n0/harts.bin     the node's registers         (each a section with a version of its own)
//! DIR/n0/progress.bin  its virtual time
//! DIR/n0/board.bin     its devices, with what they hold of disks that are written to in memory
//! DIR/n0/memory.ram    its memory; pages of zeros are holes
//! DIR/n0/memory-sums.bin  a checksum for each megabyte of it
//! ```
//!
//! Nothing in it depends on the engine, the number of threads, or the host.
//!
//! Invariant: a directory of this kind is whole or is not there. It is written under another name, brought to the disk, and
//! renamed; what stood in its place stays until then.

mod disks;
mod manifest;
mod memory;
mod read;
mod write;

pub use manifest::{Disk, Manifest, Memory, Section};
pub use read::Snapshot;
pub use write::{Draft, write};

use machine::state::StateError;
use std::path::{Path, PathBuf};

/// The version of the directory's layout.
pub const FORMAT: u64 = 1;

/// The manifest's name, by which a directory is known to be a snapshot.
const MANIFEST: &str = "manifest.toml";

/// Why a snapshot cannot be written or used.
#[derive(Debug)]
pub enum SnapshotError {
    /// The directory is no snapshot.
    NotOne {
        /// The directory.
        dir: PathBuf,
        /// What says so.
        reason: String,
    },
    /// It was made by a later version.
    Newer {
        /// What is newer: the format, or a section by its name.
        what: String,
        /// Its version.
        found: u64,
        /// The latest that is known here.
        known: u64,
    },
    /// A file of it is not as it was written.
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// A section does not fit the machine that the configuration describes.
    State {
        /// The section.
        section: String,
        /// Why.
        source: StateError,
    },
    /// Something that the run needs beside the snapshot is not as it was.
    Changed {
        /// What.
        what: String,
    },
    /// The host refused something.
    Host {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the host said.
        source: std::io::Error,
    },
}

impl SnapshotError {
    fn host<'a>(action: &'static str, path: &'a Path) -> impl Fn(std::io::Error) -> SnapshotError + 'a {
        move |source| SnapshotError::Host { action, path: path.to_owned(), source }
    }

    fn damaged(file: &Path, reason: impl Into<String>) -> SnapshotError {
        SnapshotError::Damaged { file: file.to_owned(), reason: reason.into() }
    }

    /// Whether it is the host's refusal, not the snapshot's fault.
    pub fn is_host(&self) -> bool {
        matches!(self, SnapshotError::Host { .. })
    }

    /// The way out, where there is one.
    pub fn help(&self) -> &'static str {
        match self {
            SnapshotError::NotOne { .. } => {
                "a snapshot is a directory made by `multivac run --snapshot-at WHEN=DIR`"
            }
            SnapshotError::Newer { .. } => "use the version of multivac that made it, or a later one",
            SnapshotError::Damaged { .. } => "make the snapshot anew",
            SnapshotError::State { .. } | SnapshotError::Changed { .. } | SnapshotError::Host { .. } => "",
        }
    }
}

impl std::fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SnapshotError::NotOne { dir, reason } => write!(f, "{} is no snapshot: {reason}", dir.display()),
            SnapshotError::Newer { what, found, known } => {
                write!(
                    f,
                    "the snapshot's {what} has version {found}, and this version of multivac reads up to {known}"
                )
            }
            SnapshotError::Damaged { file, reason } => write!(f, "{} is damaged: {reason}", file.display()),
            SnapshotError::State { section, source } => {
                write!(f, "the snapshot's section `{section}` is not of this machine: {source}")
            }
            SnapshotError::Changed { what } => write!(f, "the snapshot cannot go on: {what}"),
            SnapshotError::Host { action, path, source } => {
                write!(f, "cannot {action} {}: {source}", path.display())
            }
        }
    }
}

impl std::error::Error for SnapshotError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SnapshotError::State { source, .. } => Some(source),
            SnapshotError::Host { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
