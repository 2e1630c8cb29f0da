//! A snapshot opened for use: each file is checked before anything of it is believed.

use super::{Manifest, SnapshotError, memory};
use machine::node::{Node, Part};
use machine::ram::Ram;
use machine::state::{Source, State};
use std::path::{Path, PathBuf};

/// A snapshot whose manifest is in order.
#[derive(Debug)]
pub struct Snapshot {
    dir: PathBuf,
    manifest: Manifest,
}

impl Snapshot {
    /// Opens the snapshot in `dir`.
    ///
    /// Errors: [`SnapshotError`], when there is none, it is of a later format, or its manifest is damaged.
    pub fn open(dir: &Path) -> Result<Snapshot, SnapshotError> {
        Ok(Snapshot { dir: dir.to_owned(), manifest: Manifest::read(dir)? })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The checksum of the manifest, which holds those of all else.
    ///
    /// Errors: [`SnapshotError`], when it cannot be read any more.
    pub fn seal(&self) -> Result<blake3::Hash, SnapshotError> {
        let path = self.dir.join(super::MANIFEST);
        let bytes = std::fs::read(&path).map_err(SnapshotError::host("read", &path))?;
        Ok(blake3::hash(&bytes))
    }

    /// The configuration of the run.
    ///
    /// Errors: [`SnapshotError`], when the file is missing or damaged.
    pub fn config(&self) -> Result<String, SnapshotError> {
        let bytes = self.section("config", 1)?;
        String::from_utf8(bytes).map_err(|_| SnapshotError::damaged(&self.file("config"), "it is not text"))
    }

    /// The bytes of a section, checked; `known` is the latest version of it that the caller reads.
    ///
    /// Errors: [`SnapshotError`], when the file is missing, damaged, or of a later version.
    pub fn section(&self, name: &str, known: u32) -> Result<Vec<u8>, SnapshotError> {
        let path = self.file(name);
        let Some(section) = self.manifest.section(name) else {
            let manifest = self.dir.join(super::MANIFEST);
            return Err(SnapshotError::damaged(&manifest, format!("it names no section `{name}`")));
        };
        if section.version > known {
            let what = format!("section `{name}`");
            return Err(SnapshotError::Newer { what, found: section.version.into(), known: known.into() });
        }
        let bytes = std::fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => SnapshotError::damaged(&path, "it is missing"),
            _ => SnapshotError::host("read", &path)(error),
        })?;
        if bytes.len() as u64 != section.bytes {
            let reason = format!("it has {} bytes instead of {}", bytes.len(), section.bytes);
            return Err(SnapshotError::damaged(&path, reason));
        }
        if blake3::hash(&bytes).to_hex().as_str() != section.blake3 {
            return Err(SnapshotError::damaged(&path, "its checksum differs"));
        }
        Ok(bytes)
    }

    /// Takes a section over into `state`, which it has to fill exactly.
    ///
    /// Errors: as [`Snapshot::section`]; or it does not fit.
    pub fn restore(&self, name: &str, known: u32, state: &mut dyn State) -> Result<(), SnapshotError> {
        let bytes = self.section(name, known)?;
        let mut source = Source::new(&bytes);
        let refused = |source| SnapshotError::State { section: name.to_owned(), source };
        state.restore(&mut source).map_err(refused)?;
        if source.remaining() > 0 {
            return Err(refused(machine::state::StateError::Invalid { offset: source.offset() }));
        }
        Ok(())
    }

    /// Takes over all of a node: its parts, and its memory, which must be zero.
    ///
    /// Errors: as [`Snapshot::restore`].
    pub fn restore_node(&self, name: &str, node: &mut Node) -> Result<(), SnapshotError> {
        self.restore_memory(name, &mut node.bus.ram)?;
        for part in Part::ALL {
            let section = format!("{name}/{}", part.name());
            let bytes = self.section(&section, part.version())?;
            node.restore(part, &bytes).map_err(|source| SnapshotError::State { section, source })?;
        }
        Ok(())
    }

    /// Compares the files under the disks, in the same order, with what they were, but for those `elsewhere` looked at.
    ///
    /// Errors: [`SnapshotError`], when one is not to be read, or has changed.
    pub fn check_disks(&self, files: &[PathBuf], elsewhere: &[PathBuf]) -> Result<(), SnapshotError> {
        super::disks::check(&self.manifest.disks, files, elsewhere)
    }

    /// Reads every file and compares it with its checksum.
    ///
    /// Errors: [`SnapshotError`], for the first that is damaged.
    pub fn verify(&self) -> Result<(), SnapshotError> {
        for section in &self.manifest.sections {
            self.section(&section.name, u32::MAX)?;
        }
        for memory in &self.manifest.memories {
            let path = self.memory_file(&memory.node);
            let found = std::fs::metadata(&path).map_or(0, |file| file.len());
            if found != memory.bytes {
                let reason = format!("it has {found} bytes instead of {}", memory.bytes);
                return Err(SnapshotError::damaged(&path, reason));
            }
            let mut ram = Ram::new(memory.bytes).map_err(SnapshotError::host("map memory for", &path))?;
            self.restore_memory(&memory.node, &mut ram)?;
        }
        Ok(())
    }

    fn restore_memory(&self, name: &str, ram: &mut Ram) -> Result<(), SnapshotError> {
        let sums = self.section(&format!("{name}/memory-sums"), 1)?;
        memory::read(&self.memory_file(name), &sums, ram)
    }

    fn file(&self, name: &str) -> PathBuf {
        super::write::section_path(&self.dir, name)
    }

    fn memory_file(&self, name: &str) -> PathBuf {
        super::write::memory_path(&self.dir, name)
    }
}
