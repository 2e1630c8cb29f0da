//! Zba, Zbb, Zbc and Zbs against bits taken one by one, and the `check` of instructions between registers.

#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what the instructions do")]

use isa::{Format, Inst, Op};

use super::integer::EDGES;
use super::scene::{CODE, Outcome, Scene};

type Model = fn(u64, u64) -> u64;

/// The low 32 bits, sign-extended.
pub(crate) fn sign_extend_word(value: u128) -> u64 {
    i64::from(value as u32 as i32) as u64
}

fn bit(value: u64, index: u64) -> bool {
    value >> index & 1 == 1
}

/// The number whose bit `i` is `f(i)`.
fn from_bits(f: impl Fn(u64) -> bool) -> u64 {
    (0..64).filter(|&i| f(i)).map(|i| 1 << i).sum()
}

fn count(mut indices: impl Iterator<Item = u64>, stop: impl Fn(u64) -> bool, none: u64) -> u64 {
    indices.position(stop).map_or(none, |at| at as u64)
}

fn byte(value: u64, index: u64) -> u64 {
    value >> (8 * index) & 0xff
}

/// The carry-less product.
fn product(a: u64, b: u64) -> u128 {
    (0..64).filter(|&i| bit(b, i)).fold(0, |sum, i| sum ^ u128::from(a) << i)
}

fn low(value: u64) -> u64 {
    value & 0xffff_ffff
}

pub(crate) const MODELS: &[(Op, Model)] = &[
    (Op::AddUw, |a, b| low(a).wrapping_add(b)),
    (Op::Sh1add, |a, b| a.wrapping_mul(2).wrapping_add(b)),
    (Op::Sh2add, |a, b| a.wrapping_mul(4).wrapping_add(b)),
    (Op::Sh3add, |a, b| a.wrapping_mul(8).wrapping_add(b)),
    (Op::Sh1addUw, |a, b| (low(a) * 2).wrapping_add(b)),
    (Op::Sh2addUw, |a, b| (low(a) * 4).wrapping_add(b)),
    (Op::Sh3addUw, |a, b| (low(a) * 8).wrapping_add(b)),
    (Op::SlliUw, |a, b| (u128::from(low(a)) << b) as u64),
    (Op::Andn, |a, b| from_bits(|i| bit(a, i) && !bit(b, i))),
    (Op::Orn, |a, b| from_bits(|i| bit(a, i) || !bit(b, i))),
    (Op::Xnor, |a, b| from_bits(|i| bit(a, i) == bit(b, i))),
    (Op::Clz, |a, _| count((0..64).rev(), |i| bit(a, i), 64)),
    (Op::Ctz, |a, _| count(0..64, |i| bit(a, i), 64)),
    (Op::Cpop, |a, _| (0..64).filter(|&i| bit(a, i)).count() as u64),
    (Op::Clzw, |a, _| count((0..32).rev(), |i| bit(a, i), 32)),
    (Op::Ctzw, |a, _| count(0..32, |i| bit(a, i), 32)),
    (Op::Cpopw, |a, _| (0..32).filter(|&i| bit(a, i)).count() as u64),
    (Op::Max, |a, b| if (a as i64) < b as i64 { b } else { a }),
    (Op::Maxu, |a, b| if a < b { b } else { a }),
    (Op::Min, |a, b| if (a as i64) < b as i64 { a } else { b }),
    (Op::Minu, |a, b| if a < b { a } else { b }),
    (Op::SextB, |a, _| from_bits(|i| bit(a, i.min(7)))),
    (Op::SextH, |a, _| from_bits(|i| bit(a, i.min(15)))),
    (Op::ZextH, |a, _| a & 0xffff),
    (Op::Rol, |a, b| from_bits(|i| bit(a, i.wrapping_sub(b) % 64))),
    (Op::Ror, |a, b| from_bits(|i| bit(a, i.wrapping_add(b) % 64))),
    (Op::Rori, |a, b| from_bits(|i| bit(a, (i + b) % 64))),
    (Op::Rolw, |a, b| sign_extend_word(from_bits(|i| i < 32 && bit(a, i.wrapping_sub(b) % 32)).into())),
    (Op::Rorw, |a, b| sign_extend_word(from_bits(|i| i < 32 && bit(a, i.wrapping_add(b) % 32)).into())),
    (Op::Roriw, |a, b| sign_extend_word(from_bits(|i| i < 32 && bit(a, (i + b) % 32)).into())),
    (Op::OrcB, |a, _| from_bits(|i| byte(a, i / 8) != 0)),
    (Op::Rev8, |a, _| (0..8).map(|i| byte(a, i) << (8 * (7 - i))).sum()),
    (Op::Clmul, |a, b| product(a, b) as u64),
    (Op::Clmulh, |a, b| (product(a, b) >> 64) as u64),
    (Op::Clmulr, |a, b| (product(a, b) >> 63) as u64),
    (Op::Bclr, |a, b| from_bits(|i| bit(a, i) && i != b % 64)),
    (Op::Bclri, |a, b| from_bits(|i| bit(a, i) && i != b)),
    (Op::Bext, |a, b| u64::from(bit(a, b % 64))),
    (Op::Bexti, |a, b| u64::from(bit(a, b))),
    (Op::Binv, |a, b| from_bits(|i| bit(a, i) != (i == b % 64))),
    (Op::Binvi, |a, b| from_bits(|i| bit(a, i) != (i == b))),
    (Op::Bset, |a, b| from_bits(|i| bit(a, i) || i == b % 64)),
    (Op::Bseti, |a, b| from_bits(|i| bit(a, i) || i == b)),
];

#[test]
fn bit_manipulation() {
    for &(op, model) in MODELS {
        match op.format() {
            Format::R | Format::RUnary => check_registers(op, model),
            _ => check_immediate(op, model),
        }
    }
}

/// Instructions that compute between integer registers and are not among `tested`.
pub(crate) fn uncovered(tested: &[Op]) -> Vec<Op> {
    let computes = |op: &Op| {
        matches!(
            op.format(),
            Format::R | Format::RUnary | Format::I | Format::Shift5 | Format::Shift6 | Format::U
        )
    };
    Op::ALL.into_iter().filter(computes).filter(|op| !tested.contains(op)).collect()
}

/// Executes `op` on all pairs of edge values.
pub(crate) fn check_registers(op: Op, model: Model) {
    let mut scene = Scene::new();
    for &a in EDGES {
        for &b in EDGES {
            check_operands(&mut scene, op, a, b, 0, model(a, b));
        }
    }
}

/// Executes `op` on an operand and an immediate, for edge values of both.
pub(crate) fn check_immediate(op: Op, model: Model) {
    let immediates: &[i32] = match op.format() {
        Format::Shift6 => &[0, 1, 31, 32, 63],
        Format::Shift5 => &[0, 1, 15, 31],
        Format::U => &[0, 0x1000, 0x7fff_f000, -0x1000, i32::MIN],
        _ => &[0, 1, -1, 5, 2047, -2048, 255],
    };
    let mut scene = Scene::new();
    for &a in EDGES {
        for &imm in immediates {
            check_operands(&mut scene, op, a, 0, imm, model(a, i64::from(imm) as u64));
        }
    }
}

/// Executes `op` on two operands.
pub(crate) fn check_value(op: Op, a: u64, b: u64, result: u64) {
    check_operands(&mut Scene::new(), op, a, b, 0, result);
}

/// Into another register, into its own source, and into `x0`, which stays 0.
fn check_operands(scene: &mut Scene, op: Op, a: u64, b: u64, imm: i32, result: u64) {
    let unary = matches!(op.format(), Format::RUnary);
    let two = matches!(op.format(), Format::R);
    for rd in [10, 11, 0] {
        let source = if op.format() == Format::U { 0 } else { 11 };
        let inst = Inst { rd, rs1: source, rs2: if two { 12 } else { 0 }, imm, ..Inst::of(op) };
        let hart = scene.hart();
        (hart.x[10], hart.x[11], hart.x[12]) = (!result, a, b);
        let words = if unary { format!("{op:?} {a:#x}") } else { format!("{op:?} {a:#x} {b:#x} {imm}") };
        assert_eq!(scene.execute(&inst), Outcome::Retired(CODE + 4), "{words}");
        let expected = if rd == 0 { 0 } else { result };
        let found = scene.hart().x[usize::from(rd)];
        assert_eq!(found, expected, "{words} -> x{rd}: {found:#x}, not {expected:#x}");
    }
}
