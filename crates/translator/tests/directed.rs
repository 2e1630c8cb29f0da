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

/// Code that makes code: stretches of memory are filled with different functions, each is called twice, and all is done
/// again; `stretches` of them, `rounds` times.
fn flood(stretches: u64, rounds: u64) -> Vec<u8> {
    const BYTES: u64 = 256;
    let mut asm = Asm::new(RAM_BASE);
    asm.li(Reg::S0, rounds);
    let round = asm.here();
    asm.li(Reg::S1, stretches).li(Reg::S2, RAM_BASE + 0x10_0000);
    let stretch = asm.here();
    // Every instruction is `addi a0, a0, 1` or, at the end, `ret`; the round changes what the first of them adds.
    let add = u64::from(isa::encode(&isa::Inst { rd: 10, rs1: 10, imm: 1, ..isa::Inst::of(isa::Op::Addi) }));
    asm.li(Reg::T0, add).li(Reg::T1, BYTES / 4 - 1).mv(Reg::T2, Reg::S2);
    asm.slli(Reg::T3, Reg::S0, 20).add(Reg::T3, Reg::T3, Reg::T0);
    let word = asm.here();
    asm.sw(Reg::T3, Reg::T2, 0).addi(Reg::T2, Reg::T2, 4).addi(Reg::T1, Reg::T1, -1).bnez(Reg::T1, word);
    let ret = u64::from(isa::encode(&isa::Inst { rs1: 1, ..isa::Inst::of(isa::Op::Jalr) }));
    asm.li(Reg::T0, ret).sw(Reg::T0, Reg::T2, 0).fence_i();
    asm.jalr(Reg::RA, Reg::S2, 0).jalr(Reg::RA, Reg::S2, 0);
    asm.addi(Reg::S2, Reg::S2, i32::try_from(BYTES).unwrap())
        .addi(Reg::S1, Reg::S1, -1)
        .bnez(Reg::S1, stretch);
    asm.addi(Reg::S0, Reg::S0, -1).bnez(Reg::S0, round);
    let here = asm.here();
    asm.wfi().j(here);
    asm.finish()
}

#[test]
fn a_flood_of_code_is_right_and_stays_within_its_memory() {
    const CACHE_BYTES: u64 = 1 << 20;
    let (stretches, rounds) = (3000, 3);
    let program = flood(stretches, rounds);
    let options = Options { cache_bytes: 1 << 20, ..Options::default() };
    let mut translated = node(&program, translator(options));
    let mut at = 0;
    let mut most = 0;
    let count = |node: &Node, wanted: &str| {
        node.engine_counters().into_iter().find(|(name, _)| *name == wanted).map_or(0, |(_, count)| count)
    };
    while translated.run(Limits { instructions: at, cycle: u64::MAX }) == machine::node::Pause::Instructions {
        let parts = ["code_bytes", "table_bytes", "tlb_bytes"];
        most = most.max(parts.iter().map(|part| count(&translated, part)).sum());
        at += 1000;
    }
    assert!(most <= CACHE_BYTES && most > CACHE_BYTES / 4, "{most} bytes");
    assert!(count(&translated, "evictions") >= 2, "the flood is too small");
    agree(&program, options, at, 10_007);
}
