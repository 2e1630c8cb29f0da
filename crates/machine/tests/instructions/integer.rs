//! I, M and Zicond: every instruction between registers, against wide arithmetic.

#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what the instructions do")]

use isa::Op;

use super::bits::{sign_extend_word, uncovered};
use super::scene::{CODE, Outcome, Scene};

/// Operands at which something happens.
pub(crate) const EDGES: &[u64] = &[
    0,
    1,
    2,
    31,
    32,
    63,
    64,
    0x7f,
    0x80,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x0123_4567_89ab_cdef,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_8000_0000,
    u64::MAX - 1,
    u64::MAX,
];

type Model = fn(u64, u64) -> u64;

fn signed(a: u64) -> i128 {
    i128::from(a.cast_signed())
}

fn wide(a: u64) -> u128 {
    u128::from(a)
}

fn word(a: u64) -> i64 {
    i64::from(a as u32 as i32)
}

/// The quotient towards zero, as wide as it takes; all ones for division by zero.
fn quotient(a: i128, b: i128) -> u64 {
    if b == 0 { u64::MAX } else { (a / b) as u64 }
}

fn remainder(a: i128, b: i128) -> u64 {
    if b == 0 { a as u64 } else { (a % b) as u64 }
}

const BETWEEN_REGISTERS: &[(Op, Model)] = &[
    (Op::Add, |a, b| (wide(a) + wide(b)) as u64),
    (Op::Sub, |a, b| (signed(a) - signed(b)) as u64),
    (Op::Sll, |a, b| (wide(a) << (b % 64)) as u64),
    (Op::Slt, |a, b| u64::from(signed(a) < signed(b))),
    (Op::Sltu, |a, b| u64::from(a < b)),
    (Op::Xor, |a, b| a ^ b),
    (Op::Srl, |a, b| (wide(a) >> (b % 64)) as u64),
    (Op::Sra, |a, b| (signed(a) >> (b % 64)) as u64),
    (Op::Or, |a, b| a | b),
    (Op::And, |a, b| a & b),
    (Op::Addw, |a, b| sign_extend_word(wide(a) + wide(b))),
    (Op::Subw, |a, b| sign_extend_word((signed(a) - signed(b)) as u128)),
    (Op::Sllw, |a, b| sign_extend_word(wide(a) << (b % 32))),
    (Op::Srlw, |a, b| sign_extend_word(wide(a & 0xffff_ffff) >> (b % 32))),
    (Op::Sraw, |a, b| (word(a) >> (b % 32)) as u64),
    (Op::Mul, |a, b| wide(a).wrapping_mul(wide(b)) as u64),
    (Op::Mulh, |a, b| ((signed(a) * signed(b)) >> 64) as u64),
    (Op::Mulhsu, |a, b| ((signed(a) * wide(b) as i128) >> 64) as u64),
    (Op::Mulhu, |a, b| ((wide(a) * wide(b)) >> 64) as u64),
    (Op::Div, |a, b| quotient(signed(a), signed(b))),
    (Op::Divu, |a, b| quotient(wide(a) as i128, wide(b) as i128)),
    (Op::Rem, |a, b| remainder(signed(a), signed(b))),
    (Op::Remu, |a, b| remainder(wide(a) as i128, wide(b) as i128)),
    (Op::Mulw, |a, b| sign_extend_word(wide(a & 0xffff_ffff) * wide(b & 0xffff_ffff))),
    (Op::Divw, |a, b| sign_extend_word(wide(quotient(word(a).into(), word(b).into())))),
    (Op::Divuw, |a, b| sign_extend_word(wide(quotient((a & 0xffff_ffff).into(), (b & 0xffff_ffff).into())))),
    (Op::Remw, |a, b| sign_extend_word(wide(remainder(word(a).into(), word(b).into())))),
    (Op::Remuw, |a, b| sign_extend_word(wide(remainder((a & 0xffff_ffff).into(), (b & 0xffff_ffff).into())))),
    (Op::CzeroEqz, |a, b| if b == 0 { 0 } else { a }),
    (Op::CzeroNez, |a, b| if b != 0 { 0 } else { a }),
];

/// Immediates reach the model sign-extended, as the instructions see them.
const WITH_IMMEDIATE: &[(Op, Model)] = &[
    (Op::Addi, |a, b| (wide(a) + wide(b)) as u64),
    (Op::Slti, |a, b| u64::from(signed(a) < signed(b))),
    (Op::Sltiu, |a, b| u64::from(a < b)),
    (Op::Xori, |a, b| a ^ b),
    (Op::Ori, |a, b| a | b),
    (Op::Andi, |a, b| a & b),
    (Op::Addiw, |a, b| sign_extend_word(wide(a) + wide(b))),
    (Op::Slli, |a, b| (wide(a) << b) as u64),
    (Op::Srli, |a, b| (wide(a) >> b) as u64),
    (Op::Srai, |a, b| (signed(a) >> b) as u64),
    (Op::Slliw, |a, b| sign_extend_word(wide(a) << b)),
    (Op::Srliw, |a, b| sign_extend_word(wide(a & 0xffff_ffff) >> b)),
    (Op::Sraiw, |a, b| (word(a) >> b) as u64),
    (Op::Lui, |_, b| b),
    (Op::Auipc, |_, b| CODE.wrapping_add(b)),
];

#[test]
fn between_registers() {
    for &(op, model) in BETWEEN_REGISTERS {
        super::bits::check_registers(op, model);
    }
}

#[test]
fn with_an_immediate() {
    for &(op, model) in WITH_IMMEDIATE {
        super::bits::check_immediate(op, model);
    }
}

#[test]
fn results_that_the_specification_prints() {
    for (op, a, b, result) in [
        (Op::Div, 20, 0, u64::MAX),
        (Op::Divu, 20, 0, u64::MAX),
        (Op::Rem, 20, 0, 20),
        (Op::Div, 1 << 63, u64::MAX, 1 << 63),
        (Op::Rem, 1 << 63, u64::MAX, 0),
        (Op::Divw, 0x8000_0000, u64::MAX, 0xffff_ffff_8000_0000),
        (Op::Remw, 0x8000_0000, u64::MAX, 0),
        (Op::Divuw, 0x8000_0000, 0, u64::MAX),
        (Op::Remuw, 0x8000_0001, 0, 0xffff_ffff_8000_0001),
        (Op::Mulhsu, u64::MAX, u64::MAX, u64::MAX),
        (Op::Sraw, 0x8000_0000, 31, u64::MAX),
    ] {
        super::bits::check_value(op, a, b, result);
    }
}

#[test]
fn fences_and_hints_retire_without_effect() {
    for op in [Op::Fence, Op::FenceTso, Op::FenceI, Op::Pause, Op::PrefetchI, Op::PrefetchR, Op::PrefetchW] {
        let mut scene = Scene::new();
        let before = scene.hart().x;
        assert_eq!(scene.execute(&isa::Inst::of(op)), Outcome::Retired(CODE + 4), "{op:?}");
        assert_eq!(scene.hart().x, before);
    }
}

#[test]
fn every_instruction_between_registers_is_tested() {
    let tested = BETWEEN_REGISTERS.iter().chain(WITH_IMMEDIATE).chain(super::bits::MODELS).map(|row| row.0);
    assert_eq!(uncovered(&tested.collect::<Vec<_>>()), []);
}
