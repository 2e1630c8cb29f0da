//! A disk that keeps the first error of its host's: the guest is told no more than that a request failed.

use crate::record::is_host_s;
use machine::dev::virtio::disk::BlockBackend;
use machine::state::{Source, State, StateError};
use std::io;
use std::sync::{Arc, OnceLock};

/// The first error that the host gave, in words; nothing while there was none.
pub type HostError = Arc<OnceLock<String>>;

/// The disk, and where the first error of its host's will be.
pub fn noted(disk: Box<dyn BlockBackend>) -> (Box<dyn BlockBackend>, HostError) {
    let failed = HostError::default();
    (Box::new(Noted { disk, failed: Arc::clone(&failed) }), failed)
}

#[derive(Debug)]
struct Noted {
    disk: Box<dyn BlockBackend>,
    failed: HostError,
}

impl Noted {
    /// Takes note of what a request came to, unless the guest asked for what it may not have.
    fn note(&self, result: io::Result<()>) -> io::Result<()> {
        result.inspect_err(|error| {
            if is_host_s(error) {
                let _ = self.failed.set(error.to_string());
            }
        })
    }
}

impl State for Noted {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.disk.save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.disk.restore(source)
    }
}

impl BlockBackend for Noted {
    fn len_sectors(&self) -> u64 {
        self.disk.len_sectors()
    }

    fn read_only(&self) -> bool {
        self.disk.read_only()
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let result = self.disk.read_at(offset, into);
        self.note(result)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let result = self.disk.write_at(offset, bytes);
        self.note(result)
    }

    fn write_zeroes(&mut self, offset: u64, length: u64) -> io::Result<()> {
        let result = self.disk.write_zeroes(offset, length);
        self.note(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.disk.flush();
        self.note(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Mode, open};

    #[test]
    fn the_host_s_errors_are_kept_and_not_the_guest_s() {
        let path = std::env::temp_dir().join(format!("multivac-{}-noted", std::process::id()));
        std::fs::write(&path, [7; 1024]).unwrap();
        let (mut disk, failed) = noted(open(&path, Mode::ReadOnly).unwrap());
        assert!(disk.read_at(1 << 20, &mut [0; 512]).is_err() && disk.write_at(0, &[0; 512]).is_err());
        assert_eq!(failed.get(), None);
        std::fs::write(&path, []).unwrap();
        assert!(disk.read_at(0, &mut [0; 512]).is_err());
        assert!(failed.get().is_some());
        std::fs::remove_file(path).unwrap();
    }
}
