//! A disk's transfer, step by step: descriptors, the ring, the device's own write to memory.

use super::program::{self, STORAGE};
use crate::exit::{Exit, Failure};
use crate::tour::{Entry, Shown};
use cluster::record::Outside;
use machine::dev::virtio::disk::MemoryDisk;

/// The entry of the tour.
pub(super) const DMA: Entry = Entry {
    name: "dma",
    title: ("Disk and DMA, step by step", "Disco e DMA, passo per passo"),
    means: "the hart describes buffers in a ring and tells the device, which then moves the bytes to memory by itself",
    file: "crates/machine/src/dev/virtio/queue.rs",
    next: "`multivac run --elf guest/prebuilt/storage.elf --disk FILE` shows it on a disk of yours",
    run: dma,
};

/// What is on the disk.
const LABEL: &[u8] = b"MULTIVAC disk";

fn dma() -> Result<Shown, Failure> {
    let mut contents = vec![0; 4096];
    contents[..LABEL.len()].copy_from_slice(LABEL);
    let disk = Box::new(MemoryDisk::new(contents));
    let ran = program::run(STORAGE, vec![disk], Vec::new(), &Outside::live())?;
    let picture: Vec<String> = ran
        .console
        .lines()
        .filter(|line| line.starts_with("ring: ") || line.starts_with("disk: sector 0"))
        .zip(1..)
        .map(|(line, number)| format!("{number:2}. {}", line.trim_start_matches("ring: ")))
        .collect();
    let moved = ran.console.lines().find_map(|line| line.strip_prefix("ring: the device wrote "));
    let Some(bytes) = moved.and_then(|rest| rest.split(' ').next()) else {
        return Err(Failure::new(Exit::GuestFailed, format!("no transfer was shown:\n{}", ran.console), ""));
    };
    let measured = format!("{bytes} bytes by DMA for one store to the device's register");
    Ok(Shown { picture: picture.join("\n"), measured })
}
