//! A node with a program that has something to stop at.

#![allow(dead_code, reason = "each test file uses a part")]

use isa::asm::Asm;
use isa::reg::Reg;
use machine::hart::RunState;
use machine::interp::Interpreter;
use machine::node::{Config, Halt, Limits, Node, Pause};
use machine::ram::RAM_BASE;

pub(crate) const FREE: Limits = Limits { instructions: u64::MAX, cycle: u64::MAX };
pub(crate) const TOHOST: u64 = RAM_BASE + 0x1000;
/// Each hart counts in a word of its own from here.
pub(crate) const COUNTERS: u64 = RAM_BASE + 0x2000;
/// Times that each hart counts.
pub(crate) const ROUNDS: u64 = 200;
/// How the program ends.
pub(crate) const END: Pause = Pause::Halted(Halt::ToHost(1));

/// A node of two harts that count, and the address of the function that counts.
pub(crate) fn node() -> (Node, u64) {
    let mut asm = Asm::new(RAM_BASE);
    let (s0, s1, a0, t0, t1) = (Reg::S0, Reg::S1, Reg::A0, Reg::T0, Reg::T1);
    let count = asm.label();
    asm.csrr(a0, isa::csr::MHARTID).li(s1, COUNTERS).slli(t0, a0, 3).add(s1, s1, t0).li(s0, ROUNDS);
    let again = asm.here();
    asm.call(count).addi(s0, s0, -1).bnez(s0, again);
    // Whoever first sees that hart 1 has counted ends the run.
    let wait = asm.here();
    asm.li(t0, COUNTERS + 8).ld(t0, t0, 0).li(t1, ROUNDS);
    let done = asm.label();
    asm.beq(t0, t1, done).j(wait);
    asm.place(done).li(t0, TOHOST).li(t1, 1).sd(t1, t0, 0);
    let here = asm.here();
    asm.j(here);
    asm.place(count);
    let address = asm.address(count);
    asm.ld(t0, s1, 0).addi(t0, t0, 1).sd(t0, s1, 0).ret();

    let mut config = Config { slice_cycles: 97, ..Config::default() };
    config.board.harts = 2;
    config.board.memory_bytes = 1 << 20;
    let mut node = Node::new(&config, Box::new(Interpreter::new(2))).unwrap();
    node.bus.ram.write(RAM_BASE, &asm.finish()).unwrap();
    node.watch_tohost(TOHOST);
    for hart in &mut node.harts {
        hart.pc = RAM_BASE;
        hart.state = RunState::Running;
    }
    (node, address)
}

pub(crate) fn digest(node: &Node) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    node.digest(&mut |part| {
        hasher.update(part);
    });
    hasher.finalize()
}

/// The digest at the end of a run that nobody disturbed.
pub(crate) fn undisturbed() -> blake3::Hash {
    let (mut node, _) = node();
    assert_eq!(node.run(FREE), END);
    digest(&node)
}
