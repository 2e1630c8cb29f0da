//! Requests to a shared folder and their outcomes, as a recording holds them.

use machine::dev::virtio::p9::share::{Errno, Kind, Name, Share, Stat};
use std::fmt;

/// What a shared folder was asked: an operation of [`Share`].
#[derive(Clone, Copy)]
pub(super) enum Request<'a> {
    Stat { path: &'a [Name] },
    List { path: &'a [Name] },
    Read { path: &'a [Name], offset: u64, length: usize },
    ReadLink { path: &'a [Name] },
    Write { path: &'a [Name], offset: u64, bytes: &'a [u8] },
    Create { path: &'a [Name], executable: bool },
    Truncate { path: &'a [Name], size: u64 },
    SetExecutable { path: &'a [Name], executable: bool },
    MakeFolder { path: &'a [Name] },
    MakeLink { path: &'a [Name], target: &'a [u8] },
    Remove { path: &'a [Name], folder: bool },
    Rename { path: &'a [Name], to: &'a [Name] },
}

impl<'a> Request<'a> {
    /// Carries the operation out.
    pub(super) fn perform(self, share: &mut dyn Share) -> Outcome {
        let done = |result: Result<(), Errno>| result.map(|()| Outcome::Done);
        let outcome = match self {
            Request::Stat { path } => share.stat(path).map(Outcome::Stat),
            Request::List { path } => share.list(path).map(Outcome::Names),
            Request::Read { path, offset, length } => {
                let mut bytes = vec![0; length];
                share.read(path, offset, &mut bytes).map(|length| {
                    bytes.truncate(length);
                    Outcome::Bytes(bytes)
                })
            }
            Request::ReadLink { path } => share.read_link(path).map(Outcome::Bytes),
            Request::Write { path, offset, bytes } => share.write(path, offset, bytes).map(Outcome::Count),
            Request::Create { path, executable } => done(share.create(path, executable)),
            Request::Truncate { path, size } => done(share.truncate(path, size)),
            Request::SetExecutable { path, executable } => done(share.set_executable(path, executable)),
            Request::MakeFolder { path } => done(share.make_folder(path)),
            Request::MakeLink { path, target } => done(share.make_link(path, target)),
            Request::Remove { path, folder } => done(share.remove(path, folder)),
            Request::Rename { path, to } => done(share.rename(path, to)),
        };
        outcome.unwrap_or_else(Outcome::Failed)
    }

    /// Its name, its path, and whatever else it says.
    fn parts(self) -> (&'static str, &'a [Name], u64, &'a [u8]) {
        match self {
            Request::Stat { path } => ("stat", path, 0, &[]),
            Request::List { path } => ("list", path, 0, &[]),
            Request::Read { path, offset, length } => {
                let length = u64::try_from(length).unwrap_or(u64::MAX);
                ("read", path, offset ^ length.rotate_left(40), &[])
            }
            Request::ReadLink { path } => ("read-link", path, 0, &[]),
            Request::Write { path, offset, bytes } => ("write", path, offset, bytes),
            Request::Create { path, executable } => ("create", path, executable.into(), &[]),
            Request::Truncate { path, size } => ("truncate", path, size, &[]),
            Request::SetExecutable { path, executable } => ("set-executable", path, executable.into(), &[]),
            Request::MakeFolder { path } => ("make-folder", path, 0, &[]),
            Request::MakeLink { path, target } => ("make-link", path, 0, target),
            Request::Remove { path, folder } => ("remove", path, folder.into(), &[]),
            Request::Rename { path, .. } => ("rename", path, 0, &[]),
        }
    }

    /// By which a request of the replay is told to be the recorded one.
    pub(super) fn hash(self) -> u64 {
        let mut hasher = blake3::Hasher::new();
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        };
        let (verb, path, number, data) = self.parts();
        part(verb.as_bytes());
        part(&number.to_le_bytes());
        part(data);
        path.iter().for_each(|name| part(name.bytes()));
        if let Request::Rename { to, .. } = self {
            part(b"/");
            to.iter().for_each(|name| part(name.bytes()));
        }
        hasher.finalize().as_bytes().first_chunk().copied().map_or(0, u64::from_le_bytes)
    }
}

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, path, ..) = self.parts();
        write!(f, "{verb} {}", if path.is_empty() { "/" } else { "" })?;
        path.iter().try_for_each(|name| write!(f, "/{name:?}"))
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Failed(Errno),
    Count(usize),
    Stat(Stat),
    Bytes(Vec<u8>),
    Names(Vec<(Name, Kind)>),
}

impl Outcome {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Outcome::Done => bytes.push(0),
            Outcome::Failed(errno) => {
                bytes.push(1);
                bytes.extend(errno.0.to_le_bytes());
            }
            Outcome::Count(count) => {
                bytes.push(2);
                bytes.extend((*count as u64).to_le_bytes());
            }
            Outcome::Stat(stat) => {
                bytes.push(3);
                bytes.extend([kind_number(stat.kind), u8::from(stat.executable)]);
                bytes.extend(stat.size.to_le_bytes());
            }
            Outcome::Bytes(data) => {
                bytes.push(4);
                bytes.extend(data);
            }
            Outcome::Names(names) => {
                bytes.push(5);
                for (name, kind) in names {
                    // A name has at most 255 bytes.
                    let length = u8::try_from(name.bytes().len()).unwrap_or(u8::MAX);
                    bytes.extend([kind_number(*kind), length]);
                    bytes.extend(name.bytes());
                }
            }
        }
        bytes
    }

    /// Reads what [`Outcome::write`] wrote; none for anything else.
    pub(super) fn read(bytes: &[u8]) -> Option<Outcome> {
        let (tag, rest) = bytes.split_first()?;
        Some(match tag {
            0 if rest.is_empty() => Outcome::Done,
            1 => Outcome::Failed(Errno(u32::from_le_bytes(rest.try_into().ok()?))),
            2 => Outcome::Count(usize::try_from(u64::from_le_bytes(rest.try_into().ok()?)).ok()?),
            3 => {
                let ([kind, executable @ (0 | 1)], size) = rest.split_first_chunk::<2>()? else {
                    return None;
                };
                let size = u64::from_le_bytes(size.try_into().ok()?);
                Outcome::Stat(Stat { kind: kind_of(*kind)?, size, executable: *executable == 1 })
            }
            4 => Outcome::Bytes(rest.to_vec()),
            5 => Outcome::Names(names(rest)?),
            _ => return None,
        })
    }
}

fn names(mut bytes: &[u8]) -> Option<Vec<(Name, Kind)>> {
    let mut names = Vec::new();
    while let Some(([kind, length], rest)) = bytes.split_first_chunk::<2>() {
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        names.push((Name::new(name).ok()?, kind_of(*kind)?));
        bytes = rest;
    }
    bytes.is_empty().then_some(names)
}

fn kind_number(kind: Kind) -> u8 {
    match kind {
        Kind::File => 0,
        Kind::Folder => 1,
        Kind::Link => 2,
    }
}

fn kind_of(number: u8) -> Option<Kind> {
    [Kind::File, Kind::Folder, Kind::Link].get(usize::from(number)).copied()
}
