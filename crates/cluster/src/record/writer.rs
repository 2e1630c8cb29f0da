//! Writing a recording as the run goes on.

use super::failure::RecordError;
use super::format::{self, Check, Head, Kind};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What the name of a recording ends in while the run goes on, or was killed.
pub const PARTIAL: &str = ".partial";
/// Virtual time between two marks of how far the run came.
const MARK_NS: u64 = 50_000_000;

/// A recording being written, under a name that ends in [`PARTIAL`] until it is whole.
///
/// Invariant: after a refusal of the host's nothing more is written; what is in the file stays readable up to there.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    file: File,
    waiting: Vec<u8>,
    check: Check,
    now_ns: u64,
    marked_ns: u64,
    refused: Option<io::Error>,
    /// Bytes written or waiting.
    bytes: u64,
}

/// Where a recording is while it is written.
fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PARTIAL);
    name.into()
}

impl Recorder {
    /// Begins a recording of a run with this configuration; what was at `path` stays until the recording is whole.
    ///
    /// Errors: the host's.
    pub fn create(path: &Path, configuration: &str) -> Result<Recorder, RecordError> {
        let refused = |source| RecordError::Host { path: partial(path), source };
        let file = File::create(partial(path)).map_err(refused)?;
        let header = format::header(configuration);
        if let Err(error) = (&file).write_all(&header) {
            // There is nothing in it for anybody.
            let _ = std::fs::remove_file(partial(path));
            return Err(refused(error));
        }
        Ok(Recorder {
            path: path.to_owned(),
            file,
            waiting: Vec::new(),
            check: format::first_check(&header),
            now_ns: 0,
            marked_ns: 0,
            refused: None,
            bytes: header.len() as u64,
        })
    }

    /// Adds an entry.
    pub(super) fn put(&mut self, kind: Kind, flags: u8, node: u16, at_ns: u64, payload: &[u8]) {
        if self.refused.is_some() {
            return;
        }
        let length = payload.len();
        if length > format::PAYLOAD_BYTES_MAX {
            self.refused = Some(io::ErrorKind::FileTooLarge.into());
            return;
        }
        let head = Head { length, kind, flags, node, at_ns };
        let before = self.waiting.len();
        self.check = format::append(&mut self.waiting, &self.check, head, payload);
        self.bytes += (self.waiting.len() - before) as u64;
    }

    /// Adds an entry of the epoch that runs.
    pub(super) fn put_now(&mut self, kind: Kind, node: u16, payload: &[u8]) {
        self.put(kind, 0, node, self.now_ns, payload);
    }

    /// Begins an epoch, and hands what waits to the host.
    pub(super) fn epoch(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
        if now_ns >= self.marked_ns.saturating_add(MARK_NS) {
            self.marked_ns = now_ns;
            self.put_now(Kind::Mark, 0, &[]);
        }
        self.hand_over();
    }

    fn hand_over(&mut self) {
        if !self.waiting.is_empty() && self.refused.is_none() {
            self.refused = self.file.write_all(&self.waiting).err();
            self.waiting.clear();
        }
    }

    /// Ends the recording and gives it its name; its size in bytes.
    ///
    /// Errors: what the host refused, now or before; what was written until then is kept beside.
    pub(super) fn finish(&mut self) -> Result<u64, RecordError> {
        self.hand_over();
        let written = match self.refused.take() {
            Some(error) => Err(error),
            None => self.file.sync_all().and_then(|()| std::fs::rename(partial(&self.path), &self.path)),
        };
        let bytes = self.bytes;
        written.map(|()| bytes).map_err(|source| RecordError::Host { path: partial(&self.path), source })
    }
}
