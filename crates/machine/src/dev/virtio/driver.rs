//! A small driver for tests: it sets a slot up as the specification says and offers buffers.

use super::mmio::{Mmio, Peripheral, status};
use super::{Virtio, feature};
use crate::dev::script::Board;
use crate::dev::{Context, Device};
use crate::ram::{RAM_BASE, Ram};

/// The rings of queue n are at `RINGS + n * RING_STRIDE`.
pub(super) const RINGS: u64 = RAM_BASE + 0x1_0000;
pub(super) const RING_STRIDE: u64 = 0x4000;
/// Buffers are allotted from here on and never reused.
const BUFFERS: u64 = RAM_BASE + 0x10_0000;
const SIZE: u64 = 256;

/// A buffer to be offered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Buffer<'a> {
    /// For the device to read.
    Out(&'a [u8]),
    /// For the device to write, of this length.
    In(u64),
}

impl Buffer<'_> {
    pub(super) fn len(&self) -> u64 {
        match self {
            Buffer::Out(bytes) => bytes.len() as u64,
            Buffer::In(bytes) => *bytes,
        }
    }
}

/// A slot with its driver.
pub(super) struct Driver {
    pub(super) slot: Mmio,
    pub(super) board: Board,
    next_buffer: u64,
    next_descriptor: Vec<u64>,
    available: Vec<u16>,
    event_index: bool,
}

impl Driver {
    /// Sets up the device, accepting `features` of its own, and all its queues.
    pub(super) fn start(peripheral: Peripheral, features: u64) -> Driver {
        let mut driver = Driver::reset(peripheral);
        driver.restart(features);
        driver
    }

    /// Resets the device and sets it up with empty rings.
    pub(super) fn restart(&mut self, features: u64) {
        self.set(0x70, 0);
        self.negotiate(features | feature::VERSION_1 | feature::EVENT_INDEX);
        let queues = self.available.len();
        self.board.ram.write(RINGS, &vec![0; queues * 0x4000]).unwrap();
        self.next_buffer = BUFFERS;
        self.next_descriptor.fill(0);
        self.available.fill(0);
        for queue in 0..queues {
            self.set_up_queue(queue);
        }
        self.set(0x70, 15);
        assert_eq!(self.register(0x70), 15);
    }

    /// A device that nothing has been done to.
    pub(super) fn reset(peripheral: Peripheral) -> Driver {
        let queues = match &peripheral {
            Peripheral::Console(device) => device.queues(),
            Peripheral::Block(device) => device.queues(),
            Peripheral::Net(device) => device.queues(),
            Peripheral::Entropy(device) => device.queues(),
            Peripheral::P9(device) => device.queues(),
        };
        let mut board = Board::new();
        board.ram = Ram::new(8 << 20).unwrap();
        let slot = Mmio::new(1, Some(peripheral));
        let (next_descriptor, available) = (vec![0; queues], vec![0; queues]);
        Driver { slot, board, next_buffer: BUFFERS, next_descriptor, available, event_index: false }
    }

    /// Goes up to `FEATURES_OK`.
    pub(super) fn negotiate(&mut self, features: u64) {
        self.event_index = features & feature::EVENT_INDEX != 0;
        self.set(0x70, 1);
        self.set(0x70, 3);
        for (select, half) in [(0, features & 0xffff_ffff), (1, features >> 32)] {
            self.set(0x24, select);
            self.set(0x20, half);
        }
        self.set(0x70, 11);
    }

    pub(super) fn set_up_queue(&mut self, queue: usize) {
        let base = RINGS + queue as u64 * RING_STRIDE;
        self.set(0x30, queue as u64);
        self.set(0x38, SIZE);
        for (register, address) in [(0x80, base), (0x90, base + 0x1000), (0xa0, base + 0x2000)] {
            self.set(register, address & 0xffff_ffff);
            self.set(register + 4, address >> 32);
        }
        self.set(0x44, 1);
    }

    pub(super) fn register(&mut self, offset: u64) -> u64 {
        let Driver { slot, board, .. } = self;
        slot.read(offset, 4, &mut board.context()).unwrap()
    }

    pub(super) fn set(&mut self, offset: u64, value: u64) {
        let Driver { slot, board, .. } = self;
        slot.write(offset, 4, value, &mut board.context()).unwrap();
    }

    pub(super) fn config(&mut self, offset: u64, size: u8) -> u64 {
        let Driver { slot, board, .. } = self;
        slot.read(0x100 + offset, size, &mut board.context()).unwrap()
    }

    pub(super) fn set_config(&mut self, offset: u64, size: u8, value: u64) {
        let Driver { slot, board, .. } = self;
        slot.write(0x100 + offset, size, value, &mut board.context()).unwrap();
    }

    pub(super) fn poll(&mut self) {
        let Driver { slot, board, .. } = self;
        let mut context: Context<'_> = board.context();
        slot.poll(&mut context);
    }

    pub(super) fn slot_due(&self) -> Option<u64> {
        self.slot.due()
    }

    pub(super) fn needs_reset(&self) -> bool {
        self.slot.status() & status::NEEDS_RESET != 0
    }

    /// Whether the slot's interrupt line is high.
    pub(super) fn interrupted(&self) -> bool {
        self.board.lines.sources & 2 != 0
    }

    /// Offers a chain of consecutive buffers and notifies the device if it asks for that; returns where the first
    /// buffer lies.
    pub(super) fn offer(&mut self, queue: usize, buffers: &[Buffer<'_>]) -> u64 {
        let start = self.next_buffer;
        let rings = RINGS + queue as u64 * RING_STRIDE;
        let head = self.next_descriptor[queue];
        for (position, buffer) in buffers.iter().enumerate() {
            let last = position + 1 == buffers.len();
            let mut flags = u16::from(!last);
            match buffer {
                Buffer::Out(bytes) => self.board.ram.write(self.next_buffer, bytes).unwrap(),
                Buffer::In(_) => flags |= 2,
            }
            let number = self.next_descriptor[queue];
            self.next_descriptor[queue] = (number + 1) % SIZE;
            let next = self.next_descriptor[queue].to_le_bytes();
            let mut entry = self.next_buffer.to_le_bytes().to_vec();
            entry.extend(&buffer.len().to_le_bytes()[..4]);
            entry.extend(flags.to_le_bytes());
            entry.extend(&next[..2]);
            self.board.ram.write(rings + 16 * number, &entry).unwrap();
            self.next_buffer += buffer.len();
        }
        // Buffers of a chain are consecutive; chains are not.
        self.next_buffer += 64;
        let slot = u64::from(self.available[queue]) % SIZE;
        self.board.ram.write(rings + 0x1004 + 2 * slot, &head.to_le_bytes()[..2]).unwrap();
        let event = self.board.ram.load(rings + 0x2004 + 8 * SIZE, 2).unwrap();
        let wanted = !self.event_index || event == u64::from(self.available[queue]);
        self.available[queue] += 1;
        self.board.ram.write(rings + 0x1002, &self.available[queue].to_le_bytes()).unwrap();
        if wanted {
            self.set(0x50, queue as u64);
        }
        start
    }

    /// How many bytes the device wrote into each chain that it has returned.
    pub(super) fn used(&self, queue: usize) -> Vec<u32> {
        let ring = RINGS + queue as u64 * RING_STRIDE + 0x2000;
        let count = self.board.ram.load(ring + 2, 2).unwrap();
        assert!(count <= SIZE, "the ring was gone round");
        let length = |slot| self.board.ram.read(ring + 8 + 8 * slot).map(u32::from_le_bytes).unwrap();
        (0..count).map(length).collect()
    }

    pub(super) fn bytes(&self, address: u64, length: u64) -> Vec<u8> {
        self.board.ram.slice(address, length).unwrap().to_vec()
    }

    /// How far the device has come in its ring.
    pub(super) fn used_index(&self, queue: usize) -> u16 {
        let ring = RINGS + queue as u64 * RING_STRIDE + 0x2000;
        self.board.ram.read(ring + 2).map(u16::from_le_bytes).unwrap()
    }

    /// Takes back what was offered last, for a device that was restored to before it.
    pub(super) fn rewind(&mut self, queue: usize, used: u16) {
        self.available[queue] = used - 1;
        let index = self.available[queue].to_le_bytes();
        let rings = RINGS + queue as u64 * RING_STRIDE;
        self.board.ram.write(rings + 0x1002, &index).unwrap();
        self.board.ram.write(rings + 0x2004 + 8 * SIZE, &index).unwrap();
    }
}
