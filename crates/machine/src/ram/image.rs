//! A frozen copy of a node's memory, on which any number of nodes begin, each copying what it changes.

use super::{PAGE_BYTES, PAGE_SHIFT, Ram};
use memmap2::{MmapMut, MmapOptions};
use rustix::fs::{MemfdFlags, SealFlags};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Pages written at a time.
const RUN_PAGES: usize = 256;

/// The contents of a memory, shared by those that begin on it.
///
/// Invariant: the file is anonymous and sealed, so that nobody, this process included, changes or shortens it.
#[derive(Debug)]
pub struct RamImage {
    file: File,
    length: usize,
    /// Pages of which translated code may exist, ascending.
    code_pages: Vec<u32>,
    filled_pages: u64,
}

impl RamImage {
    /// Freezes what `ram` holds now.
    ///
    /// Errors: the host's, when it has no room for the copy.
    pub fn of(ram: &Ram) -> io::Result<RamImage> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = File::from(rustix::fs::memfd_create(c"multivac-ram", flags)?);
        let bytes = ram.bytes();
        file.set_len(bytes.len() as u64)?;
        let mut filled_pages = 0;
        for (start, run) in ram.filled_runs() {
            file.write_all_at(run, start as u64)?;
            filled_pages += run.len() as u64 / PAGE_BYTES;
        }
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&file, seals)?;
        let code_pages = ram.marks.code_pages().collect();
        Ok(RamImage { file, length: bytes.len(), code_pages, filled_pages })
    }

    /// The size of the memory.
    pub fn bytes(&self) -> u64 {
        self.length as u64
    }

    /// Pages that are not all zeros.
    pub fn filled_pages(&self) -> u64 {
        self.filled_pages
    }

    /// A mapping of the image that its holder may write to without anybody seeing it.
    #[allow(unsafe_code, reason = "mapping a file is unsafe in the library's eyes")]
    fn map(&self) -> io::Result<MmapMut> {
        // SAFETY: what the library asks is that nobody changes or truncates the file behind the mapping; the seals
        // set in `RamImage::of`, which is the only way to a value of this type, see to that.
        unsafe { MmapOptions::new().len(self.length).no_reserve_swap().map_copy(&self.file) }
    }
}

impl Ram {
    /// Memory that begins as `image`, of which it copies only the pages that it changes. Pages that held translated
    /// code when the image was taken are marked, so that an engine forked with them hears of stores over it.
    ///
    /// Errors: the host's, when it refuses the mapping.
    pub fn on(image: &RamImage) -> io::Result<Ram> {
        let mut ram = Ram::around(image.map()?);
        ram.marks.touch_all();
        for &page in &image.code_pages {
            if (page as usize) < ram.marks.len() {
                ram.marks.mark_code(page as usize);
            }
        }
        Ok(ram)
    }

    /// The stretches that are not all zeros, each of at most a megabyte, with their offsets.
    pub fn filled_runs(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let pages = self.marks.len();
        let is_filled = |page: usize| {
            self.marks.is_touched(page)
                && !is_zero(&self.bytes()[page << PAGE_SHIFT..(page + 1) << PAGE_SHIFT])
        };
        let mut page = 0;
        std::iter::from_fn(move || {
            let first = (page..pages).find(|page| is_filled(*page))?;
            let most = pages.min(first + RUN_PAGES);
            let end = (first + 1..most).find(|page| !is_filled(*page)).unwrap_or(most);
            page = end;
            Some((first << PAGE_SHIFT, &self.bytes()[first << PAGE_SHIFT..end << PAGE_SHIFT]))
        })
    }
}

/// Whether all bytes are 0; looked at in words, since there are many.
fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<64>();
    words.iter().all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
        && rest.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ram::RAM_BASE;

    #[test]
    fn those_on_an_image_see_it_and_not_each_other() {
        let mut parent = Ram::new(1 << 20).unwrap();
        parent.write(RAM_BASE + 0x5000, b"shared").unwrap();
        parent.mark_code(RAM_BASE + 0x5000);
        let image = RamImage::of(&parent).unwrap();
        assert_eq!(image.filled_pages(), 1);
        let (mut one, mut two) = (Ram::on(&image).unwrap(), Ram::on(&image).unwrap());
        parent.write(RAM_BASE + 0x5000, b"parent").unwrap();
        one.write(RAM_BASE + 0x5000, b"forked").unwrap();
        assert_eq!(one.take_stale_code(), [5], "a store over code of the parent's is noted");
        two.write(RAM_BASE + 0x9000, b"x").unwrap();
        let seen = |ram: &Ram| ram.slice(RAM_BASE + 0x5000, 6).unwrap().to_vec();
        assert_eq!(
            (seen(&parent), seen(&one), seen(&two)),
            (b"parent".into(), b"forked".into(), b"shared".into())
        );
        assert_eq!(
            two.filled_runs().map(|(start, run)| (start, run.len())).collect::<Vec<_>>(),
            [(0x5000, 4096), (0x9000, 4096)]
        );
    }

    #[test]
    fn filled_runs_are_bounded_and_leave_out_zeros() {
        let mut ram = Ram::new(4 << 20).unwrap();
        assert_eq!(ram.filled_runs().count(), 0);
        for page in (0..300).chain([700, 1023]) {
            ram.write(RAM_BASE + page * PAGE_BYTES + PAGE_BYTES - 1, &[1]).unwrap();
        }
        let runs: Vec<_> =
            ram.filled_runs().map(|(start, run)| (start >> PAGE_SHIFT, run.len() >> PAGE_SHIFT)).collect();
        assert_eq!(runs, [(0, 256), (256, 44), (700, 1), (1023, 1)]);
    }
}
