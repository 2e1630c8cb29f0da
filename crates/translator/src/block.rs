//! Scanning guest code for blocks.
//!
//! A block is straight-line code within one page: it may be left at conditional branches that go forward, and
//! ends at any other transfer of control, at an instruction that only the interpreter may follow, or when it is
//! long enough.

use isa::{Inst, Op};
use machine::ram::{PAGE_BYTES, RAM_BASE, Ram};

/// Most instructions of a block.
pub(crate) const BLOCK_MAX: usize = 64;

/// Scans the block at byte `offset` of memory; empty when its first instruction crosses the page or is none.
pub(crate) fn scan(ram: &Ram, offset: u64) -> Vec<Inst> {
    let page_end = (offset | (PAGE_BYTES - 1)) + 1;
    let mut insts = Vec::new();
    let mut at = offset;
    while insts.len() < BLOCK_MAX && at + 2 <= page_end {
        let Some(low) = ram.read(RAM_BASE + at).map(u16::from_le_bytes) else { break };
        let word = if low & 3 != 3 {
            u32::from(low)
        } else if at + 4 <= page_end {
            ram.read(RAM_BASE + at).map_or(0, u32::from_le_bytes)
        } else {
            break;
        };
        let Some(inst) = isa::decode(word) else { break };
        insts.push(inst);
        at += u64::from(inst.len);
        if ends(&inst) {
            break;
        }
    }
    insts
}

/// Whether nothing follows the instruction in its block.
pub(crate) fn ends(inst: &Inst) -> bool {
    match inst.op {
        Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu => inst.imm <= 0,
        Op::Jal | Op::Jalr => true,
        op => leaves(op),
    }
}

/// Whether the interpreter executes the instruction and decides where to go on.
pub(crate) fn leaves(op: Op) -> bool {
    matches!(
        op,
        Op::Ecall
            | Op::Ebreak
            | Op::Mret
            | Op::Sret
            | Op::Wfi
            | Op::FenceI
            | Op::SfenceVma
            | Op::WrsNto
            | Op::WrsSto
    )
}
