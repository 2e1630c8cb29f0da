//! A node's memory as a file with holes, and a checksum for each megabyte of it.

use super::SnapshotError;
use machine::ram::Ram;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What one checksum covers.
const CHUNK_BYTES: usize = 1 << 20;
const SUM_BYTES: usize = 32;
/// The checksum of a chunk of zeros, which is not stored.
const EMPTY: [u8; SUM_BYTES] = [0; SUM_BYTES];

/// Writes the filled pages of `ram`; gives how many bytes those are, and the checksums.
///
/// Errors: the host's.
pub(super) fn write(path: &Path, ram: &Ram) -> Result<(u64, Vec<u8>), SnapshotError> {
    let refused = SnapshotError::host("write", path);
    let file = File::create_new(path).map_err(&refused)?;
    file.set_len(ram.size()).map_err(&refused)?;
    let mut sums = vec![EMPTY; ram.bytes().len().div_ceil(CHUNK_BYTES)];
    let mut filled_bytes = 0;
    for (start, run) in ram.filled_runs() {
        file.write_all_at(run, start as u64).map_err(&refused)?;
        filled_bytes += run.len() as u64;
        // A run is no longer than a chunk, so that it touches two at most.
        for chunk in [start / CHUNK_BYTES, (start + run.len() - 1) / CHUNK_BYTES] {
            if sums[chunk] == EMPTY {
                let end = ram.bytes().len().min((chunk + 1) * CHUNK_BYTES);
                sums[chunk] = *blake3::hash(&ram.bytes()[chunk * CHUNK_BYTES..end]).as_bytes();
            }
        }
    }
    file.sync_all().map_err(&refused)?;
    Ok((filled_bytes, sums.concat()))
}

/// Reads a memory into `ram`, which is as large, and all zeros.
///
/// Errors: the host's; or the file is not what the checksums `sums` are of.
pub(super) fn read(path: &Path, sums: &[u8], ram: &mut Ram) -> Result<(), SnapshotError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => SnapshotError::damaged(path, "it is missing"),
        _ => SnapshotError::host("read", path)(error),
    })?;
    let found = file.metadata().map_err(SnapshotError::host("read", path))?.len();
    if found != ram.size() {
        let reason = format!("it has {found} bytes, and the node's memory {}", ram.size());
        return Err(SnapshotError::damaged(path, reason));
    }
    let (sums, rest) = sums.as_chunks::<SUM_BYTES>();
    if sums.len() != ram.bytes().len().div_ceil(CHUNK_BYTES) || !rest.is_empty() {
        return Err(SnapshotError::damaged(path, "its checksums are of a memory of another size"));
    }
    for ((index, chunk), sum) in ram.bytes_mut().chunks_mut(CHUNK_BYTES).enumerate().zip(sums) {
        if *sum == EMPTY {
            continue;
        }
        let offset = (index * CHUNK_BYTES) as u64;
        file.read_exact_at(chunk, offset).map_err(SnapshotError::host("read", path))?;
        if blake3::hash(chunk).as_bytes() != sum {
            let reason = format!("the checksum of the megabyte at byte {offset} differs");
            return Err(SnapshotError::damaged(path, reason));
        }
    }
    Ok(())
}
