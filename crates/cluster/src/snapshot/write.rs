//! Writing a snapshot: everything under another name first, brought to the disk, and renamed into place.

use super::{MANIFEST, Manifest, Memory, Section, SnapshotError, disks, memory};
use machine::node::{Node, Part};
use rustix::fs::{FlockOperation, RenameFlags};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What is to be written.
pub struct Draft<'a> {
    /// What ran, in words.
    pub what: &'a str,
    /// The instant.
    pub virtual_ns: u64,
    /// The resolved configuration.
    pub config: &'a str,
    /// The files under the disks of all nodes.
    pub disks: &'a [PathBuf],
    /// The nodes with their names.
    pub nodes: Vec<(String, &'a Node)>,
    /// Everything else: name, version, bytes.
    pub sections: Vec<(String, u32, Vec<u8>)>,
}

/// Writes a snapshot to `dir`, in place of one that is there; gives its manifest.
///
/// Errors: [`SnapshotError`]; what was at `dir` is then as it was.
pub fn write(dir: &Path, draft: &Draft<'_>) -> Result<Manifest, SnapshotError> {
    refuse_to_replace(dir)?;
    let dir = &absolute(dir)?;
    let folder = dir.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).map_err(SnapshotError::host("create", folder))?;
    let partial = &beside(dir, "partial");
    let lock = begin(partial)?;
    let written = fill(partial, draft).and_then(|manifest| {
        lock.sync_all().map_err(SnapshotError::host("write", partial))?;
        put_in_place(partial, dir)?;
        sync(folder)?;
        Ok(manifest)
    });
    if written.is_err() {
        // What is left of the attempt helps nobody; if it cannot be removed, the next attempt tries again.
        let _ = fs::remove_dir_all(partial);
    }
    written
}

/// Where a section's bytes are.
pub(super) fn section_path(dir: &Path, name: &str) -> PathBuf {
    let extension = if name == "config" { "toml" } else { "bin" };
    dir.join(format!("{name}.{extension}"))
}

/// Where a node's memory is.
pub(super) fn memory_path(dir: &Path, node: &str) -> PathBuf {
    dir.join(node).join("memory.ram")
}

/// Only a snapshot or an empty directory is ever replaced.
fn refuse_to_replace(dir: &Path) -> Result<(), SnapshotError> {
    let not_one = |reason: &str| {
        Err(SnapshotError::NotOne { dir: dir.to_owned(), reason: format!("{reason}, and is left alone") })
    };
    match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => not_one("it is a file"),
        Err(error) => Err(SnapshotError::host("replace", dir)(error)),
        Ok(mut entries) => {
            if dir.join(MANIFEST).exists() || entries.next().is_none() {
                Ok(())
            } else {
                not_one("it holds other things")
            }
        }
    }
}

fn absolute(dir: &Path) -> Result<PathBuf, SnapshotError> {
    std::path::absolute(dir).map_err(SnapshotError::host("find", dir))
}

/// A hidden name beside `dir`.
fn beside(dir: &Path, word: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(dir.file_name().unwrap_or_default());
    name.push(".");
    name.push(word);
    dir.with_file_name(name)
}

/// Makes the directory to fill, which is locked as long as its handle is open; what an interrupted attempt left is
/// cleared away.
fn begin(partial: &Path) -> Result<File, SnapshotError> {
    let refused = SnapshotError::host("create", partial);
    if let Ok(left) = File::open(partial) {
        rustix::fs::flock(&left, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            let busy = std::io::Error::other("another run is writing this snapshot");
            SnapshotError::host("write", partial)(busy)
        })?;
        fs::remove_dir_all(partial).map_err(&refused)?;
    }
    fs::create_dir(partial).map_err(&refused)?;
    let handle = File::open(partial).map_err(&refused)?;
    rustix::fs::flock(&handle, FlockOperation::NonBlockingLockExclusive)
        .map_err(|error| refused(error.into()))?;
    Ok(handle)
}

fn fill(dir: &Path, draft: &Draft<'_>) -> Result<Manifest, SnapshotError> {
    let instructions = draft.nodes.iter().map(|(_, node)| node.retired()).sum();
    let mut manifest = Manifest::new(draft.what, draft.virtual_ns, instructions);
    let mut add = |name: &str, version: u32, bytes: &[u8]| {
        write_file(&section_path(dir, name), bytes)?;
        let blake3 = blake3::hash(bytes).to_hex().to_string();
        manifest.sections.push(Section { name: name.to_owned(), version, bytes: bytes.len() as u64, blake3 });
        Ok(())
    };
    for (name, _) in &draft.nodes {
        let folder = dir.join(name);
        fs::create_dir(&folder).map_err(SnapshotError::host("create", &folder))?;
    }
    add("config", 1, draft.config.as_bytes())?;
    for (name, version, bytes) in &draft.sections {
        add(name, *version, bytes)?;
    }
    let mut memories = Vec::new();
    for (name, node) in &draft.nodes {
        for part in Part::ALL {
            let mut bytes = Vec::new();
            node.save(part, &mut |piece| bytes.extend_from_slice(piece));
            add(&format!("{name}/{}", part.name()), part.version(), &bytes)?;
        }
        let ram = &node.bus.ram;
        let (filled_bytes, sums) = memory::write(&memory_path(dir, name), ram)?;
        add(&format!("{name}/memory-sums"), 1, &sums)?;
        memories.push(Memory { node: name.clone(), bytes: ram.size(), filled_bytes });
        sync(&dir.join(name))?;
    }
    manifest.memories = memories;
    manifest.disks = disks::of(draft.disks)?;
    let path = dir.join(MANIFEST);
    let text = manifest.text().map_err(|reason| SnapshotError::damaged(&path, reason))?;
    write_file(&path, text.as_bytes())?;
    Ok(manifest)
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), SnapshotError> {
    let written = File::create_new(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(SnapshotError::host("write", path))
}

fn sync(dir: &Path) -> Result<(), SnapshotError> {
    File::open(dir).and_then(|handle| handle.sync_all()).map_err(SnapshotError::host("write", dir))
}

/// Renames the finished directory; one that it replaces is removed afterwards.
fn put_in_place(partial: &Path, dir: &Path) -> Result<(), SnapshotError> {
    let refused = SnapshotError::host("replace", dir);
    if !dir.exists() {
        return fs::rename(partial, dir).map_err(refused);
    }
    let cwd = rustix::fs::CWD;
    let old = match rustix::fs::renameat_with(cwd, partial, cwd, dir, RenameFlags::EXCHANGE) {
        Ok(()) => partial.to_owned(),
        // Some file systems cannot exchange two names at once.
        Err(_) => {
            let old = beside(dir, "old");
            let _ = fs::remove_dir_all(&old);
            fs::rename(dir, &old).map_err(&refused)?;
            if let Err(error) = fs::rename(partial, dir) {
                let _ = fs::rename(&old, dir);
                return Err(refused(error));
            }
            old
        }
    };
    fs::remove_dir_all(&old).map_err(SnapshotError::host("remove", &old))
}
