//! Back traces of harts, as far as a stack tells without debugging information.
//!
//! First by frame pointers, as the calling convention lays frames out: the return address 8 bytes below the frame
//! pointer, the caller's frame pointer 16 below. Where that gives nothing beyond the register `ra`, words on the
//! stack that look like return addresses are listed, each said to be a guess. A word looks like one when the
//! instruction before its target is a call.

use crate::symbols::Symbols;
use isa::Op;
use machine::hart::RunState;
use machine::node::Node;
use std::fmt::Write;

/// Frames shown at most.
const FRAMES_MAX: usize = 32;
/// Frames lie within this many bytes of each other.
const STACK_BYTES_MAX: u64 = 1 << 20;
/// Words of the stack that are looked at for guesses.
const GUESS_WORDS: u64 = 512;
/// Guesses shown at most.
const GUESSES_MAX: usize = 12;
/// Registers by number.
const RA: usize = 1;
const SP: usize = 2;
const FP: usize = 8;

/// How a frame was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The program counter itself.
    Counter,
    /// The return-address register, which a function that calls others reuses.
    Register,
    /// The chain of frame pointers.
    FramePointer,
    /// A word on the stack that may be left over.
    Guess,
}

/// A frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where it executes, or where it goes on.
    pub pc: u64,
    /// How it was found.
    pub evidence: Evidence,
}

/// The frames of hart `id`, innermost first.
pub fn frames(node: &mut Node, id: usize) -> Vec<Frame> {
    let (pc, x) = (node.harts[id].pc, node.harts[id].x);
    let mut frames = vec![Frame { pc, evidence: Evidence::Counter }];
    let chain = chain(node, id, x[SP], x[FP]);
    if returns_from_call(node, id, x[RA]) && chain.first() != Some(&x[RA]) {
        frames.push(Frame { pc: x[RA], evidence: Evidence::Register });
    }
    frames.extend(chain.iter().map(|pc| Frame { pc: *pc, evidence: Evidence::FramePointer }));
    if chain.is_empty() {
        let guesses = guesses(node, id, x[SP]);
        frames.extend(guesses.into_iter().map(|pc| Frame { pc, evidence: Evidence::Guess }));
    }
    frames.truncate(FRAMES_MAX);
    frames
}

/// Return addresses by frame pointers, as long as these lead upwards on one stack.
fn chain(node: &mut Node, id: usize, sp: u64, fp: u64) -> Vec<u64> {
    let mut found = Vec::new();
    let (mut below, mut frame) = (sp, fp);
    while found.len() < FRAMES_MAX
        && frame.is_multiple_of(8)
        && frame > below
        && frame - below <= STACK_BYTES_MAX
        && let Some(returns) = word(node, id, frame.wrapping_sub(8))
        && let Some(caller) = word(node, id, frame.wrapping_sub(16))
        && returns_from_call(node, id, returns)
    {
        found.push(returns);
        (below, frame) = (frame, caller);
    }
    found
}

fn guesses(node: &mut Node, id: usize, sp: u64) -> Vec<u64> {
    let mut found = Vec::new();
    let start = sp & !7;
    for index in 0..GUESS_WORDS {
        let Some(value) = word(node, id, start.wrapping_add(index * 8)) else { break };
        if returns_from_call(node, id, value) {
            found.push(value);
            if found.len() == GUESSES_MAX {
                break;
            }
        }
    }
    found
}

fn word(node: &mut Node, id: usize, va: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    node.read_virtual(id, va, &mut bytes).ok()?;
    Some(u64::from_le_bytes(bytes))
}

/// Whether the instruction before `pc` is a call.
fn returns_from_call(node: &mut Node, id: usize, pc: u64) -> bool {
    if pc < 4 || pc & 1 != 0 {
        return false;
    }
    let calls = |raw: Option<u32>, len: u8| {
        raw.and_then(isa::decode).is_some_and(|inst| {
            inst.len == len && matches!(inst.op, Op::Jal | Op::Jalr) && matches!(inst.rd, 1 | 5)
        })
    };
    calls(node.instruction(id, pc - 4), 4) || calls(node.instruction(id, pc - 2), 2)
}

/// The back traces of all harts that ever ran, a line a frame.
pub fn report(node: &mut Node, symbols: &Symbols) -> String {
    let mut text = String::new();
    for id in 0..node.harts.len() {
        if node.harts[id].state == RunState::Stopped && node.harts[id].retired == 0 {
            continue;
        }
        text.push_str(&hart(node, id, symbols));
    }
    text
}

/// The back trace of one hart.
pub fn hart(node: &mut Node, id: usize, symbols: &Symbols) -> String {
    let mut text = format!("{}\n", crate::gdb::state(node, id));
    for (number, frame) in frames(node, id).iter().enumerate() {
        // What called is the instruction before the one to return to.
        let name = match frame.evidence {
            Evidence::Counter => symbols.describe(frame.pc),
            _ => symbols.describe(frame.pc.wrapping_sub(1)),
        };
        let note = match frame.evidence {
            Evidence::Counter | Evidence::FramePointer => "",
            Evidence::Register => " (by the register ra, which may be stale)",
            Evidence::Guess => " (a guess: found on the stack)",
        };
        let _ = writeln!(text, "  #{number:<2} {:#018x} {name}{note}", frame.pc);
    }
    text
}
