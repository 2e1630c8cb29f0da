//! Decoding and encoding of instruction words.
//!
//! Decoding looks the word up in buckets by major opcode and `funct3` (for OP-FP, where `funct3` is mostly the
//! rounding mode, by `funct7`); the buckets are built from the table at compile time.

use crate::compressed;
use crate::op::{Inst, Op, TABLE};

const OP_FP: u32 = 0x53;
const BY_FUNCT3: usize = 32 * 8;
const BUCKETS: usize = BY_FUNCT3 + 128;
/// Rows whose `funct3` is free stand in eight buckets; a test in `tests/table.rs` would fail on overflow, and so
/// does the compiler.
const SLOTS: usize = 512;

struct Buckets {
    /// Bucket `b` is `rows[start[b]..start[b + 1]]`.
    start: [u16; BUCKETS + 1],
    rows: [u16; SLOTS],
}

static LOOKUP: Buckets = build();

#[inline]
const fn bucket(word: u32) -> usize {
    if word & 0x7f == OP_FP {
        BY_FUNCT3 + (word >> 25) as usize
    } else {
        ((word >> 2 & 31) << 3 | (word >> 12 & 7)) as usize
    }
}

const fn copies(mask: u32, word: u32) -> usize {
    if word & 0x7f == OP_FP || mask & 0x7000 == 0x7000 { 1 } else { 8 }
}

#[expect(clippy::cast_possible_truncation, reason = "row numbers and slots are below 512")]
const fn build() -> Buckets {
    let mut start = [0u16; BUCKETS + 1];
    let mut rows = [0u16; SLOTS];
    let mut row = 0;
    while row < Op::COUNT {
        let (mask, word) = (TABLE[row].mask, TABLE[row].match_bits);
        let mut copy = 0;
        while copy < copies(mask, word) {
            start[bucket(word | (copy as u32) << 12) + 1] += 1;
            copy += 1;
        }
        row += 1;
    }
    let mut b = 0;
    while b < BUCKETS {
        start[b + 1] += start[b];
        b += 1;
    }
    let mut next = start;
    row = 0;
    while row < Op::COUNT {
        let (mask, word) = (TABLE[row].mask, TABLE[row].match_bits);
        let mut copy = 0;
        while copy < copies(mask, word) {
            let b = bucket(word | (copy as u32) << 12);
            rows[next[b] as usize] = row as u16;
            next[b] += 1;
            copy += 1;
        }
        row += 1;
    }
    Buckets { start, rows }
}

/// Decodes `word`, or its low half if that is a compressed form (`len` is then 2 and `op` the base operation).
///
/// `None` is an illegal instruction. A reserved rounding mode is legal here: executing it is not.
#[inline]
#[must_use]
pub fn decode(word: u32) -> Option<Inst> {
    if word & 3 != 3 {
        return compressed::decode(word & 0xffff);
    }
    let b = bucket(word);
    let candidates = &LOOKUP.rows[usize::from(LOOKUP.start[b])..usize::from(LOOKUP.start[b + 1])];
    for &row in candidates {
        let entry = &TABLE[usize::from(row)];
        if word & entry.mask == entry.match_bits {
            let mut inst = Inst { op: Op::ALL[usize::from(row)], raw: word, ..Inst::NOP };
            entry.format.fields().unpack(word, &mut inst);
            return Some(inst);
        }
    }
    None
}

/// The word of `inst` from its operation and operands; `raw` serves only to tell the form of a compressed one.
///
/// An operand too large for its field is cut off.
#[must_use]
pub fn encode(inst: &Inst) -> u32 {
    if inst.len == 2 {
        return compressed::encode(inst);
    }
    let row = inst.op.row();
    row.match_bits | row.format.fields().pack(inst) & !row.mask
}
