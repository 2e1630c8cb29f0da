//! A driver for virtio devices that answer one request at a time: a chain of buffers is offered, and awaited.
//!
//! Source: Virtual I/O Device (VIRTIO) Version 1.2, "Split Virtqueues" and "Virtio Over MMIO".

use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering, fence};

const FIRST_SLOT: usize = 0x1000_1000;
const SLOT_BYTES: usize = 0x1000;
/// Slots of the board.
pub const SLOTS: usize = 8;

const MAGIC: usize = 0x000;
const DEVICE_ID: usize = 0x008;
const DRIVER_FEATURES: usize = 0x020;
const DRIVER_FEATURES_SELECT: usize = 0x024;
const QUEUE_SELECT: usize = 0x030;
const QUEUE_SIZE: usize = 0x038;
const QUEUE_READY: usize = 0x044;
const QUEUE_NOTIFY: usize = 0x050;
const STATUS: usize = 0x070;
const QUEUE_ADDRESSES: [usize; 3] = [0x080, 0x090, 0x0a0];
const CONFIGURATION: usize = 0x100;

/// Descriptors of a ring.
pub const LENGTH: usize = 4;
const CHAINED: u32 = 1;
const WRITABLE: u32 = 2;

/// A buffer that the device needs.
pub enum Buffer<'a> {
    /// The device reads it.
    Out(&'a [u8]),
    /// The device writes it.
    In(&'a mut [u8]),
}

#[repr(C)]
struct Descriptor {
    address: AtomicU64,
    length: AtomicU32,
    /// Flags in the low half, the next descriptor in the high one.
    flags: AtomicU32,
}

/// What driver and device share.
#[repr(C, align(4096))]
pub struct Rings {
    descriptors: [Descriptor; LENGTH],
    available_flags: AtomicU16,
    available_index: AtomicU16,
    available: [AtomicU16; LENGTH],
    used_flags: AtomicU16,
    used_index: AtomicU16,
    /// Chain and length of each answer.
    used: [[AtomicU32; 2]; LENGTH],
}

impl Rings {
    /// Empty rings.
    pub const fn new() -> Rings {
        Rings {
            descriptors: [const {
                Descriptor { address: AtomicU64::new(0), length: AtomicU32::new(0), flags: AtomicU32::new(0) }
            }; LENGTH],
            available_flags: AtomicU16::new(1),
            available_index: AtomicU16::new(0),
            available: [const { AtomicU16::new(0) }; LENGTH],
            used_flags: AtomicU16::new(0),
            used_index: AtomicU16::new(0),
            used: [const { [const { AtomicU32::new(0) }; 2] }; LENGTH],
        }
    }

    /// How many chains were offered, and how many came back.
    pub fn indices(&self) -> (u16, u16) {
        (self.available_index.load(Ordering::Relaxed), self.used_index.load(Ordering::Acquire))
    }

    /// A descriptor: address, bytes, whether the device writes, whether another follows.
    pub fn descriptor(&self, index: usize) -> (u64, u32, bool, bool) {
        let Descriptor { address, length, flags } = &self.descriptors[index];
        let flags = flags.load(Ordering::Relaxed);
        let (address, length) = (address.load(Ordering::Relaxed), length.load(Ordering::Relaxed));
        (address, length, flags & WRITABLE != 0, flags & CHAINED != 0)
    }
}

/// A device with one queue.
pub struct Device {
    base: usize,
    rings: &'static Rings,
    given: u16,
}

/// The kind of device in a slot; 0 for none.
pub fn kind(slot: usize) -> u32 {
    let base = FIRST_SLOT + slot * SLOT_BYTES;
    if read(base + MAGIC) == 0x7472_6976 { read(base + DEVICE_ID) } else { 0 }
}

impl Device {
    /// Sets up the device in a slot, with these of the features below 32. Each device has its own rings.
    pub fn start(slot: usize, features: u32, rings: &'static Rings) -> Device {
        let base = FIRST_SLOT + slot * SLOT_BYTES;
        write(base + STATUS, 0);
        write(base + STATUS, 3);
        for (half, features) in [(0, features), (1, 1)] {
            write(base + DRIVER_FEATURES_SELECT, half);
            write(base + DRIVER_FEATURES, features);
        }
        write(base + STATUS, 11);
        let places = [
            &raw const rings.descriptors as u64,
            &raw const rings.available_flags as u64,
            &raw const rings.used_flags as u64,
        ];
        write(base + QUEUE_SELECT, 0);
        write(base + QUEUE_SIZE, LENGTH as u32);
        for (register, place) in QUEUE_ADDRESSES.into_iter().zip(places) {
            write(base + register, place as u32);
            write(base + register + 4, (place >> 32) as u32);
        }
        write(base + QUEUE_READY, 1);
        write(base + STATUS, 15);
        Device { base, rings, given: 0 }
    }

    /// A byte of the device's configuration.
    pub fn configuration(&self, at: usize) -> u8 {
        // SAFETY: a byte of a virtio slot of the board.
        unsafe { ((self.base + CONFIGURATION + at) as *const u8).read_volatile() }
    }

    /// Puts a chain of buffers into the ring; the device does not look until it is told.
    pub fn offer(&mut self, buffers: &mut [Buffer<'_>]) {
        let last = buffers.len() - 1;
        for (index, buffer) in buffers.iter_mut().enumerate() {
            let (address, length, writable) = match buffer {
                Buffer::Out(bytes) => (bytes.as_ptr() as u64, bytes.len(), 0),
                Buffer::In(bytes) => (bytes.as_mut_ptr() as u64, bytes.len(), WRITABLE),
            };
            let next = if index < last { CHAINED | ((index as u32 + 1) << 16) } else { 0 };
            let descriptor = &self.rings.descriptors[index];
            descriptor.address.store(address, Ordering::Relaxed);
            descriptor.length.store(length as u32, Ordering::Relaxed);
            descriptor.flags.store(writable | next, Ordering::Relaxed);
        }
        self.rings.available[usize::from(self.given) % LENGTH].store(0, Ordering::Relaxed);
        self.given = self.given.wrapping_add(1);
        self.rings.available_index.store(self.given, Ordering::Release);
    }

    /// Tells the device to look.
    pub fn notify(&self) {
        fence(Ordering::SeqCst);
        write(self.base + QUEUE_NOTIFY, 0);
    }

    /// Waits for the answer; how many bytes the device wrote.
    pub fn wait(&self) -> usize {
        while self.rings.used_index.load(Ordering::Acquire) != self.given {
            core::hint::spin_loop();
        }
        fence(Ordering::SeqCst);
        let used = &self.rings.used[usize::from(self.given.wrapping_sub(1)) % LENGTH];
        used[1].load(Ordering::Relaxed) as usize
    }

    /// Offers, tells and waits.
    pub fn ask(&mut self, mut buffers: [Buffer<'_>; 2]) -> usize {
        self.offer(&mut buffers);
        self.notify();
        self.wait()
    }
}

fn read(address: usize) -> u32 {
    // SAFETY: a register of a virtio slot of the board.
    unsafe { (address as *const u32).read_volatile() }
}

fn write(address: usize, value: u32) {
    // SAFETY: a register of a virtio slot of the board; the rings that it may name live for ever, and the buffers
    // until the device is done with them, as `ask` and its callers wait for that.
    unsafe { (address as *mut u32).write_volatile(value) }
}
