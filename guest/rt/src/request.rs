//! A driver for virtio devices that answer one request at a time: a chain of buffers is offered, and awaited.

use crate::virtio::{self, CHAINED, NO_INTERRUPT, Registers, WRITABLE};
use core::sync::atomic::{Ordering, fence};

/// Descriptors of a ring.
pub const LENGTH: usize = 4;

/// What driver and device share.
pub type Rings = virtio::Rings<LENGTH>;

/// A buffer that the device needs.
pub enum Buffer<'a> {
    /// The device reads it.
    Out(&'a [u8]),
    /// The device writes it.
    In(&'a mut [u8]),
}

/// A device with one queue.
pub struct Device {
    registers: Registers,
    rings: &'static Rings,
    given: u16,
}

impl Device {
    /// Sets up the device in a slot, with these of the features below 32. Each device has its own rings.
    pub fn start(slot: usize, features: u32, rings: &'static Rings) -> Device {
        rings.available_flags.store(NO_INTERRUPT, Ordering::Relaxed);
        Device { registers: Registers::start(slot, features, &[rings]), rings, given: 0 }
    }

    /// A byte of the device's configuration.
    pub fn configuration(&self, at: usize) -> u8 {
        self.registers.configuration(at)
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
        self.given = self.rings.give(0, self.given);
    }

    /// Tells the device to look.
    pub fn notify(&self) {
        self.registers.notify(0);
    }

    /// Waits for the answer; how many bytes the device wrote.
    pub fn wait(&self) -> usize {
        let answer = self.given.wrapping_sub(1);
        let used = loop {
            match self.rings.used(answer) {
                Some(used) => break used,
                None => core::hint::spin_loop(),
            }
        };
        fence(Ordering::SeqCst);
        used.length.load(Ordering::Relaxed) as usize
    }

    /// Offers, tells and waits.
    pub fn ask(&mut self, mut buffers: [Buffer<'_>; 2]) -> usize {
        self.offer(&mut buffers);
        self.notify();
        self.wait()
    }
}
