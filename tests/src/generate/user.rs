//! Programs of unprivileged instructions, run in machine or in user mode.

use isa::csr as n;
use isa::{Extension, Op};

use super::Frame;
use super::frame::ADDRESS;
use super::instructions::unprivileged;
use crate::program::Program;

/// Instructions in a program.
const LENGTH: usize = 150;
/// The same where most instructions trap.
const LENGTH_ILLEGAL: usize = 80;

/// What a program is mostly made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mix {
    /// Every operation alike.
    Any,
    /// Floating point.
    Float,
    /// Compressed forms.
    Compressed,
    /// Words that are no instruction.
    Illegal,
}

/// Program number `seed` of `mix`.
#[must_use]
pub fn program(mix: Mix, seed: u64) -> Program {
    let mut frame = Frame::new(format!("{mix:?} {seed}"), seed ^ (mix as u64) << 32);
    let all = unprivileged();
    let float: Vec<Op> = all
        .iter()
        .copied()
        .filter(|op| matches!(op.extension(), Extension::F | Extension::D | Extension::Zfa))
        .collect();
    let on = if frame.rng.one_in(10) { 0 } else { 0x6000 };
    frame.asm.li(ADDRESS, 0x6000).csrc(n::MSTATUS, ADDRESS).li(ADDRESS, on).csrs(n::MSTATUS, ADDRESS);
    if frame.rng.one_in(3) {
        frame.enter_user();
    } else {
        frame.point();
    }
    for _ in 0..if mix == Mix::Illegal { LENGTH_ILLEGAL } else { LENGTH } {
        let choice = frame.rng.below(100);
        match mix {
            _ if choice == 0 => frame.wild_jump(0x100),
            _ if choice < 3 => frame.illegal_word(),
            _ if choice < 7 => frame.float_state(),
            Mix::Illegal => frame.illegal_word(),
            Mix::Compressed if choice < 15 => frame.compressed_branch(),
            Mix::Compressed => frame.random_compressed(),
            Mix::Float if choice < 90 => {
                let op = frame.rng.pick(&float);
                frame.random(op);
            }
            _ if choice < 20 => frame.random_compressed(),
            _ => {
                let op = frame.rng.pick(&all);
                frame.random(op);
            }
        }
    }
    frame.finish()
}

impl Frame {
    /// Opens all memory to user mode and goes there.
    fn enter_user(&mut self) {
        self.open_memory();
        self.asm.li(ADDRESS, 0x1800).csrc(n::MSTATUS, ADDRESS);
        let there = self.asm.label();
        self.asm.la(ADDRESS, there).csrw(n::MEPC, ADDRESS).mret();
        self.asm.place(there);
        self.point();
    }
}
