//! Files under disks: a snapshot holds what nodes changed above them, and goes on only over the same ones.

use super::{Disk, SnapshotError};
use crate::disk::Checksum;
use std::path::{Path, PathBuf};

/// Describes `files`.
///
/// Errors: the host's, for one that cannot be read.
pub(super) fn of(files: &[PathBuf]) -> Result<Vec<Disk>, SnapshotError> {
    files.iter().map(|file| describe(file)).collect()
}

/// Compares `files` with what was described, in order, but for those `elsewhere` looked at.
///
/// Errors: another number of them, one that cannot be read, or one that differs.
pub(super) fn check(
    described: &[Disk],
    files: &[PathBuf],
    elsewhere: &[PathBuf],
) -> Result<(), SnapshotError> {
    if described.len() != files.len() {
        let what = format!("it was made with {} disks, and there are {}", described.len(), files.len());
        return Err(SnapshotError::Changed { what });
    }
    for (was, file) in described.iter().zip(files).filter(|(_, file)| !elsewhere.contains(file)) {
        let is = describe(file)?;
        if (is.bytes, &is.blake3) != (was.bytes, &was.blake3) {
            let what = format!("the disk {} is not as it was when the snapshot was made", file.display());
            return Err(SnapshotError::Changed { what });
        }
    }
    Ok(())
}

fn describe(path: &Path) -> Result<Disk, SnapshotError> {
    let sum = Checksum::of(path).map_err(SnapshotError::host("read", path))?;
    let blake3 = sum.hash.to_hex().to_string();
    Ok(Disk { file: path.to_string_lossy().into_owned(), bytes: sum.bytes, blake3 })
}
