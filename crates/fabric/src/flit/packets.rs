//! The packets under way, in slots that are used again.

use crate::fault::Fate;
use crate::ids::Cycle;
use crate::network::Packet;
use crate::routing::Trip;

/// No packet.
pub(super) const NONE: u32 = u32::MAX;

/// A packet under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flying {
    pub(super) packet: Packet,
    pub(super) injected: Cycle,
    pub(super) trip: Trip,
    /// Its number in the order of injection.
    pub(super) sequence: u64,
    pub(super) fate: Fate,
    /// The next packet of its source's queue.
    pub(super) next: u32,
    /// Flits that have arrived.
    pub(super) arrived: u32,
    /// Routers that the head has left.
    pub(super) routers: u32,
    /// Whether the slot is in use.
    pub(super) live: bool,
}

/// Slots of packets.
#[derive(Debug, Default)]
pub(super) struct Packets {
    slots: Vec<Flying>,
    free: Vec<u32>,
}

impl Packets {
    pub(super) fn insert(&mut self, flying: Flying) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = flying;
            return slot;
        }
        self.slots.push(flying);
        crate::ids::small(self.slots.len() - 1)
    }

    pub(super) fn get(&self, slot: u32) -> &Flying {
        &self.slots[slot as usize]
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Flying {
        &mut self.slots[slot as usize]
    }

    pub(super) fn remove(&mut self, slot: u32) -> Flying {
        self.free.push(slot);
        self.slots[slot as usize].live = false;
        self.slots[slot as usize]
    }

    /// The slots in use, in order.
    pub(super) fn live(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.slots.len()).filter(|slot| self.slots[*slot].live).map(crate::ids::small)
    }
}
