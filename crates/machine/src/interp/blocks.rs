//! Decoded straight-line code, keyed by physical address.
//!
//! A block lies within one page and ends at the first instruction that may go elsewhere, or after
//! [`BLOCK_MAX`] instructions. The page of a cached block is marked, and a store to it removes all its blocks.

use super::{HANDLERS, Handler};
use crate::ram::{PAGE_BYTES, RAM_BASE, Ram};
use isa::{Inst, Op};

/// Most instructions in a block.
const BLOCK_MAX: usize = 64;
/// Slots of the direct-mapped index by half-word address.
const SLOTS: usize = 1 << 16;
/// Instructions kept before the cache starts anew.
const CODE_MAX: usize = 1 << 20;

/// An instruction ready to execute.
#[derive(Clone, Copy)]
pub(super) struct Decoded {
    pub(super) handler: Handler,
    pub(super) inst: Inst,
    /// Bytes from the start of its block.
    pub(super) offset: u16,
    /// Instructions of the block, in its first one.
    length: u8,
    /// It only computes in integer registers: it cannot trap or stop, and looks neither at `pc` nor at time.
    pub(super) computes: bool,
}

/// A block: where its code starts in the cache.
#[derive(Clone, Copy)]
pub(super) struct Block(u32);

/// Small, since the index competes with the guest's memory for the host's caches.
#[derive(Clone, Copy)]
struct Slot {
    /// What tells apart the addresses that share the slot; [`NO_TAG`] when empty.
    tag: u32,
    block: Block,
}

const NO_TAG: u32 = u32::MAX;
const EMPTY: Slot = Slot { tag: NO_TAG, block: Block(0) };

/// The cache of decoded blocks, shared by the harts of a node.
pub(super) struct BlockCache {
    slots: Vec<Slot>,
    code: Vec<Decoded>,
    /// Pages removed, for a translator that must drop them too; `None` when nobody asks.
    pub(super) removed: Option<Vec<u32>>,
}

impl BlockCache {
    pub(super) fn new() -> BlockCache {
        BlockCache { slots: vec![EMPTY; SLOTS], code: Vec::new(), removed: None }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.slots.fill(EMPTY);
        self.code.clear();
    }

    /// The code of a block.
    #[inline(always)]
    pub(super) fn code(&self, block: Block) -> &[Decoded] {
        let start = block.0 as usize;
        &self.code[start..start + usize::from(self.code[start].length)]
    }

    /// The cached block that begins at byte `offset` of memory.
    #[inline(always)]
    pub(super) fn look(&self, offset: u64) -> Option<Block> {
        let slot = &self.slots[slot_of(offset)];
        (slot.tag == tag_of(offset)).then_some(slot.block)
    }

    /// Decodes and caches the block at byte `offset`; `None` when its first instruction crosses the page's end.
    pub(super) fn decode(&mut self, offset: u64, ram: &mut Ram) -> Option<Block> {
        if self.code.len() + BLOCK_MAX > CODE_MAX {
            self.clear();
        }
        let start = self.code.len();
        let page_end = (offset | (PAGE_BYTES - 1)) + 1;
        let mut at = offset;
        while self.code.len() - start < BLOCK_MAX && at < page_end {
            let Some(word) = fetch_word(ram, at, page_end) else { break };
            let mut decoded = decode(word);
            decoded.offset = u16::try_from(at - offset).unwrap_or(0);
            self.code.push(decoded);
            at += u64::from(decoded.inst.len);
            if ends_block(decoded.inst.op) || decoded.is_illegal() {
                break;
            }
        }
        let length = self.code.len() - start;
        if length == 0 {
            return None;
        }
        ram.mark_code(RAM_BASE + offset);
        self.code[start].length = u8::try_from(length).unwrap_or(1);
        let block = Block(u32::try_from(start).unwrap_or(0));
        self.slots[slot_of(offset)] = Slot { tag: tag_of(offset), block };
        Some(block)
    }

    /// Removes the blocks of page number `page` (from the start of memory).
    pub(super) fn remove_page(&mut self, page: u32) {
        if let Some(removed) = &mut self.removed {
            removed.push(page);
        }
        let first = u64::from(page) * PAGE_BYTES;
        for offset in (first..first + PAGE_BYTES).step_by(2) {
            let slot = &mut self.slots[slot_of(offset)];
            if slot.tag == tag_of(offset) {
                *slot = EMPTY;
            }
        }
    }
}

impl Decoded {
    /// Bytes from the start of its block to the instruction that follows.
    #[inline(always)]
    pub(super) fn end(&self) -> u64 {
        u64::from(self.offset) + u64::from(self.inst.len)
    }

    fn is_illegal(&self) -> bool {
        self.handler as usize == ILLEGAL as usize
    }
}

const ILLEGAL: Handler = super::rv_i::illegal;

/// Decodes an instruction word; one that is no instruction gets a handler that says so.
pub(super) fn decode(word: u32) -> Decoded {
    match isa::decode(word) {
        Some(inst) => Decoded {
            handler: HANDLERS[inst.op as usize],
            inst,
            offset: 0,
            length: 1,
            computes: computes(inst.op),
        },
        None => {
            let compressed = word & 3 != 3;
            let raw = if compressed { word & 0xffff } else { word };
            let len = if compressed { 2 } else { 4 };
            let inst = Inst { op: Op::Ebreak, rd: 0, rs1: 0, rs2: 0, rs3: 0, rm: 0, len, imm: 0, raw };
            Decoded { handler: ILLEGAL, inst, offset: 0, length: 1, computes: false }
        }
    }
}

/// The instruction word at byte `at`, or `None` when it crosses `page_end`.
fn fetch_word(ram: &Ram, at: u64, page_end: u64) -> Option<u32> {
    let low = u16::from_le_bytes(ram.read(RAM_BASE + at)?);
    if low & 3 != 3 {
        return Some(u32::from(low));
    }
    if at + 4 > page_end {
        return None;
    }
    Some(u32::from_le_bytes(ram.read(RAM_BASE + at)?))
}

/// Whether the instruction may continue elsewhere than at its successor, or change how that one is fetched.
fn ends_block(op: Op) -> bool {
    matches!(
        op,
        Op::Jal
            | Op::Jalr
            | Op::Beq
            | Op::Bne
            | Op::Blt
            | Op::Bge
            | Op::Bltu
            | Op::Bgeu
            | Op::Ecall
            | Op::Ebreak
            | Op::Mret
            | Op::Sret
            | Op::Wfi
            | Op::FenceI
    )
}

/// Whether the instruction only computes in integer registers ([`Decoded::computes`]).
fn computes(op: Op) -> bool {
    use isa::{Extension, Format};
    match op.extension() {
        Extension::M
        | Extension::Zba
        | Extension::Zbb
        | Extension::Zbc
        | Extension::Zbs
        | Extension::Zicond => true,
        Extension::I => {
            let arithmetic =
                matches!(op.format(), Format::I | Format::R | Format::Shift5 | Format::Shift6 | Format::U);
            arithmetic && op != Op::Auipc
        }
        _ => false,
    }
}

/// Offsets of one slot differ in it; with the slot it gives the offset back.
#[inline(always)]
fn tag_of(offset: u64) -> u32 {
    u32::try_from(offset >> 17).unwrap_or(NO_TAG - 1)
}

#[inline(always)]
fn slot_of(offset: u64) -> usize {
    let mixed = (offset >> 1) ^ (offset >> 17);
    usize::try_from(mixed & (SLOTS as u64 - 1)).unwrap_or(0)
}
