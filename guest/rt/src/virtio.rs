//! Virtio devices on the board's virtio-mmio bus: what stands in a slot, its start, and the rings it shares.
//!
//! Source: Virtual I/O Device (VIRTIO) Version 1.2, "Virtio Over MMIO" and "Split Virtqueues".

use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering, fence};

/// Slots of the board.
pub const SLOTS: usize = 8;
const FIRST_SLOT: usize = 0x1000_1000;
const SLOT_BYTES: usize = 0x1000;
const FIRST_SOURCE: u32 = 1;

const MAGIC: usize = 0x000;
const DEVICE_ID: usize = 0x008;
const DRIVER_FEATURES: usize = 0x020;
const DRIVER_FEATURES_SELECT: usize = 0x024;
const QUEUE_SELECT: usize = 0x030;
const QUEUE_SIZE: usize = 0x038;
const QUEUE_READY: usize = 0x044;
const QUEUE_NOTIFY: usize = 0x050;
const INTERRUPT_STATUS: usize = 0x060;
const INTERRUPT_ACKNOWLEDGE: usize = 0x064;
const STATUS: usize = 0x070;
const QUEUE_ADDRESSES: [usize; 3] = [0x080, 0x090, 0x0a0];
const CONFIGURATION: usize = 0x100;

const ACKNOWLEDGE: u32 = 1;
const DRIVER: u32 = 2;
const DRIVER_OK: u32 = 4;
const FEATURES_OK: u32 = 8;
/// Bit 32 of the features: the device is no legacy one.
const FEATURE_VERSION_1: u32 = 1;

/// A descriptor's flag: another follows.
pub(crate) const CHAINED: u32 = 1;
/// A descriptor's flag: the device writes the buffer.
pub(crate) const WRITABLE: u32 = 2;

/// The available ring's flag: what comes back raises no interrupt.
pub(crate) const NO_INTERRUPT: u16 = 1;

/// A buffer of a queue.
#[repr(C)]
pub(crate) struct Descriptor {
    pub(crate) address: AtomicU64,
    pub(crate) length: AtomicU32,
    /// Flags in the low half, the next descriptor in the high one.
    pub(crate) flags: AtomicU32,
}

/// What the device has done with a chain.
#[repr(C)]
pub(crate) struct Used {
    pub(crate) id: AtomicU32,
    pub(crate) length: AtomicU32,
}

/// What driver and device share: a split virtqueue of `N` descriptors.
#[repr(C, align(4096))]
pub struct Rings<const N: usize> {
    pub(crate) descriptors: [Descriptor; N],
    pub(crate) available_flags: AtomicU16,
    available_index: AtomicU16,
    available: [AtomicU16; N],
    used_flags: AtomicU16,
    used_index: AtomicU16,
    used: [Used; N],
}

impl<const N: usize> Rings<N> {
    /// Empty rings, all zero.
    pub const fn new() -> Rings<N> {
        Rings {
            descriptors: [const {
                Descriptor { address: AtomicU64::new(0), length: AtomicU32::new(0), flags: AtomicU32::new(0) }
            }; N],
            available_flags: AtomicU16::new(0),
            available_index: AtomicU16::new(0),
            available: [const { AtomicU16::new(0) }; N],
            used_flags: AtomicU16::new(0),
            used_index: AtomicU16::new(0),
            used: [const { Used { id: AtomicU32::new(0), length: AtomicU32::new(0) } }; N],
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

    /// Makes the chain that starts at `descriptor` the device's `given`-th one; the count after it.
    pub(crate) fn give(&self, descriptor: usize, given: u16) -> u16 {
        self.available[usize::from(given) % N].store(descriptor as u16, Ordering::Relaxed);
        let given = given.wrapping_add(1);
        self.available_index.store(given, Ordering::Release);
        given
    }

    /// The `taken`-th chain that came back, where it has.
    pub(crate) fn used(&self, taken: u16) -> Option<&Used> {
        let back = self.used_index.load(Ordering::Acquire) != taken;
        back.then(|| &self.used[usize::from(taken) % N])
    }

    /// Addresses of the descriptors, the available and the used ring.
    fn addresses(&self) -> [u64; 3] {
        [
            &raw const self.descriptors as u64,
            &raw const self.available_flags as u64,
            &raw const self.used_flags as u64,
        ]
    }
}

/// The kind of device in a slot; 0 for none.
pub fn kind(slot: usize) -> u32 {
    let base = FIRST_SLOT + slot * SLOT_BYTES;
    if read(base + MAGIC) == 0x7472_6976 { read(base + DEVICE_ID) } else { 0 }
}

/// A device's registers.
pub(crate) struct Registers {
    base: usize,
}

impl Registers {
    /// Starts the device in a slot with these of the features below 32, and its queues in order. The rings live for
    /// ever, as the device may look at any time.
    pub(crate) fn start<const N: usize>(
        slot: usize,
        features: u32,
        queues: &[&'static Rings<N>],
    ) -> Registers {
        let base = FIRST_SLOT + slot * SLOT_BYTES;
        write(base + STATUS, 0);
        write(base + STATUS, ACKNOWLEDGE | DRIVER);
        for (half, features) in [(0, features), (1, FEATURE_VERSION_1)] {
            write(base + DRIVER_FEATURES_SELECT, half);
            write(base + DRIVER_FEATURES, features);
        }
        write(base + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
        for (number, rings) in (0..).zip(queues) {
            write(base + QUEUE_SELECT, number);
            write(base + QUEUE_SIZE, N as u32);
            for (register, address) in QUEUE_ADDRESSES.into_iter().zip(rings.addresses()) {
                write(base + register, address as u32);
                write(base + register + 4, (address >> 32) as u32);
            }
            write(base + QUEUE_READY, 1);
        }
        write(base + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
        Registers { base }
    }

    /// A byte of the device's configuration.
    pub(crate) fn configuration(&self, at: usize) -> u8 {
        // SAFETY: a byte of a virtio slot of the board.
        unsafe { ((self.base + CONFIGURATION + at) as *const u8).read_volatile() }
    }

    /// Tells the device to look at a queue.
    pub(crate) fn notify(&self, queue: u32) {
        fence(Ordering::SeqCst);
        write(self.base + QUEUE_NOTIFY, queue);
    }

    /// Declares the device's interrupt seen.
    pub(crate) fn acknowledge(&self) {
        write(self.base + INTERRUPT_ACKNOWLEDGE, read(self.base + INTERRUPT_STATUS));
    }

    /// The device's source of interrupts at the PLIC.
    pub(crate) fn source(&self) -> u32 {
        FIRST_SOURCE + ((self.base - FIRST_SLOT) / SLOT_BYTES) as u32
    }
}

fn read(address: usize) -> u32 {
    // SAFETY: a register of a virtio slot of the board.
    unsafe { (address as *const u32).read_volatile() }
}

fn write(address: usize, value: u32) {
    // SAFETY: a register of a virtio slot of the board; the rings that it may name live for ever, and a buffer's owner
    // leaves it to the device until the rings say that it is back.
    unsafe { (address as *mut u32).write_volatile(value) }
}
