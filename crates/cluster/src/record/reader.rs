//! Reading a recording: the whole file is checked first, and payloads are read again when they are played.
//!
//! Invariant: memory is bounded by the number of entries and the longest one, both bounded by the file's size.

use super::disk::{Failed, Opening};
use super::failure::RecordError;
use super::format::{self, CHECK_BYTES, HASH_BYTES, HEAD_BYTES, Head, Kind, PREAMBLE_BYTES};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Where a payload is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) length: usize,
}

/// An entry of [`Kind::Input`].
#[derive(Clone, Copy, Debug)]
pub(super) struct InputPlace {
    pub(super) node: u16,
    pub(super) at_ns: u64,
    pub(super) flags: u8,
    pub(super) place: Place,
}

/// How a recorded run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Virtual time.
    pub virtual_ns: u64,
    /// Instructions of all harts of all nodes.
    pub instructions: u64,
    /// The digest.
    pub digest: [u8; HASH_BYTES],
    /// How, in words.
    pub how: String,
}

/// A recording that was read.
#[derive(Debug)]
pub struct Recording {
    pub(super) path: PathBuf,
    file: File,
    configuration: String,
    pub(super) inputs: VecDeque<InputPlace>,
    pub(super) shares: BTreeMap<(u16, u16), Vec<Place>>,
    pub(super) sizes: BTreeMap<u16, (u16, u16)>,
    pub(super) files: BTreeMap<(u16, String), [u8; HASH_BYTES]>,
    pub(super) disks: BTreeMap<(u16, u16), Place>,
    pub(super) failures: BTreeMap<Opening, Vec<Place>>,
    pub(super) snapshot: Option<([u8; HASH_BYTES], PathBuf)>,
    ending: Option<Ending>,
    pub(super) reached_ns: u64,
    torn: Option<u64>,
}

impl Recording {
    /// Reads and checks a recording.
    ///
    /// Errors: it is none, of another version, or damaged; one that only ends too early is read up to there.
    pub fn open(path: &Path) -> Result<Recording, RecordError> {
        let refused = |source| RecordError::Host { path: path.to_owned(), source };
        let file = File::open(path).map_err(refused)?;
        let length = file.metadata().map_err(refused)?.len();
        let input = BufReader::new(file.try_clone().map_err(refused)?);
        let mut scan = Scan { path, input, left: length, offset: 0 };
        let (configuration, mut check) = scan.header()?;
        let mut recording = Recording {
            path: path.to_owned(),
            file,
            configuration,
            inputs: VecDeque::new(),
            shares: BTreeMap::new(),
            sizes: BTreeMap::new(),
            files: BTreeMap::new(),
            disks: BTreeMap::new(),
            failures: BTreeMap::new(),
            snapshot: None,
            ending: None,
            reached_ns: 0,
            torn: None,
        };
        while scan.left > 0 {
            let start = scan.offset;
            let damaged = |what| RecordError::Damaged { path: path.to_owned(), offset: start, what };
            if recording.ending.is_some() {
                return Err(damaged("something follows the end"));
            }
            let Some((head, payload)) = scan.entry(&mut check)? else {
                recording.torn = Some(start);
                break;
            };
            recording.take(head, start, &payload).map_err(damaged)?;
        }
        Ok(recording)
    }

    /// The configuration of the recorded run, in its canonical form.
    pub fn configuration(&self) -> &str {
        &self.configuration
    }

    /// How the recorded run ended; none when it was killed.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Where the file breaks off within an entry.
    pub fn torn(&self) -> Option<u64> {
        self.torn
    }

    /// Where the snapshot was that the recorded run went on from, if it did.
    pub fn snapshot(&self) -> Option<&Path> {
        self.snapshot.as_ref().map(|(_, dir)| dir.as_path())
    }

    /// How far the recorded run came at least.
    ///
    /// Units: virtual nanoseconds.
    pub fn reached_ns(&self) -> u64 {
        self.reached_ns
    }

    /// Notes an entry.
    fn take(&mut self, head: Head, start: u64, payload: &[u8]) -> Result<(), &'static str> {
        let place = Place { offset: start + HEAD_BYTES as u64, length: payload.len() };
        self.reached_ns = self.reached_ns.max(head.at_ns);
        match head.kind {
            Kind::File => {
                let (hash, name) = payload.split_first_chunk().ok_or("a file without a hash")?;
                let name = std::str::from_utf8(name).map_err(|_| "a file's name that is no text")?;
                self.files.insert((head.node, name.to_owned()), *hash);
            }
            Kind::ConsoleSize => {
                let [a, b, c, d] = *payload else { return Err("a console's size that is none") };
                let size = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
                self.sizes.insert(head.node, size);
            }
            Kind::Input => {
                if payload.len() < 5 {
                    return Err("an input without its length");
                }
                self.inputs.push_back(InputPlace {
                    node: head.node,
                    at_ns: head.at_ns,
                    flags: head.flags,
                    place,
                });
            }
            Kind::Share => {
                let [a, b, ..] = *payload else { return Err("a reply of no shared folder") };
                self.shares.entry((head.node, u16::from_le_bytes([a, b]))).or_default().push(place);
            }
            Kind::Disk => {
                let [a, b, ..] = *payload else { return Err("a disk without its number") };
                self.disks.insert((head.node, u16::from_le_bytes([a, b])), place);
            }
            Kind::DiskFailure => {
                let (opening, _) = Failed::read(head.node, payload).ok_or("a failure of no disk")?;
                self.failures.entry(opening).or_default().push(place);
            }
            Kind::Snapshot => {
                let (seal, dir) = payload.split_first_chunk().ok_or("a snapshot without its seal")?;
                self.snapshot = Some((*seal, PathBuf::from(OsStr::from_bytes(dir))));
            }
            Kind::Mark => {}
            Kind::End => {
                let (instructions, rest) =
                    payload.split_first_chunk().ok_or("an end without instructions")?;
                let (digest, how) = rest.split_first_chunk().ok_or("an end without a digest")?;
                self.ending = Some(Ending {
                    virtual_ns: head.at_ns,
                    instructions: u64::from_le_bytes(*instructions),
                    digest: *digest,
                    how: String::from_utf8_lossy(how).into_owned(),
                });
            }
        }
        Ok(())
    }

    /// Reads a payload again.
    pub(super) fn payload(&self, place: Place) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; place.length];
        self.file.read_exact_at(&mut bytes, place.offset)?;
        Ok(bytes)
    }
}

/// A file being read from the front.
struct Scan<'a> {
    path: &'a Path,
    input: BufReader<File>,
    left: u64,
    offset: u64,
}

impl Scan<'_> {
    /// Reads so many bytes; none when the file ends before.
    fn read(&mut self, length: usize) -> Result<Option<Vec<u8>>, RecordError> {
        if self.left < length as u64 {
            return Ok(None);
        }
        let mut bytes = vec![0; length];
        match self.input.read_exact(&mut bytes) {
            Ok(()) => {}
            // It was cut while it was read.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(source) => return Err(RecordError::Host { path: self.path.to_owned(), source }),
        }
        self.left -= length as u64;
        self.offset += length as u64;
        Ok(Some(bytes))
    }

    /// The configuration, and the check before the first entry.
    fn header(&mut self) -> Result<(String, format::Check), RecordError> {
        let path = self.path.to_owned();
        let damaged = |offset, what| RecordError::Damaged { path: path.clone(), offset, what };
        let Some(mut header) = self.read(PREAMBLE_BYTES)? else { return Err(RecordError::Foreign { path }) };
        if header[..16] != format::MAGIC {
            return Err(RecordError::Foreign { path });
        }
        let word = |at: usize| header[at..].first_chunk().copied().map_or(0, u32::from_le_bytes);
        let (found, length) = (word(16), word(20));
        if !(format::VERSION_OLDEST..=format::VERSION).contains(&found) {
            return Err(RecordError::Version { path, found });
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > format::CONFIGURATION_BYTES_MAX {
            return Err(damaged(20, "its configuration is too long"));
        }
        let Some(rest) = self.read(length + HASH_BYTES)? else {
            return Err(damaged(0, "it ends within its header"));
        };
        let (text, hash) = rest.split_at(length);
        header.extend(text);
        if blake3::hash(&header).as_bytes() != hash {
            return Err(damaged(0, "its header does not match its checksum"));
        }
        let text = std::str::from_utf8(text).map_err(|_| damaged(24, "its configuration is no text"))?;
        Ok((text.to_owned(), format::first_check(hash)))
    }

    /// The next entry and its payload; none when the file ends within it.
    fn entry(&mut self, check: &mut format::Check) -> Result<Option<(Head, Vec<u8>)>, RecordError> {
        let start = self.offset;
        let path = self.path.to_owned();
        let damaged = |what| RecordError::Damaged { path, offset: start, what };
        let Some(mut entry) = self.read(HEAD_BYTES)? else { return Ok(None) };
        let head = entry.first_chunk().and_then(Head::read);
        let Some(head) = head else { return Err(damaged("no entry begins like this")) };
        let Some(payload) = self.read(head.length)? else { return Ok(None) };
        let Some(found) = self.read(CHECK_BYTES)? else { return Ok(None) };
        entry.extend(&payload);
        *check = format::check(check, &entry);
        if found != *check {
            return Err(damaged("an entry does not match its checksum"));
        }
        Ok(Some((head, payload)))
    }
}
