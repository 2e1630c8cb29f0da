//! Zfa: constants, minimum and maximum that keep NaNs, rounding to integers, quiet comparisons.

use super::float::handlers;
use crate::fp::{self, F32, F64};

handlers! {
    fli_s = constant(fp::load_immediate::<F32>);
    fminm_s = select(fp::min_propagating::<F32>);
    fmaxm_s = select(fp::max_propagating::<F32>);
    fround_s = rounded1(|a: F32, rm, flags| fp::round_to_integral(a, rm, false, flags));
    froundnx_s = rounded1(|a: F32, rm, flags| fp::round_to_integral(a, rm, true, flags));
    fleq_s = compare(fp::le_quiet::<F32>);
    fltq_s = compare(fp::lt_quiet::<F32>);
    fli_d = constant(fp::load_immediate::<F64>);
    fminm_d = select(fp::min_propagating::<F64>);
    fmaxm_d = select(fp::max_propagating::<F64>);
    fround_d = rounded1(|a: F64, rm, flags| fp::round_to_integral(a, rm, false, flags));
    froundnx_d = rounded1(|a: F64, rm, flags| fp::round_to_integral(a, rm, true, flags));
    fleq_d = compare(fp::le_quiet::<F64>);
    fltq_d = compare(fp::lt_quiet::<F64>);
    fcvtmod_w_d = modular(fp::to_i32_modular);
}
