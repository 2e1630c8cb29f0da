//! What the fuzz targets share: seeds, scratch files, and a driver for virtio slots.

pub mod driver;
pub mod sealed;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Names the folder that the seeds are written to.
const SEEDS: &str = "MULTIVAC_FUZZ_SEEDS";

/// Writes the inputs that a target begins with where the runner asks for them: small well-formed ones, made here
/// rather than kept.
pub fn seed(inputs: impl IntoIterator<Item = Vec<u8>>) {
    let Some(dir) = std::env::var_os(SEEDS).map(PathBuf::from) else { return };
    for (index, input) in inputs.into_iter().enumerate() {
        std::fs::write(dir.join(format!("seed-{index:02}")), input)
            .expect("the folder for seeds can be written");
    }
}

/// A folder of this process's, in memory where the host has such a place.
pub fn scratch() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = parent.join(format!("multivac-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a scratch folder");
        folder
    })
}

/// Writes `bytes` to a scratch file called `name`.
pub fn scratch_file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = scratch().join(name);
    std::fs::write(&path, bytes).expect("a scratch file can be written");
    path
}

/// Takes a fuzz input apart from the front; at its end there are zeros.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `N` bytes as a little-endian number.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let given = self.take(N);
        bytes[..given.len()].copy_from_slice(given);
        bytes
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    /// The next two bytes.
    pub fn half(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    /// The next four bytes.
    pub fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// The next eight bytes.
    pub fn long(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// The next `length` bytes, or as many as there are.
    pub fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
