//! Scanning guest code for what is translated together.
//!
//! A block is straight-line code within one page, or from an instruction that crosses into a page to somewhere in that
//! one: it may be left at conditional branches that go forward, and ends at any other transfer of control, at an instruction that only the interpreter may follow, or when it is
//! long enough. A unit is one block, or the blocks of a loop: those that its first one reaches between itself and
//! the last jump back to it. A unit is entered at its first instruction alone.

use isa::{Inst, Op};
use machine::ram::{PAGE_BYTES, PAGE_SHIFT, RAM_BASE, Ram};
use std::hash::{Hash, Hasher};

/// Most instructions of a block.
pub(crate) const BLOCK_MAX: usize = 64;
/// Most instructions of a unit.
pub(crate) const UNIT_MAX: usize = 256;
/// Most blocks of a unit.
const BLOCKS_MAX: usize = 16;
/// Room for instructions that a block begins with.
const INSTS_USUAL: usize = 24;
/// How far ahead a jump back is looked for, in instructions.
const AHEAD_MAX: usize = 160;

/// Where a block begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Byte offset in memory of its first instruction.
    pub(crate) offset: u64,
    /// Virtual address of its first instruction, counted from [`Place::page`] if the code is relative.
    pub(crate) va: u64,
    /// The page (from the start of memory) in which the block goes on, if its first instruction crosses into it.
    pub(crate) next: Option<u32>,
    /// Whether its unit is the one that looks each access to memory up alone.
    pub(crate) alone: bool,
    /// Whether the code serves wherever its page is mapped.
    pub(crate) relative: bool,
}

/// Set in the address that a link slot leads to where a unit of lone accesses is meant.
pub(crate) const ALONE: u64 = 1;

impl Place {
    /// Its virtual address, with [`ALONE`] set where that is meant.
    pub(crate) fn target(self) -> u64 {
        self.va | if self.alone { ALONE } else { 0 }
    }

    /// The page in which the block goes on behind its first instruction: from the start of memory, and virtual.
    pub(crate) fn page(self) -> (u64, u64) {
        match self.next {
            Some(next) => (u64::from(next), self.va.wrapping_add(2) >> PAGE_SHIFT),
            None => (self.offset >> PAGE_SHIFT, self.va >> PAGE_SHIFT),
        }
    }

    /// The same place as the code sees it that serves wherever the page is mapped.
    pub(crate) fn relative(self) -> Place {
        let (_, page) = self.page();
        Place { va: self.va.wrapping_sub(page << PAGE_SHIFT), relative: true, ..self }
    }

    /// The pages (from the start of memory) with code of the block.
    pub(crate) fn pages(self) -> impl Iterator<Item = u64> {
        std::iter::once(self.offset >> PAGE_SHIFT).chain(self.next.map(u64::from))
    }
}

impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.offset);
        state.write_u64(self.target() ^ u64::from(self.next.map_or(0, |page| page + 1)));
    }
}

/// Whether the instruction at byte `offset` of memory goes on in the next virtual page.
pub(crate) fn crosses(ram: &Ram, offset: u64) -> bool {
    offset & (PAGE_BYTES - 1) == PAGE_BYTES - 2 && half(ram, offset).is_some_and(|low| low & 3 == 3)
}

fn half(ram: &Ram, offset: u64) -> Option<u16> {
    ram.read(RAM_BASE + offset).map(u16::from_le_bytes)
}

/// A block.
pub(crate) struct Block {
    /// Virtual address of its first instruction.
    pub(crate) va: u64,
    pub(crate) insts: Vec<Inst>,
}

/// What is translated together, by address, the block that it is entered at first; all in one page, but for a block
/// whose first instruction crosses into the page in which it goes on.
pub(crate) struct Unit {
    pub(crate) blocks: Vec<Block>,
    /// Whether it is a loop: its blocks may go to each other.
    pub(crate) loops: bool,
    /// Whether each access to memory is looked up alone.
    pub(crate) alone: bool,
    /// Whether its addresses count from the page in which it goes on.
    pub(crate) relative: bool,
}

impl Block {
    /// Its instructions with their addresses.
    pub(crate) fn placed(&self) -> impl Iterator<Item = (u64, &Inst)> {
        self.insts.iter().scan(self.va, |pc, inst| {
            let at = *pc;
            *pc = pc.wrapping_add(u64::from(inst.len));
            Some((at, inst))
        })
    }

    /// Where its last instruction ends.
    pub(crate) fn end(&self) -> u64 {
        self.va.wrapping_add(self.insts.iter().map(|inst| u64::from(inst.len)).sum())
    }

    /// Its branches and its jumps that are no calls: where each is and where it goes.
    pub(crate) fn jumps(&self) -> impl Iterator<Item = (u64, u64)> {
        self.placed().filter_map(|(pc, inst)| Some((pc, jump(pc, inst)?)))
    }

    /// Where it may go to but by calls and indirect jumps.
    fn successors(&self) -> Vec<u64> {
        let mut found: Vec<u64> = self.jumps().map(|(_, target)| target).collect();
        if self.insts.last().is_some_and(falls_through) {
            found.push(self.end());
        }
        found
    }
}

impl Unit {
    /// The unit that begins at `place`; `None` when its first instruction is none. One of lone accesses, which is rarely
    /// entered, is a block.
    pub(crate) fn scan(ram: &Ram, place: Place) -> Option<Unit> {
        let Place { offset, va, next, alone, relative } = place;
        let page = Page { ram, offset_of_zero: offset.wrapping_sub(va) };
        if let Some(next) = next {
            return Unit::across(ram, place, next);
        }
        let head = page.block(va, &[]);
        if head.insts.is_empty() {
            return None;
        }
        let Some(last) = page.jump_back(va).filter(|_| !alone) else {
            return Some(Unit { blocks: vec![head], loops: false, alone, relative });
        };
        let mut total = head.insts.len();
        let mut starts = vec![va];
        let mut blocks = vec![head];
        let mut next = 0;
        while next < blocks.len() {
            for target in blocks[next].successors() {
                if (va..=last).contains(&target) && !starts.contains(&target) && blocks.len() < BLOCKS_MAX {
                    let block = page.block(target, &starts);
                    if block.insts.is_empty() || total + block.insts.len() > UNIT_MAX {
                        continue;
                    }
                    total += block.insts.len();
                    starts.push(target);
                    blocks.push(block);
                }
            }
            next += 1;
        }
        blocks.sort_by_key(|block| block.va);
        let loops = blocks.iter().any(|block| block.successors().contains(&va));
        blocks.truncate(if loops { blocks.len() } else { 1 });
        Some(Unit { blocks, loops, alone, relative })
    }

    /// The block whose first instruction goes on in page `next` of memory.
    fn across(ram: &Ram, place: Place, next: u32) -> Option<Unit> {
        let start = u64::from(next) << PAGE_SHIFT;
        let (low, high) = half(ram, place.offset).zip(half(ram, start))?;
        let first = isa::decode(u32::from(low) | u32::from(high) << 16)?;
        let mut head = Block { va: place.va, insts: vec![first] };
        if !ends(&first) {
            let (offset, va) = (start + 2, head.end());
            let page = Page { ram, offset_of_zero: offset.wrapping_sub(va) };
            head.insts.extend(page.block(va, &[]).insts.into_iter().take(BLOCK_MAX - 1));
        }
        Some(Unit { blocks: vec![head], loops: false, alone: place.alone, relative: place.relative })
    }

    /// Whether its first instruction crosses into another page, in which the unit goes on.
    pub(crate) fn crosses(&self) -> bool {
        let room = |va: u64| PAGE_BYTES - va % PAGE_BYTES;
        let head = &self.blocks[0];
        head.insts.first().is_some_and(|inst| u64::from(inst.len) > room(head.va))
    }

    /// The virtual page in which it goes on behind its first instruction.
    pub(crate) fn page(&self) -> u64 {
        self.blocks[0].va.wrapping_add(if self.crosses() { 2 } else { 0 }) >> PAGE_SHIFT
    }

    /// All its instructions.
    pub(crate) fn insts(&self) -> impl Iterator<Item = &Inst> {
        self.blocks.iter().flat_map(|block| &block.insts)
    }
}

/// A page of code, by virtual address.
struct Page<'a> {
    ram: &'a Ram,
    /// Byte offset in memory of virtual address 0, if the page's mapping went that far.
    offset_of_zero: u64,
}

impl Page<'_> {
    /// The instruction at `va`, if it is one and all in the page of its first byte.
    fn inst(&self, va: u64) -> Option<Inst> {
        let at = RAM_BASE + self.offset_of_zero.wrapping_add(va);
        let low = self.half(va)?;
        let word = if low & 3 != 3 {
            u32::from(low)
        } else if va % PAGE_BYTES <= PAGE_BYTES - 4 {
            self.ram.read(at).map_or(0, u32::from_le_bytes)
        } else {
            return None;
        };
        isa::decode(word)
    }

    fn half(&self, va: u64) -> Option<u16> {
        half(self.ram, self.offset_of_zero.wrapping_add(va))
    }

    /// The block at `va`, which ends before any other of `starts`.
    fn block(&self, va: u64, starts: &[u64]) -> Block {
        let mut block = Block { va, insts: Vec::with_capacity(INSTS_USUAL) };
        let mut at = va;
        while block.insts.len() < BLOCK_MAX
            && at / PAGE_BYTES == va / PAGE_BYTES
            && (at == va || !starts.contains(&at))
            && let Some(inst) = self.inst(at)
        {
            block.insts.push(inst);
            at = at.wrapping_add(u64::from(inst.len));
            if ends(&inst) {
                break;
            }
        }
        block
    }

    /// Whether the displacement of the branch or direct jump at `at`, which begins with `low`, is negative.
    fn jumps_back(&self, at: u64, low: u16) -> bool {
        // The sign is the highest bit of a long instruction, and bit 12 of a compressed one.
        if low & 3 == 3 {
            self.half(at.wrapping_add(2)).is_some_and(|high| high >> 15 != 0)
        } else {
            low >> 12 & 1 != 0
        }
    }

    /// The address of the last instruction, not far ahead, that jumps to `va`.
    fn jump_back(&self, va: u64) -> Option<u64> {
        let mut at = va;
        let mut last = None;
        for _ in 0..AHEAD_MAX {
            if at / PAGE_BYTES != va / PAGE_BYTES {
                break;
            }
            let Some(low) = self.half(at) else { break };
            // Most instructions need not be decoded for being no jumps, or jumps ahead.
            if may_jump(low)
                && (at == va || self.jumps_back(at, low))
                && let Some(inst) = self.inst(at)
                && jump(at, &inst) == Some(va)
            {
                last = Some(at);
            }
            at = at.wrapping_add(if low & 3 == 3 { 4 } else { 2 });
        }
        last
    }
}

/// Whether an instruction that begins with `low` may be a branch or a direct jump, by its major opcode.
fn may_jump(low: u16) -> bool {
    const BRANCH: u16 = 0b110_0011;
    const JAL: u16 = 0b110_1111;
    match low & 3 {
        3 => matches!(low & 0x7f, BRANCH | JAL),
        // `c.j`, `c.beqz` and `c.bnez`.
        1 => low >> 13 >= 0b101,
        _ => false,
    }
}

/// Where the instruction at `pc` jumps to, if it is a branch, or a jump that is no call.
fn jump(pc: u64, inst: &Inst) -> Option<u64> {
    let jumps = is_branch(inst.op) || (inst.op == Op::Jal && inst.rd == 0);
    jumps.then(|| pc.wrapping_add(i64::from(inst.imm).cast_unsigned()))
}

fn is_branch(op: Op) -> bool {
    matches!(op, Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu)
}

/// Whether the guest may go on behind the instruction within translated code.
fn falls_through(inst: &Inst) -> bool {
    !matches!(inst.op, Op::Jal | Op::Jalr) && !leaves(inst.op)
}

/// Whether nothing follows the instruction in its block.
pub(crate) fn ends(inst: &Inst) -> bool {
    match inst.op {
        op if is_branch(op) => inst.imm <= 0,
        Op::Jal | Op::Jalr => true,
        op => leaves(op),
    }
}

/// Whether the interpreter executes the instruction and decides where to go on.
pub(crate) fn leaves(op: Op) -> bool {
    matches!(op, Op::Ecall | Op::Ebreak | Op::Mret | Op::Sret | Op::Wfi | Op::WrsNto | Op::WrsSto)
}
