//! What a frozen node's store held, and how the stores of those forked from it stand on that.

use super::{Block, Found, PageBlocks, Site, Stub};
use crate::block::Place;
use crate::cache::CodeMemory;
use crate::mixer::Mixer;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

/// What a store of a frozen node held, shared by the stores of those forked from it.
///
/// Its blocks, sites and slots have the first numbers in those.
pub(crate) struct Base {
    pub(super) by_place: HashMap<Place, Found, BuildHasherDefault<Mixer>>,
    pub(super) by_page: HashMap<u64, PageBlocks, BuildHasherDefault<Mixer>>,
    pub(super) blocks: Vec<Block>,
    pub(super) sites: Vec<Site>,
    pub(super) stubs: Vec<Stub>,
    /// The block to which each slot is linked; [`UNLINKED`] where it is not.
    pub(super) links: Vec<u32>,
    /// The address to which each slot leads: that block, or its stub.
    pub(super) ways: Vec<u64>,
    pub(super) slots_max: usize,
    pub(super) bytes_max: usize,
}

/// No block.
pub(super) const UNLINKED: u32 = u32::MAX;

/// How a store stands on its base.
pub(super) struct Footing {
    pub(super) base: Arc<Base>,
    /// What added to an address in the base's code gives the one where it is mapped here.
    pub(super) offset: u64,
    /// Pages whose blocks were removed here.
    pub(super) removed: HashSet<u64>,
    /// Slots that were linked to the base's blocks here.
    pub(super) incoming: HashMap<usize, Vec<u32>>,
}

impl Footing {
    /// A footing on `base`; `code` begins with the base's code, `offset` further than it was.
    pub(super) fn on(base: &Arc<Base>, offset: u64, code: &mut CodeMemory) -> Footing {
        let base = Arc::clone(base);
        let footing = Footing { base, offset, removed: HashSet::new(), incoming: HashMap::new() };
        footing.fill(code);
        footing
    }

    /// The base's block at `place`, if it is still there.
    pub(super) fn find(&self, place: Place) -> Option<Found> {
        let found = self.base.by_place.get(&place)?;
        let entry = found.entry.wrapping_add(self.offset);
        (!self.is_removed(place)).then_some(Found { entry, ..*found })
    }

    /// The virtual page for which the base's code of page `page` is no relative one, if that is still there.
    pub(super) fn home(&self, page: u64) -> Option<u64> {
        self.base.by_page.get(&page).filter(|_| !self.removed.contains(&page)).map(|blocks| blocks.home)
    }

    /// Whether the base's block at `place` was removed here.
    fn is_removed(&self, place: Place) -> bool {
        place.pages().any(|page| self.removed.contains(&page))
    }

    /// Where slot `slot` of the base leads unless it is linked.
    pub(super) fn stub(&self, slot: usize) -> u64 {
        self.base.stubs[slot].address.wrapping_add(self.offset)
    }

    /// Makes the base's slots lead where they did when it was frozen, but for blocks that were removed since.
    pub(super) fn fill(&self, code: &mut CodeMemory) {
        for (slot, way) in (0..).zip(&self.base.ways) {
            let address =
                if self.is_cut(slot) { self.stub(slot as usize) } else { way.wrapping_add(self.offset) };
            code.set_slot(slot, address);
        }
    }

    /// Whether the block to which the base's slot `slot` is linked was removed here.
    fn is_cut(&self, slot: u32) -> bool {
        // Looking blocks up costs most of a fork, and one that has just begun has removed none.
        if self.removed.is_empty() {
            return false;
        }
        let block = self.base.blocks.get(self.base.links[slot as usize] as usize);
        block.is_some_and(|block| self.is_removed(block.place))
    }
}
