//! Telling `perf` where blocks are: the map file that it looks for by the process's number.

use std::fs::File;
use std::io::{self, Write};

/// An open map file.
pub(crate) struct PerfMap {
    file: File,
}

impl PerfMap {
    /// Creates the file, or goes on with that of another node of this process.
    ///
    /// Errors: the host's.
    pub(crate) fn create() -> io::Result<PerfMap> {
        let path = format!("/tmp/perf-{}.map", std::process::id());
        Ok(PerfMap { file: File::options().create(true).append(true).open(path)? })
    }

    /// Names the code of `bytes` bytes at `address`, for a block at guest address `va`.
    pub(crate) fn block(&mut self, address: u64, bytes: usize, va: u64) {
        // A profile that lacks names is not worth ending a run for.
        let _ = writeln!(self.file, "{address:x} {bytes:x} guest_{va:x}");
    }
}
