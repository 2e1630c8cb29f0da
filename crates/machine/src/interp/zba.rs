//! Zba: address generation.

use super::rv_i::{binary, immediate};

fn low_word(value: u64) -> u64 {
    value & 0xffff_ffff
}

binary! {
    add_uw = |a, b| low_word(a).wrapping_add(b);
    sh1add = |a, b| (a << 1).wrapping_add(b);
    sh2add = |a, b| (a << 2).wrapping_add(b);
    sh3add = |a, b| (a << 3).wrapping_add(b);
    sh1add_uw = |a, b| (low_word(a) << 1).wrapping_add(b);
    sh2add_uw = |a, b| (low_word(a) << 2).wrapping_add(b);
    sh3add_uw = |a, b| (low_word(a) << 3).wrapping_add(b);
}

immediate! {
    slli_uw = |a, b| low_word(a) << (b & 63);
}
