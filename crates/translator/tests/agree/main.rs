//! The translator against the interpreter: random programs leave the same state at every instruction count.

#![cfg(target_arch = "x86_64")]

use isa::asm::Asm;
use isa::csr;
use isa::reg::Reg;
use isa::{Extension, Op};
use machine::engine::Engine;
use machine::hart::RunState;
use machine::interp::Interpreter;
use machine::node::{Config, Limits, Node};
use machine::ram::RAM_BASE;
use programs::{Mode, Random, body_ops, program, start};
use translator::{Options, Translator};

mod programs;

fn node(start: u64, program: &[u8], engine: Box<dyn Engine>) -> Node {
    let mut config = Config::default();
    config.board.memory_bytes = 1 << 20;
    let mut node = Node::new(&config, engine).unwrap();
    node.bus.ram.write(start, program).unwrap();
    node.harts[0].pc = start;
    // Every trap goes on behind the instruction: `mepc` is advanced by the handler.
    let mut handler = Asm::new(RAM_BASE + 0x8000);
    handler.csrw(csr::MSCRATCH, Reg::T0).csrr(Reg::T0, csr::MEPC);
    handler.addi(Reg::T0, Reg::T0, 4).csrw(csr::MEPC, Reg::T0).csrr(Reg::T0, csr::MSCRATCH).mret();
    node.bus.ram.write(RAM_BASE + 0x8000, &handler.finish()).unwrap();
    node.harts[0].csr.mtvec = RAM_BASE + 0x8000;
    node.harts[0].state = RunState::Running;
    node
}

/// Everything but memory and the board.
fn hart_words(node: &Node) -> Vec<u8> {
    use machine::state::State;
    let mut words = Vec::new();
    node.harts[0].save(&mut |bytes| words.extend_from_slice(bytes));
    words
}

/// The interpreter, and a translator that translates at once.
fn engines() -> [Box<dyn Engine>; 2] {
    let options = Options { threshold: 1, ..Options::default() };
    [Box::new(Interpreter::new(1)), Box::new(Translator::new(1, options).unwrap())]
}

fn check(seed: u64, ops: &[Op], mode: Mode) {
    let start = start(seed, mode);
    let program = program(start, &mut Random(seed), ops, mode);
    let [mut oracle, mut translated] = engines().map(|engine| node(start, &program, engine));
    let mut random = Random(seed ^ 0x9e37_79b9_7f4a_7c15);
    let mut at = 0;
    loop {
        // Every instruction of the first rounds, then some.
        at += 1 + random.below(if at < 200 {
            40
        } else if at < 800 {
            2
        } else {
            300
        });
        let limits = Limits { instructions: at, cycle: 1_000_000 };
        let (a, b) = (oracle.run(limits), translated.run(limits));
        let (x, y) = (&oracle.harts[0], &translated.harts[0]);
        assert_eq!((x.pc, x.retired, x.fflags), (y.pc, y.retired, y.fflags), "seed {seed} at {at}");
        assert_eq!(x.x, y.x, "seed {seed} at {at}, pc {:#x}", x.pc);
        assert_eq!(x.f, y.f, "seed {seed} at {at}, pc {:#x}", x.pc);
        assert_eq!(hart_words(&oracle), hart_words(&translated), "seed {seed} at {at}");
        assert_eq!(a, b, "seed {seed}");
        if a != machine::node::Pause::Instructions {
            break;
        }
    }
    assert!(oracle.bus.ram.bytes() == translated.bus.ram.bytes(), "memory differs, seed {seed}");
}

/// No block begins at an odd address, where a jump goes to the even one below.
#[test]
fn jumps_to_odd_addresses_agree() {
    for target in [1, 3, 0x2001, RAM_BASE + 1, RAM_BASE + 5, u64::MAX] {
        let mut asm = Asm::new(RAM_BASE);
        asm.nop().nop().li(Reg::T0, target).jr(Reg::T0);
        let program = asm.finish();
        let [mut oracle, mut translated] = engines().map(|engine| node(RAM_BASE, &program, engine));
        for instructions in [7, 20, 100, 300] {
            let limits = Limits { instructions, cycle: 1_000_000 };
            assert_eq!(oracle.run(limits), translated.run(limits), "{target:#x}");
            assert_eq!(hart_words(&oracle), hart_words(&translated), "{target:#x} at {instructions}");
        }
    }
}

#[test]
fn random_integer_programs_agree() {
    let ops: Vec<Op> = body_ops()
        .into_iter()
        .filter(|op| !matches!(op.extension(), Extension::F | Extension::D | Extension::Zfa))
        .collect();
    (1..400).for_each(|seed| check(seed, &ops, Mode::Machine));
}

#[test]
fn random_floating_point_programs_agree() {
    let ops: Vec<Op> = body_ops()
        .into_iter()
        .filter(|op| matches!(op.extension(), Extension::F | Extension::D | Extension::Zfa))
        .collect();
    (1..600).for_each(|seed| check(seed, &ops, Mode::Machine));
}

#[test]
fn random_mixed_programs_agree() {
    let ops = body_ops();
    (1000..1300).for_each(|seed| check(seed, &ops, Mode::Machine));
}

/// The same code at several virtual addresses: all but the first run code that is relative to its page.
#[test]
fn random_programs_at_several_addresses_agree() {
    let ops = body_ops();
    (2000..2150).for_each(|seed| check(seed, &ops, Mode::Aliased));
}
