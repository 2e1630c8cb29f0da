//! A driver of one virtio slot, which may be as wrong as the input says.

use machine::board::virtio_window;
use machine::dev::virtio::mmio::Peripheral;
use machine::interp::Interpreter;
use machine::node::{Config, Node};
use machine::ram::RAM_BASE;

/// Memory of the node.
pub const MEMORY_BYTES: u64 = 1 << 20;
/// The rings of queue n are at `RINGS + n * RING_STRIDE`.
pub const RINGS: u64 = RAM_BASE + 0x1_0000;
/// Bytes from one queue's rings to the next's.
pub const RING_STRIDE: u64 = 0x4000;
/// Buffers lie here.
pub const BUFFERS: u64 = RAM_BASE + 0x4_0000;
/// Entries of each ring.
const SIZE: u64 = 256;
/// Where the available ring of a queue lies behind its descriptors.
const AVAILABLE: u64 = 0x1000;
/// Where the used ring lies.
const USED: u64 = 0x2000;
/// Accepts what every driver does: version 1.
const FEATURES_HIGH: u64 = 1;

/// A node with one device.
pub struct Driver {
    /// The node.
    pub node: Node,
    slot: u64,
    /// Virtual ticks that have passed.
    mtime: u64,
    offered: [u16; 64],
}

impl Driver {
    /// A node with this device, set up with `queues` queues.
    pub fn new(device: Peripheral, queues: u64) -> Driver {
        let mut config = Config::default();
        config.board.memory_bytes = MEMORY_BYTES;
        let mut node = Node::new(&config, Box::new(Interpreter::new(1))).expect("a small node");
        let slot = node.bus.attach(device).expect("an empty slot");
        let mut driver = Driver { node, slot: virtio_window(slot).base, mtime: 0, offered: [0; 64] };
        driver.start(0, queues);
        driver
    }

    /// Resets the device and sets it up, accepting `features` below the 32nd.
    pub fn start(&mut self, features: u64, queues: u64) {
        for status in [0, 1, 3] {
            self.set(0x70, status);
        }
        for (select, half) in [(0, features), (1, FEATURES_HIGH)] {
            self.set(0x24, select);
            self.set(0x20, half);
        }
        self.set(0x70, 11);
        self.offered.fill(0);
        for queue in 0..queues {
            let base = RINGS + queue * RING_STRIDE;
            // Rings that were used begin anew.
            for at in [AVAILABLE, USED] {
                let _ = self.node.bus.ram.write(base + at, &[0; 8]);
            }
            self.set(0x30, queue);
            self.set(0x38, SIZE);
            for (register, address) in [(0x80, base), (0x90, base + AVAILABLE), (0xa0, base + USED)] {
                self.set(register, address & 0xffff_ffff);
                self.set(register + 4, address >> 32);
            }
            self.set(0x44, 1);
        }
        self.set(0x70, 15);
    }

    /// Stores to a register.
    pub fn set(&mut self, register: u64, value: u64) {
        self.mtime += 1;
        let _ = self.node.bus.store(self.slot + register, 4, value & 0xffff_ffff, self.mtime);
        self.node.bus.poll(self.mtime);
    }

    /// Loads `size` bytes at an offset of the slot.
    pub fn get(&mut self, offset: u64, size: u8) -> Option<u64> {
        self.mtime += 1;
        self.node.bus.load(self.slot + offset, size, self.mtime)
    }

    /// Writes descriptor `number` of a queue.
    pub fn describe(&mut self, queue: u64, number: u64, address: u64, length: u32, flags: u16, next: u16) {
        let mut entry = address.to_le_bytes().to_vec();
        entry.extend(length.to_le_bytes());
        entry.extend(flags.to_le_bytes());
        entry.extend(next.to_le_bytes());
        let _ = self.node.bus.ram.write(RINGS + queue * RING_STRIDE + 16 * (number % SIZE), &entry);
    }

    /// Makes the chain that begins with descriptor `head` available, and notifies the device.
    pub fn offer(&mut self, queue: u64, head: u16) {
        let ring = RINGS + queue * RING_STRIDE + AVAILABLE;
        let index = &mut self.offered[usize::try_from(queue % 64).unwrap_or(0)];
        let slot = u64::from(*index) % SIZE;
        *index = index.wrapping_add(1);
        let index = *index;
        let _ = self.node.bus.ram.write(ring + 4 + 2 * slot, &head.to_le_bytes());
        let _ = self.node.bus.ram.write(ring + 2, &index.to_le_bytes());
        self.set(0x50, queue);
    }

    /// Sends `request` through queue 0, with room for an answer.
    pub fn request(&mut self, request: &[u8], room: u32) {
        let length = u32::try_from(request.len()).unwrap_or(u32::MAX);
        let _ = self.node.bus.ram.write(BUFFERS, request);
        let answer = BUFFERS + 0x2_0000;
        self.describe(0, 0, BUFFERS, length, 1, 1);
        self.describe(0, 1, answer, room, 2, 0);
        self.offer(0, 0);
    }
}
