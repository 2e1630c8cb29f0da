//! Zbb: basic bit manipulation.

use super::rv_i::{binary, immediate, sext8, sext16, sext32, unary};

#[expect(clippy::cast_possible_truncation, reason = "the low word is what the operation takes")]
fn word(value: u64) -> u32 {
    value as u32
}

/// A rotation count, taken modulo the width.
#[expect(clippy::cast_possible_truncation, reason = "only the low bits count")]
fn count(value: u64) -> u32 {
    value as u32
}

fn or_bytes(value: u64) -> u64 {
    u64::from_le_bytes(value.to_le_bytes().map(|byte| if byte == 0 { 0 } else { 0xff }))
}

binary! {
    andn = |a, b| a & !b;
    orn = |a, b| a | !b;
    xnor = |a, b| !(a ^ b);
    max = |a, b| a.cast_signed().max(b.cast_signed()).cast_unsigned();
    maxu = |a, b| a.max(b);
    min = |a, b| a.cast_signed().min(b.cast_signed()).cast_unsigned();
    minu = |a, b| a.min(b);
    rol = |a, b| a.rotate_left(count(b & 63));
    ror = |a, b| a.rotate_right(count(b & 63));
    rolw = |a, b| sext32(u64::from(word(a).rotate_left(count(b & 31))));
    rorw = |a, b| sext32(u64::from(word(a).rotate_right(count(b & 31))));
}

immediate! {
    rori = |a, b| a.rotate_right(count(b & 63));
    roriw = |a, b| sext32(u64::from(word(a).rotate_right(count(b & 31))));
}

unary! {
    clz = |a| u64::from(a.leading_zeros());
    clzw = |a| u64::from(word(a).leading_zeros());
    ctz = |a| u64::from(a.trailing_zeros());
    ctzw = |a| u64::from(word(a).trailing_zeros());
    cpop = |a| u64::from(a.count_ones());
    cpopw = |a| u64::from(word(a).count_ones());
    sext_b = |a| sext8(a);
    sext_h = |a| sext16(a);
    zext_h = |a| a & 0xffff;
    orc_b = |a| or_bytes(a);
    rev8 = |a| a.swap_bytes();
}
