//! A folder of the host's as what stands behind a 9P device.
//!
//! Every path is opened name by name from the folder's own descriptor, and no name may be a symbolic link, so that a
//! guest reaches nothing outside, whatever links it makes and whatever is moved meanwhile. What is neither a file,
//! a folder nor a link (a device, a socket) is not shown.

use machine::dev::virtio::p9::share::{Errno, Kind, Name, Share, Stat};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno as HostErrno;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Most names in a folder that is shown.
const NAMES_MAX: usize = 1 << 20;

/// A folder of the host's.
#[derive(Debug)]
pub struct HostShare {
    root: OwnedFd,
    writable: bool,
    lost: Arc<AtomicBool>,
}

impl HostShare {
    /// Shares the folder at `path`.
    ///
    /// Errors: the host's, when it is no folder or may not be read.
    pub fn open(path: &Path, writable: bool) -> std::io::Result<HostShare> {
        let root = rustix::fs::open(path, FOLDER.difference(OFlags::NOFOLLOW), Mode::empty())?;
        Ok(HostShare { root, writable, lost: Arc::default() })
    }

    /// What turns true when the folder is found to be removed; the guest then gets I/O errors.
    pub fn lost(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.lost)
    }

    /// The root, as long as the folder is there.
    fn root(&self) -> Result<&OwnedFd, Errno> {
        let there = rustix::fs::fstat(&self.root).is_ok_and(|stat| stat.st_nlink > 0);
        if there {
            return Ok(&self.root);
        }
        self.lost.store(true, Ordering::Relaxed);
        Err(Errno::IO)
    }

    fn folder(&self, path: &[Name]) -> Result<OwnedFd, Errno> {
        let mut folder = self.root()?.as_fd().try_clone_to_owned().map_err(|_| Errno::IO)?;
        for name in path {
            folder = rustix::fs::openat(&folder, host(name), FOLDER, Mode::empty()).map_err(told)?;
        }
        Ok(folder)
    }

    /// The folder that a path's last name is in, and that name; the root has none.
    fn parent<'a>(&self, path: &'a [Name]) -> Result<(OwnedFd, &'a OsStr), Errno> {
        let (name, folder) = path.split_last().ok_or(Errno::ISDIR)?;
        Ok((self.folder(folder)?, host(name)))
    }

    /// Opens a file of bytes.
    fn file(&self, path: &[Name], flags: OFlags) -> Result<OwnedFd, Errno> {
        let (folder, name) = self.parent(path)?;
        // Without blocking: a name may have become a pipe.
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder, name, flags, Mode::empty()).map_err(told)?;
        match kind_of(rustix::fs::fstat(&file).map_err(told)?.st_mode) {
            Some(Kind::File) => Ok(file),
            Some(Kind::Folder) => Err(Errno::ISDIR),
            _ => Err(Errno::INVAL),
        }
    }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn host(name: &Name) -> &OsStr {
    OsStr::from_bytes(name.bytes())
}

fn told(error: HostErrno) -> Errno {
    u32::try_from(error.raw_os_error()).map_or(Errno::IO, Errno)
}

fn kind_of(mode: u32) -> Option<Kind> {
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => Some(Kind::File),
        FileType::Directory => Some(Kind::Folder),
        FileType::Symlink => Some(Kind::Link),
        _ => None,
    }
}

impl Share for HostShare {
    fn writable(&self) -> bool {
        self.writable
    }

    fn stat(&mut self, path: &[Name]) -> Result<Stat, Errno> {
        if path.is_empty() {
            self.root()?;
            return Ok(Stat { kind: Kind::Folder, size: 0, executable: true });
        }
        let (folder, name) = self.parent(path)?;
        let stat = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(told)?;
        let kind = kind_of(stat.st_mode).ok_or(Errno::NOENT)?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        Ok(Stat { kind, size, executable: stat.st_mode & 0o100 != 0 })
    }

    fn list(&mut self, path: &[Name]) -> Result<Vec<(Name, Kind)>, Errno> {
        let folder = self.folder(path)?;
        let mut names = Vec::new();
        for entry in Dir::read_from(&folder).map_err(told)?.take(NAMES_MAX) {
            let entry = entry.map_err(told)?;
            let Ok(name) = Name::new(entry.file_name().to_bytes()) else { continue };
            // A name that is gone already is left out.
            let found = rustix::fs::statat(&folder, host(&name), AtFlags::SYMLINK_NOFOLLOW);
            if let Some(kind) = found.ok().and_then(|stat| kind_of(stat.st_mode)) {
                names.push((name, kind));
            }
        }
        Ok(names)
    }

    fn read(&mut self, path: &[Name], offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let file = self.file(path, OFlags::RDONLY)?;
        let mut done = 0;
        while done < into.len() {
            match rustix::io::pread(&file, &mut into[done..], offset.saturating_add(done as u64)) {
                Ok(0) => break,
                Ok(length) => done += length,
                Err(HostErrno::INTR) => {}
                Err(error) => return Err(told(error)),
            }
        }
        Ok(done)
    }

    fn read_link(&mut self, path: &[Name]) -> Result<Vec<u8>, Errno> {
        let (folder, name) = self.parent(path)?;
        rustix::fs::readlinkat(&folder, name, Vec::new()).map(|target| target.into_bytes()).map_err(told)
    }

    fn write(&mut self, path: &[Name], offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let file = self.file(path, OFlags::WRONLY)?;
        let mut done = 0;
        while done < bytes.len() {
            match rustix::io::pwrite(&file, &bytes[done..], offset.saturating_add(done as u64)) {
                Ok(length) => done += length,
                Err(HostErrno::INTR) => {}
                Err(error) if done == 0 => return Err(told(error)),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn create(&mut self, path: &[Name], executable: bool) -> Result<(), Errno> {
        let (folder, name) = self.parent(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(if executable { 0o755 } else { 0o644 });
        rustix::fs::openat(&folder, name, flags, mode).map(drop).map_err(told)
    }

    fn truncate(&mut self, path: &[Name], size: u64) -> Result<(), Errno> {
        let file = self.file(path, OFlags::WRONLY)?;
        rustix::fs::ftruncate(&file, size).map_err(told)
    }

    fn set_executable(&mut self, path: &[Name], executable: bool) -> Result<(), Errno> {
        let file = File::from(self.file(path, OFlags::RDONLY)?);
        let mode = rustix::fs::fstat(&file).map_err(told)?.st_mode & 0o777;
        // Who may read it may execute it.
        let changed = if executable { mode | (mode & 0o444) >> 2 } else { mode & !0o111 };
        rustix::fs::fchmod(&file, Mode::from_raw_mode(changed)).map_err(told)
    }

    fn make_folder(&mut self, path: &[Name]) -> Result<(), Errno> {
        let (folder, name) = self.parent(path)?;
        rustix::fs::mkdirat(&folder, name, Mode::from_raw_mode(0o755)).map_err(told)
    }

    fn make_link(&mut self, path: &[Name], target: &[u8]) -> Result<(), Errno> {
        let (folder, name) = self.parent(path)?;
        rustix::fs::symlinkat(OsStr::from_bytes(target), &folder, name).map_err(told)
    }

    fn remove(&mut self, path: &[Name], folder: bool) -> Result<(), Errno> {
        let (parent, name) = self.parent(path)?;
        let flags = if folder { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        rustix::fs::unlinkat(&parent, name, flags).map_err(told)
    }

    fn rename(&mut self, from: &[Name], to: &[Name]) -> Result<(), Errno> {
        let (old, old_name) = self.parent(from)?;
        let (new, new_name) = self.parent(to)?;
        rustix::fs::renameat(&old, old_name, &new, new_name).map_err(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A folder of the test's own, removed with it: `in/` is shared, `out` lies beside it.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Scratch {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("multivac-share-{}-{number}", std::process::id()));
            std::fs::create_dir_all(path.join("in/folder")).unwrap();
            std::fs::write(path.join("in/file"), b"contents").unwrap();
            std::fs::write(path.join("out"), b"secret").unwrap();
            Scratch(path)
        }

        fn share(&self) -> HostShare {
            HostShare::open(&self.0.join("in"), true).unwrap()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn path(text: &str) -> Vec<Name> {
        text.split('/').map(|name| Name::new(name.as_bytes()).unwrap()).collect()
    }

    fn read(share: &mut HostShare, text: &str) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; 100];
        let length = share.read(&path(text), 0, &mut bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    }

    #[test]
    fn files_are_made_changed_and_removed() {
        let scratch = Scratch::new();
        let mut share = scratch.share();
        share.create(&path("folder/new"), true).unwrap();
        assert_eq!(share.create(&path("folder/new"), true), Err(Errno::EXIST));
        assert_eq!(share.write(&path("folder/new"), 2, b"ab"), Ok(2));
        assert_eq!(read(&mut share, "folder/new").unwrap(), b"\0\0ab");
        share.truncate(&path("folder/new"), 3).unwrap();
        let stat = share.stat(&path("folder/new")).unwrap();
        assert_eq!(stat, Stat { kind: Kind::File, size: 3, executable: true });
        share.set_executable(&path("folder/new"), false).unwrap();
        let mode = std::fs::metadata(scratch.0.join("in/folder/new")).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0);
        assert_eq!(share.remove(&path("folder"), true), Err(Errno::NOTEMPTY));
        share.rename(&path("folder/new"), &path("moved")).unwrap();
        share.remove(&path("folder"), true).unwrap();
        let mut names = share.list(&[]).unwrap();
        names.sort_by(|(a, _), (b, _)| a.cmp(b));
        assert_eq!(names, [(path("file").remove(0), Kind::File), (path("moved").remove(0), Kind::File)]);
    }

    #[test]
    fn links_lead_nowhere() {
        let scratch = Scratch::new();
        let mut share = scratch.share();
        share.make_link(&path("up"), b"..").unwrap();
        share.make_link(&path("escape"), b"../out").unwrap();
        symlink(&scratch.0, scratch.0.join("in/absolute")).unwrap();
        assert_eq!(share.read_link(&path("escape")).unwrap(), b"../out");
        assert_eq!(share.stat(&path("escape")).unwrap().kind, Kind::Link);
        for outside in ["escape", "up/out", "absolute/out"] {
            assert!(read(&mut share, outside).is_err(), "{outside} was read");
            assert!(share.write(&path(outside), 0, b"x").is_err(), "{outside} was written");
            assert!(share.truncate(&path(outside), 0).is_err(), "{outside} was truncated");
        }
        assert!(share.list(&path("up")).is_err());
        assert!(share.create(&path("up/new"), false).is_err());
        assert!(share.rename(&path("file"), &path("absolute/stolen")).is_err());
        assert_eq!(std::fs::read(scratch.0.join("out")).unwrap(), b"secret");
    }

    #[test]
    fn a_folder_that_vanishes_is_an_error_and_nothing_else() {
        let scratch = Scratch::new();
        let mut share = scratch.share();
        let lost = share.lost();
        assert!(share.stat(&[]).is_ok() && !lost.load(Ordering::Relaxed));
        std::fs::remove_dir_all(scratch.0.join("in")).unwrap();
        assert_eq!(share.stat(&[]), Err(Errno::IO));
        assert_eq!(share.list(&[]), Err(Errno::IO));
        assert_eq!(read(&mut share, "file"), Err(Errno::IO));
        assert_eq!(share.create(&path("new"), false), Err(Errno::IO));
        assert!(lost.load(Ordering::Relaxed));
    }

    #[test]
    fn what_is_no_file_is_not_shown() {
        let scratch = Scratch::new();
        let _socket = std::os::unix::net::UnixListener::bind(scratch.0.join("in/socket")).unwrap();
        let mut share = scratch.share();
        assert_eq!(share.stat(&path("socket")), Err(Errno::NOENT));
        assert_eq!(share.list(&[]).unwrap().len(), 2);
        assert!(HostShare::open(&scratch.0.join("in/file"), false).is_err());
    }
}
