//! Floating point: against a rational model, the host path against the exact path, and the specification's
//! special cases as data.

mod model;
mod operands;
mod special;

use machine::fp::{self, F32, F64, Flags, Format, Rounding, exact};
use model::{Rational, round, value};
use operands::Operands;

/// Compares one result with the model's: same encoding, same flags.
fn check<F: Format>(what: &str, operands: &[F], rm: Rounding, expected: (u64, Flags), actual: (F, Flags)) {
    assert_eq!((expected.0, expected.1), (actual.0.bits(), actual.1), "{what} {operands:x?} {rm:?}");
}

/// Runs an operation with no flag set.
fn run<F: Format>(operation: impl Fn(&mut Flags) -> F) -> (F, Flags) {
    let mut flags = Flags::none();
    let result = operation(&mut flags);
    (result, flags)
}

fn arithmetic_follows_the_model<F: Format>(rounds: u32) {
    let mut operands = Operands::seeded(2026);
    for _ in 0..rounds {
        let [a, b, c] = [operands.finite::<F>(), operands.finite::<F>(), operands.finite::<F>()];
        // A product almost cancelled by the addend is where a fused operation can go wrong.
        let near = fp::mul(a, b, Rounding::Zero, &mut Flags::none()).negate();
        let c = if near.magnitude() < F::INFINITY && operands.next().is_multiple_of(3) { near } else { c };
        for rm in Rounding::ALL {
            let down = rm == Rounding::Down;
            let (x, y, z) = (value(a), value(b), value(c));
            let sum = x.plus(&y);
            if !sum.is_zero() {
                check("add", &[a, b], rm, round::<F>(&sum, rm), run(|f| exact::add(a, b, rm, f)));
            } else if a.magnitude() != 0 {
                let zero = (F::zero(down).bits(), Flags::none());
                check("add", &[a, b], rm, zero, run(|f| exact::add(a, b, rm, f)));
            }
            let fused = x.times(&y).plus(&z);
            if !fused.is_zero() {
                check("fma", &[a, b, c], rm, round::<F>(&fused, rm), run(|f| exact::fma(a, b, c, rm, f)));
            }
            if a.magnitude() == 0 || b.magnitude() == 0 {
                continue;
            }
            check("mul", &[a, b], rm, round::<F>(&x.times(&y), rm), run(|f| exact::mul(a, b, rm, f)));
            check("div", &[a, b], rm, round::<F>(&x.over(&y), rm), run(|f| exact::div(a, b, rm, f)));
            let a = a.copy_sign(F::zero(false));
            check("sqrt", &[a], rm, round::<F>(&value(a).root(), rm), run(|f| exact::sqrt(a, rm, f)));
        }
    }
}

#[test]
fn single_arithmetic_follows_the_model() {
    arithmetic_follows_the_model::<F32>(20_000);
}

#[test]
fn double_arithmetic_follows_the_model() {
    arithmetic_follows_the_model::<F64>(10_000);
}

#[test]
fn conversions_follow_the_model() {
    let mut operands = Operands::seeded(7);
    for _ in 0..20_000 {
        let wide = operands.finite::<F64>();
        let narrow = operands.finite::<F32>();
        let integer = operands.integer();
        for rm in Rounding::ALL {
            if wide.magnitude() != 0 {
                let expected = round::<F32>(&value(wide), rm);
                let mut flags = Flags::none();
                let result: F32 = fp::resize(wide, rm, &mut flags);
                assert_eq!(expected, (result.bits(), flags), "d to s {wide:x?} {rm:?}");
            }
            if narrow.magnitude() != 0 {
                let expected = round::<F64>(&value(narrow), rm);
                let mut flags = Flags::none();
                let result: F64 = fp::resize(narrow, rm, &mut flags);
                assert_eq!(expected, (result.bits(), flags), "s to d {narrow:x?} {rm:?}");
                assert_eq!(flags, Flags::none());
            }
            if integer != 0 {
                let exact = Rational::integer(integer);
                let result = run(|f| fp::from_i64::<F32>(integer, rm, f));
                check("l to s", &[], rm, round::<F32>(&exact, rm), result);
                let result = run(|f| fp::from_i64::<F64>(integer, rm, f));
                check("l to d", &[], rm, round::<F64>(&exact, rm), result);
                let unsigned = integer.unsigned_abs();
                let exact = Rational::integer(i128::from(unsigned));
                let result = run(|f| fp::from_u64::<F64>(unsigned, rm, f));
                check("lu to d", &[], rm, round::<F64>(&exact, rm), result);
            }
            integers_follow_the_model(wide, rm);
            integers_follow_the_model(narrow, rm);
        }
    }
}

/// Every conversion to an integer, and `fround` with its twin, of a finite number.
fn integers_follow_the_model<F: Format>(a: F, rm: Rounding) {
    let (exact, inexact) = value(a).to_integer(rm);
    let clamp = |min: i128, max: i128| {
        let inside = exact.clamp(min, max);
        let flags = match (inside == exact, inexact) {
            (false, _) => Flags::NV,
            (true, true) => Flags::NX,
            (true, false) => Flags::none(),
        };
        (inside, flags)
    };
    macro_rules! check_integer {
        ($convert:path, $int:ty) => {{
            let mut flags = Flags::none();
            let result = i128::from($convert(a, rm, &mut flags));
            let expected = clamp(i128::from(<$int>::MIN), i128::from(<$int>::MAX));
            assert_eq!(expected, (result, flags), "{a:x?} to {} {rm:?}", stringify!($int));
        }};
    }
    check_integer!(fp::to_i32, i32);
    check_integer!(fp::to_u32, u32);
    check_integer!(fp::to_i64, i64);
    check_integer!(fp::to_u64, u64);

    let (silent, silent_flags) = run(|f| fp::round_to_integral(a, rm, false, f));
    let (loud, loud_flags) = run(|f| fp::round_to_integral(a, rm, true, f));
    assert_eq!((silent, silent_flags), (loud, Flags::none()), "fround {a:x?} {rm:?}");
    assert_eq!(loud_flags, if inexact { Flags::NX } else { Flags::none() }, "froundnx {a:x?} {rm:?}");
    assert_eq!(loud.is_negative(), a.is_negative(), "fround {a:x?} {rm:?}");
    assert_eq!(value(loud).to_integer(rm), (exact, false), "fround {a:x?} {rm:?}");
}

#[test]
fn modular_conversion_keeps_the_low_word() {
    let mut operands = Operands::seeded(11);
    for _ in 0..50_000 {
        let a = operands.finite::<F64>();
        let low = value(a).truncated_low_word();
        let mut flags = Flags::none();
        let mut saturating = Flags::none();
        fp::to_i32(a, Rounding::Zero, &mut saturating);
        assert_eq!(fp::to_i32_modular(a, &mut flags).cast_unsigned(), low, "{a:x?}");
        assert_eq!(flags, saturating, "{a:x?}");
    }
}

fn host_is_exact<F: Format>(rounds: u32) {
    let mut operands = Operands::seeded(3);
    let rm = Rounding::NearestEven;
    for _ in 0..rounds {
        let [a, b, c] = [operands.any::<F>(), operands.any::<F>(), operands.any::<F>()];
        let near = fp::mul(a, b, Rounding::Zero, &mut Flags::none()).negate();
        let c = if operands.next().is_multiple_of(4) { near } else { c };
        for before in [Flags::none(), Flags::NX, Flags::UF] {
            let agree = |what: &str, host: Option<F>, host_flags: Flags, exact: &dyn Fn(&mut Flags) -> F| {
                let Some(host) = host else { return assert_eq!(host_flags, before, "{what}") };
                let mut flags = before;
                let result = exact(&mut flags);
                assert_eq!((host, host_flags), (result, flags), "{what} {a:x?} {b:x?} {c:x?}");
            };
            let mut flags = before;
            let host = F::host_add(a, b, &mut flags);
            agree("add", host, flags, &|f| exact::add(a, b, rm, f));
            let mut flags = before;
            let host = F::host_mul(a, b, &mut flags);
            agree("mul", host, flags, &|f| exact::mul(a, b, rm, f));
            let mut flags = before;
            let host = F::host_div(a, b, &mut flags);
            agree("div", host, flags, &|f| exact::div(a, b, rm, f));
            let mut flags = before;
            let host = F::host_sqrt(a, &mut flags);
            agree("sqrt", host, flags, &|f| exact::sqrt(a, rm, f));
            let mut flags = before;
            let host = F::host_fma(a, b, c, &mut flags);
            agree("fma", host, flags, &|f| exact::fma(a, b, c, rm, f));
        }
    }
}

#[test]
fn single_host_path_is_exact() {
    host_is_exact::<F32>(300_000);
}

#[test]
fn double_host_path_is_exact() {
    host_is_exact::<F64>(300_000);
}
