//! Why a recording cannot be written or played back.

use std::fmt;
use std::path::PathBuf;

/// Why a recording cannot be written or played back.
#[derive(Debug)]
pub enum RecordError {
    /// The host did not take or give the file.
    Host {
        /// The file.
        path: PathBuf,
        /// The host's word for it.
        source: std::io::Error,
    },
    /// The file is no recording.
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is of another version.
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The file is a recording, and damaged.
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the part that is damaged begins.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A file that the recorded run read is another one now.
    Changed {
        /// What the file is for: `kernel`, `initrd`.
        what: String,
    },
    /// A disk holds something else now.
    Disk {
        /// Its file.
        path: PathBuf,
    },
    /// The recorded run read other files.
    Files {
        /// What one of them is for.
        what: String,
        /// Whether the recorded run read it, and this one does not.
        recorded: bool,
    },
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::Host { path, source } => write!(f, "the recording {}: {source}", path.display()),
            RecordError::Foreign { path } => write!(f, "{} is no recording of a run", path.display()),
            RecordError::Version { path, found } => {
                let known = super::format::VERSION;
                write!(
                    f,
                    "{} is a recording of version {found}; this program reads version {known}",
                    path.display()
                )
            }
            RecordError::Damaged { path, offset, what } => {
                write!(f, "the recording {} is damaged at byte {offset}: {what}", path.display())
            }
            RecordError::Changed { what } => write!(f, "the {what} is not the one that was recorded with"),
            RecordError::Disk { path } => {
                write!(f, "the disk {} is not as it was when the run was recorded", path.display())
            }
            RecordError::Files { what, recorded: true } => {
                write!(f, "the recorded run had a {what}, and this one has none")
            }
            RecordError::Files { what, recorded: false } => {
                write!(f, "this run has a {what}, and the recorded one had none")
            }
        }
    }
}

impl std::error::Error for RecordError {}
