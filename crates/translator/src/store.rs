//! Which blocks there are, where they lie, and how they are linked.
//!
//! A block belongs to a physical address, and to a virtual one if that is in the page's home, the virtual page at which
//! code of the page was first met; wherever else the page is mapped, blocks serve that are relative to it. Exits to the
//! own page go through link slots, words of a table that translated code jumps through; a slot that is not linked
//! leads to a stub that leaves the cache. Code is never patched. When a page is stored over, its blocks are unlinked
//! and forgotten; their code stays until the cache is cleared.

use crate::block::{Place, UNIT_MAX, Unit};
use crate::cache::CodeMemory;
use crate::emit::Emitted;
use crate::guest::GuestCode;
use crate::mixer::Mixer;
use crate::removed::Removed;
use isa::Inst;
use machine::ram::PAGE_BYTES;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

mod base;
mod recent;

pub(crate) use base::Base;
use base::{Footing, UNLINKED};
use recent::{NONE_RECENT, Recent, recent_index};

/// An instruction that translated code may hand to the interpreter.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    pub(crate) pc: u64,
    pub(crate) inst: Inst,
    /// Instructions of the block from this one on, which the block has charged already.
    pub(crate) refund: u32,
    /// Whether `pc` counts from the page of the code.
    pub(crate) relative: bool,
}

/// A translated block.
pub(crate) struct Block {
    /// Address of its code.
    pub(crate) entry: u64,
    /// Bytes at its beginning that are for those who come from another page.
    prologue: usize,
    /// Bytes of its code.
    pub(crate) bytes: usize,
    /// Where it begins.
    pub(crate) place: Place,
    /// Its guest code as fetched.
    pub(crate) guest: GuestCode,
    /// Slots of other blocks linked to it.
    incoming: Vec<u32>,
}

impl Block {
    /// A block of `unit` at `place`, whose code lies at `entry`.
    pub(crate) fn new(place: Place, unit: &Unit, entry: u64, emitted: &Emitted) -> Block {
        let (prologue, bytes) = (emitted.prologue, emitted.code.len());
        Block { entry, prologue, bytes, place, guest: GuestCode::of(unit), incoming: Vec::new() }
    }

    /// Address of its code for blocks of its own page.
    fn near(&self) -> u64 {
        self.entry + self.prologue as u64
    }
}

/// The blocks of a page.
struct PageBlocks {
    /// The virtual page for which its code is no relative one: mostly the first at which code of it was met.
    home: u64,
    ids: Vec<usize>,
}

/// No virtual page.
const NO_HOME: u64 = u64::MAX;

/// The number of a block, and where its code is.
#[derive(Clone, Copy)]
struct Found {
    id: u32,
    entry: u64,
}

/// Blocks, links and sites.
pub(crate) struct Store {
    by_place: HashMap<Place, Found, BuildHasherDefault<Mixer>>,
    by_page: HashMap<u64, PageBlocks, BuildHasherDefault<Mixer>>,
    blocks: Vec<Block>,
    /// Blocks found lately, direct-mapped by place, so that finding one mostly touches one line of memory.
    recent: Box<[Recent]>,
    sites: Vec<Site>,
    stubs: Vec<Stub>,
    removed: Removed,
    slots_max: usize,
    /// Bytes that the tables may take.
    bytes_max: usize,
    /// Bytes of what its blocks hold by pointer.
    held_bytes: usize,
    footing: Option<Footing>,
    /// How many blocks, sites and slots the base has.
    below: (usize, usize, usize),
}

/// Most entries of [`Store::recent`].
const RECENT_MAX: usize = 1 << 14;
/// Bytes of tables for each of them, where they are fewer.
const RECENT_SHARE: usize = 512;

/// Bytes that a block takes in the tables: itself, its places in the indices (which are half empty at worst), and its
/// first links.
const BLOCK_BYTES: usize = size_of::<Block>() + 2 * size_of::<(Place, Found)>() + 64;

/// Where a link slot leads while it is not linked.
#[derive(Clone, Copy)]
pub(crate) struct Stub {
    /// Host address of code that leaves the cache.
    pub(crate) address: u64,
    /// Where the guest goes on.
    pub(crate) target: u64,
    /// Whether that counts from the page of the code.
    pub(crate) relative: bool,
}

impl Store {
    /// A store for at most `slots_max` link slots, whose tables take at most `bytes_max`.
    pub(crate) fn new(slots_max: usize, bytes_max: usize) -> Store {
        Store {
            by_place: HashMap::default(),
            by_page: HashMap::default(),
            blocks: Vec::new(),
            recent: vec![NONE_RECENT; (bytes_max / RECENT_SHARE).next_power_of_two().min(RECENT_MAX)].into(),
            sites: Vec::new(),
            stubs: Vec::new(),
            removed: Removed::default(),
            slots_max,
            bytes_max,
            held_bytes: 0,
            footing: None,
            below: (0, 0, 0),
        }
    }

    /// A store for a fork of a node, on what the frozen one's held; `code` begins with the base's code, `offset` further
    /// than it was.
    pub(crate) fn on(base: &Arc<Base>, offset: u64, code: &mut CodeMemory) -> Store {
        let below = (base.blocks.len(), base.sites.len(), base.stubs.len());
        let footing = Footing::on(base, offset, code);
        let store = Store::new(base.slots_max, base.bytes_max);
        Store { footing: Some(footing), below, ..store }
    }

    /// What it holds, to be shared; `None` where it stands on a base already.
    pub(crate) fn into_base(self) -> Option<Base> {
        if self.footing.is_some() {
            return None;
        }
        let Store { by_place, by_page, blocks, sites, stubs, slots_max, bytes_max, .. } = self;
        let mut links = vec![UNLINKED; stubs.len()];
        let mut ways: Vec<u64> = stubs.iter().map(|stub| stub.address).collect();
        for (id, block) in (0..).zip(&blocks) {
            for slot in &block.incoming {
                links[*slot as usize] = id;
                ways[*slot as usize] = block.near();
            }
        }
        Some(Base { by_place, by_page, blocks, sites, stubs, links, ways, slots_max, bytes_max })
    }

    /// The blocks that disappeared.
    pub(crate) fn removed(&self) -> &Removed {
        &self.removed
    }

    /// Whether a block of any size can still be added.
    pub(crate) fn has_room(&self) -> bool {
        let unit =
            BLOCK_BYTES + UNIT_MAX * (2 * size_of::<Site>() + 4 * size_of::<Stub>() + size_of::<u32>());
        self.below.2 + self.stubs.len() + 4 * UNIT_MAX <= self.slots_max
            && self.bytes() + unit <= self.bytes_max
    }

    /// Bytes of memory that its own tables take.
    pub(crate) fn bytes(&self) -> usize {
        let recent = size_of_val(&*self.recent);
        let sites = self.sites.len() * size_of::<Site>();
        let stubs = self.stubs.len() * size_of::<Stub>();
        recent + sites + stubs + self.blocks.len() * BLOCK_BYTES + self.held_bytes
    }

    /// Number that the next slot will have.
    pub(crate) fn next_slot(&self) -> u32 {
        (self.below.2 + self.stubs.len()) as u32
    }

    /// Where slot `slot` leads unless it is linked; its address in a base's code is that of where it was made.
    pub(crate) fn stub(&self, slot: u32) -> Stub {
        match (slot as usize).checked_sub(self.below.2) {
            Some(own) => self.stubs[own],
            None => self.base().stubs[slot as usize],
        }
    }

    /// Number that the next site will have.
    pub(crate) fn next_site(&self) -> u32 {
        (self.below.1 + self.sites.len()) as u32
    }

    /// The site `number`.
    pub(crate) fn site(&self, number: u32) -> Site {
        match (number as usize).checked_sub(self.below.1) {
            Some(own) => self.sites[own],
            None => self.base().sites[number as usize],
        }
    }

    /// The base; asked for only for numbers below its own.
    fn base(&self) -> &Base {
        self.footing
            .as_ref()
            .map_or_else(|| unreachable!("only a base has such numbers"), |footing| &footing.base)
    }

    /// Where the code of block `id` is for blocks of its page.
    fn near(&self, id: usize) -> u64 {
        match (id.checked_sub(self.below.0), &self.footing) {
            (None, Some(footing)) => footing.base.blocks[id].near().wrapping_add(footing.offset),
            _ => self.block(id).near(),
        }
    }

    /// Where the code of slot `slot` is that leaves the cache.
    fn way_out(&self, slot: u32) -> u64 {
        match ((slot as usize).checked_sub(self.below.2), &self.footing) {
            (None, Some(footing)) => footing.stub(slot as usize),
            (own, _) => self.stubs[own.unwrap_or(0)].address,
        }
    }

    /// The place of a block that serves `place`: relative if the page has code for another virtual page already.
    pub(crate) fn key(&self, place: Place) -> Place {
        let (page, virtual_page) = place.page();
        match self.home(page) {
            Some(home) if home != virtual_page => place.relative(),
            _ => place,
        }
    }

    /// The virtual page for which the code of page `page` is no relative one, if it has any.
    fn home(&self, page: u64) -> Option<u64> {
        let below = || self.footing.as_ref().and_then(|footing| footing.home(page));
        self.by_page.get(&page).map(|blocks| blocks.home).or_else(below)
    }

    /// The block that serves `place`: its number and the address of its code.
    pub(crate) fn find(&mut self, place: Place) -> Option<(usize, u64)> {
        let recent = &self.recent[recent_index(place.va, self.recent.len())];
        if recent.is_at(place) {
            return Some((recent.id as usize, recent.entry));
        }
        let key = self.key(place);
        let below = || self.footing.as_ref().and_then(|footing| footing.find(key));
        let Found { id, entry } = self.by_place.get(&key).copied().or_else(below)?;
        self.recent[recent_index(place.va, self.recent.len())] = Recent::new(place, id, entry);
        Some((id as usize, entry))
    }

    /// The block `id`.
    pub(crate) fn block(&self, id: usize) -> &Block {
        match id.checked_sub(self.below.0) {
            Some(own) => &self.blocks[own],
            None => &self.base().blocks[id],
        }
    }

    /// The latest block with an instruction at virtual address `va`, or at its place in the page if there is none.
    pub(crate) fn block_around(&self, va: u64) -> Option<&Block> {
        let at = |va, relative| {
            let mut blocks = self.blocks.iter().rev();
            blocks.find(|block| block.place.relative == relative && block.guest.contains(va))
        };
        at(va, false).or_else(|| at(va % PAGE_BYTES, true))
    }

    /// Adds a block, whose code is in `code`, with its sites and slots.
    pub(crate) fn add(
        &mut self,
        block: Block,
        sites: &[Site],
        stubs: &[Stub],
        code: &mut CodeMemory,
    ) -> usize {
        let id = self.below.0 + self.blocks.len();
        self.sites.extend_from_slice(sites);
        for &stub in stubs {
            code.set_slot(self.next_slot(), stub.address);
            self.stubs.push(stub);
        }
        self.by_place.insert(block.place, Found { id: id as u32, entry: block.entry });
        let (last, virtual_last) = block.place.page();
        for page in block.place.pages() {
            let home = self.home(page).unwrap_or(match block.place.relative {
                // Its last page has a home, but the one before it need not.
                true => NO_HOME,
                false => virtual_last.wrapping_sub(u64::from(page != last)),
            });
            self.by_page.entry(page).or_insert_with(|| PageBlocks { home, ids: Vec::new() }).ids.push(id);
        }
        self.held_bytes += block.guest.bytes();
        self.blocks.push(block);
        id
    }

    /// Links slot `slot` to block `id`.
    pub(crate) fn link(&mut self, slot: u32, id: usize, code: &mut CodeMemory) {
        self.held_bytes += 2 * size_of_val(&slot);
        code.set_slot(slot, self.near(id));
        match (id.checked_sub(self.below.0), &mut self.footing) {
            (None, Some(footing)) => footing.incoming.entry(id).or_default().push(slot),
            (own, _) => self.blocks[own.unwrap_or(0)].incoming.push(slot),
        }
    }

    /// Removes the blocks of a page (index from the start of memory); how many there were.
    pub(crate) fn remove_page(&mut self, page: u64, code: &mut CodeMemory) -> usize {
        let own = self.by_page.remove(&page).map(|blocks| blocks.ids).unwrap_or_default();
        let fresh = self.footing.as_mut().is_some_and(|footing| footing.removed.insert(page));
        let base = self.footing.as_ref().map(|footing| Arc::clone(&footing.base)).filter(|_| fresh);
        let below =
            base.as_ref().and_then(|base| base.by_page.get(&page)).map_or(&[][..], |blocks| &blocks.ids);
        let count = own.len() + below.len();
        if count == 0 {
            return 0;
        }
        let mut relative = false;
        for id in own {
            // One that lies in two pages may be gone already; what replaced it is in both lists, too.
            let block = &mut self.blocks[id - self.below.0];
            let (place, incoming) = (block.place, std::mem::take(&mut block.incoming));
            self.by_place.remove(&place);
            relative |= place.relative;
            self.note_removed(place);
            for slot in incoming {
                code.set_slot(slot, self.way_out(slot));
            }
        }
        for id in below {
            let block = self.block(*id);
            let (place, mut incoming) = (block.place, block.incoming.clone());
            relative |= place.relative;
            self.note_removed(place);
            incoming.extend(
                self.footing.as_mut().and_then(|footing| footing.incoming.remove(id)).unwrap_or_default(),
            );
            for slot in incoming {
                code.set_slot(slot, self.way_out(slot));
            }
        }
        if relative {
            // They may be known under any address, but mostly stay for good: they are a library's.
            self.note_all_removed();
        }
        count
    }

    /// Has caches forget the block at `place`, which is not relative, or is seen to by [`Store::note_all_removed`].
    fn note_removed(&mut self, place: Place) {
        if !place.relative {
            self.recent[recent_index(place.va, self.recent.len())] = NONE_RECENT;
            self.removed.push(place.va);
        }
    }

    /// Has caches forget all blocks.
    fn note_all_removed(&mut self) {
        self.recent.fill(NONE_RECENT);
        self.removed.push_all();
    }

    /// Forgets everything but the base.
    pub(crate) fn clear(&mut self, code: &mut CodeMemory) {
        self.by_place.clear();
        self.by_page.clear();
        self.blocks.clear();
        self.sites.clear();
        self.stubs.clear();
        self.held_bytes = 0;
        if let Some(footing) = &mut self.footing {
            footing.incoming.clear();
            footing.fill(code);
        }
        self.note_all_removed();
    }
}
