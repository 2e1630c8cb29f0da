//! Zbs: single bits.

use super::rv_i::{binary, immediate};

binary! {
    bclr = |a, b| a & !(1 << (b & 63));
    bext = |a, b| a >> (b & 63) & 1;
    binv = |a, b| a ^ 1 << (b & 63);
    bset = |a, b| a | 1 << (b & 63);
}

immediate! {
    bclri = |a, b| a & !(1 << (b & 63));
    bexti = |a, b| a >> (b & 63) & 1;
    binvi = |a, b| a ^ 1 << (b & 63);
    bseti = |a, b| a | 1 << (b & 63);
}
