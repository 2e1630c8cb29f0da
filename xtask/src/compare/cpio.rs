//! The suite's part of the initramfs: a cpio archive (`newc`) that goes behind the image's own.

/// Where the kernel expects the next archive to begin.
const ALIGNMENT: usize = 512;
const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;

/// An archive being written.
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Behind `first`, another archive.
    pub(super) fn behind(first: Vec<u8>) -> Archive {
        let mut archive = Archive { bytes: first, entries: 0 };
        archive.pad(ALIGNMENT);
        archive
    }

    pub(super) fn folder(&mut self, path: &str) {
        self.entry(path, FOLDER, &[]);
    }

    /// A file that may be run.
    pub(super) fn program(&mut self, path: &str, content: &[u8]) {
        self.entry(path, PROGRAM, content);
    }

    /// The whole file.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.pad(ALIGNMENT);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let links = if mode == FOLDER { 2 } else { 1 };
        // Magic, then inode, mode, owner, group, links, time, size, four device numbers, name's length, checksum.
        let header = format!(
            "070701{:08x}{mode:08x}{:08x}{:08x}{links:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}",
            self.entries,
            0,
            0,
            0,
            content.len(),
            0,
            0,
            0,
            0,
            path.len() + 1,
            0
        );
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad(4);
        self.bytes.extend_from_slice(content);
        self.pad(4);
    }

    fn pad(&mut self, alignment: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(alignment), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_lies_behind_the_other_and_holds_its_files() {
        let mut archive = Archive::behind(vec![1; 700]);
        archive.folder("rows");
        archive.program("rows/alu", b"/suite alu 1\n");
        let bytes = archive.finish();
        assert_eq!((&bytes[1024..1030], bytes.len() % ALIGNMENT), (&b"070701"[..], 0));
        // A header is 110 bytes, and the name with its end follows; both together are padded to four.
        let second = 1024 + 116;
        assert_eq!(&bytes[second..second + 6], b"070701");
        assert_eq!(&bytes[second + 54..second + 62], b"0000000d");
        assert_eq!(&bytes[second + 110..second + 118], b"rows/alu");
        assert_eq!(&bytes[second + 120..second + 133], b"/suite alu 1\n");
    }
}
