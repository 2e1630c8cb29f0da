//! Virtio: devices that share rings in memory with their drivers.
//!
//! [`mmio`] is the transport, [`queue`] the rings; each device is a [`Virtio`] behind them. A device's far side
//! (console bytes, disk blocks, frames) are queues and backends that the run loop reaches directly.
//!
//! Source: Virtual I/O Device Specification 1.2.

pub mod block;
pub mod console;
pub mod disk;
#[cfg(test)]
mod driver;
pub mod entropy;
#[cfg(test)]
mod hostile;
pub mod mmio;
pub mod net;
pub mod p9;
pub mod queue;

use crate::ram::Ram;
use crate::state::State;
use queue::{Chain, Queue, Violation};

/// Feature bits that concern every device.
pub mod feature {
    /// Descriptors may refer to tables of descriptors.
    pub const INDIRECT: u64 = 1 << 28;
    /// Notifications and interrupts may be asked for by index.
    pub const EVENT_INDEX: u64 = 1 << 29;
    /// The driver follows version 1 of the specification or later.
    pub const VERSION_1: u64 = 1 << 32;
}

/// A set of queues, one bit each.
pub type QueueSet = u64;

/// A virtio device behind its transport.
pub trait Virtio: State {
    /// The number of the device's type.
    fn id(&self) -> u32;

    /// How many queues it has, at most 64.
    fn queues(&self) -> usize;

    /// The features of its own that it offers.
    fn features(&self) -> u64;

    /// Takes the features that the driver accepted, once it set them up and again after a restore.
    fn accept(&mut self, _features: u64) {}

    /// The configuration space.
    fn config(&self) -> Vec<u8>;

    /// Takes a store into the configuration space.
    fn write_config(&mut self, _offset: u64, _bytes: &[u8]) {}

    /// Forgets what a driver has set.
    fn reset(&mut self) {}

    /// Takes what it can from queue `index`; called when the driver has notified it, when [`Virtio::take_ready`]
    /// names it, and again while [`Service::more`] holds.
    fn serve(&mut self, index: usize, service: &mut Service<'_>) -> Result<(), Violation>;

    /// Queues for which something has come from the far side since the last call.
    fn take_ready(&mut self) -> QueueSet {
        0
    }

    /// Whether [`Virtio::take_ready`] has something to name.
    fn has_ready(&self) -> bool {
        false
    }

    /// Whether the configuration space has changed since the last call.
    fn take_config_change(&mut self) -> bool {
        false
    }
}

/// Descriptors that one call may follow before the rest is put off.
const DESCRIPTORS_PER_CALL: usize = 4096;
/// Bytes that one call may move before the rest is put off; a single request may exceed it.
const BYTES_PER_CALL: u64 = 1 << 20;

/// A queue being served, with a bound on the work of one call.
pub struct Service<'a> {
    queue: &'a mut Queue,
    /// Guest memory, for the chains' bytes.
    pub ram: &'a mut Ram,
    /// The node's timebase now, in ticks.
    pub mtime: u64,
    descriptors_left: usize,
    bytes_left: u64,
    more: bool,
}

impl<'a> Service<'a> {
    /// Serves `queue` within the bound at tick `mtime`.
    pub fn new(queue: &'a mut Queue, ram: &'a mut Ram, mtime: u64) -> Service<'a> {
        Service {
            queue,
            ram,
            mtime,
            descriptors_left: DESCRIPTORS_PER_CALL,
            bytes_left: BYTES_PER_CALL,
            more: false,
        }
    }

    /// Takes the next chain; none when there is none or the bound is reached.
    pub fn pop(&mut self) -> Result<Option<Chain>, Violation> {
        // Without anything available the queue is popped all the same, so that it asks to be notified.
        let spent = self.descriptors_left == 0 || self.bytes_left == 0;
        if spent && self.queue.has_available(self.ram)? {
            self.more = true;
            return Ok(None);
        }
        let chain = self.queue.pop(self.ram)?;
        if let Some(chain) = &chain {
            let descriptors = chain.readable.len() + chain.writable.len();
            self.descriptors_left = self.descriptors_left.saturating_sub(descriptors.max(1));
        }
        Ok(chain)
    }

    /// Puts the chain that was taken last back, for when there is nothing to be done with it yet.
    pub fn unpop(&mut self) {
        self.queue.unpop();
    }

    /// Puts all work off until the device is asked again.
    pub fn put_off(&mut self) {
        self.more = true;
    }

    /// Returns a chain with `written` bytes in it.
    pub fn push(&mut self, chain: &Chain, written: u64) -> Result<(), Violation> {
        self.queue.push(self.ram, chain, u32::try_from(written).unwrap_or(u32::MAX))
    }

    /// Counts bytes that were moved.
    pub fn spend(&mut self, bytes: u64) {
        self.bytes_left = self.bytes_left.saturating_sub(bytes.max(1));
    }

    /// Whether the bound was reached with work left.
    pub fn more(&self) -> bool {
        self.more
    }
}
