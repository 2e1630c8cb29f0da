//! The operations as the instructions use them: the host's arithmetic where it can vouch, else the exact path.

use super::{Flags, Format, Rounding, exact};

/// `a + b`.
#[inline]
pub fn add<F: Format>(a: F, b: F, rm: Rounding, flags: &mut Flags) -> F {
    if rm == Rounding::NearestEven
        && let Some(sum) = F::host_add(a, b, flags)
    {
        return sum;
    }
    exact::add(a, b, rm, flags)
}

/// `a - b`.
#[inline]
pub fn sub<F: Format>(a: F, b: F, rm: Rounding, flags: &mut Flags) -> F {
    add(a, b.negate(), rm, flags)
}

/// `a * b`.
#[inline]
pub fn mul<F: Format>(a: F, b: F, rm: Rounding, flags: &mut Flags) -> F {
    if rm == Rounding::NearestEven
        && let Some(product) = F::host_mul(a, b, flags)
    {
        return product;
    }
    exact::mul(a, b, rm, flags)
}

/// `a / b`.
#[inline]
pub fn div<F: Format>(a: F, b: F, rm: Rounding, flags: &mut Flags) -> F {
    if rm == Rounding::NearestEven
        && let Some(quotient) = F::host_div(a, b, flags)
    {
        return quotient;
    }
    exact::div(a, b, rm, flags)
}

/// The square root of `a`.
#[inline]
pub fn sqrt<F: Format>(a: F, rm: Rounding, flags: &mut Flags) -> F {
    if rm == Rounding::NearestEven
        && let Some(root) = F::host_sqrt(a, flags)
    {
        return root;
    }
    exact::sqrt(a, rm, flags)
}

/// `a * b + c`, rounded once; the other three fused instructions negate `a`, `c` or both.
#[inline]
pub fn fma<F: Format>(a: F, b: F, c: F, rm: Rounding, flags: &mut Flags) -> F {
    if rm == Rounding::NearestEven
        && let Some(sum) = F::host_fma(a, b, c, flags)
    {
        return sum;
    }
    exact::fma(a, b, c, rm, flags)
}
