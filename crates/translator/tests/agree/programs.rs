//! Random programs, each named by its seed.

use isa::asm::{Asm, Label};
use isa::csr;
use isa::reg::Reg;
use isa::{Extension, Format, Inst, Op};
use machine::ram::{PAGE_BYTES, RAM_BASE};

/// Data that programs load from and store to; pages of their own.
const DATA: u64 = RAM_BASE + 0x10000;

/// A small generator (xorshift*), so that a seed names a program.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
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
            0x41ef_ffff_ffe0_0000,
            0x41ef_ffff_fff0_0000,
            0x43df_ffff_ffff_ffff,
            0xffff_ffff_4f7f_ffff,
            0xffff_ffff_5eff_ffff,
            0xffff_ffff_5f00_0000,
        ];
        match self.below(4) {
            0 => self.next(),
            1 => self.below(1 << 12),
            _ => self.pick(&edges),
        }
    }
}

/// Operations that a random body may hold: all that stay within the block or go to its next instruction.
pub(crate) fn body_ops() -> Vec<Op> {
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

/// Where the program of a seed begins: every other one has instructions that cross from page to page. One in supervisor
/// mode begins anywhere in a page.
pub(crate) fn start(seed: u64, mode: Mode) -> u64 {
    match mode {
        Mode::Machine => RAM_BASE + 2 * (seed & 1),
        Mode::Aliased => RAM_BASE + 2 * Random(seed ^ 0x5555_5555).below(2048),
    }
}

/// Virtual addresses, each as many as the last further, at which a program in supervisor mode runs one after the other.
const ALIAS_BYTES: u64 = 1 << 30;
/// How many there are, the first being the physical address.
const ALIASES: u64 = 3;
/// The root of the page tables for that: a page of its own.
const ROOT: u64 = RAM_BASE + 0x9000;

/// Goes on in supervisor mode, with all of memory mapped at each of [`ALIASES`] addresses.
fn enter_supervisor(asm: &mut Asm) {
    let entry = asm.label();
    asm.li(Reg::T0, ROOT);
    for alias in 0..ALIASES {
        // Valid, readable, writable, executable, accessed and dirty, for a supervisor.
        asm.li(Reg::T1, RAM_BASE >> 2 | 0xcf);
        asm.sd(Reg::T1, Reg::T0, i32::try_from(8 * (RAM_BASE / ALIAS_BYTES + alias)).unwrap());
    }
    asm.li(Reg::T1, u64::MAX).csrw(csr::PMPADDR0, Reg::T1).li(Reg::T1, 0x1f).csrw(csr::PMPCFG0, Reg::T1);
    asm.li(Reg::T1, 8 << 60 | ROOT >> 12).csrw(csr::SATP, Reg::T1).sfence_vma(Reg::ZERO, Reg::ZERO);
    asm.li(Reg::T1, 1 << 11).csrs(csr::MSTATUS, Reg::T1).la(Reg::T1, entry).csrw(csr::MEPC, Reg::T1).mret();
    asm.place(entry);
}

/// Does everything from `begin` on again at the next address, unless this is the last.
fn go_to_next_alias(asm: &mut Asm, begin: Label) {
    let last = asm.label();
    asm.la(Reg::T0, begin).li(Reg::T1, ALIAS_BYTES).add(Reg::T0, Reg::T0, Reg::T1);
    asm.srli(Reg::T1, Reg::T0, 30).addi(
        Reg::T1,
        Reg::T1,
        -i32::try_from(RAM_BASE / ALIAS_BYTES + ALIASES).unwrap(),
    );
    asm.beqz(Reg::T1, last).jr(Reg::T0);
    asm.place(last);
}

/// Goes to `elsewhere` at the first address, so that what comes then is first met at the second.
fn not_at_first_alias(asm: &mut Asm, begin: Label, elsewhere: Label) {
    asm.la(Reg::T0, begin).srli(Reg::T0, Reg::T0, 30);
    asm.addi(Reg::T0, Reg::T0, -i32::try_from(RAM_BASE / ALIAS_BYTES).unwrap()).beqz(Reg::T0, elsewhere);
}

/// Makes the instruction at `at`, which adds 1, add 0 from now on, or the other way round.
fn change(asm: &mut Asm, at: Label) {
    asm.la(Reg::T3, at).lw(Reg::T0, Reg::T3, 0);
    asm.li(Reg::T1, 1 << 20).xor(Reg::T0, Reg::T0, Reg::T1).sw(Reg::T0, Reg::T3, 0);
}

/// In which mode a program runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In machine mode.
    Machine,
    /// In supervisor mode, at several addresses one after the other.
    Aliased,
}

/// A loop over random bodies, with a loop in it, with floating point on.
pub(crate) fn program(start: u64, random: &mut Random, ops: &[Op], mode: Mode) -> Vec<u8> {
    let mut asm = Asm::new(start);
    asm.li(Reg::T0, 3 << 13).csrs(csr::MSTATUS, Reg::T0);
    if mode == Mode::Aliased {
        enter_supervisor(&mut asm);
    }
    let begin = asm.here();
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
        asm.addi(Reg::T2, Reg::T2, 1);
        change(&mut asm, changing);
        body(random, ops, &mut asm, 1, 5);
    }
    asm.addi(Reg::S11, Reg::S11, -1).bnez(Reg::S11, inner);
    body(random, ops, &mut asm, 0, 20);
    let function = asm.label();
    if mode == Mode::Aliased {
        let without = asm.label();
        if random.below(2) == 0 {
            not_at_first_alias(&mut asm, begin, without);
        }
        asm.call(function).sd(Reg::S11, Reg::T5, 2032);
        if random.below(2) == 0 {
            change(&mut asm, function);
        }
        asm.la(Reg::T0, function).jalr(Reg::RA, Reg::T0, 0);
        asm.place(without);
    }
    asm.csrr(Reg::T0, csr::FCSR).sd(Reg::T0, Reg::T5, 2040);
    asm.addi(Reg::T6, Reg::T6, -1);
    let done = asm.label();
    asm.beqz(Reg::T6, done).j(again);
    asm.place(done);
    if mode == Mode::Aliased {
        go_to_next_alias(&mut asm, begin);
    }
    let here = asm.here();
    asm.wfi().j(here);
    if mode == Mode::Aliased {
        // In the same page or in another, every other time across the end of one.
        (0..random.below(3000) * random.below(2)).for_each(|_| _ = asm.half(0));
        let across = random.below(2) == 0;
        while across && asm.pc() % PAGE_BYTES < PAGE_BYTES - 4 * (1 + random.below(20)) {
            asm.half(0);
        }
        asm.place(function).addi(Reg::T2, Reg::T2, 1).mv(Reg::S11, Reg::RA).li(Reg::T3, 3);
        let round = asm.here();
        body(random, ops, &mut asm, 1, 30);
        asm.addi(Reg::T3, Reg::T3, -1).bnez(Reg::T3, round);
        asm.jr(Reg::S11);
    }
    asm.finish()
}
