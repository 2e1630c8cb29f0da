//! What can go wrong with images.

use std::io;
use std::path::{Path, PathBuf};

/// Why an image could not be made, found or read.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The store has no image of that name.
    #[error("no image is named `{name}`")]
    NoSuchImage {
        /// The name asked for.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// A name that cannot be an image's.
    #[error("`{0}` cannot be an image's name: letters, digits, `-`, `_` and `.`, at most 64, no dot first")]
    BadName(String),
    /// An image that is not whole.
    #[error("the image in {} is damaged: {what}", dir.display())]
    Damaged {
        /// The bundle's folder.
        dir: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The host refused a file operation.
    #[error("{}: {source}", path.display())]
    Host {
        /// The file.
        path: PathBuf,
        /// The host's reason.
        source: io::Error,
    },
    /// No Debian mirror is known.
    #[error("no Debian mirror is known")]
    NoMirror,
    /// A distribution that is not offered.
    #[error("`{0}` is not a distribution that can be built: `debian:13` is")]
    UnknownDistribution(String),
    /// Something could not be fetched.
    #[error("fetching {url}: {reason}")]
    Fetch {
        /// The address.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The archive's index is not signed by a known key.
    #[error("{url}: {reason}")]
    Untrusted {
        /// The signed file.
        url: String,
        /// What is wrong with the signature.
        reason: String,
    },
    /// Something fetched is not what the signed index promises.
    #[error("{url}: {reason}")]
    Mismatch {
        /// The address.
        url: String,
        /// The difference.
        reason: String,
    },
    /// A package that the archive does not have, or whose dependencies cannot be met.
    #[error("{0}")]
    Unsatisfiable(String),
    /// A file of a package or an index that does not follow its format.
    #[error("{what}: {reason}")]
    Malformed {
        /// The file.
        what: String,
        /// The first thing wrong in it.
        reason: String,
    },
}

impl ImageError {
    /// Attaches a path to a host's error.
    pub(crate) fn at(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> ImageError {
        let path = path.as_ref().to_owned();
        move |source| ImageError::Host { path, source }
    }

    pub(crate) fn malformed(what: impl Into<String>, reason: impl Into<String>) -> ImageError {
        ImageError::Malformed { what: what.into(), reason: reason.into() }
    }

    /// Does the host stand in the way, rather than the image or the archive?
    pub fn is_host(&self) -> bool {
        matches!(self, ImageError::Host { .. } | ImageError::Fetch { .. })
    }

    /// What a person can do about it; empty when the message says it all.
    pub fn help(&self) -> String {
        match self {
            ImageError::NoSuchImage { known, .. } if known.is_empty() => {
                "there are none yet: `multivac image build debian:13 --unpack-only` makes one".into()
            }
            ImageError::NoSuchImage { known, .. } => format!("there are: {}", known.join(", ")),
            ImageError::Damaged { .. } => "build it again, or remove it with `multivac image rm`".into(),
            ImageError::NoMirror => "name one with `--mirror URL` (http:// or a folder), or do without an \
                image: `multivac run --kernel FILE --initrd FILE --disk FILE` takes a kernel, an initrd \
                and a root of your own"
                .into(),
            ImageError::Untrusted { .. } => "another archive's key is given with `--keyring FILE`".into(),
            ImageError::Host { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "the disk is full; nothing was changed. MULTIVAC_HOME moves the store elsewhere".into()
            }
            ImageError::Fetch { reason, .. } if reason.contains("does not have") => {
                "check the mirror's address: it ends where its folder `dists` is".into()
            }
            ImageError::Fetch { .. } => {
                "what was fetched is kept: the same command goes on from there".into()
            }
            _ => String::new(),
        }
    }
}
