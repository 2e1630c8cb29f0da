//! The bytes of a recording: a header with the configuration, then entries, each with its own checksum.
//!
//! ```text
//! header  magic (16 bytes), version, length of the configuration, the configuration, BLAKE3 of all that
//! entry   length of the payload, kind, flags, node, virtual nanoseconds, payload, check (16 bytes)
//! ```
//!
//! Numbers are little-endian. An entry's check is the beginning of a BLAKE3 hash over the check before it (at first the
//! header's hash) and the entry, so that no entry can be changed, moved, left out or put in unnoticed. A file whose
//! last entry is no [`Kind::End`] is of a run that was killed.

/// What a recording begins with.
pub(super) const MAGIC: [u8; 16] = *b"multivac record\0";
/// The version of the format.
pub(super) const VERSION: u32 = 4;
/// The oldest version whose recordings are read: it has no failures of disks.
pub(super) const VERSION_OLDEST: u32 = 3;
/// Bytes of a header before the configuration.
pub(super) const PREAMBLE_BYTES: usize = 24;
/// No configuration is longer.
pub(super) const CONFIGURATION_BYTES_MAX: usize = 1 << 20;
/// Bytes of a header's hash.
pub(super) const HASH_BYTES: usize = 32;
/// Bytes of an entry before its payload.
pub(super) const HEAD_BYTES: usize = 16;
/// Bytes of an entry's check.
pub(super) const CHECK_BYTES: usize = 16;
/// No payload is longer: the names of the largest folder that is shown.
pub(super) const PAYLOAD_BYTES_MAX: usize = 512 << 20;

/// An entry's check.
pub(super) type Check = [u8; CHECK_BYTES];

/// What an entry tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file that the run read: its BLAKE3 hash, and what it is for.
    File,
    /// Columns and rows of the console.
    ConsoleSize,
    /// What the outside said in an epoch: [`input`] flags, status, console bytes, command's bytes.
    Input,
    /// The reply of a shared folder: number of the share, hash of the request, the reply.
    Share,
    /// The run came this far.
    Mark,
    /// The run ended: instructions, digest, and how.
    End,
    /// What a disk held before the run: number of the disk, its file's bytes.
    Disk,
    /// The snapshot that the run goes on from: its seal, and its directory.
    Snapshot,
    /// The host failed a request to a disk.
    DiskFailure,
}

/// All kinds, by their numbers.
const KINDS: [Kind; 9] = [
    Kind::File,
    Kind::ConsoleSize,
    Kind::Input,
    Kind::Share,
    Kind::Mark,
    Kind::End,
    Kind::Disk,
    Kind::Snapshot,
    Kind::DiskFailure,
];

impl Kind {
    /// The kind of a number.
    pub(super) fn of(number: u8) -> Option<Kind> {
        KINDS.get(usize::from(number).checked_sub(1)?).copied()
    }

    fn number(self) -> u8 {
        KINDS.iter().zip(1u8..).find(|(kind, _)| **kind == self).map_or(0, |(_, number)| number)
    }
}

/// Flags of [`Kind::Input`].
pub(super) mod input {
    /// The node slept for good when it was said.
    pub(in crate::record) const ASLEEP: u8 = 1;
    /// The command's input ends here.
    pub(in crate::record) const JOB_END: u8 = 2;
    /// The run ends here, with the status that follows.
    pub(in crate::record) const LEAVE: u8 = 4;
}

/// An entry's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) length: usize,
    pub(super) kind: Kind,
    pub(super) flags: u8,
    pub(super) node: u16,
    pub(super) at_ns: u64,
}

impl Head {
    /// Reads a head; none when no entry begins like this.
    pub(super) fn read(bytes: &[u8; HEAD_BYTES]) -> Option<Head> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let ([kind, flags], rest) = rest.split_first_chunk::<2>()?;
        let (node, rest) = rest.split_first_chunk::<2>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        Some(Head {
            length: Some(length).filter(|length| *length <= PAYLOAD_BYTES_MAX)?,
            kind: Kind::of(*kind)?,
            flags: *flags,
            node: u16::from_le_bytes(*node),
            at_ns: u64::from_le_bytes(*rest.first_chunk()?),
        })
    }
}

/// The header of a recording of a run with this configuration.
pub(super) fn header(configuration: &str) -> Vec<u8> {
    let length = u32::try_from(configuration.len()).unwrap_or(u32::MAX);
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(configuration.as_bytes());
    let hash = blake3::hash(&bytes);
    bytes.extend(hash.as_bytes());
    bytes
}

/// The check before the first entry, from a header's hash.
pub(super) fn first_check(header: &[u8]) -> Check {
    header.last_chunk::<HASH_BYTES>().and_then(|hash| hash.first_chunk().copied()).unwrap_or_default()
}

/// The check of an entry.
pub(super) fn check(before: &Check, head_and_payload: &[u8]) -> Check {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before).update(head_and_payload);
    hasher.finalize().as_bytes().first_chunk().copied().unwrap_or_default()
}

/// Appends an entry to `out`; gives its check.
pub(super) fn append(out: &mut Vec<u8>, before: &Check, head: Head, payload: &[u8]) -> Check {
    let start = out.len();
    out.extend(u32::try_from(head.length).unwrap_or(u32::MAX).to_le_bytes());
    out.extend([head.kind.number(), head.flags]);
    out.extend(head.node.to_le_bytes());
    out.extend(head.at_ns.to_le_bytes());
    out.extend_from_slice(payload);
    let check = check(before, &out[start..]);
    out.extend(check);
    check
}
