//! Guest files from the host's file system, with a bound on what is read.

use crate::config::units::write_bytes;
use crate::exit::{Exit, Failure};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most that a program's or a kernel's file may have, debugging information included.
const PROGRAM_BYTES_MAX: u64 = 4 << 30;

/// Files read so far, each once for all nodes that need it.
#[derive(Default)]
pub(super) struct Files(BTreeMap<PathBuf, Arc<[u8]>>);

impl Files {
    /// A program: its file may be larger than the memory it takes.
    ///
    /// Errors: [`Exit::Image`] when it is not there or is no file.
    pub(super) fn program(&mut self, what: &str, path: &Path) -> Result<Arc<[u8]>, Failure> {
        self.once(what, path, (PROGRAM_BYTES_MAX, "a program's file", "it is no program"))
    }

    /// What goes into memory as it is.
    ///
    /// Errors: [`Exit::Image`] when it is not there, is no file, or is larger than memory.
    pub(super) fn within(
        &mut self,
        what: &str,
        path: &Path,
        memory_bytes: u64,
    ) -> Result<Arc<[u8]>, Failure> {
        self.once(what, path, (memory_bytes, "memory", "give the node more with --memory"))
    }

    fn once(&mut self, what: &str, path: &Path, room: Room) -> Result<Arc<[u8]>, Failure> {
        if let Some(bytes) = self.0.get(path).filter(|bytes| bytes.len() as u64 <= room.0) {
            return Ok(Arc::clone(bytes));
        }
        let bytes: Arc<[u8]> = read(what, path, room)?.into();
        self.0.insert(path.to_owned(), Arc::clone(&bytes));
        Ok(bytes)
    }
}

/// How much of a file is taken, what that is, and what helps when there is more.
type Room = (u64, &'static str, &'static str);

/// What to do about a file that the host does not give; empty where nothing is known.
pub(super) fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => "check who may read it",
        io::ErrorKind::IsADirectory => "name a file, not a folder",
        _ => "",
    }
}

fn read(what: &str, path: &Path, (bytes_max, room, help): Room) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: io::Error| {
        let cause = format!("cannot read the {what} {}: {error}", path.display());
        Failure::new(Exit::Image, cause, way_out(&error))
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > bytes_max {
        let cause =
            format!("the {what} {} is larger than {room}, {}", path.display(), write_bytes(bytes_max));
        return Err(Failure::new(Exit::Image, cause, help));
    }
    if bytes.is_empty() {
        let cause = format!("the {what} {} is empty", path.display());
        return Err(Failure::new(Exit::Image, cause, "get it again"));
    }
    Ok(bytes)
}
