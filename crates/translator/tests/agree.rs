//! The translator against the interpreter: random programs leave the same state at every instruction count.

#![cfg(target_arch = "x86_64")]

use isa::asm::Asm;
use isa::csr;
use isa::reg::Reg;
use isa::{Extension, Format, Inst, Op};
use machine::engine::Engine;
use machine::hart::RunState;
use machine::interp::Interpreter;
use machine::node::{Config, Limits, Node};
use machine::ram::RAM_BASE;
use translator::{Options, Translator};

/// Data that programs load from and store to; pages of their own.
const DATA: u64 = RAM_BASE + 0x10000;

/// A small generator (xorshift*), so that a seed names a program.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[usize::try_from(self.below(items.len() as u64)).unwrap()]
    }

    /// A value near an edge of some integer or floating-point format, or any.
    fn value(&mut self) -> u64 {
        let edges = [
            0,
            1,
            u64::MAX,
            1 << 63,
            i64::MAX as u64,
            0x8000_0000,
            0x7fff_ffff,
            0xffff_ffff,
            0x3ff0_0000_0000_0000,
            0xbff0_0000_0000_0000,
            0x7ff0_0000_0000_0000,
            0xfff0_0000_0000_0000,
            0x7ff8_0000_0000_0000,
            0x7ff4_0000_0000_0001,
            0x0010_0000_0000_0000,
            0x000f_ffff_ffff_ffff,
            0x0000_0000_0000_0001,
            0x7fef_ffff_ffff_ffff,
            0x43e0_0000_0000_0000,
            0x41df_ffff_ffc0_0000,
            0xffff_ffff_3f80_0000,
            0xffff_ffff_7f80_0000,
            0xffff_ffff_7fc0_0000,
            0xffff_ffff_7fa0_0001,
            0xffff_ffff_0080_0000,
            0xffff_ffff_0000_0001,
            0xffff_ffff_7f7f_ffff,
            0xffff_ffff_4f00_0000,
        ];
        match self.below(4) {
            0 => self.next(),
            1 => self.below(1 << 12),
            _ => self.pick(&edges),
        }
    }
}

/// Operations that a random body may hold: all that stay within the block or go to its next instruction.
fn body_ops() -> Vec<Op> {
    let excluded = [Extension::H, Extension::Svinval];
    Op::ALL
        .into_iter()
        .filter(|op| {
            use Format::{Cbo, Csr, CsrImm, Fence, HLoad, HStore, J, Jalr, Nullary, Prefetch, Sfence};
            !excluded.contains(&op.extension())
                && !matches!(
                    op.format(),
                    J | Jalr | Nullary | Csr | CsrImm | Sfence | HLoad | HStore | Cbo | Fence | Prefetch
                )
        })
        .collect()
}

/// Registers of random bodies: up to `x26`, so that loops, code that changes itself and the frame keep the rest.
#[expect(clippy::cast_possible_truncation, reason = "small by construction")]
fn register(random: &mut Random) -> u8 {
    random.below(27) as u8
}

fn any_register(random: &mut Random) -> Reg {
    Reg::new(1 + register(random) % 26).unwrap()
}

/// A small displacement.
#[expect(clippy::cast_possible_truncation, reason = "small by construction")]
fn displacement(random: &mut Random) -> i32 {
    random.below(512) as i32 - 256
}

/// A few instructions that compilers put together and the translator takes together.
fn idiom(random: &mut Random, asm: &mut Asm) {
    let (a, b) = (any_register(random), any_register(random));
    let mut put = |inst: Inst| _ = asm.word(isa::encode(&inst));
    match random.below(5) {
        // A comparison that raises nothing.
        0 => {
            let flags = i32::from(csr::FFLAGS);
            put(Inst { rd: a.number(), imm: flags, ..Inst::of(Op::Csrrs) });
            put(random_inst(random, &[Op::FltD, Op::FleD, Op::FeqD, Op::FltS, Op::FleS, Op::Addi]));
            put(Inst { rs1: a.number(), imm: flags, ..Inst::of(Op::Csrrw) });
        }
        // A base that is copied, and moved while it is used.
        1 => {
            if random.below(2) == 0 {
                asm.mv(a, random.pick(&[Reg::T5, Reg::T4])).addi(a, a, 256);
            } else {
                asm.li(a, DATA + 0xfc0 + random.below(128));
            }
            for _ in 0..1 + random.below(4) {
                let ops = [Op::Ld, Op::Sw, Op::Lbu, Op::Sd, Op::Fld, Op::Fsd, Op::Addi];
                let mut inst = Inst { imm: displacement(random), ..random_inst(random, &ops) };
                inst.rs1 = a.number();
                if inst.op == Op::Addi {
                    inst.rd = a.number();
                }
                asm.word(isa::encode(&inst));
            }
        }
        // A constant in two halves.
        2 => {
            let upper = random_inst(random, &[Op::Lui, Op::Auipc]);
            put(Inst { rd: a.number(), ..upper });
            let rd = random.pick(&[a, b]).number();
            put(Inst { rd, rs1: a.number(), imm: displacement(random), ..Inst::of(Op::Addi) });
        }
        // Shifts to and fro.
        3 => {
            let (left, right) = (random.pick(&[32, 32, 48, 31]), random.pick(&[32, 30, 29, 1, 33, 48]));
            put(Inst { rd: a.number(), rs1: b.number(), imm: left, ..Inst::of(Op::Slli) });
            let rd = random.pick(&[a, b]).number();
            put(Inst { rd, rs1: a.number(), imm: right, ..Inst::of(Op::Srli) });
        }
        // Constant addresses, some across pages.
        _ => {
            _ = asm
                .li(a, DATA + 0xff8 + random.below(9))
                .ld(b, a, 0)
                .li(a, DATA + 0xffc)
                .lw(b, a, 0)
                .sw(b, a, 0)
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "small by construction")]
fn random_inst(random: &mut Random, ops: &[Op]) -> Inst {
    let op = random.pick(ops);
    let mut inst = Inst::of(op);
    (inst.rd, inst.rs1, inst.rs2, inst.rs3) =
        (register(random), register(random), register(random), register(random));
    inst.rm = match op.format() {
        Format::FRm | Format::FUnaryRm | Format::FToXRm | Format::XToFRm | Format::FR4 => {
            random.pick(&[7, 7, 7, 0, 1, 2, 3, 4])
        }
        _ => 0,
    };
    match op.format() {
        Format::U => inst.imm = (random.next() as i32) & !0xfff,
        Format::I => inst.imm = random.below(4096) as i32 - 2048,
        Format::Shift6 => inst.imm = random.below(64) as i32,
        Format::Shift5 => inst.imm = random.below(32) as i32,
        Format::Load | Format::Store | Format::FLoad | Format::FStore => {
            inst.rs1 = random.pick(&[29, 30]);
            inst.imm = random.below(2048) as i32;
        }
        Format::Amo | Format::Lr => inst.rs1 = random.pick(&[29, 30]),
        // Forward over a few instructions: the offset is set when the body is laid out.
        Format::B => inst.imm = 0,
        Format::Fli => inst.rs1 = random.below(32) as u8,
        _ => {}
    }
    inst
}

/// Random instructions, at least `least` and fewer than `most`, with branches over some of them.
fn body(random: &mut Random, ops: &[Op], asm: &mut Asm, least: u64, most: u64) {
    let length = least + random.below(most - least);
    let mut skip = None;
    for index in 0..length {
        if skip.is_some_and(|(at, _)| at <= index) {
            asm.place(skip.take().unwrap().1);
        }
        if random.below(12) == 0 {
            idiom(random, asm);
            continue;
        }
        let inst = random_inst(random, ops);
        if inst.op.format() == Format::B {
            if skip.is_none() {
                let label = asm.label();
                skip = Some((index + 1 + random.below(6), label));
                let (a, b) = (Reg::new(inst.rs1).unwrap(), Reg::new(inst.rs2).unwrap());
                match inst.op {
                    Op::Beq => asm.beq(a, b, label),
                    Op::Bne => asm.bne(a, b, label),
                    Op::Blt => asm.blt(a, b, label),
                    Op::Bge => asm.bge(a, b, label),
                    Op::Bltu => asm.bltu(a, b, label),
                    _ => asm.bgeu(a, b, label),
                };
            }
        } else {
            asm.word(isa::encode(&inst));
        }
    }
    if let Some((_, label)) = skip {
        asm.place(label);
    }
}

/// Where the program of a seed begins: every other one has instructions that cross from page to page.
fn start(seed: u64) -> u64 {
    RAM_BASE + 2 * (seed & 1)
}

/// A loop over random bodies, with a loop in it, in machine mode with floating point on.
fn program(start: u64, random: &mut Random, ops: &[Op]) -> Vec<u8> {
    let mut asm = Asm::new(start);
    asm.li(Reg::T0, 3 << 13).csrs(csr::MSTATUS, Reg::T0);
    let frm = random.pick(&[0, 0, 0, 1, 2, 3, 4]);
    asm.li(Reg::T0, frm << 5).csrw(csr::FCSR, Reg::T0);
    asm.li(Reg::T5, DATA).li(Reg::T4, DATA + 4096 - 1024);
    for f in 0..32 {
        asm.li(Reg::T0, random.value());
        let f = isa::reg::FReg::new(f).unwrap();
        asm.fmv_d_x(f, Reg::T0);
    }
    for x in 1..29 {
        asm.li(Reg::new(x).unwrap(), random.value());
    }
    asm.li(Reg::T6, 12);
    let again = asm.here();
    body(random, ops, &mut asm, 5, 35);
    // A loop of its own, which may change an instruction of itself as it goes round.
    let rounds = 1 + random.below(6);
    asm.li(Reg::S11, rounds);
    let inner = asm.here();
    body(random, ops, &mut asm, 1, 25);
    if random.below(4) == 0 {
        let changing = asm.here();
        // Adds 1 in one round and 0 in the next.
        asm.addi(Reg::T2, Reg::T2, 1).la(Reg::T3, changing).lw(Reg::T0, Reg::T3, 0);
        asm.li(Reg::T1, 1 << 20).xor(Reg::T0, Reg::T0, Reg::T1).sw(Reg::T0, Reg::T3, 0);
        body(random, ops, &mut asm, 1, 5);
    }
    asm.addi(Reg::S11, Reg::S11, -1).bnez(Reg::S11, inner);
    body(random, ops, &mut asm, 0, 20);
    asm.csrr(Reg::T0, csr::FCSR).sd(Reg::T0, Reg::T5, 2040);
    asm.addi(Reg::T6, Reg::T6, -1);
    let done = asm.label();
    asm.beqz(Reg::T6, done).j(again);
    asm.place(done);
    let here = asm.here();
    asm.wfi().j(here);
    asm.finish()
}

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

fn check(seed: u64, ops: &[Op]) {
    let start = start(seed);
    let program = program(start, &mut Random(seed), ops);
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
    (1..400).for_each(|seed| check(seed, &ops));
}

#[test]
fn random_floating_point_programs_agree() {
    let ops: Vec<Op> = body_ops()
        .into_iter()
        .filter(|op| matches!(op.extension(), Extension::F | Extension::D | Extension::Zfa))
        .collect();
    (1..600).for_each(|seed| check(seed, &ops));
}

#[test]
fn random_mixed_programs_agree() {
    let ops = body_ops();
    (1000..1300).for_each(|seed| check(seed, &ops));
}
