//! Guest files from the host's file system, with a bound on what is read.

use crate::config::units::write_bytes;
use crate::exit::{Exit, Failure};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The most that a program's or a kernel's file may have, debugging information included.
const PROGRAM_BYTES_MAX: u64 = 4 << 30;

/// A program: its file may be larger than the memory it takes.
///
/// Errors: [`Exit::Image`] when it is not there or is no file.
pub(super) fn program(what: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    read(what, path, PROGRAM_BYTES_MAX, "a program's file")
}

/// What goes into memory as it is.
///
/// Errors: [`Exit::Image`] when it is not there, is no file, or is larger than memory.
pub(super) fn within(what: &str, path: &Path, memory_bytes: u64) -> Result<Vec<u8>, Failure> {
    read(what, path, memory_bytes, "memory")
}

fn read(what: &str, path: &Path, bytes_max: u64, room: &str) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: std::io::Error| {
        let help = match error.kind() {
            std::io::ErrorKind::NotFound => "check the path",
            std::io::ErrorKind::PermissionDenied => "check who may read it",
            _ => "",
        };
        Failure::new(Exit::Image, format!("cannot read the {what} {}: {error}", path.display()), help)
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > bytes_max {
        let cause =
            format!("the {what} {} is larger than {room}, {}", path.display(), write_bytes(bytes_max));
        return Err(Failure::new(Exit::Image, cause, "give the node more with --memory"));
    }
    if bytes.is_empty() {
        return Err(Failure::new(Exit::Image, format!("the {what} {} is empty", path.display()), ""));
    }
    Ok(bytes)
}
