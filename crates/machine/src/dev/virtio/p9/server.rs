//! The 9P2000.L server: one session, from request messages to reply messages.
//!
//! Source: diod, `protocol.md`; message numbers as in Linux's `include/net/9p/9p.h`.

use super::reply;
use super::share::{Errno, Kind, Name, Share, TreePath};
use super::wire::{Reader, Writer};
use crate::dev::NS_PER_TICK;
use crate::state::{Source, State, StateError};
use std::collections::BTreeMap;

/// Largest message in either direction.
pub(super) const MESSAGE_BYTES_MAX: u32 = 512 * 1024;
/// Smallest bound on messages that a client may ask for.
const MESSAGE_BYTES_MIN: u32 = 4096;
/// Bytes of a message's header: size, type, tag.
pub(super) const HEADER_BYTES: u32 = 7;
/// Most files that a client may hold at once.
const FIDS_MAX: usize = 4096;
/// Most names in one walk.
const WALK_MAX: u16 = 16;
/// Deepest path.
const DEPTH_MAX: usize = 256;
/// What looking a name up costs, in bytes of transfer that take the host as long.
const LOOK_UP_BYTES: u64 = 64;
/// Most changes whose instants are remembered; files changed after that bear the configured date.
const CHANGES_MAX: usize = 64 * 1024;

/// Request types; a reply's is one more.
pub(super) mod message {
    pub(in crate::dev::virtio::p9) const ERROR: u8 = 6;
    pub(in crate::dev::virtio::p9) const STATFS: u8 = 8;
    pub(in crate::dev::virtio::p9) const OPEN: u8 = 12;
    pub(in crate::dev::virtio::p9) const CREATE: u8 = 14;
    pub(in crate::dev::virtio::p9) const SYMLINK: u8 = 16;
    pub(in crate::dev::virtio::p9) const RENAME: u8 = 20;
    pub(in crate::dev::virtio::p9) const READ_LINK: u8 = 22;
    pub(in crate::dev::virtio::p9) const GET_ATTRIBUTES: u8 = 24;
    pub(in crate::dev::virtio::p9) const SET_ATTRIBUTES: u8 = 26;
    pub(in crate::dev::virtio::p9) const READ_FOLDER: u8 = 40;
    pub(in crate::dev::virtio::p9) const SYNC: u8 = 50;
    pub(in crate::dev::virtio::p9) const LOCK: u8 = 52;
    pub(in crate::dev::virtio::p9) const GET_LOCK: u8 = 54;
    pub(in crate::dev::virtio::p9) const MAKE_FOLDER: u8 = 72;
    pub(in crate::dev::virtio::p9) const RENAME_AT: u8 = 74;
    pub(in crate::dev::virtio::p9) const UNLINK_AT: u8 = 76;
    pub(in crate::dev::virtio::p9) const VERSION: u8 = 100;
    pub(in crate::dev::virtio::p9) const ATTACH: u8 = 104;
    pub(in crate::dev::virtio::p9) const FLUSH: u8 = 108;
    pub(in crate::dev::virtio::p9) const WALK: u8 = 110;
    pub(in crate::dev::virtio::p9) const READ: u8 = 116;
    pub(in crate::dev::virtio::p9) const WRITE: u8 = 118;
    pub(in crate::dev::virtio::p9) const CLUNK: u8 = 120;
    pub(in crate::dev::virtio::p9) const REMOVE: u8 = 122;
}

/// A file that the client holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fid {
    pub(super) path: TreePath,
    /// The flags that it was opened with.
    pub(super) flags: Option<u32>,
}

/// A session.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) share: Box<dyn Share>,
    pub(super) start_ns: u64,
    pub(super) message_bytes: u32,
    pub(super) fids: BTreeMap<u32, Fid>,
    pub(super) changed_ns: BTreeMap<TreePath, u64>,
    /// What names cost the host since somebody asked. No state: it is asked for after each request.
    cost_bytes: u64,
}

impl Server {
    pub(super) fn new(share: Box<dyn Share>, start_ns: u64) -> Server {
        let message_bytes = MESSAGE_BYTES_MAX;
        let (fids, changed_ns) = (BTreeMap::new(), BTreeMap::new());
        Server { share, start_ns, message_bytes, fids, changed_ns, cost_bytes: 0 }
    }

    /// Forgets the client.
    pub(super) fn reset(&mut self) {
        self.fids.clear();
        self.message_bytes = MESSAGE_BYTES_MAX;
    }

    /// Answers a request in at most `room` bytes at tick `mtime`; none when it is no message.
    pub(super) fn answer(&mut self, request: &[u8], room: u64, mtime: u64) -> Option<Vec<u8>> {
        let mut reader = Reader::new(request);
        let size = reader.u32()?;
        let (kind, tag) = (reader.u8()?, reader.u16()?);
        let mut body = Reader::new(reader.take(usize::try_from(size.checked_sub(HEADER_BYTES)?).ok()?)?);
        let mut session = Session { server: self, room, now_ns: mtime.wrapping_mul(NS_PER_TICK) };
        let mut reply = Writer::default();
        let outcome = match session.dispatch(kind, &mut body, &mut reply) {
            // The request is shorter than its type's fields.
            None => Err(Errno::PROTO),
            Some(result) => result,
        };
        let fits = reply.bytes.len() as u64 + u64::from(HEADER_BYTES) <= room;
        let (kind, body) = match outcome.and(if fits { Ok(()) } else { Err(Errno::IO) }) {
            Ok(()) => (kind, reply.bytes),
            Err(errno) => (message::ERROR, errno.0.to_le_bytes().to_vec()),
        };
        let mut whole = Writer::default();
        let size = u32::try_from(body.len()).ok()? + HEADER_BYTES;
        whole.u32(size).u8(kind.wrapping_add(1)).u16(tag);
        whole.bytes.extend(body);
        Some(whole.bytes)
    }

    /// What looking names up has cost since the last call, in bytes of transfer that take as long.
    pub(super) fn take_cost_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.cost_bytes)
    }

    /// Notes that so many names are looked up.
    pub(super) fn charge(&mut self, names: usize) {
        self.cost_bytes = self.cost_bytes.saturating_add(LOOK_UP_BYTES.saturating_mul(names as u64));
    }

    pub(super) fn changed_at(&self, path: &[Name]) -> u64 {
        self.changed_ns.get(path).copied().unwrap_or(self.start_ns)
    }
}

/// A session while it answers one request.
pub(super) struct Session<'a> {
    pub(super) server: &'a mut Server,
    pub(super) room: u64,
    pub(super) now_ns: u64,
}

/// None when the request is malformed, else whether it succeeded.
pub(super) type Answer = Option<Result<(), Errno>>;

impl Session<'_> {
    fn dispatch(&mut self, kind: u8, body: &mut Reader<'_>, reply: &mut Writer) -> Answer {
        match kind {
            message::VERSION => self.version(body, reply),
            message::ATTACH => self.attach(body, reply),
            message::FLUSH | message::SYNC => Some(Ok(())),
            message::WALK => self.walk(body, reply),
            message::CLUNK => Some(self.server.fids.remove(&body.u32()?).map(drop).ok_or(Errno::BADF)),
            message::STATFS => self.statfs(body, reply),
            message::GET_ATTRIBUTES => self.get_attributes(body, reply),
            message::SET_ATTRIBUTES => self.set_attributes(body),
            message::OPEN => self.open(body, reply),
            message::CREATE => self.create(body, reply),
            message::READ => self.read(body, reply),
            message::WRITE => self.write(body, reply),
            message::READ_FOLDER => self.read_folder(body, reply),
            message::READ_LINK => self.read_link(body, reply),
            message::SYMLINK | message::MAKE_FOLDER => self.make(kind, body, reply),
            message::REMOVE => self.remove(body),
            message::UNLINK_AT => self.unlink_at(body),
            message::RENAME => self.rename(body),
            message::RENAME_AT => self.rename_at(body),
            message::LOCK => {
                // Locks among the processes of one guest are its kernel's affair: every one is granted.
                reply.u8(0);
                Some(Ok(()))
            }
            message::GET_LOCK => self.get_lock(body, reply),
            _ => Some(Err(Errno::OPNOTSUPP)),
        }
    }

    pub(super) fn path(&mut self, fid: u32) -> Result<TreePath, Errno> {
        let path = self.server.fids.get(&fid).map(|fid| fid.path.clone()).ok_or(Errno::BADF)?;
        self.server.charge(path.len());
        Ok(path)
    }

    pub(super) fn child(&mut self, folder: u32, name: &[u8]) -> Result<TreePath, Errno> {
        let mut path = self.path(folder)?;
        path.push(Name::new(name)?);
        Ok(path)
    }

    pub(super) fn check_writable(&self) -> Result<(), Errno> {
        if self.server.share.writable() { Ok(()) } else { Err(Errno::ROFS) }
    }

    pub(super) fn hold(&mut self, number: u32, fid: Fid) -> Result<(), Errno> {
        let known = self.server.fids.contains_key(&number);
        if !known && self.server.fids.len() >= FIDS_MAX {
            return Err(Errno::NFILE);
        }
        self.server.fids.insert(number, fid);
        Ok(())
    }

    /// Remembers that the guest changed a file, and the folder that it is in, now.
    pub(super) fn touch(&mut self, path: &[Name]) {
        let now = self.server.start_ns.wrapping_add(self.now_ns);
        self.set_changed(path, now);
        if let Some((_, folder)) = path.split_last() {
            self.set_changed(folder, now);
        }
    }

    pub(super) fn set_changed(&mut self, path: &[Name], at_ns: u64) {
        let changed = &mut self.server.changed_ns;
        if changed.len() < CHANGES_MAX || changed.contains_key(path) {
            changed.insert(path.to_vec(), at_ns);
        }
    }

    fn version(&mut self, body: &mut Reader<'_>, reply: &mut Writer) -> Answer {
        let asked = body.u32()?;
        let known = body.string()? == b"9P2000.L" && asked >= MESSAGE_BYTES_MIN;
        self.server.reset();
        self.server.message_bytes = asked.min(MESSAGE_BYTES_MAX);
        reply.u32(self.server.message_bytes).string(if known { b"9P2000.L" } else { b"unknown" });
        Some(Ok(()))
    }

    fn attach(&mut self, body: &mut Reader<'_>, reply: &mut Writer) -> Answer {
        let fid = body.u32()?;
        attempt!(self.server.share.stat(&[]));
        attempt!(self.hold(fid, Fid::default()));
        reply::qid(reply, Kind::Folder, &[]);
        Some(Ok(()))
    }

    fn walk(&mut self, body: &mut Reader<'_>, reply: &mut Writer) -> Answer {
        let (from, to, count) = (body.u32()?, body.u32()?, body.u16()?);
        if count > WALK_MAX {
            return Some(Err(Errno::INVAL));
        }
        let mut path = attempt!(self.path(from));
        let mut found = Vec::new();
        for _ in 0..count {
            match self.step(path.clone(), body.string()?) {
                Ok((next, kind)) => {
                    found.push((next.clone(), kind));
                    path = next;
                }
                Err(errno) if found.is_empty() => return Some(Err(errno)),
                Err(_) => break,
            }
        }
        // A walk that ends early tells how far it came and leaves the new fid alone.
        if found.len() == usize::from(count) {
            attempt!(self.hold(to, Fid { path, flags: None }));
        }
        reply.u16(u16::try_from(found.len()).unwrap_or(0));
        found.iter().for_each(|(path, kind)| reply::qid(reply, *kind, path));
        Some(Ok(()))
    }

    /// One name further from a path.
    fn step(&mut self, mut path: TreePath, name: &[u8]) -> Result<(TreePath, Kind), Errno> {
        match name {
            b"." => {}
            b".." => drop(path.pop()),
            _ if path.len() >= DEPTH_MAX => return Err(Errno::NAMETOOLONG),
            _ => path.push(Name::new(name).map_err(|_| Errno::NOENT)?),
        }
        self.server.charge(path.len());
        let stat = self.server.share.stat(&path)?;
        Ok((path, stat.kind))
    }
}

impl State for Server {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.message_bytes.save(sink);
        (self.fids.len() as u64).save(sink);
        for (number, fid) in &self.fids {
            number.save(sink);
            spelled(&fid.path).save(sink);
            fid.flags.save(sink);
        }
        (self.changed_ns.len() as u64).save(sink);
        for (path, at_ns) in &self.changed_ns {
            spelled(path).save(sink);
            at_ns.save(sink);
        }
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.reset();
        self.changed_ns.clear();
        self.message_bytes.restore(source)?;
        self.message_bytes = self.message_bytes.min(MESSAGE_BYTES_MAX);
        let mut count = 0u64;
        count.restore(source)?;
        for _ in 0..count {
            let (mut number, mut flags) = (0u32, None);
            number.restore(source)?;
            let path = restored_path(source)?;
            flags.restore(source)?;
            self.fids.insert(number, Fid { path, flags });
        }
        count.restore(source)?;
        for _ in 0..count {
            let path = restored_path(source)?;
            let mut at_ns = 0u64;
            at_ns.restore(source)?;
            self.changed_ns.insert(path, at_ns);
        }
        Ok(())
    }
}

/// The path as one string, names behind slashes.
fn spelled(path: &[Name]) -> Vec<u8> {
    path.iter().flat_map(|name| [b"/", name.bytes()].concat()).collect()
}

fn restored_path(source: &mut Source<'_>) -> Result<TreePath, StateError> {
    let offset = source.offset();
    let mut bytes: Vec<u8> = Vec::new();
    bytes.restore(source)?;
    let names = bytes.split(|byte| *byte == b'/').skip(1);
    names.map(|name| Name::new(name).map_err(|_| StateError::Invalid { offset })).collect()
}
