//! A driver for a virtio network interface on the virtio-mmio bus.
//!
//! The program asks for frames when it wants some; the interface's interrupt only ends a sleep. Whatever comes in
//! waits in [`LENGTH`](crate::virtqueue::LENGTH) buffers.
//!
//! Source: Virtual I/O Device (VIRTIO) Version 1.2, "Virtio Over MMIO" and "Network Device".

use crate::virtqueue::{LENGTH, Queue};
use crate::{csr, plic};

const FIRST_SLOT: usize = 0x1000_1000;
const SLOT_BYTES: usize = 0x1000;
const SLOTS: usize = 8;
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
const FEATURE_MAC: u32 = 1 << 5;
/// Bit 32 of the features: the device is no legacy one.
const FEATURE_VERSION_1: u32 = 1;
const NETWORK: u32 = 1;
const RECEIVE: u32 = 0;
const TRANSMIT: u32 = 1;
/// Before each frame, all zero: no offload was agreed on.
const HEADER: [u8; 12] = [0; 12];
/// Shortest frame on an Ethernet, without its check sequence.
const FRAME_BYTES_MIN: usize = 60;

/// A network interface.
pub struct Net {
    base: usize,
    source: u32,
    mac: [u8; 6],
    receive: Queue,
    transmit: Queue,
}

impl Net {
    /// Sets up the first interface of the board; `None` where there is none.
    pub fn find() -> Option<Net> {
        let is_net = |slot: &usize| {
            let base = FIRST_SLOT + slot * SLOT_BYTES;
            read(base + MAGIC) == 0x7472_6976 && read(base + DEVICE_ID) == NETWORK
        };
        let slot = (0..SLOTS).find(is_net)?;
        let base = FIRST_SLOT + slot * SLOT_BYTES;
        let mac = core::array::from_fn(|at| read_byte(base + CONFIGURATION + at));
        let (receive, transmit) = (Queue::new(true), Queue::new(false));
        write(base + STATUS, 0);
        write(base + STATUS, ACKNOWLEDGE | DRIVER);
        for (half, features) in [(0, FEATURE_MAC), (1, FEATURE_VERSION_1)] {
            write(base + DRIVER_FEATURES_SELECT, half);
            write(base + DRIVER_FEATURES, features);
        }
        write(base + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
        for (number, queue) in [(RECEIVE, &receive), (TRANSMIT, &transmit)] {
            write(base + QUEUE_SELECT, number);
            write(base + QUEUE_SIZE, LENGTH as u32);
            for (register, address) in QUEUE_ADDRESSES.into_iter().zip(queue.addresses()) {
                write(base + register, address as u32);
                write(base + register + 4, (address >> 32) as u32);
            }
            write(base + QUEUE_READY, 1);
        }
        write(base + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
        write(base + QUEUE_NOTIFY, RECEIVE);
        Some(Net { base, source: FIRST_SOURCE + slot as u32, mac, receive, transmit })
    }

    /// The hardware address.
    pub fn mac(&self) -> [u8; 6] {
        self.mac
    }

    /// Sends a frame, in parts from its addresses on; false while the interface takes no more.
    pub fn send(&mut self, parts: [&[u8]; 2]) -> bool {
        let length = parts[0].len() + parts[1].len();
        let padding = [0; FRAME_BYTES_MIN];
        let padding = &padding[..FRAME_BYTES_MIN.saturating_sub(length)];
        let sent = self.transmit.send(&[&HEADER, parts[0], parts[1], padding]);
        if sent {
            write(self.base + QUEUE_NOTIFY, TRANSMIT);
        }
        sent
    }

    /// Shows the next frame that came in to `take`; false when there is none.
    pub fn receive(&mut self, take: impl FnOnce(&[u8])) -> bool {
        let received = self.receive.receive(|bytes| take(bytes.get(HEADER.len()..).unwrap_or(&[])));
        if received {
            write(self.base + QUEUE_NOTIFY, RECEIVE);
        }
        received
    }

    /// Lets the interface end this hart's sleeps.
    pub fn wake(&self, hart: usize) {
        plic::enable(self.source, hart);
        csr::enable(csr::EXTERNAL);
    }

    /// Declares seen what woke this hart.
    pub fn woken(&self, hart: usize) {
        let source = plic::claim(hart);
        if source != 0 {
            write(self.base + INTERRUPT_ACKNOWLEDGE, read(self.base + INTERRUPT_STATUS));
            plic::complete(source, hart);
        }
    }
}

fn read(address: usize) -> u32 {
    // SAFETY: a register of a virtio slot of the board.
    unsafe { (address as *const u32).read_volatile() }
}

fn read_byte(address: usize) -> u8 {
    // SAFETY: a byte of a virtio slot's configuration.
    unsafe { (address as *const u8).read_volatile() }
}

fn write(address: usize, value: u32) {
    // SAFETY: a register of a virtio slot of the board; the queues it may name live for ever.
    unsafe { (address as *mut u32).write_volatile(value) }
}
