//! Disks whose contents are a qcow2 image.
//!
//! A file is taken for qcow2 by its name, `*.qcow2`, never by its contents: otherwise a guest that writes a qcow2
//! header to a raw disk would choose what the next run opens. An image that refers to other files (a backing or an
//! external data file) is refused for the same reason.

use imago::file::File as ImageFile;
use imago::qcow2::Qcow2;
use imago::{DenyImplicitOpenGate, FormatAccess, FormatDriverBuilder};
use machine::dev::virtio::disk::{BlockBackend, SECTOR_BYTES};
use machine::state::{Source, State, StateError};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What a qcow2 file begins with.
const MAGIC: [u8; 4] = *b"QFI\xfb";

/// Whether the file's name says that it is a qcow2 image.
pub(crate) fn is_named(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("qcow2"))
}

/// A qcow2 image as a disk. Its state is empty, as a raw file's is.
pub(crate) struct Qcow2Disk {
    image: FormatAccess<ImageFile>,
    writable: bool,
}

impl std::fmt::Debug for Qcow2Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Qcow2Disk({} bytes)", self.image.size())
    }
}

impl Qcow2Disk {
    /// Reads the image in `file`, and writes to it if it is open for that; a lock on it holds as long.
    ///
    /// Errors: the host's; or the file is no qcow2 image, is damaged, or refers to other files.
    pub(crate) fn open(mut file: File, writable: bool) -> io::Result<Qcow2Disk> {
        let mut magic = [0; 4];
        let read = io::Read::read_exact(&mut file, &mut magic);
        if read.is_err() || magic != MAGIC {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it is named .qcow2 but is no qcow2 image",
            ));
        }
        let looked_at = file.try_clone()?;
        let builder = Qcow2::<ImageFile>::builder(ImageFile::try_from(file)?).write(writable);
        let image = builder.open(DenyImplicitOpenGate::default()).map_err(|error| {
            if error.kind() != io::ErrorKind::PermissionDenied {
                return error;
            }
            let hint = "an image on top of another one must be made whole first, with qemu-img convert";
            io::Error::new(error.kind(), format!("{error} ({hint})"))
        })?;
        check_plain(&looked_at)?;
        if writable {
            check_counts(&looked_at)?;
        }
        Ok(Qcow2Disk { image: FormatAccess::new(image), writable })
    }

    fn check(&self, offset: u64, length: u64) -> io::Result<()> {
        let size = self.len_sectors() * SECTOR_BYTES;
        let fits = offset.checked_add(length).is_some_and(|end| end <= size);
        fits.then_some(())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "beyond the end of the disk"))
    }

    fn check_write(&self, offset: u64, length: u64) -> io::Result<()> {
        if !self.writable {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        self.check(offset, length)
    }
}

/// Looks whether the image is in clear: without its key a guest would read noise, and write what nobody reads.
///
/// Errors: the host's; it is encrypted.
fn check_plain(file: &File) -> io::Result<()> {
    let mut method = [0; 4];
    file.read_exact_at(&mut method, 32)?;
    if method != [0; 4] {
        let text = "it is encrypted (`qemu-img convert`, given its key, makes a plain one)";
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    }
    Ok(())
}

/// Largest table of reference counts that is looked at: enough for 16 TiB in clusters of 64 KiB.
const COUNTS_BYTES_MAX: u64 = 8 << 20;

/// Looks whether every part of the file has its reference counts. Where they have holes, whoever allocates goes from one
/// to the next, and in an image made for it as deep as the stack.
///
/// Errors: the host's; a table with holes, or one that cannot be.
/// Source: QEMU, `docs/interop/qcow2.rst`, "Header", "Host cluster management".
fn check_counts(file: &File) -> io::Result<()> {
    let damaged = || {
        let text = "its reference counts have holes (`qemu-img check -r all` mends an image)";
        io::Error::new(io::ErrorKind::InvalidData, text)
    };
    let mut header = [0; 104];
    file.read_exact_at(&mut header, 0)?;
    let word = |at: usize| header[at..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    let table = header[48..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let cluster_bits = word(20);
    // Counts of 16 bits are version 2's only ones.
    let count_bits = if word(4) >= 3 { word(96) } else { 4 };
    if !(9..=21).contains(&cluster_bits) || count_bits > 6 {
        return Err(damaged());
    }
    let covered_bits = 2 * cluster_bits + 3 - count_bits;
    let blocks = (file.metadata()?.len() >> covered_bits) + 1;
    let room = u64::from(word(56)) << cluster_bits;
    let bytes = blocks.saturating_mul(8);
    if bytes > room.min(COUNTS_BYTES_MAX) {
        return Err(damaged());
    }
    let mut entries = vec![0; usize::try_from(bytes).map_err(|_| damaged())?];
    file.read_exact_at(&mut entries, table).map_err(|_| damaged())?;
    // The block at the very end is made when it is first needed.
    let whole =
        entries.chunks_exact(8).rev().skip(1).chain(entries.first_chunk::<8>().map(|first| &first[..]));
    if whole.into_iter().any(|entry| entry.iter().all(|byte| *byte == 0)) {
        return Err(damaged());
    }
    Ok(())
}

impl State for Qcow2Disk {
    fn save(&self, _sink: &mut dyn FnMut(&[u8])) {}

    fn restore(&mut self, _source: &mut Source<'_>) -> Result<(), StateError> {
        Ok(())
    }
}

impl BlockBackend for Qcow2Disk {
    fn len_sectors(&self) -> u64 {
        self.image.size() / SECTOR_BYTES
    }

    fn read_only(&self) -> bool {
        !self.writable
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.check(offset, into.len() as u64)?;
        self.image.read(into, offset)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check_write(offset, bytes.len() as u64)?;
        self.image.write(bytes, offset)
    }

    fn write_zeroes(&mut self, offset: u64, length: u64) -> io::Result<()> {
        self.check_write(offset, length)?;
        self.image.write_zeroes(offset, length)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.writable {
            return Ok(());
        }
        self.image.flush()?;
        self.image.sync()
    }
}

impl Drop for Qcow2Disk {
    /// Writes out what the image keeps in memory; a guest that wants to know that it arrived has flushed.
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

#[cfg(test)]
mod tests {
    use crate::disk::{Mode, open};
    use imago::file::File as ImageFile;
    use imago::qcow2::Qcow2;
    use imago::{FormatCreateBuilder, Storage, StorageCreateOptions};
    use machine::dev::virtio::disk::BlockBackend;
    use std::path::PathBuf;

    /// An image of 1 MiB, removed with the test.
    struct Image(PathBuf);

    impl Image {
        fn new(name: &str) -> Image {
            let path = std::env::temp_dir().join(format!("multivac-{}-{name}.qcow2", std::process::id()));
            let file =
                ImageFile::create_open(StorageCreateOptions::new().filename(&path).overwrite(true)).unwrap();
            Qcow2::<ImageFile>::create_builder(file).size(1 << 20).create().unwrap();
            Image(path)
        }

        fn sector(&self, offset: u64) -> [u8; 512] {
            read(&mut *open(&self.0, Mode::ReadOnly).unwrap(), offset)
        }
    }

    impl Drop for Image {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn read(disk: &mut dyn BlockBackend, offset: u64) -> [u8; 512] {
        let mut sector = [9; 512];
        disk.read_at(offset, &mut sector).unwrap();
        sector
    }

    #[test]
    fn an_image_has_its_own_size_and_reads_zeros_at_first() {
        let image = Image::new("fresh");
        assert!(std::fs::metadata(&image.0).unwrap().len() < 1 << 20);
        assert_eq!(open(&image.0, Mode::Overlay).unwrap().len_sectors(), 2048);
        assert_eq!(image.sector((1 << 20) - 512), [0; 512]);
        assert!(open(&image.0, Mode::ReadOnly).unwrap().read_at(1 << 20, &mut [0; 512]).is_err());
    }

    #[test]
    fn only_a_writable_disk_changes_its_image() {
        let image = Image::new("modes");
        let mut overlay = open(&image.0, Mode::Overlay).unwrap();
        overlay.write_at(4096, &[1; 512]).unwrap();
        assert_eq!(read(&mut *overlay, 4096), [1; 512]);
        assert!(open(&image.0, Mode::ReadOnly).unwrap().write_at(0, &[1; 512]).is_err());
        drop(overlay);
        assert_eq!(image.sector(4096), [0; 512]);
        let mut disk = open(&image.0, Mode::Writable).unwrap();
        disk.write_at(4096, &[2; 512]).unwrap();
        disk.write_at(8192, &[3; 512]).unwrap();
        disk.write_zeroes(8192, 512).unwrap();
        assert!(open(&image.0, Mode::Writable).is_err(), "two runs write to one disk");
        drop(disk);
        assert_eq!((image.sector(4096), image.sector(8192)), ([2; 512], [0; 512]));
    }

    #[test]
    fn what_is_no_whole_qcow2_image_is_refused() {
        let image = Image::new("damaged");
        let bytes = std::fs::read(&image.0).unwrap();
        for length in [0, 3, 4, 40, 100] {
            std::fs::write(&image.0, &bytes[..length]).unwrap();
            let refused = open(&image.0, Mode::ReadOnly).unwrap_err().to_string();
            assert!(!refused.contains("qemu-img"), "{length} bytes: {refused}");
        }
        let mut holed = bytes.clone();
        let table = usize::try_from(u64::from_be_bytes(holed[48..56].try_into().unwrap())).unwrap();
        holed[table..table + 8].fill(0);
        std::fs::write(&image.0, &holed).unwrap();
        let refused = open(&image.0, Mode::Writable).unwrap_err();
        assert!(refused.to_string().contains("have holes"), "{refused}");
        assert!(open(&image.0, Mode::Overlay).is_ok(), "nothing is allocated for reading");
        let mut encrypted = bytes.clone();
        encrypted[35] = 1;
        std::fs::write(&image.0, &encrypted).unwrap();
        let refused = open(&image.0, Mode::Overlay).unwrap_err();
        assert!(refused.to_string().contains("is encrypted"), "{refused}");
        let mut backed = bytes.clone();
        // Offset and length of the name of a backing file, and the name.
        backed[8..20].copy_from_slice(&[0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 11]);
        backed[512..523].copy_from_slice(b"/etc/passwd");
        std::fs::write(&image.0, &backed).unwrap();
        for mode in [Mode::ReadOnly, Mode::Writable] {
            let refused = open(&image.0, mode).unwrap_err();
            assert!(refused.to_string().contains("qemu-img convert"), "{mode:?}: {refused}");
        }
    }
}
