//! M: multiplication and division. Division by zero and overflow give the specified values and never trap.

use super::rv_i::{binary, sext32};

#[expect(clippy::cast_possible_truncation, reason = "the low word is what the operation takes")]
fn word(value: u64) -> i32 {
    value as i32
}

#[expect(clippy::cast_possible_truncation, reason = "the low word is what the operation takes")]
fn uword(value: u64) -> u32 {
    value as u32
}

fn wide_word(value: i32) -> u64 {
    i64::from(value).cast_unsigned()
}

fn high(product: u128) -> u64 {
    u64::try_from(product >> 64).unwrap_or(0)
}

fn wide(value: u64) -> u128 {
    i128::from(value.cast_signed()).cast_unsigned()
}

binary! {
    mul = |a, b| a.wrapping_mul(b);
    mulh = |a, b| high(wide(a).wrapping_mul(wide(b)));
    mulhsu = |a, b| high(wide(a).wrapping_mul(u128::from(b)));
    mulhu = |a, b| high(u128::from(a) * u128::from(b));
    mulw = |a, b| sext32(a.wrapping_mul(b));
    div = |a, b| if b == 0 { u64::MAX } else { a.cast_signed().wrapping_div(b.cast_signed()).cast_unsigned() };
    divu = |a, b| a.checked_div(b).unwrap_or(u64::MAX);
    rem = |a, b| if b == 0 { a } else { a.cast_signed().wrapping_rem(b.cast_signed()).cast_unsigned() };
    remu = |a, b| a.checked_rem(b).unwrap_or(a);
    divw = |a, b| if word(b) == 0 { u64::MAX } else { wide_word(word(a).wrapping_div(word(b))) };
    divuw = |a, b| sext32(u64::from(uword(a).checked_div(uword(b)).unwrap_or(u32::MAX)));
    remw = |a, b| if word(b) == 0 { sext32(a) } else { wide_word(word(a).wrapping_rem(word(b))) };
    remuw = |a, b| sext32(u64::from(uword(a).checked_rem(uword(b)).unwrap_or(uword(a))));
}
