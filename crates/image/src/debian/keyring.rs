//! The keys that an archive's signature is checked against.

use crate::ImageError;
use crate::debian::clearsign::unarmored;
use crate::debian::openpgp::{self, Key};
use std::path::{Path, PathBuf};

/// Debian's automatic signing key for release 13, from the `debian-archive-keyring` package: lets a
/// host without that package check the archive.
const BUILT_IN: &[u8] = include_bytes!("../../keys/debian-archive-trixie-automatic.gpg");

/// Where Debian's packages put the archive's keys.
const OF_HOST: [&str; 2] =
    ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];

/// The keys of one file, armored or not.
///
/// Errors: [`ImageError::Host`], [`ImageError::Malformed`].
pub fn from_file(path: &Path) -> Result<Vec<Key>, ImageError> {
    let bytes = std::fs::read(path).map_err(ImageError::at(path))?;
    parse(&bytes).map_err(|reason| ImageError::malformed(path.display().to_string(), reason))
}

/// The keys in some bytes, armored or not.
///
/// Errors: what does not follow the format, or that there is none.
pub fn parse(bytes: &[u8]) -> Result<Vec<Key>, String> {
    let keys = openpgp::keys(&unarmored(bytes)?)?;
    if keys.is_empty() { Err("it holds no public key".into()) } else { Ok(keys) }
}

/// The keys to trust: those of `chosen` alone if given, else the built-in one and the host's.
///
/// Errors: [`ImageError::Host`], [`ImageError::Malformed`] for the chosen file.
pub fn trusted(chosen: Option<&Path>) -> Result<Vec<Key>, ImageError> {
    if let Some(path) = chosen {
        return from_file(path);
    }
    let mut keys = parse(BUILT_IN).map_err(|reason| ImageError::malformed("built-in key", reason))?;
    for path in OF_HOST.map(PathBuf::from) {
        // A host's keyring that cannot be read takes nothing away from the built-in key.
        keys.extend(from_file(&path).unwrap_or_default());
    }
    Ok(keys)
}
