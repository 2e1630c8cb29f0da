//! Blocks found lately, so that finding one mostly touches one line of memory.

use crate::block::Place;

/// A block found lately.
#[derive(Clone, Copy)]
pub(super) struct Recent {
    /// See [`Place::target`].
    target: u64,
    /// Its page from the start of memory.
    page: u32,
    /// One more than the page into which its first instruction crosses, or 0.
    next: u32,
    pub(super) entry: u64,
    pub(super) id: u32,
}

impl Recent {
    pub(super) fn new(place: Place, id: u32, entry: u64) -> Recent {
        let next = place.next.map_or(0, |page| page + 1);
        Recent { target: place.target(), page: (place.offset >> 12) as u32, next, entry, id }
    }

    pub(super) fn is_at(&self, place: Place) -> bool {
        self.target == place.target()
            && u64::from(self.page) == place.offset >> 12
            && self.next == place.next.map_or(0, |page| page + 1)
    }
}

/// What no block is: memory has no such page.
pub(super) const NONE_RECENT: Recent = Recent { target: 1, page: u32::MAX, next: 0, entry: 0, id: 0 };

/// Where in a table of `entries` recent blocks one at `va` stands.
pub(super) fn recent_index(va: u64, entries: usize) -> usize {
    ((va >> 1) ^ (va >> 15)) as usize & (entries - 1)
}
