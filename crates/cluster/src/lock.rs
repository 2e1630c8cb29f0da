//! Locks on disk images, so that no two runs write to one, and none reads what another writes.
//!
//! Source: flock(2); proc_locks(5) for who holds one.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;

/// Locks a file for as long as it is open: against everyone to write, against writers to read.
///
/// Errors: [`io::ErrorKind::ResourceBusy`] when someone else's lock is in the way; the host's for a file to be
/// written. A file that is only read and cannot be locked is used without.
pub(crate) fn take(file: &File, writable: bool) -> io::Result<()> {
    let taken = if writable { file.try_lock() } else { file.try_lock_shared() };
    match taken {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let what = if writable { "another run uses it" } else { "another run is writing to it" };
            let who = holder(file).map_or_else(String::new, |pid| format!(", process {pid}"));
            Err(io::Error::new(io::ErrorKind::ResourceBusy, format!("{what}{who}")))
        }
        Err(TryLockError::Error(error)) if writable => Err(error),
        Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// Who holds a lock on a file, as far as the host tells.
fn holder(file: &File) -> Option<u32> {
    let data = file.metadata().ok()?;
    let inode = format!(":{}", data.ino());
    let device = format!("{:02x}:{:02x}", rustix::fs::major(data.dev()), rustix::fs::minor(data.dev()));
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        // Number, FLOCK, ADVISORY, READ or WRITE, process, device and inode, range.
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, process, place, ..] = words[..] else { return None };
        (place.strip_suffix(&inode)? == device).then(|| process.parse().ok())?
    })
}
