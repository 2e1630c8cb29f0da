//! A: the memory operations, and when a store-conditional succeeds.

use isa::asm::Asm;
use isa::reg::Reg;
use isa::{Extension, Format, Inst, Op};

use super::integer::EDGES;
use super::scene::{CODE, DATA, Mode, Outcome, Scene};

type Model = fn(u64, u64) -> u64;

/// What is stored, from memory's value and the operand; of words, both come sign-extended.
const OPERATIONS: &[(Op, Op, Model)] = &[
    (Op::AmoswapW, Op::AmoswapD, |_, b| b),
    (Op::AmoaddW, Op::AmoaddD, u64::wrapping_add),
    (Op::AmoxorW, Op::AmoxorD, |a, b| a ^ b),
    (Op::AmoandW, Op::AmoandD, |a, b| a & b),
    (Op::AmoorW, Op::AmoorD, |a, b| a | b),
    (Op::AmominW, Op::AmominD, |a, b| if a.cast_signed() <= b.cast_signed() { a } else { b }),
    (Op::AmomaxW, Op::AmomaxD, |a, b| if a.cast_signed() >= b.cast_signed() { a } else { b }),
    (Op::AmominuW, Op::AmominuD, u64::min),
    (Op::AmomaxuW, Op::AmomaxuD, u64::max),
];

fn sign_extended(word: u64) -> u64 {
    ((word << 32).cast_signed() >> 32).cast_unsigned()
}

fn check(scene: &mut Scene, op: Op, bytes: usize, memory: u64, operand: u64, model: Model) {
    // Comparing sign-extended words as unsigned numbers is comparing the words.
    let extend = |value: u64| if bytes == 4 { sign_extended(value) } else { value };
    for rm in 0..4 {
        let mut around = [0x55; 24];
        around[8..8 + bytes].copy_from_slice(&memory.to_le_bytes()[..bytes]);
        scene.put(DATA - 8, &around);
        (scene.hart().x[8], scene.hart().x[9], scene.hart().x[10]) = (DATA, operand, 7);
        let outcome = scene.execute(&Inst { rd: 10, rs1: 8, rs2: 9, rm, ..Inst::of(op) });
        assert_eq!(outcome, Outcome::Retired(CODE + 4), "{op:?}");
        assert_eq!(scene.hart().x[10], extend(memory), "{op:?} {memory:#x} {operand:#x}");
        let stored = model(extend(memory), extend(operand));
        around[8..8 + bytes].copy_from_slice(&stored.to_le_bytes()[..bytes]);
        assert_eq!(scene.get(DATA - 8, 24), around, "{op:?} {memory:#x} {operand:#x}");
    }
}

#[test]
fn memory_operations() {
    let mut scene = Scene::new();
    for &(word, double, model) in OPERATIONS {
        for &memory in EDGES {
            for &operand in EDGES {
                check(&mut scene, word, 4, memory, operand, model);
                check(&mut scene, double, 8, memory, operand, model);
            }
        }
    }
    let listed = OPERATIONS.iter().flat_map(|row| [row.0, row.1]).chain([Op::ScW, Op::ScD, Op::LrW, Op::LrD]);
    let atomic = Op::ALL.into_iter().filter(|op| op.extension() == Extension::A);
    assert_eq!(atomic.count(), listed.count());
}

#[test]
fn misaligned_and_outside_memory_they_trap() {
    for op in Op::ALL.into_iter().filter(|op| op.extension() == Extension::A) {
        let width = if op.mnemonic().ends_with('d') { 8 } else { 4 };
        let load = op.format() == Format::Lr;
        let rs2 = if load { 0 } else { 9 };
        let inst = Inst { rd: 10, rs1: 8, rs2, ..Inst::of(op) };
        for offset in 1..width {
            let mut scene = Scene::new();
            scene.hart().x[8] = DATA + offset;
            let cause = if load { 4 } else { 6 };
            assert_eq!(scene.execute(&inst), Outcome::Trapped(Mode::M, cause, DATA + offset), "{op:?}");
        }
        let mut scene = Scene::new();
        scene.hart().x[8] = 0x5000_0000;
        let cause = if load { 5 } else { 7 };
        assert_eq!(scene.execute(&inst), Outcome::Trapped(Mode::M, cause, 0x5000_0000), "{op:?}");
    }
}

const P: Reg = Reg::S0;
const Q: Reg = Reg::S1;
const RESULT: Reg = Reg::A0;
const NEW: Reg = Reg::A1;
const OLD: Reg = Reg::A2;

type Write = fn(&mut Asm) -> &mut Asm;

/// Programs around a store-conditional, and whether it succeeds.
const PAIRS: &[(&str, bool, Write)] = &[
    ("a pair of words", true, |a| a.lr_w(OLD, P).sc_w(RESULT, NEW, P)),
    ("a pair of doubles", true, |a| a.lr_d(OLD, P).sc_d(RESULT, NEW, P)),
    ("with arithmetic between", true, |a| a.lr_d(OLD, P).addi(OLD, OLD, 1).sc_d(RESULT, NEW, P)),
    ("into x0", true, |a| a.lr_d(Reg::ZERO, P).sc_d(RESULT, NEW, P)),
    ("without a reservation", false, |a| a.sc_d(RESULT, NEW, P)),
    ("elsewhere", false, |a| a.lr_d(OLD, Q).sc_d(RESULT, NEW, P)),
    ("a second time", false, |a| a.lr_d(OLD, P).sc_d(OLD, NEW, P).sd(OLD, P, 0).sc_d(RESULT, NEW, P)),
    ("after a failed one", false, |a| a.lr_d(OLD, P).sc_d(OLD, NEW, Q).sc_d(RESULT, NEW, P)),
    ("the later reservation counts", true, |a| a.lr_d(OLD, Q).lr_d(OLD, P).sc_d(RESULT, NEW, P)),
    ("the earlier reservation does not", false, |a| a.lr_d(OLD, P).lr_d(OLD, Q).sc_d(RESULT, NEW, P)),
    ("after a return from a trap", false, |a| {
        let on = a.label();
        a.lr_d(OLD, P).la(OLD, on).csrw(isa::csr::MEPC, OLD);
        a.li(OLD, 0x1800).csrs(isa::csr::MSTATUS, OLD).mret();
        a.place(on).sc_d(RESULT, NEW, P)
    }),
];

#[test]
fn store_conditional_succeeds_only_on_its_reservation() {
    for &(what, succeeds, write) in PAIRS {
        let mut scene = Scene::new();
        let hart = scene.hart();
        (hart.x[8], hart.x[9], hart.x[10], hart.x[11]) = (DATA, DATA + 64, 99, 0x1234);
        scene.run(|a| {
            write(a);
        });
        let stored = scene.get(DATA, 8) == 0x1234u64.to_le_bytes();
        assert_eq!((scene.hart().x[10] == 0, stored), (succeeds, succeeds), "{what}");
        assert!(scene.hart().x[10] <= 1, "{what}: the specification's code for failure is 1");
    }
}

#[test]
fn loads_reserved_sign_extend() {
    let mut scene = Scene::new();
    scene.put(DATA, &0x8000_0001_8000_0000u64.to_le_bytes());
    scene.hart().x[8] = DATA;
    scene.execute(&Inst { rd: 10, rs1: 8, ..Inst::of(Op::LrW) });
    assert_eq!(scene.hart().x[10], 0xffff_ffff_8000_0000);
    scene.execute(&Inst { rd: 10, rs1: 8, ..Inst::of(Op::LrD) });
    assert_eq!(scene.hart().x[10], 0x8000_0001_8000_0000);
}
