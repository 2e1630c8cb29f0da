//! Which blocks there are, where they lie, and how they are linked.
//!
//! A block belongs to a physical and a virtual address. Its exits to its own page go through link slots, words
//! of a table that translated code jumps through; a slot that is not linked leads to a stub that leaves the
//! cache. Code is never patched. When a page is stored over, its blocks are unlinked and forgotten; their code
//! stays until the cache is cleared.

use crate::cache::CodeMemory;
use isa::Inst;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// An instruction that translated code may hand to the interpreter.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    pub(crate) pc: u64,
    pub(crate) inst: Inst,
    /// Instructions of the block from this one on, which the block has charged already.
    pub(crate) refund: u32,
}

/// A translated block.
pub(crate) struct Block {
    /// Address of its code.
    pub(crate) entry: u64,
    /// Bytes of its code.
    pub(crate) bytes: usize,
    /// Its first instruction's virtual address.
    pub(crate) va: u64,
    /// Byte offset in memory of its first instruction.
    offset: u64,
    /// Bytes of its guest code.
    guest_bytes: u64,
    /// Its guest code as fetched.
    pub(crate) insts: Box<[Inst]>,
    /// Slots of other blocks linked to it.
    incoming: Vec<u32>,
}

impl Block {
    /// A block of `insts` at byte `offset` of memory, whose code lies at `entry`.
    pub(crate) fn new(offset: u64, va: u64, insts: Vec<Inst>, entry: u64, bytes: usize) -> Block {
        let guest_bytes = insts.iter().map(|inst| u64::from(inst.len)).sum();
        Block { entry, bytes, va, offset, guest_bytes, insts: insts.into(), incoming: Vec::new() }
    }
}

fn recent_index(va: u64) -> usize {
    ((va >> 1) ^ (va >> 15)) as usize & (RECENT - 1)
}

/// A quick hash of addresses; a guest that makes them collide slows down itself alone.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

/// Blocks, links and sites.
pub(crate) struct Store {
    by_place: HashMap<(u64, u64), usize, BuildHasherDefault<Mixer>>,
    by_page: HashMap<u64, Vec<usize>, BuildHasherDefault<Mixer>>,
    blocks: Vec<Block>,
    /// Blocks found lately, direct-mapped by place, so that finding one mostly touches one line of memory.
    recent: Box<[Recent]>,
    sites: Vec<Site>,
    stubs: Vec<Stub>,
    generation: u64,
    slots_max: usize,
    sites_max: usize,
}

/// A block found lately.
#[derive(Clone, Copy)]
struct Recent {
    va: u64,
    /// Its page from the start of memory.
    page: u32,
    id: u32,
    entry: u64,
}

/// What no block is: none begins at an odd address.
const NONE_RECENT: Recent = Recent { va: 1, page: 0, id: 0, entry: 0 };
/// Entries of [`Store::recent`].
const RECENT: usize = 1 << 14;

/// Where a link slot leads while it is not linked.
#[derive(Clone, Copy)]
pub(crate) struct Stub {
    /// Host address of code that leaves the cache.
    pub(crate) address: u64,
    /// Where the guest goes on.
    pub(crate) target: u64,
}

impl Store {
    /// A store for at most `slots_max` link slots and `sites_max` sites.
    pub(crate) fn new(slots_max: usize, sites_max: usize) -> Store {
        Store {
            by_place: HashMap::default(),
            by_page: HashMap::default(),
            blocks: Vec::new(),
            recent: vec![NONE_RECENT; RECENT].into_boxed_slice(),
            sites: Vec::new(),
            stubs: Vec::new(),
            generation: 1,
            slots_max,
            sites_max,
        }
    }

    /// Advances whenever a block disappears.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a block of any size can still be added.
    pub(crate) fn has_room(&self) -> bool {
        self.stubs.len() + 4 * crate::block::BLOCK_MAX <= self.slots_max
            && self.sites.len() + 2 * crate::block::BLOCK_MAX <= self.sites_max
    }

    /// Number that the next slot will have.
    pub(crate) fn next_slot(&self) -> u32 {
        self.stubs.len() as u32
    }

    /// Number that the next block will have.
    pub(crate) fn next_id(&self) -> u32 {
        self.blocks.len() as u32
    }

    /// Where the guest goes on behind slot `slot`.
    pub(crate) fn target(&self, slot: u32) -> u64 {
        self.stubs[slot as usize].target
    }

    /// Number that the next site will have.
    pub(crate) fn next_site(&self) -> u32 {
        self.sites.len() as u32
    }

    /// The site `number`.
    pub(crate) fn site(&self, number: u32) -> Site {
        self.sites[number as usize]
    }

    /// The block at (byte offset in memory, virtual address): its number and the address of its code.
    pub(crate) fn find(&mut self, offset: u64, va: u64) -> Option<(usize, u64)> {
        let recent = &mut self.recent[recent_index(va)];
        let page = (offset >> 12) as u32;
        if recent.va == va && recent.page == page {
            return Some((recent.id as usize, recent.entry));
        }
        let id = *self.by_place.get(&(offset, va))?;
        let entry = self.blocks[id].entry;
        *recent = Recent { va, page, id: id as u32, entry };
        Some((id, entry))
    }

    /// The block `id`.
    pub(crate) fn block(&self, id: usize) -> &Block {
        &self.blocks[id]
    }

    /// The latest block with an instruction at virtual address `va`.
    pub(crate) fn block_around(&self, va: u64) -> Option<&Block> {
        self.blocks.iter().rev().find(|block| va.wrapping_sub(block.va) < block.guest_bytes)
    }

    /// Adds a block, whose code is in `code`, with its sites and slots.
    pub(crate) fn add(
        &mut self,
        block: Block,
        sites: &[Site],
        stubs: &[Stub],
        code: &mut CodeMemory,
    ) -> usize {
        let id = self.blocks.len();
        self.sites.extend_from_slice(sites);
        for &stub in stubs {
            code.set_slot(self.next_slot(), stub.address);
            self.stubs.push(stub);
        }
        self.by_place.insert((block.offset, block.va), id);
        self.by_page.entry(block.offset >> 12).or_default().push(id);
        self.blocks.push(block);
        id
    }

    /// Links slot `slot` to block `id`.
    pub(crate) fn link(&mut self, slot: u32, id: usize, code: &mut CodeMemory) {
        let block = &mut self.blocks[id];
        code.set_slot(slot, block.entry);
        block.incoming.push(slot);
    }

    /// Removes the blocks of a page (index from the start of memory); how many there were.
    pub(crate) fn remove_page(&mut self, page: u64, code: &mut CodeMemory) -> usize {
        let Some(ids) = self.by_page.remove(&page) else { return 0 };
        self.generation += 1;
        for &id in &ids {
            let block = &mut self.blocks[id];
            self.by_place.remove(&(block.offset, block.va));
            self.recent[recent_index(block.va)] = NONE_RECENT;
            for slot in std::mem::take(&mut block.incoming) {
                code.set_slot(slot, self.stubs[slot as usize].address);
            }
        }
        ids.len()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.by_place.clear();
        self.by_page.clear();
        self.recent.fill(NONE_RECENT);
        self.blocks.clear();
        self.sites.clear();
        self.stubs.clear();
        self.generation += 1;
    }
}
