//! Which blocks there are, where they lie, and how they are linked.
//!
//! A block belongs to a physical and a virtual address. Its exits to its own page go through link slots, words
//! of a table that translated code jumps through; a slot that is not linked leads to a stub that leaves the
//! cache. Code is never patched. When a page is stored over, its blocks are unlinked and forgotten; their code
//! stays until the cache is cleared.

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
    sites: Vec<Site>,
    slots: Box<[u64]>,
    stubs: Vec<u64>,
    generation: u64,
}

/// Most link slots before the cache is cleared.
const SLOTS_MAX: usize = 1 << 19;
/// Most sites before the cache is cleared.
const SITES_MAX: usize = 1 << 18;

impl Store {
    pub(crate) fn new() -> Store {
        Store {
            by_place: HashMap::default(),
            by_page: HashMap::default(),
            blocks: Vec::new(),
            sites: Vec::new(),
            slots: vec![0; SLOTS_MAX].into_boxed_slice(),
            stubs: Vec::new(),
            generation: 1,
        }
    }

    /// Advances whenever a block disappears.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The table that translated code jumps through; it stays where it is.
    pub(crate) fn slot_table(&self) -> *const u64 {
        self.slots.as_ptr()
    }

    /// Whether a block of any size can still be added.
    pub(crate) fn has_room(&self) -> bool {
        self.stubs.len() + 2 * crate::block::BLOCK_MAX <= SLOTS_MAX
            && self.sites.len() + 2 * crate::block::BLOCK_MAX <= SITES_MAX
    }

    /// Number that the next slot will have.
    pub(crate) fn next_slot(&self) -> u32 {
        self.stubs.len() as u32
    }

    /// Number that the next site will have.
    pub(crate) fn next_site(&self) -> u32 {
        self.sites.len() as u32
    }

    /// The site `number`.
    pub(crate) fn site(&self, number: u32) -> Site {
        self.sites[number as usize]
    }

    /// The block at (byte offset in memory, virtual address).
    pub(crate) fn find(&self, offset: u64, va: u64) -> Option<usize> {
        self.by_place.get(&(offset, va)).copied()
    }

    /// The block `id`.
    pub(crate) fn block(&self, id: usize) -> &Block {
        &self.blocks[id]
    }

    /// The latest block with an instruction at virtual address `va`.
    pub(crate) fn block_around(&self, va: u64) -> Option<&Block> {
        self.blocks.iter().rev().find(|block| va.wrapping_sub(block.va) < block.guest_bytes)
    }

    /// Adds a block with its sites and the addresses of its slots' stubs.
    pub(crate) fn add(&mut self, block: Block, sites: &[Site], stubs: &[u64]) -> usize {
        let id = self.blocks.len();
        self.sites.extend_from_slice(sites);
        for &stub in stubs {
            self.slots[self.stubs.len()] = stub;
            self.stubs.push(stub);
        }
        self.by_place.insert((block.offset, block.va), id);
        self.by_page.entry(block.offset >> 12).or_default().push(id);
        self.blocks.push(block);
        id
    }

    /// Links slot `slot` to block `id`.
    pub(crate) fn link(&mut self, slot: u32, id: usize) {
        let block = &mut self.blocks[id];
        self.slots[slot as usize] = block.entry;
        block.incoming.push(slot);
    }

    /// Removes the blocks of a page (index from the start of memory); how many there were.
    pub(crate) fn remove_page(&mut self, page: u64) -> usize {
        let Some(ids) = self.by_page.remove(&page) else { return 0 };
        self.generation += 1;
        for &id in &ids {
            let block = &mut self.blocks[id];
            self.by_place.remove(&(block.offset, block.va));
            for slot in std::mem::take(&mut block.incoming) {
                self.slots[slot as usize] = self.stubs[slot as usize];
            }
        }
        ids.len()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.by_place.clear();
        self.by_page.clear();
        self.blocks.clear();
        self.sites.clear();
        self.stubs.clear();
        self.generation += 1;
    }
}
