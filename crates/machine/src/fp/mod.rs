//! Floating point exactly as the F, D and Zfa extensions define it, on plain values.
//!
//! Nothing here knows a hart: operands, a rounding mode and the accrued flags go in, a value and the flags come
//! out. `exact` computes every result in integer arithmetic; `host` answers the common cases with the host's
//! own IEEE arithmetic where it can prove both the value and the flags, and is tested against `exact`.
//!
//! Every NaN result is the canonical NaN, and underflow is detected after rounding.
//! Source: RISC-V Unprivileged Architecture, chapters "F", "D" and "Zfa"; IEEE 754-2019.

mod arith;
mod compare;
mod convert;
mod env;
pub mod exact;
mod format;
mod host;
mod round;

pub use arith::{add, div, fma, mul, sqrt, sub};
pub use compare::{classify, eq, le, le_quiet, lt, lt_quiet, max, max_propagating, min, min_propagating};
pub use convert::{
    from_i64, from_u64, resize, round_to_integral, to_i32, to_i32_modular, to_i64, to_u32, to_u64,
};
pub use env::{Flags, Rounding};
pub use format::{F32, F64, FLI_CONSTANTS, Format, box32, load_immediate, unbox32};
