//! Zbc: carry-less multiplication.

use super::rv_i::binary;

/// The 128-bit product of polynomials over GF(2).
fn product(a: u64, b: u64) -> u128 {
    let ones = (0..64).filter(|bit| b >> bit & 1 != 0);
    ones.fold(0, |sum, bit| sum ^ u128::from(a) << bit)
}

#[expect(clippy::cast_possible_truncation, reason = "the result is a window of the product")]
fn low(value: u128) -> u64 {
    value as u64
}

binary! {
    clmul = |a, b| low(product(a, b));
    clmulh = |a, b| low(product(a, b) >> 64);
    clmulr = |a, b| low(product(a, b) >> 63);
}
