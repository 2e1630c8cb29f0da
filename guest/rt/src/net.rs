//! A driver for a virtio network interface.
//!
//! The program asks for frames when it wants some; the interface's interrupt only ends a sleep. Whatever comes in
//! waits in [`LENGTH`](crate::virtqueue::LENGTH) buffers.
//!
//! Source: Virtual I/O Device (VIRTIO) Version 1.2, "Network Device".

use crate::virtio::{self, Registers, SLOTS};
use crate::virtqueue::Queue;
use crate::{csr, plic};

const NETWORK: u32 = 1;
const FEATURE_MAC: u32 = 1 << 5;
const RECEIVE: u32 = 0;
const TRANSMIT: u32 = 1;
/// Before each frame, all zero: no offload was agreed on.
const HEADER: [u8; 12] = [0; 12];
/// Shortest frame on an Ethernet, without its check sequence.
const FRAME_BYTES_MIN: usize = 60;

/// A network interface.
pub struct Net {
    registers: Registers,
    mac: [u8; 6],
    receive: Queue,
    transmit: Queue,
}

impl Net {
    /// Sets up the first interface of the board; `None` where there is none.
    pub fn find() -> Option<Net> {
        let slot = (0..SLOTS).find(|slot| virtio::kind(*slot) == NETWORK)?;
        let (receive, transmit) = (Queue::new(true), Queue::new(false));
        let registers = Registers::start(slot, FEATURE_MAC, &[receive.rings(), transmit.rings()]);
        registers.notify(RECEIVE);
        let mac = core::array::from_fn(|at| registers.configuration(at));
        Some(Net { registers, mac, receive, transmit })
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
            self.registers.notify(TRANSMIT);
        }
        sent
    }

    /// Shows the next frame that came in to `take`; false when there is none.
    pub fn receive(&mut self, take: impl FnOnce(&[u8])) -> bool {
        let received = self.receive.receive(|bytes| take(bytes.get(HEADER.len()..).unwrap_or(&[])));
        if received {
            self.registers.notify(RECEIVE);
        }
        received
    }

    /// Lets the interface end this hart's sleeps.
    pub fn wake(&self, hart: usize) {
        plic::enable(self.registers.source(), hart);
        csr::enable(csr::EXTERNAL);
    }

    /// Declares seen what woke this hart.
    pub fn woken(&self, hart: usize) {
        let source = plic::claim(hart);
        if source != 0 {
            self.registers.acknowledge();
            plic::complete(source, hart);
        }
    }
}
