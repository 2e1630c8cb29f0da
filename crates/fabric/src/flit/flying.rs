//! A packet under way.

use crate::fault::Fate;
use crate::ids::Cycle;
use crate::network::Packet;
use crate::routing::Trip;

/// No packet.
pub(super) const NONE: u32 = u32::MAX;

/// A packet under way. What every hop needs comes first, in one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Flying {
    pub(super) packet: Packet,
    pub(super) trip: Trip,
    /// Routers that the head has left.
    pub(super) routers: u32,
    /// Flits that have arrived.
    pub(super) arrived: u32,
    /// The next packet of its source's queue.
    pub(super) next: u32,
    pub(super) injected: Cycle,
    /// Its number in the order of injection.
    pub(super) sequence: u64,
    pub(super) fate: Fate,
}
