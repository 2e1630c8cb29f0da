//! Disks that the host may fail: which of a disk's requests failed is kept, and played to the same requests.
//!
//! Requests are counted as they come to the disk; a guest that hears the same makes the same ones. After a write that
//! failed nobody knows how far it came, so that what the disk then holds there is kept too.

use super::format::Kind;
use super::share::lock;
use super::writer::Recorder;
use machine::dev::virtio::disk::BlockBackend;
use machine::state::{Source, State, StateError};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

/// Whether an error is the host's, and no answer to a request that no disk can carry out.
pub(crate) fn is_host_s(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::ReadOnlyFilesystem)
}

/// Which opening of which disk: a node that is forked from another has opened its disks anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Opening {
    pub(super) node: u16,
    pub(super) disk: u16,
    pub(super) number: u16,
}

/// A request that the host failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Failed {
    /// Its number among all requests to the disk since it was opened.
    pub(super) request: u64,
    /// The host's words.
    pub(super) text: String,
    /// What the disk held there after a write; nothing where that cannot be read.
    pub(super) contents: Vec<u8>,
}

impl Failed {
    /// As an entry has it: disk, opening, request, length of the words, these, the contents.
    fn write(&self, opening: Opening) -> Vec<u8> {
        let text = &self.text.as_bytes()[..self.text.len().min(usize::from(u8::MAX))];
        let mut bytes = opening.disk.to_le_bytes().to_vec();
        bytes.extend(opening.number.to_le_bytes());
        bytes.extend(self.request.to_le_bytes());
        bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        bytes.extend(text);
        bytes.extend(&self.contents);
        bytes
    }

    /// Reads what [`Failed::write`] wrote on that node; none for anything else.
    pub(super) fn read(node: u16, payload: &[u8]) -> Option<(Opening, Failed)> {
        let (disk, rest) = payload.split_first_chunk::<2>()?;
        let (number, rest) = rest.split_first_chunk::<2>()?;
        let (request, rest) = rest.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first()?;
        let (text, contents) = rest.split_at_checked(usize::from(*length))?;
        let opening = Opening { node, disk: u16::from_le_bytes(*disk), number: u16::from_le_bytes(*number) };
        let failed = Failed {
            request: u64::from_le_bytes(*request),
            text: String::from_utf8_lossy(text).into_owned(),
            contents: contents.to_vec(),
        };
        Some((opening, failed))
    }
}

/// What becomes of the failures of a disk.
#[derive(Debug)]
pub(super) enum Tape {
    Recording(Arc<Mutex<Recorder>>),
    /// Those to come, in order.
    Playing(VecDeque<Failed>),
}

/// A disk with a tape.
#[derive(Debug)]
pub(super) struct Taped {
    inner: Box<dyn BlockBackend>,
    opening: Opening,
    requests: u64,
    tape: Tape,
}

impl Taped {
    pub(super) fn new(inner: Box<dyn BlockBackend>, opening: Opening, tape: Tape) -> Taped {
        Taped { inner, opening, requests: 0, tape }
    }

    /// Counts a request; what it came to when it was recorded, if it failed.
    fn next(&mut self) -> Option<Failed> {
        let request = self.requests;
        self.requests += 1;
        let Tape::Playing(failures) = &mut self.tape else { return None };
        let due = failures.front().is_some_and(|failed| failed.request == request);
        if due { failures.pop_front() } else { None }
    }

    /// Keeps the failure of the request before the next, after which the disk held `contents`.
    fn keep(&self, result: &io::Result<()>, contents: Vec<u8>) {
        if let (Tape::Recording(recorder), Err(error)) = (&self.tape, result)
            && is_host_s(error)
        {
            let failed = Failed { request: self.requests - 1, text: error.to_string(), contents };
            lock(recorder).put_now(Kind::DiskFailure, self.opening.node, &failed.write(self.opening));
        }
    }

    /// A request that changes `length` bytes from `offset` on.
    fn change(
        &mut self,
        offset: u64,
        length: u64,
        change: impl FnOnce(&mut dyn BlockBackend) -> io::Result<()>,
    ) -> io::Result<()> {
        if let Some(failed) = self.next() {
            if failed.contents.len() as u64 == length {
                // What a replay writes to is in memory, and takes it.
                let _ = self.inner.write_at(offset, &failed.contents);
            }
            return Err(io::Error::other(failed.text));
        }
        let result = change(&mut *self.inner);
        let mut after = Vec::new();
        if result.as_ref().is_err_and(is_host_s) {
            after = vec![0; usize::try_from(length).unwrap_or(0)];
            if self.inner.read_at(offset, &mut after).is_err() {
                after.clear();
            }
        }
        self.keep(&result, after);
        result
    }
}

impl State for Taped {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.inner.save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.inner.restore(source)
    }
}

impl BlockBackend for Taped {
    fn len_sectors(&self) -> u64 {
        self.inner.len_sectors()
    }

    fn read_only(&self) -> bool {
        self.inner.read_only()
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        if let Some(failed) = self.next() {
            return Err(io::Error::other(failed.text));
        }
        let result = self.inner.read_at(offset, into);
        self.keep(&result, Vec::new());
        result
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(offset, bytes.len() as u64, |inner| inner.write_at(offset, bytes))
    }

    fn write_zeroes(&mut self, offset: u64, length: u64) -> io::Result<()> {
        self.change(offset, length, |inner| inner.write_zeroes(offset, length))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.change(0, 0, |inner| inner.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Outside, Recording};
    use crate::run::Recorder as Nobody;
    use machine::dev::virtio::disk::{MemoryDisk, SECTOR_BYTES};

    /// A disk whose host fails some requests, and writes half of what it fails to write.
    #[derive(Debug)]
    struct Failing {
        inner: MemoryDisk,
        requests: u32,
    }

    impl Failing {
        fn new() -> Failing {
            Failing { inner: MemoryDisk::new(vec![1; 8192]), requests: 0 }
        }

        fn fails(&mut self) -> bool {
            self.requests += 1;
            self.requests.is_multiple_of(4)
        }
    }

    impl State for Failing {
        fn save(&self, _sink: &mut dyn FnMut(&[u8])) {}

        fn restore(&mut self, _source: &mut Source<'_>) -> Result<(), StateError> {
            Ok(())
        }
    }

    impl BlockBackend for Failing {
        fn len_sectors(&self) -> u64 {
            self.inner.len_sectors()
        }

        fn read_only(&self) -> bool {
            false
        }

        fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
            self.inner.read_at(offset, into)
        }

        fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            if self.fails() {
                self.inner.write_at(offset, &bytes[..bytes.len() / 2])?;
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.inner.write_at(offset, bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            if self.fails() { Err(io::Error::other("the cable is out")) } else { Ok(()) }
        }
    }

    /// What a guest hears that writes, flushes, asks for what there is not, and reads all of it in between.
    fn used(disk: &mut dyn BlockBackend) -> Vec<String> {
        let mut heard = Vec::new();
        for round in 0..8u8 {
            let offset = u64::from(round) * SECTOR_BYTES;
            heard.push(format!("{:?}", disk.write_at(offset, &[round + 10; 512]).is_ok()));
            heard.push(format!("{:?}", disk.write_zeroes(offset + 4096, 512).is_ok()));
            heard.push(format!("{:?}", disk.flush().map_err(|error| error.to_string())));
            assert!(disk.read_at(1 << 20, &mut [0; 512]).is_err());
            let mut all = vec![0; 8192];
            disk.read_at(0, &mut all).unwrap();
            heard.push(format!("{}", blake3::hash(&all)));
        }
        heard
    }

    #[test]
    fn what_the_host_failed_fails_again_and_leaves_the_same() {
        let path = std::env::temp_dir().join(format!("multivac-failures-{}", std::process::id()));
        let outside = Outside::recording(Recorder::create(&path, "schema = 1\n").unwrap());
        let mut host = Nobody::default();
        let heard = used(&mut *outside.failures((1, 2), false, Box::new(Failing::new())));
        // Another opening of it, a disk that does not fail, and one that a node run beside has.
        let again = used(&mut *outside.failures((1, 2), false, Box::new(Failing::new())));
        let sound = used(&mut *outside.failures((1, 3), false, Box::new(MemoryDisk::new(vec![1; 8192]))));
        drop(outside.failures((1, 2), true, Box::new(Failing::new())));
        drop(outside.host(&mut host));
        let ending =
            crate::record::Ending { virtual_ns: 1, instructions: 1, digest: [0; 32], how: String::new() };
        outside.finish(&ending, false).unwrap();
        assert!(heard.contains(&"false".to_owned()) && heard.iter().any(|heard| heard.contains("cable")));
        assert_ne!(heard, sound);

        let playing = Outside::playing(Recording::open(&path).unwrap());
        let play = |disk, beside| {
            used(&mut *playing.failures((1, disk), beside, Box::new(MemoryDisk::new(vec![1; 8192]))))
        };
        assert_eq!(play(2, false), heard);
        assert_eq!(play(2, false), again);
        assert_eq!(play(2, true), heard, "a node run beside hears the same");
        assert_eq!(play(3, false), sound);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_failure_is_read_back_and_every_shorter_one_is_none() {
        let opening = Opening { node: 3, disk: 1, number: 2 };
        let failed = Failed { request: 7, text: "no".into(), contents: vec![1, 2] };
        let bytes = failed.write(opening);
        assert_eq!(Failed::read(3, &bytes), Some((opening, failed.clone())));
        for length in 0..bytes.len() - 2 {
            assert_eq!(Failed::read(3, &bytes[..length]), None, "{length}");
        }
    }
}
