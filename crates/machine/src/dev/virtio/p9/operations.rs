//! What a session does with files: attributes, contents, folders, names.
//!
//! Source: diod, `protocol.md`, "9P2000.L Operations".

use super::reply;
use super::server::{Answer, Fid, HEADER_BYTES, Session, message};
use super::share::{Errno, Kind, Name, Stat, TreePath};
use super::wire::{Reader, Writer};

/// Bytes of a reply's header and the count of data that follows.
const DATA_HEADER_BYTES: u32 = HEADER_BYTES + 4;

/// Open flags, as 9P2000.L numbers them.
mod open {
    pub(super) const ACCESS: u32 = 3;
    pub(super) const TRUNCATE: u32 = 0o1000;
    pub(super) const APPEND: u32 = 0o2000;
    pub(super) const EXCLUSIVE: u32 = 0o200;
}

/// Bits of what a request to set attributes sets.
mod set {
    pub(super) const MODE: u32 = 1;
    pub(super) const SIZE: u32 = 8;
    pub(super) const MODIFIED: u32 = 0x20;
    pub(super) const MODIFIED_GIVEN: u32 = 0x100;
}

/// Removes a folder instead of a file (`AT_REMOVEDIR`).
const REMOVE_FOLDER: u32 = 0x200;

impl Session<'_> {
    pub(super) fn statfs(&mut self, body: &mut Reader<'_>, reply: &mut Writer) -> Answer {
        attempt!(self.path(body.u32()?));
        // V9FS_MAGIC, blocks of 4 KiB, half of 64 GiB free, a quarter of a million files.
        reply.u32(0x0102_1997).u32(4096).u64(1 << 24).u64(1 << 23).u64(1 << 23);
        reply.u64(1 << 18).u64(1 << 17).u64(1).u32(255);
        Some(Ok(()))
    }

    pub(super) fn get_attributes(&mut self, body: &mut Reader<'_>, reply: &mut Writer) -> Answer {
        let path = attempt!(self.path(body.u32()?));
        body.u64()?;
        let stat = attempt!(self.server.share.stat(&path));
        reply::attributes(reply, stat, &path, self.server.changed_at(&path));
        Some(Ok(()))
    }

    pub(super) fn set_attributes(&mut self, body: &mut Reader<'_>) -> Answer {
        let (fid, valid, mode, _user, _group) =
            (body.u32()?, body.u32()?, body.u32()?, body.u32()?, body.u32()?);
        let (size, _accessed) = (body.u64()?, (body.u64()?, body.u64()?));
        let (seconds, nanoseconds) = (body.u64()?, body.u64()?);
        let path = attempt!(self.path(fid));
        attempt!(self.check_writable());
        let stat = attempt!(self.server.share.stat(&path));
        if valid & set::MODE != 0 && stat.kind == Kind::File {
            attempt!(self.server.share.set_executable(&path, mode & 0o100 != 0));
        }
        if valid & set::SIZE != 0 {
            attempt!(self.server.share.truncate(&path, size));
            self.set_changed(&path, self.server.start_ns.wrapping_add(self.now_ns));
        }
        if valid & set::MODIFIED != 0 {
            let given = seconds.wrapping_mul(1_000_000_000).wrapping_add(nanoseconds);
            let now = self.server.start_ns.wrapping_add(self.now_ns);
            self.set_changed(&path, if valid & set::MODIFIED_GIVEN != 0 { given } else { now });
        }
        Some(Ok(()))
    }

    pub(super) fn open(&mut self, body: &mut Reader<'_>, reply: &mut Writer) -> Answer {
        let (number, flags) = (body.u32()?, body.u32()?);
        let path = attempt!(self.path(number));
        let stat = attempt!(self.server.share.stat(&path));
        let writes = flags & open::ACCESS != 0 || flags & open::TRUNCATE != 0;
        attempt!(match stat.kind {
            Kind::Link => Err(Errno::LOOP),
            Kind::Folder if writes => Err(Errno::ISDIR),
            _ if writes => self.check_writable(),
            _ => Ok(()),
        });
        if flags & open::TRUNCATE != 0 {
            attempt!(self.server.share.truncate(&path, 0));
            self.touch(&path);
        }
        self.opened(number, path, flags, stat.kind, reply)
    }

    fn opened(&mut self, number: u32, path: TreePath, flags: u32, kind: Kind, reply: &mut Writer) -> Answer {
        reply::qid(reply, kind, &path);
        // No preference for the size of a transfer.
        reply.u32(0);
        Some(self.hold(number, Fid { path, flags: Some(flags) }))
    }

    pub(super) fn create(&mut self, body: &mut Reader<'_>, reply: &mut Writer) -> Answer {
        let (number, name, flags, mode) = (body.u32()?, body.string()?, body.u32()?, body.u32()?);
        let path = attempt!(self.child(number, name));
        attempt!(self.check_writable());
        match self.server.share.create(&path, mode & 0o100 != 0) {
            Err(Errno::EXIST) if flags & open::EXCLUSIVE == 0 => {
                let stat = attempt!(self.server.share.stat(&path));
                if stat.kind != Kind::File {
                    return Some(Err(Errno::EXIST));
                }
                if flags & open::TRUNCATE != 0 {
                    attempt!(self.server.share.truncate(&path, 0));
                }
            }
            other => attempt!(other),
        }
        self.touch(&path);
        self.opened(number, path, flags, Kind::File, reply)
    }

    /// The path of an open fid and its flags.
    fn open_fid(&mut self, number: u32) -> Result<(TreePath, u32), Errno> {
        let flags = self.server.fids.get(&number).and_then(|fid| fid.flags).ok_or(Errno::BADF)?;
        Ok((self.path(number)?, flags))
    }

    /// How many of `count` bytes of data a reply has room for.
    fn data_room(&self, count: u32) -> usize {
        let room = u32::try_from(self.room).unwrap_or(u32::MAX).min(self.server.message_bytes);
        count.min(room.saturating_sub(DATA_HEADER_BYTES)) as usize
    }

    pub(super) fn read(&mut self, body: &mut Reader<'_>, reply: &mut Writer) -> Answer {
        let (number, offset, count) = (body.u32()?, body.u64()?, body.u32()?);
        let (path, flags) = attempt!(self.open_fid(number));
        if flags & open::ACCESS == 1 {
            return Some(Err(Errno::BADF));
        }
        let mut data = vec![0; self.data_room(count)];
        let length = attempt!(self.server.share.read(&path, offset, &mut data)).min(data.len());
        reply.u32(u32::try_from(length).unwrap_or(0));
        reply.bytes.extend(&data[..length]);
        Some(Ok(()))
    }

    pub(super) fn write(&mut self, body: &mut Reader<'_>, reply: &mut Writer) -> Answer {
        let (number, mut offset, count) = (body.u32()?, body.u64()?, body.u32()?);
        let data = body.take(count as usize)?;
        let (path, flags) = attempt!(self.open_fid(number));
        attempt!(self.check_writable());
        if flags & open::ACCESS == 0 {
            return Some(Err(Errno::BADF));
        }
        if flags & open::APPEND != 0 {
            offset = attempt!(self.server.share.stat(&path)).size;
        }
        let length = attempt!(self.server.share.write(&path, offset, data)).min(data.len());
        let now = self.server.start_ns.wrapping_add(self.now_ns);
        self.set_changed(&path, now);
        reply.u32(u32::try_from(length).unwrap_or(0));
        Some(Ok(()))
    }

    pub(super) fn read_folder(&mut self, body: &mut Reader<'_>, reply: &mut Writer) -> Answer {
        let (number, offset, count) = (body.u32()?, body.u64()?, body.u32()?);
        let (path, _) = attempt!(self.open_fid(number));
        let mut entries = attempt!(self.server.share.list(&path));
        self.server.charge(entries.len());
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        let room = self.data_room(count);
        let mut data = Writer::default();
        let parent = &path[..path.len().saturating_sub(1)];
        let own = [(&b"."[..], path.clone(), Kind::Folder), (&b".."[..], parent.to_vec(), Kind::Folder)];
        let named = entries.iter().map(|(name, kind)| {
            let child = path.iter().chain([name]).cloned().collect();
            (name.bytes(), child, *kind)
        });
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        for (index, (name, child, kind)) in own.into_iter().chain(named).enumerate().skip(start) {
            // Identity, next offset, type, and the name with its length.
            if data.bytes.len() + 13 + 8 + 1 + 2 + name.len() > room {
                break;
            }
            reply::qid(&mut data, kind, &child);
            data.u64(index as u64 + 1).u8(reply::listed_type(kind)).string(name);
        }
        reply.u32(u32::try_from(data.bytes.len()).unwrap_or(0));
        reply.bytes.extend(data.bytes);
        Some(Ok(()))
    }

    pub(super) fn read_link(&mut self, body: &mut Reader<'_>, reply: &mut Writer) -> Answer {
        let path = attempt!(self.path(body.u32()?));
        reply.string(&attempt!(self.server.share.read_link(&path)));
        Some(Ok(()))
    }

    /// Makes a folder or a symbolic link.
    pub(super) fn make(&mut self, kind: u8, body: &mut Reader<'_>, reply: &mut Writer) -> Answer {
        let (folder, name) = (body.u32()?, body.string()?);
        let path = attempt!(self.child(folder, name));
        attempt!(self.check_writable());
        let kind = if kind == message::SYMLINK {
            attempt!(self.server.share.make_link(&path, body.string()?));
            Kind::Link
        } else {
            attempt!(self.server.share.make_folder(&path));
            Kind::Folder
        };
        self.touch(&path);
        reply::qid(reply, kind, &path);
        Some(Ok(()))
    }

    pub(super) fn remove(&mut self, body: &mut Reader<'_>) -> Answer {
        // The fid is gone whether or not the file could be removed.
        let fid = attempt!(self.server.fids.remove(&body.u32()?).ok_or(Errno::BADF));
        let stat = attempt!(self.server.share.stat(&fid.path));
        self.remove_path(&fid.path, stat)
    }

    pub(super) fn unlink_at(&mut self, body: &mut Reader<'_>) -> Answer {
        let (folder, name, flags) = (body.u32()?, body.string()?, body.u32()?);
        let path = attempt!(self.child(folder, name));
        let stat = attempt!(self.server.share.stat(&path));
        match (stat.kind == Kind::Folder, flags & REMOVE_FOLDER != 0) {
            (true, false) => Some(Err(Errno::ISDIR)),
            (false, true) => Some(Err(Errno::NOTDIR)),
            _ => self.remove_path(&path, stat),
        }
    }

    fn remove_path(&mut self, path: &[Name], stat: Stat) -> Answer {
        attempt!(self.check_writable());
        if path.is_empty() {
            return Some(Err(Errno::PERM));
        }
        attempt!(self.server.share.remove(path, stat.kind == Kind::Folder));
        self.touch(path);
        self.server.changed_ns.remove(path);
        Some(Ok(()))
    }

    pub(super) fn rename(&mut self, body: &mut Reader<'_>) -> Answer {
        let (number, folder, name) = (body.u32()?, body.u32()?, body.string()?);
        let from = attempt!(self.path(number));
        let to = attempt!(self.child(folder, name));
        self.rename_path(&from, &to)
    }

    pub(super) fn rename_at(&mut self, body: &mut Reader<'_>) -> Answer {
        let (old_folder, old_name, folder, name) = (body.u32()?, body.string()?, body.u32()?, body.string()?);
        let from = attempt!(self.child(old_folder, old_name));
        let to = attempt!(self.child(folder, name));
        self.rename_path(&from, &to)
    }

    fn rename_path(&mut self, from: &[Name], to: &[Name]) -> Answer {
        attempt!(self.check_writable());
        if from.is_empty() || to.starts_with(from) && to != from {
            return Some(Err(Errno::INVAL));
        }
        attempt!(self.server.share.rename(from, to));
        // Fids follow their files.
        for fid in self.server.fids.values_mut() {
            if let Some(rest) = fid.path.strip_prefix(from) {
                fid.path = to.iter().chain(rest).cloned().collect();
            }
        }
        self.touch(from);
        self.server.changed_ns.remove(from);
        self.touch(to);
        Some(Ok(()))
    }

    pub(super) fn get_lock(&mut self, body: &mut Reader<'_>, reply: &mut Writer) -> Answer {
        let (_fid, _kind, start, length, process) =
            (body.u32()?, body.u8()?, body.u64()?, body.u64()?, body.u32()?);
        let client = body.string()?;
        // Nobody holds a lock.
        reply.u8(2).u64(start).u64(length).u32(process).string(client);
        Some(Ok(()))
    }
}
