//! qcow2 images: opened, read and written, as a disk of each mode.
#![no_main]

use cluster::disk::{self, Mode};
use fuzz::scratch_file;
use libfuzzer_sys::fuzz_target;

const CLUSTER: usize = 1 << 16;

/// An image of 1 MiB whose first cluster is there: header, one cluster of counts, one of the first table, one of the
/// second.
fn image(version: u32) -> Vec<u8> {
    let mut bytes = vec![0; 6 * CLUSTER];
    let mut put = |at: usize, value: u64, size: usize| {
        bytes[at..at + size].copy_from_slice(&value.to_be_bytes()[8 - size..]);
    };
    let place = |cluster: usize| (cluster * CLUSTER) as u64;
    put(0, 0x5146_49fb, 4);
    put(4, version.into(), 4);
    put(20, 16, 4);
    put(24, 1 << 20, 8);
    put(36, 1, 4);
    put(40, place(3), 8);
    put(48, place(1), 8);
    put(56, 1, 4);
    put(96, 4, 4);
    put(100, 104, 4);
    put(CLUSTER, place(2), 8);
    (0..6).for_each(|cluster| put(2 * CLUSTER + 2 * cluster, 1, 2));
    put(3 * CLUSTER, place(4) | 1 << 63, 8);
    put(4 * CLUSTER, place(5) | 1 << 63, 8);
    bytes
}

/// Short inputs are worth more than long ones, so that images are kept without the zeros behind each cluster's start.
fn packed(image: &[u8]) -> Vec<u8> {
    image.chunks(CLUSTER).flat_map(|cluster| cluster[..128].to_vec()).collect()
}

fn unpacked(data: &[u8]) -> Vec<u8> {
    let mut image = Vec::new();
    for part in data.chunks(128) {
        image.extend(part);
        image.resize(image.len().next_multiple_of(CLUSTER), 0);
    }
    image
}

fuzz_target!(init: fuzz::seed([packed(&image(2)), packed(&image(3))]), |data: &[u8]| {
    if data.len() > 128 * 12 {
        return;
    }
    let image = unpacked(data);
    for mode in [Mode::ReadOnly, Mode::Overlay, Mode::Writable] {
        let path = scratch_file("disk.qcow2", &image);
        let Ok(mut disk) = disk::open(&path, mode) else { continue };
        let bytes = disk.len_sectors().saturating_mul(512);
        let mut block = [0; 4096];
        for offset in [0, 65536, bytes / 2 & !511, bytes.saturating_sub(4096)] {
            let _ = disk.read_at(offset, &mut block);
            let _ = disk.write_at(offset, &[7; 512]);
        }
        let _ = disk.flush();
    }
});
