//! Garbage in virtio rings: cyclic and endless chains, lengths past all memory, buffers over the ring itself and
//! out of memory. Source: Virtual I/O Device (VIRTIO) Version 1.2, "Split Virtqueues" and "MMIO".

use crate::Random;
use core::sync::atomic::{AtomicU64, Ordering, fence};

const FIRST: usize = 0x1000_1000;
const STRIDE: usize = 0x1000;
const SLOTS: usize = 8;
const QUEUES: usize = 8;
/// Entries of a ring.
const LENGTH: usize = 64;
/// Words of the area that holds descriptors, available and used ring.
const WORDS: usize = 1024;

const MAGIC: usize = 0x000;
const DEVICE_ID: usize = 0x008;
const DRIVER_FEATURES: usize = 0x020;
const DRIVER_FEATURES_SEL: usize = 0x024;
const QUEUE_SEL: usize = 0x030;
const QUEUE_NUM: usize = 0x038;
const QUEUE_READY: usize = 0x044;
const QUEUE_NOTIFY: usize = 0x050;
const STATUS: usize = 0x070;
const QUEUE_DESC: usize = 0x080;
const QUEUE_DRIVER: usize = 0x090;
const QUEUE_DEVICE: usize = 0x0a0;

/// Memory that the rings stand in; atomics, because devices write to it too.
#[repr(align(4096))]
struct Area([AtomicU64; WORDS]);

static AREA: Area = Area([const { AtomicU64::new(0) }; WORDS]);

/// Fills the rings of every device there is, several times over; gives how many devices there are.
pub fn storm(random: &mut Random) -> usize {
    let mut devices = 0;
    for base in (0..SLOTS).map(|slot| FIRST + slot * STRIDE) {
        if read(base + MAGIC) != 0x7472_6976 || read(base + DEVICE_ID) == 0 {
            continue;
        }
        devices += 1;
        for round in 0..48 {
            negotiate(base);
            for queue in 0..QUEUES {
                fill(random, round);
                offer(base, queue, random, round);
            }
            for queue in 0..QUEUES {
                write(base + QUEUE_NOTIFY, queue as u64);
            }
            write(base + QUEUE_NOTIFY, random.word());
        }
        write(base + STATUS, 0);
    }
    devices
}

/// Resets the device and brings it to where it reads rings, with every feature that it knows or only the needed one.
fn negotiate(base: usize) {
    write(base + STATUS, 0);
    write(base + STATUS, 3);
    write(base + DRIVER_FEATURES_SEL, 1);
    write(base + DRIVER_FEATURES, 1);
    write(base + STATUS, 11);
    write(base + STATUS, 15);
}

/// Writes descriptors and an available ring, of a kind that the round picks.
fn fill(random: &mut Random, round: usize) {
    let here = &raw const AREA as u64;
    for index in 0..LENGTH {
        let address = match random.below(6) {
            0 => random.word(),
            1 => here,
            2 => 0x8000_0000 + random.word() % 0x4000_0000,
            3 => 0x1000_0000 + random.word() % 0x10000,
            4 => u64::MAX - random.word() % 4096,
            // This program's own pages stay out of the devices' reach half of the time, so that it lives on.
            _ => here + 6144,
        };
        // Writable buffers over this program's code would end it early and test less.
        let own = (0x8020_0000..0x8020_0000 + 0x20_0000).contains(&address);
        let address = if own { here } else { address };
        let length = match random.below(4) {
            0 => u32::MAX as u64,
            1 => 0,
            2 => random.word() & 0xffff_ffff,
            _ => 512,
        };
        let length = if address == here { length.min(8192) } else { length };
        let next =
            if round.is_multiple_of(3) { (index as u64 + 1) % LENGTH as u64 } else { random.word() & 0xffff };
        let flags = if round.is_multiple_of(3) { 1 | random.word() & 2 } else { random.word() & 7 };
        AREA.0[index * 2].store(address, Ordering::Relaxed);
        AREA.0[index * 2 + 1].store(length | flags << 32 | next << 48, Ordering::Relaxed);
    }
    for word in &AREA.0[LENGTH * 2..LENGTH * 2 + 64] {
        let heads =
            if round.is_multiple_of(2) { random.word() & 0x003f_003f_003f_003f } else { random.word() };
        word.store(heads, Ordering::Relaxed);
    }
    fence(Ordering::SeqCst);
}

/// Gives the ring to a queue, sometimes at an address that holds none.
fn offer(base: usize, queue: usize, random: &mut Random, round: usize) {
    let here = &raw const AREA as u64;
    write(base + QUEUE_SEL, queue as u64);
    let size = if round % 5 == 4 { random.word() & 0xffff_ffff } else { LENGTH as u64 };
    write(base + QUEUE_NUM, size);
    let wild = round % 7 == 6;
    let places = [(QUEUE_DESC, 0), (QUEUE_DRIVER, LENGTH as u64 * 16), (QUEUE_DEVICE, 4096)];
    for (register, offset) in places {
        let mut address = here + offset;
        if wild {
            address = if random.below(2) == 0 { u64::MAX - 8 } else { 0x1_0000_0000_0000 | random.word() };
        }
        write(base + register, address & 0xffff_ffff);
        write(base + register + 4, address >> 32);
    }
    write(base + QUEUE_READY, 1);
}

fn write(address: usize, value: u64) {
    // SAFETY: a device's register; a fault is stepped over by the trap handler.
    unsafe { core::arch::asm!("sw {v}, 0({a})", a = in(reg) address, v = in(reg) value) };
}

fn read(address: usize) -> u64 {
    let mut value: u64 = 0;
    // SAFETY: a device's register; a fault leaves the zero.
    unsafe { core::arch::asm!("lwu {v}, 0({a})", a = in(reg) address, v = inout(reg) value) };
    value
}
