//! D: double precision.

use super::float::{handlers, unsigned_word, word};
use crate::fp::{self, F32, F64, Format};

handlers! {
    fld = load_double();
    fsd = store_double();
    fmadd_d = fused(|a: F64, c: F64| (a, c));
    fmsub_d = fused(|a: F64, c: F64| (a, c.negate()));
    fnmsub_d = fused(|a: F64, c: F64| (a.negate(), c));
    fnmadd_d = fused(|a: F64, c: F64| (a.negate(), c.negate()));
    fadd_d = rounded2(fp::add::<F64>);
    fsub_d = rounded2(fp::sub::<F64>);
    fmul_d = rounded2(fp::mul::<F64>);
    fdiv_d = rounded2(fp::div::<F64>);
    fsqrt_d = rounded1(fp::sqrt::<F64>);
    fsgnj_d = select(|a: F64, b: F64, _| a.copy_sign(b));
    fsgnjn_d = select(|a: F64, b: F64, _| a.copy_sign(b.negate()));
    fsgnjx_d = select(|a: F64, b: F64, _| a.xor_sign(b));
    fmin_d = select(fp::min::<F64>);
    fmax_d = select(fp::max::<F64>);
    fcvt_w_d = to_integer(fp::to_i32::<F64>);
    fcvt_wu_d = to_integer(fp::to_u32::<F64>);
    fcvt_l_d = to_integer(fp::to_i64::<F64>);
    fcvt_lu_d = to_integer(fp::to_u64::<F64>);
    fcvt_d_w = from_integer(|x, rm, flags| fp::from_i64::<F64>(word(x), rm, flags));
    fcvt_d_wu = from_integer(|x, rm, flags| fp::from_u64::<F64>(unsigned_word(x), rm, flags));
    fcvt_d_l = from_integer(|x: u64, rm, flags| fp::from_i64::<F64>(x.cast_signed(), rm, flags));
    fcvt_d_lu = from_integer(fp::from_u64::<F64>);
    feq_d = compare(fp::eq::<F64>);
    flt_d = compare(fp::lt::<F64>);
    fle_d = compare(fp::le::<F64>);
    fclass_d = inspect(fp::classify::<F64>);
    fcvt_s_d = rounded1(fp::resize::<F64, F32>);
    fcvt_d_s = rounded1(fp::resize::<F32, F64>);
    fmv_x_d = move_to_x(|f| f);
    fmv_d_x = move_to_f(|x| x);
}
