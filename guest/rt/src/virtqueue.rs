//! A split virtqueue whose buffers stand still: descriptor `i` always names buffer `i`.
//!
//! Source: Virtual I/O Device (VIRTIO) Version 1.2, "Split Virtqueues".

use crate::heap;
use crate::virtio::{NO_INTERRUPT, Rings, WRITABLE};
use core::alloc::Layout;
use core::sync::atomic::{Ordering, fence};

/// Buffers of a queue.
pub const LENGTH: usize = 64;
/// Bytes of a buffer: the header of virtio-net and a frame of 1514 bytes fit.
pub const BUFFER_BYTES: usize = 1536;

/// The driver's side of a queue.
pub struct Queue {
    rings: &'static Rings<LENGTH>,
    buffers: *mut [u8; BUFFER_BYTES],
    /// Buffers ever given to the device.
    given: u16,
    /// Buffers ever seen coming back.
    taken: u16,
    /// Buffers to fill, of which the first `free_count` count.
    free: [u16; LENGTH],
    free_count: usize,
}

impl Queue {
    /// A queue whose device writes into its buffers, or reads from them.
    pub fn new(device_writes: bool) -> Queue {
        let rings = heap::take(Layout::new::<Rings<LENGTH>>()).cast::<Rings<LENGTH>>();
        let buffers = heap::take(Layout::new::<[[u8; BUFFER_BYTES]; LENGTH]>()).cast::<[u8; BUFFER_BYTES]>();
        assert!(!rings.is_null() && !buffers.is_null(), "no memory for a queue");
        // SAFETY: both were taken above with the size of what is written, for good; all-zero memory is a value of
        // either. The rings are only ever shared: their fields are atomics.
        let rings = unsafe {
            rings.write_bytes(0, 1);
            buffers.write_bytes(0, LENGTH);
            &*rings
        };
        for (index, descriptor) in rings.descriptors.iter().enumerate() {
            let address = buffers.wrapping_add(index) as u64;
            descriptor.address.store(address, Ordering::Relaxed);
            descriptor.length.store(BUFFER_BYTES as u32, Ordering::Relaxed);
            descriptor.flags.store(if device_writes { WRITABLE } else { 0 }, Ordering::Relaxed);
        }
        // Only what comes in interrupts.
        rings.available_flags.store(if device_writes { 0 } else { NO_INTERRUPT }, Ordering::Relaxed);
        let free = core::array::from_fn(|index| index as u16);
        let mut queue = Queue { rings, buffers, given: 0, taken: 0, free, free_count: LENGTH };
        if device_writes {
            queue.free_count = 0;
            (0..LENGTH).for_each(|index| queue.give(index));
        }
        queue
    }

    /// What driver and device share.
    pub fn rings(&self) -> &'static Rings<LENGTH> {
        self.rings
    }

    /// Gives a buffer to the device.
    fn give(&mut self, index: usize) {
        self.given = self.rings.give(index, self.given);
    }

    /// The buffer that the device is done with, and how many bytes it wrote.
    fn next_used(&mut self) -> Option<(usize, usize)> {
        let used = self.rings.used(self.taken)?;
        self.taken = self.taken.wrapping_add(1);
        let index = used.id.load(Ordering::Relaxed) as usize % LENGTH;
        Some((index, (used.length.load(Ordering::Relaxed) as usize).min(BUFFER_BYTES)))
    }

    /// Fills a free buffer with `parts`, one behind the other, and gives it to the device; false when none is free.
    pub fn send(&mut self, parts: &[&[u8]]) -> bool {
        while let Some((index, _)) = self.next_used() {
            self.free[self.free_count] = index as u16;
            self.free_count += 1;
        }
        if self.free_count == 0 {
            return false;
        }
        self.free_count -= 1;
        let index = usize::from(self.free[self.free_count]);
        // SAFETY: the device is done with this buffer, and gets it back only in `give`.
        let buffer = unsafe { &mut *self.buffers.add(index) };
        let mut at = 0;
        for part in parts {
            buffer[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        self.rings.descriptors[index].length.store(at as u32, Ordering::Relaxed);
        self.give(index);
        fence(Ordering::SeqCst);
        true
    }

    /// Shows the next filled buffer to `take`, and gives it back; false when there is none.
    pub fn receive(&mut self, take: impl FnOnce(&[u8])) -> bool {
        let Some((index, length)) = self.next_used() else { return false };
        // SAFETY: the device is done with this buffer, and gets it back only in `give`.
        take(unsafe { &(&*self.buffers.add(index))[..length] });
        self.give(index);
        fence(Ordering::SeqCst);
        true
    }
}
