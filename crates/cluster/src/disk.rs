//! Disks whose contents are a file of the host.

mod noted;

pub use noted::{HostError, noted};

use crate::lock;
use crate::qcow2::{self, Qcow2Disk};
use machine::dev::virtio::disk::{BlockBackend, Overlay, SECTOR_BYTES};
use machine::state::{Source, State, StateError};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of a file that are read at a time.
const PORTION_BYTES: usize = 1 << 20;

/// Where a guest's writes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Into memory: the file stays as it is.
    Overlay,
    /// Nowhere: the device refuses them.
    ReadOnly,
    /// Into the file, which is locked for the run.
    Writable,
    /// Into memory, and no part of the machine's state: a writable disk played again.
    Sheltered,
}

/// What is put around the part of a disk that the host may fail.
pub type Around<'a> = &'a dyn Fn(Box<dyn BlockBackend>) -> Box<dyn BlockBackend>;

/// Opens a disk image: qcow2 when its name ends in `.qcow2`, else raw.
///
/// A disk that is written to is locked against all other runs, one that is only read against those that write to it.
///
/// Errors: the host's; [`io::ErrorKind::ResourceBusy`] for a lock in the way, naming who holds it where that is known.
pub fn open(path: &Path, mode: Mode) -> io::Result<Box<dyn BlockBackend>> {
    open_with(path, mode, &|disk| disk)
}

/// As [`open`], with something around what the host may fail: below what is written to memory only, around all of a disk that
/// is written to, in earnest or in memory.
///
/// Errors: as [`open`].
pub fn open_with(path: &Path, mode: Mode, around: Around<'_>) -> io::Result<Box<dyn BlockBackend>> {
    let writable = mode == Mode::Writable;
    let file = OpenOptions::new().read(true).write(writable).open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    lock::take(&file, writable)?;
    let disk = of_file(path, file, writable)?;
    Ok(match mode {
        Mode::Overlay => Box::new(Overlay::new(around(disk))),
        Mode::Sheltered => around(Box::new(Sheltered(Overlay::new(disk)))),
        Mode::ReadOnly | Mode::Writable => around(disk),
    })
}

/// A disk whose file held `bytes` and is called `path`; what is written is in memory, and no part of the machine's state.
///
/// Errors: the host's, and as for [`open`].
pub fn kept(path: &Path, bytes: &[u8], around: Around<'_>) -> io::Result<Box<dyn BlockBackend>> {
    let file = File::from(rustix::fs::memfd_create("disk", rustix::fs::MemfdFlags::CLOEXEC)?);
    io::Write::write_all(&mut &file, bytes)?;
    Ok(around(Box::new(Sheltered(Overlay::new(of_file(path, file, false)?)))))
}

/// The disk in a file that is called `path`.
fn of_file(path: &Path, file: File, writable: bool) -> io::Result<Box<dyn BlockBackend>> {
    if qcow2::is_named(path) {
        return Ok(Box::new(Qcow2Disk::open(file, writable)?));
    }
    let bytes = io::Seek::seek(&mut &file, io::SeekFrom::End(0))?;
    Ok(Box::new(FileDisk { file, bytes, writable }))
}

/// What a file holds, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// Its length.
    pub bytes: u64,
    /// The hash of its contents.
    pub hash: blake3::Hash,
}

impl Checksum {
    /// Reads the file at `path` whole.
    ///
    /// Errors: the host's.
    pub fn of(path: &Path) -> io::Result<Checksum> {
        let mut file = File::open(path)?;
        let mut hasher = blake3::Hasher::new();
        let mut portion = vec![0; PORTION_BYTES];
        let mut bytes = 0;
        loop {
            let length = io::Read::read(&mut file, &mut portion)?;
            if length == 0 {
                return Ok(Checksum { bytes, hash: hasher.finalize() });
            }
            hasher.update(&portion[..length]);
            bytes += length as u64;
        }
    }
}

/// An overlay whose state is empty, as that of the disk is which it stands for.
#[derive(Debug)]
struct Sheltered(Overlay);

impl State for Sheltered {
    fn save(&self, _sink: &mut dyn FnMut(&[u8])) {}

    fn restore(&mut self, _source: &mut Source<'_>) -> Result<(), StateError> {
        Ok(())
    }
}

impl BlockBackend for Sheltered {
    fn len_sectors(&self) -> u64 {
        self.0.len_sectors()
    }

    fn read_only(&self) -> bool {
        self.0.read_only()
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, into)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }

    fn write_zeroes(&mut self, offset: u64, length: u64) -> io::Result<()> {
        self.0.write_zeroes(offset, length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A file as a disk, filled up with zeros to a whole sector.
///
/// Its state is empty: a file that may be written is the host's, and one that may not does not change.
#[derive(Debug)]
struct FileDisk {
    file: File,
    bytes: u64,
    writable: bool,
}

impl State for FileDisk {
    fn save(&self, _sink: &mut dyn FnMut(&[u8])) {}

    fn restore(&mut self, _source: &mut Source<'_>) -> Result<(), StateError> {
        Ok(())
    }
}

impl FileDisk {
    fn check(&self, offset: u64, length: usize) -> io::Result<()> {
        let size = self.len_sectors() * SECTOR_BYTES;
        let fits = offset.checked_add(length as u64).is_some_and(|end| end <= size);
        fits.then_some(())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "beyond the end of the disk"))
    }
}

impl BlockBackend for FileDisk {
    fn len_sectors(&self) -> u64 {
        self.bytes.div_ceil(SECTOR_BYTES)
    }

    fn read_only(&self) -> bool {
        !self.writable
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.check(offset, into.len())?;
        let there = usize::try_from(self.bytes.saturating_sub(offset)).unwrap_or(usize::MAX).min(into.len());
        let (data, beyond) = into.split_at_mut(there);
        beyond.fill(0);
        self.file.read_exact_at(data, offset)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check(offset, bytes.len())?;
        if !self.writable {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        self.file.write_all_at(bytes, offset)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.writable { self.file.sync_data() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, bytes: usize) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("multivac-{}-{name}", std::process::id()));
        std::fs::write(&path, vec![7; bytes]).unwrap();
        path
    }

    #[test]
    fn only_a_writable_disk_changes_its_file() {
        let path = image("modes", 1024);
        let modes = [
            (Mode::Overlay, false),
            (Mode::ReadOnly, false),
            (Mode::Sheltered, false),
            (Mode::Writable, true),
        ];
        for (mode, changes) in modes {
            let mut disk = open(&path, mode).unwrap();
            assert_eq!(disk.read_only(), mode == Mode::ReadOnly);
            assert_eq!(disk.write_at(512, &[1; 512]).is_ok(), mode != Mode::ReadOnly);
            disk.flush().unwrap();
            assert_eq!(std::fs::read(&path).unwrap()[512] == 1, changes, "{mode:?}");
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_last_sector_is_filled_up_and_the_end_is_the_end() {
        let path = image("end", 700);
        let mut disk = open(&path, Mode::Overlay).unwrap();
        assert_eq!(disk.len_sectors(), 2);
        let mut sector = [9; 512];
        disk.read_at(512, &mut sector).unwrap();
        assert_eq!((sector[187], sector[188]), (7, 0));
        assert!(disk.read_at(1024, &mut sector).is_err());
        assert!(disk.read_at(u64::MAX, &mut sector).is_err());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_writable_disk_is_one_run_s() {
        let path = image("lock", 512);
        let held = open(&path, Mode::Writable).unwrap();
        for mode in [Mode::Writable, Mode::Overlay, Mode::ReadOnly] {
            let refused = open(&path, mode).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ResourceBusy);
            assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
        }
        drop(held);
        let readers = [open(&path, Mode::Overlay).unwrap(), open(&path, Mode::ReadOnly).unwrap()];
        assert!(open(&path, Mode::Writable).is_err());
        drop(readers);
        assert!(open(&path, Mode::Writable).is_ok());
        std::fs::remove_file(path).unwrap();
        assert!(open(&std::env::temp_dir(), Mode::ReadOnly).is_err());
    }
}
