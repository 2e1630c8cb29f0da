//! The devices of the board. Each is plain state behind [`Device`]: it performs no I/O of its own, takes what it
//! needs from a [`Context`], and leaves what it has to say in queues that the run loop empties.

pub mod aclint;
pub mod plic;
pub mod rtc;
#[cfg(test)]
pub(crate) mod script;
pub mod syscon;
pub mod uart;
pub mod virtio;

use crate::lines::Lines;
use crate::ram::Ram;
use crate::state::State;

/// Ticks of the timebase a second.
pub const TIMEBASE_HZ: u32 = 10_000_000;
/// Nanoseconds in a tick of the timebase.
pub const NS_PER_TICK: u64 = 100;

/// What a device may touch while it serves one access.
pub struct Context<'a> {
    /// Main memory, for DMA.
    pub ram: &'a mut Ram,
    /// The wires to the interrupt controllers and harts.
    pub lines: &'a mut Lines,
    /// The node's timebase now, in ticks, without what a guest added by writing `mtime`.
    pub mtime: u64,
}

/// A device on the bus.
///
/// Offsets are within the device's window, and `size` is 1, 2, 4 or 8 bytes; an access is naturally aligned.
/// Whatever a guest reads or writes, a device neither panics nor does unbounded work.
pub trait Device: State {
    /// Answers a load; `None` makes it an access fault.
    fn read(&mut self, offset: u64, size: u8, context: &mut Context<'_>) -> Option<u64>;
    /// Takes a store; `None` makes it an access fault.
    fn write(&mut self, offset: u64, size: u8, value: u64, context: &mut Context<'_>) -> Option<()>;

    /// The tick at which the device has something to do by itself, if any; a tick in the past is now.
    fn due(&self) -> Option<u64> {
        None
    }

    /// Does what is due.
    fn poll(&mut self, _context: &mut Context<'_>) {}
}
