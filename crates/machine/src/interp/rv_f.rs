//! F: single precision, boxed in NaNs.

use super::float::{handlers, unsigned_word, word};
use super::rv_i::sext32;
use crate::fp::{self, F32, Format};

handlers! {
    flw = load_single();
    fsw = store_single();
    fmadd_s = fused(|a: F32, c: F32| (a, c));
    fmsub_s = fused(|a: F32, c: F32| (a, c.negate()));
    fnmsub_s = fused(|a: F32, c: F32| (a.negate(), c));
    fnmadd_s = fused(|a: F32, c: F32| (a.negate(), c.negate()));
    fadd_s = rounded2(fp::add::<F32>);
    fsub_s = rounded2(fp::sub::<F32>);
    fmul_s = rounded2(fp::mul::<F32>);
    fdiv_s = rounded2(fp::div::<F32>);
    fsqrt_s = rounded1(fp::sqrt::<F32>);
    fsgnj_s = select(|a: F32, b: F32, _| a.copy_sign(b));
    fsgnjn_s = select(|a: F32, b: F32, _| a.copy_sign(b.negate()));
    fsgnjx_s = select(|a: F32, b: F32, _| a.xor_sign(b));
    fmin_s = select(fp::min::<F32>);
    fmax_s = select(fp::max::<F32>);
    fcvt_w_s = to_integer(fp::to_i32::<F32>);
    fcvt_wu_s = to_integer(fp::to_u32::<F32>);
    fcvt_l_s = to_integer(fp::to_i64::<F32>);
    fcvt_lu_s = to_integer(fp::to_u64::<F32>);
    fcvt_s_w = from_integer(|x, rm, flags| fp::from_i64::<F32>(word(x), rm, flags));
    fcvt_s_wu = from_integer(|x, rm, flags| fp::from_u64::<F32>(unsigned_word(x), rm, flags));
    fcvt_s_l = from_integer(|x: u64, rm, flags| fp::from_i64::<F32>(x.cast_signed(), rm, flags));
    fcvt_s_lu = from_integer(fp::from_u64::<F32>);
    feq_s = compare(fp::eq::<F32>);
    flt_s = compare(fp::lt::<F32>);
    fle_s = compare(fp::le::<F32>);
    fclass_s = inspect(fp::classify::<F32>);
    fmv_x_w = move_to_x(sext32);
    fmv_w_x = move_to_f(|x| x | 0xffff_ffff_0000_0000);
}
