//! A node saved anywhere and restored into another, under the same engine or the other one, goes on to the very
//! state that the node reaches which was never stopped.

#![cfg(target_arch = "x86_64")]

use isa::asm::Asm;
use isa::csr;
use isa::reg::Reg;
use machine::engine::Engine;
use machine::hart::RunState;
use machine::interp::Interpreter;
use machine::node::{Config, Limits, Node, Part, Pause};
use machine::ram::RAM_BASE;
use machine::ram::image::RamImage;
use machine::timing::Costs;
use translator::{Options, Translator};

const SHARED: u64 = RAM_BASE + 0x20000;
const HANDLER: u64 = RAM_BASE + 0x8000;
const TOHOST: u64 = RAM_BASE + 0x30000;
const UART: u64 = 0x1000_0000;
const COMPARE: u64 = 0x0200_4000;
const MTIME: u64 = 0x0200_bff8;
const MACHINE_TIMER: u64 = 1 << 7;
const END_CYCLE: u64 = 300_000;

/// A small generator (xorshift*), so that a seed names a program.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % bound
    }
}

/// What all harts do at once: compute, share memory, print, sleep until a timer, change their own code.
fn program(random: &mut Random) -> Vec<u8> {
    let (t0, t1, t2, s0, s1, s2) = (Reg::T0, Reg::T1, Reg::T2, Reg::S0, Reg::S1, Reg::S2);
    let mut asm = Asm::new(RAM_BASE);
    asm.li(t0, HANDLER).csrw(csr::MTVEC, t0);
    asm.li(t0, MACHINE_TIMER).csrw(csr::MIE, t0).li(t0, 8).csrs(csr::MSTATUS, t0);
    // s0: own data, s1: shared data, s2: rounds left.
    asm.csrr(s0, csr::MHARTID).slli(s0, s0, 12).li(s1, SHARED).add(s0, s0, s1);
    asm.li(s2, 3 + random.below(20));
    let again = asm.here();
    for _ in 0..4 + random.below(12) {
        match random.below(8) {
            0 => {
                let count = 1 + random.below(400);
                asm.li(t0, count);
                let spin = asm.here();
                asm.mul(t1, t1, t0).addi(t1, t1, 7).addi(t0, t0, -1).bnez(t0, spin);
            }
            1 => _ = asm.ld(t1, s0, 0).addi(t1, t1, 1).sd(t1, s0, 0),
            2 => _ = asm.amoadd_d(t1, t0, s1),
            3 => {
                let retry = asm.here();
                asm.lr_d(t1, s1).addi(t1, t1, 3).sc_d(t2, t1, s1).bnez(t2, retry);
            }
            4 => _ = asm.li(t0, UART).li(t1, 0x41 + random.below(26)).sb(t1, t0, 0),
            5 => _ = asm.csrr(t1, csr::TIME).sd(t1, s0, 8).csrr(t1, csr::MCYCLE).sd(t1, s0, 16),
            6 => {
                let ticks = 1 + random.below(60);
                asm.csrr(t2, csr::MHARTID).slli(t2, t2, 3).li(t0, COMPARE).add(t2, t2, t0);
                asm.li(t0, MTIME).ld(t1, t0, 0).addi(t1, t1, i32::try_from(ticks).unwrap()).sd(t1, t2, 0);
                asm.wfi();
            }
            _ => {
                // addi t1, t1, k, with k stored over the instruction just before it is executed.
                let target = asm.label();
                let word = 0x0003_0313 | u32::try_from(random.below(2000)).unwrap() << 20;
                asm.la(t0, target).li(t1, u64::from(word)).sw(t1, t0, 0);
                asm.align(4).place(target).word(0x0010_0313);
                asm.sd(t1, s0, 24);
            }
        }
    }
    asm.addi(s2, s2, -1);
    let done = asm.label();
    asm.beqz(s2, done).j(again).place(done);
    let here = asm.here();
    asm.wfi().j(here);
    asm.finish()
}

/// A timer that went off is counted and set to never.
fn handler() -> Vec<u8> {
    let (t0, t1) = (Reg::T3, Reg::T4);
    let mut asm = Asm::new(HANDLER);
    asm.csrr(t0, csr::MHARTID).slli(t0, t0, 3).li(t1, COMPARE).add(t0, t0, t1);
    asm.li(t1, u64::MAX).sd(t1, t0, 0);
    asm.ld(t1, Reg::S0, 32).addi(t1, t1, 1).sd(t1, Reg::S0, 32).mret();
    asm.finish()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Interp,
    Translate,
    Modelled,
}

/// A node without a program, with `engine` in place of a new one.
fn bare(kind: Kind, harts: usize, engine: Option<Box<dyn Engine>>) -> Node {
    let mut config = Config { slice_cycles: 700, ..Config::default() };
    config.board.harts = harts;
    config.board.memory_bytes = 1 << 20;
    let engine = engine.unwrap_or_else(|| match kind {
        Kind::Translate => {
            Box::new(Translator::new(harts, Options { threshold: 1, ..Options::default() }).unwrap())
        }
        _ => Box::new(Interpreter::new(harts)),
    });
    let mut node = Node::new(&config, engine).unwrap();
    if kind == Kind::Modelled {
        node.use_timing(Costs::default());
    }
    node
}

fn booted(kind: Kind, harts: usize, program: &[u8]) -> Node {
    let mut node = bare(kind, harts, None);
    node.bus.ram.write(RAM_BASE, program).unwrap();
    node.bus.ram.write(HANDLER, &handler()).unwrap();
    node.watch_tohost(TOHOST);
    for hart in &mut node.harts {
        hart.pc = RAM_BASE;
        hart.state = RunState::Running;
    }
    node
}

/// The node's state, memory last, and what it printed.
fn state(node: &mut Node) -> (Vec<u8>, Vec<u8>) {
    let mut bytes = Vec::new();
    node.digest(&mut |part| bytes.extend_from_slice(part));
    (bytes, node.take_console())
}

fn saved(node: &Node) -> Vec<(Part, Vec<u8>)> {
    let part = |part| {
        let mut bytes = Vec::new();
        node.save(part, &mut |piece| bytes.extend_from_slice(piece));
        (part, bytes)
    };
    Part::ALL.map(part).into()
}

/// Takes over the parts, and the memory by copying it or by beginning on a frozen image of it.
fn restore(node: &mut Node, parts: &[(Part, Vec<u8>)], from: &Node, on_image: bool) {
    if on_image {
        node.bus.ram = machine::ram::Ram::on(&RamImage::of(&from.bus.ram).unwrap()).unwrap();
    } else {
        node.bus.ram.bytes_mut().copy_from_slice(from.bus.ram.bytes());
    }
    for (part, bytes) in parts {
        node.restore(*part, bytes).unwrap();
    }
}

#[test]
fn a_node_restored_anywhere_ends_as_the_one_never_stopped() {
    use Kind::{Interp, Modelled, Translate};
    let free = Limits { instructions: u64::MAX, cycle: END_CYCLE };
    let mut ends = [0; 3];
    for seed in 1..120u64 {
        let random = &mut Random(seed);
        let program = program(random);
        let harts = usize::try_from(1 + random.below(4)).unwrap();
        let (before, after) =
            [(Interp, Translate), (Translate, Interp), (Translate, Translate), (Modelled, Modelled)]
                [usize::try_from(seed % 4).unwrap()];
        let mut whole = booted(before, harts, &program);
        let whole_end = whole.run(free);
        let total = whole.retired();
        let whole_state = state(&mut whole);

        let mut node = booted(before, harts, &program);
        let mut cut = Pause::Time;
        // Twice, so that what was restored is saved again.
        for (round, kind) in [after, before].into_iter().enumerate() {
            let limits = if random.below(3) == 0 {
                Limits { instructions: u64::MAX, cycle: random.below(END_CYCLE) }
            } else {
                Limits { instructions: node.retired() + random.below(total), cycle: END_CYCLE }
            };
            cut = node.run(limits);
            let parts = saved(&node);
            let mut next = bare(kind, harts, None);
            // What the node held before must not shine through.
            next.bus.ram.write(SHARED, b"stale").unwrap();
            restore(&mut next, &parts, &node, round == 1);
            assert!(saved(&next) == parts, "seed {seed}: saved as it was restored");
            node = next;
        }
        ends[match cut {
            Pause::Instructions => 0,
            Pause::Time => 1,
            _ => 2,
        }] += 1;
        assert_eq!(node.run(free), whole_end, "seed {seed}");
        assert!(
            state(&mut node) == whole_state,
            "seed {seed}, {harts} harts, {before:?} to {after:?}, cut {cut:?}"
        );
    }
    assert!(ends[0] > 20 && ends[1] > 10, "the cuts were of one kind: {ends:?}");
}

#[test]
fn rounds_run_as_one_end_as_rounds_run_one_by_one() {
    for seed in 300..400u64 {
        let program = program(&mut Random(seed));
        let kind = if seed % 3 == 0 { Kind::Interp } else { Kind::Translate };
        let mut whole = booted(kind, 1, &program);
        let end = whole.run(Limits { instructions: u64::MAX, cycle: END_CYCLE });
        let mut node = booted(Kind::Translate, 1, &program);
        let mut pause = Pause::Time;
        while pause == Pause::Time && node.clock().round_start() < END_CYCLE {
            let cycle = (node.clock().round_start() + 1).min(END_CYCLE);
            pause = node.run(Limits { instructions: u64::MAX, cycle });
        }
        assert_eq!(pause, end, "seed {seed}");
        assert!(state(&mut node) == state(&mut whole), "seed {seed}");
    }
}

#[test]
fn forked_nodes_end_as_the_one_they_were_forked_from() {
    let free = Limits { instructions: u64::MAX, cycle: END_CYCLE };
    let translated = |node: &Node| {
        node.engine_counters()
            .iter()
            .find(|(name, _)| *name == "translated_blocks")
            .map_or(0, |(_, count)| *count)
    };
    let (mut blocks_of_wholes, mut blocks_of_forks) = (0, 0);
    for seed in 200..230u64 {
        let random = &mut Random(seed);
        let program = program(random);
        let harts = usize::try_from(1 + random.below(3)).unwrap();
        let mut whole = booted(Kind::Translate, harts, &program);
        let end = whole.run(free);
        let total = whole.retired();
        let whole_state = state(&mut whole);
        let mut node = booted(Kind::Translate, harts, &program);
        node.run(Limits { instructions: random.below(total), cycle: END_CYCLE });
        let template = node.freeze().unwrap();
        assert!(template.shared_bytes() > 0 && template.shared_bytes() < 1 << 20);
        for kind in [Kind::Translate, Kind::Interp, Kind::Translate] {
            let mut fork = bare(kind, harts, if kind == Kind::Translate { template.engine() } else { None });
            template.begin(&mut fork).unwrap();
            assert_eq!(fork.run(free), end, "seed {seed}");
            assert!(state(&mut fork) == whole_state, "seed {seed}, {kind:?}");
            blocks_of_forks += translated(&fork);
        }
        blocks_of_wholes += 2 * translated(&whole);
        assert!(template.begin(&mut bare(Kind::Interp, harts + 1, None)).is_err(), "another shape");
    }
    assert!(
        blocks_of_forks * 2 < blocks_of_wholes,
        "{blocks_of_forks} blocks translated again of {blocks_of_wholes}"
    );
}

#[test]
fn parts_of_another_machine_or_cut_short_are_refused() {
    let program = program(&mut Random(7));
    let mut node = booted(Kind::Interp, 2, &program);
    node.run(Limits { instructions: 5000, cycle: END_CYCLE });
    let parts = saved(&node);
    for (part, bytes) in &parts {
        assert!(
            bare(Kind::Interp, 1, None).restore(*part, bytes).is_err(),
            "{part:?} of a node with more harts"
        );
        assert!(
            bare(Kind::Interp, 2, None).restore(*part, &[&bytes[..], &[0]].concat()).is_err(),
            "{part:?} too long"
        );
        for length in (0..bytes.len()).step_by(97) {
            assert!(
                bare(Kind::Interp, 2, None).restore(*part, &bytes[..length]).is_err(),
                "{part:?} of {length} bytes"
            );
        }
    }
}
