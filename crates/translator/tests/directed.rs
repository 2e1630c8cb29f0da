//! Single things that the engines must agree on, each in a program of its own.

#![cfg(target_arch = "x86_64")]

use isa::asm::Asm;
use isa::csr;
use isa::reg::Reg;
use machine::engine::Engine;
use machine::hart::RunState;
use machine::interp::Interpreter;
use machine::node::{Config, Limits, Node};
use machine::ram::RAM_BASE;
use translator::{Options, Translator};

/// Where traps go: the handler counts them in `s11` and goes on at the address in `s10`.
const HANDLER: u64 = RAM_BASE + 0x8000;

fn node(program: &[u8], engine: Box<dyn Engine>) -> Node {
    let mut config = Config::default();
    config.board.memory_bytes = 4 << 20;
    let mut node = Node::new(&config, engine).unwrap();
    node.bus.ram.write(RAM_BASE, program).unwrap();
    let mut handler = Asm::new(HANDLER);
    handler.addi(Reg::S11, Reg::S11, 1).csrw(csr::MEPC, Reg::S10).mret();
    node.bus.ram.write(HANDLER, &handler.finish()).unwrap();
    node.harts[0].pc = RAM_BASE;
    node.harts[0].csr.mtvec = HANDLER;
    node.harts[0].state = RunState::Running;
    node
}

fn translator(options: Options) -> Box<Translator> {
    Box::new(Translator::new(1, Options { threshold: 1, ..options }).unwrap())
}

/// Runs `program` on both engines for `instructions`, comparing every `step`; the translated node.
fn agree(program: &[u8], options: Options, instructions: u64, step: u64) -> Node {
    let mut oracle = node(program, Box::new(Interpreter::new(1)));
    let mut translated = node(program, translator(options));
    let mut at = 0;
    while at < instructions {
        at += step;
        let limits = Limits { instructions: at, cycle: u64::MAX };
        assert_eq!(oracle.run(limits), translated.run(limits), "at {at}");
        let (a, b) = (&oracle.harts[0], &translated.harts[0]);
        assert_eq!((a.pc, a.retired, a.cycles(), a.x), (b.pc, b.retired, b.cycles(), b.x), "at {at}");
    }
    assert!(oracle.bus.ram.bytes() == translated.bus.ram.bytes(), "memory differs");
    translated
}

#[test]
fn jumps_to_addresses_without_code_find_none() {
    let mut asm = Asm::new(RAM_BASE);
    for target in [0u64, 1, 2, 3, 4, u64::MAX, u64::MAX - 1, 0x1fff, 0x2000, 0x2001] {
        let next = asm.label();
        asm.la(Reg::S10, next).li(Reg::T0, target).jalr(Reg::RA, Reg::T0, 0);
        asm.place(next);
    }
    let here = asm.here();
    asm.wfi().j(here);
    let node = agree(&asm.finish(), Options::default(), 400, 1);
    assert_eq!(node.harts[0].x[27], 10, "each of them traps");
}
