//! A disk, with each step of its first transfer shown.
//!
//! Source: Virtual I/O Device (VIRTIO) Version 1.2, "Block Device".

use rt::println;
use rt::request::{Buffer, Device, Rings};

const SECTOR: usize = 512;
const READ: u32 = 0;
const WRITE: u32 = 1;
const FLUSH: u32 = 4;
/// The device understands `FLUSH`.
const FEATURE_FLUSH: u32 = 1 << 9;

static RINGS: Rings = Rings::new();

/// Shows sector 0, counts in sector 1; true if all went well.
pub fn visit(slot: usize) -> bool {
    let mut device = Device::start(slot, FEATURE_FLUSH, &RINGS);
    let capacity = (0..8).fold(0u64, |sum, at| sum | u64::from(device.configuration(at)) << (8 * at));
    println!("disk: {capacity} sectors");
    let bytes = &mut [0; SECTOR];
    if !shown(&mut device, bytes) {
        return false;
    }
    if capacity < 2 || transfer(&mut device, READ, 1, bytes) != 0 {
        return false;
    }
    let runs = u64::from_le_bytes(core::array::from_fn(|at| bytes[at])).wrapping_add(1);
    bytes[..8].copy_from_slice(&runs.to_le_bytes());
    let written = transfer(&mut device, WRITE, 1, bytes);
    let flushed = transfer(&mut device, FLUSH, 0, &mut []);
    println!("disk: run {runs} on it; written with status {written}, flushed with status {flushed}");
    // A disk that may not be written to says so with status 1.
    written <= 1
}

fn header(kind: u32, sector: u64) -> [u8; 16] {
    let mut header = [0; 16];
    header[..4].copy_from_slice(&kind.to_le_bytes());
    header[8..].copy_from_slice(&sector.to_le_bytes());
    header
}

/// Reads sector 0, showing the rings at each step.
fn shown(device: &mut Device, bytes: &mut [u8; SECTOR]) -> bool {
    let header = header(READ, 0);
    let mut status = [0xff];
    bytes.fill(0);
    let at = bytes.as_ptr() as u64;
    device.offer(&mut [Buffer::Out(&header), Buffer::In(&mut bytes[..]), Buffer::In(&mut status)]);
    for index in 0..3 {
        let (address, length, writable, chained) = RINGS.descriptor(index);
        println!(
            "ring: descriptor {index}: {length:3} bytes at {address:#x}, the device {}{}",
            if writable { "writes" } else { "reads" },
            if chained { ", and the next" } else { "" }
        );
    }
    let show = |step: &str| {
        let (offered, answered) = RINGS.indices();
        // SAFETY: the sector's buffer; the device may have written to it, so that it is read as it is now.
        let first = unsafe { (at as *const u64).read_volatile() };
        println!(
            "ring: {step}: offered {offered}, answered {answered}; memory at {at:#x} holds {first:#018x}"
        );
    };
    show("before the device is told");
    device.notify();
    let written = device.wait();
    show("after its answer");
    println!("ring: the device wrote {written} bytes by itself, the hart none; status {}", status[0]);
    let text = bytes.split(|byte| !byte.is_ascii_graphic() && *byte != b' ').next().unwrap_or_default();
    println!("disk: sector 0 says `{}`", core::str::from_utf8(text).unwrap_or("?"));
    status[0] == 0
}

/// One request; its status.
fn transfer(device: &mut Device, kind: u32, sector: u64, bytes: &mut [u8]) -> u8 {
    let header = header(kind, sector);
    let mut status = [0xff];
    match kind {
        READ => device.offer(&mut [Buffer::Out(&header), Buffer::In(bytes), Buffer::In(&mut status)]),
        WRITE => device.offer(&mut [Buffer::Out(&header), Buffer::Out(bytes), Buffer::In(&mut status)]),
        _ => device.offer(&mut [Buffer::Out(&header), Buffer::In(&mut status)]),
    }
    device.notify();
    device.wait();
    status[0]
}
