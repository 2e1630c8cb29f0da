//! The specification's special cases, for both formats, as lines of text: operation, operands, result, flags.
//!
//! `qnan` is a quiet NaN with a payload and a sign, `snan` a signalling one, `nan` the canonical one; `tiny` is
//! the smallest subnormal, `least` the smallest normal, `most` the largest finite number.

use machine::fp::{self, F32, F64, Flags, Format, Rounding};

fn parse<F: Format>(word: &str) -> F {
    let (negative, name) = word.strip_prefix('-').map_or((false, word), |name| (true, name));
    let magnitude = match name {
        "nan" => F::INFINITY | F::QUIET,
        "qnan" => F::SIGN | F::INFINITY | F::QUIET | 5,
        "snan" => F::INFINITY | 1,
        "inf" => F::INFINITY,
        "tiny" => 1,
        "least" => 1 << F::FRACTION_BITS,
        "sub" => (1 << F::FRACTION_BITS) - 1,
        "most" => F::INFINITY - 1,
        number => {
            let number = F64(number.parse::<f64>().unwrap_or_else(|_| panic!("operand {word}")).to_bits());
            fp::resize::<F64, F>(number, Rounding::NearestEven, &mut Flags::none()).bits()
        }
    };
    let value = F::from_bits(magnitude);
    if negative { value.negate() } else { value }
}

fn parse_flags(words: &[&str]) -> Flags {
    words.iter().fold(Flags::none(), |flags, word| {
        flags.union(match *word {
            "NV" => Flags::NV,
            "DZ" => Flags::DZ,
            "OF" => Flags::OF,
            "UF" => Flags::UF,
            "NX" => Flags::NX,
            _ => panic!("flag {word}"),
        })
    })
}

fn parse_rounding(word: &str) -> Rounding {
    match word {
        "rne" => Rounding::NearestEven,
        "rtz" => Rounding::Zero,
        "rdn" => Rounding::Down,
        "rup" => Rounding::Up,
        "rmm" => Rounding::NearestAway,
        _ => panic!("rounding mode {word}"),
    }
}

/// What an operation left: a number of the format, or an integer.
#[derive(Debug, PartialEq)]
enum Outcome {
    Number(u64),
    Integer(i128),
}

fn perform<F: Format>(operation: &str, rm: Rounding, v: &[F], flags: &mut Flags) -> Outcome {
    let number = |value: F| Outcome::Number(value.bits());
    let truth = |value: bool| Outcome::Integer(value.into());
    match operation {
        "add" => number(fp::add(v[0], v[1], rm, flags)),
        "sub" => number(fp::sub(v[0], v[1], rm, flags)),
        "mul" => number(fp::mul(v[0], v[1], rm, flags)),
        "div" => number(fp::div(v[0], v[1], rm, flags)),
        "sqrt" => number(fp::sqrt(v[0], rm, flags)),
        "fma" => number(fp::fma(v[0], v[1], v[2], rm, flags)),
        "min" => number(fp::min(v[0], v[1], flags)),
        "max" => number(fp::max(v[0], v[1], flags)),
        "minm" => number(fp::min_propagating(v[0], v[1], flags)),
        "maxm" => number(fp::max_propagating(v[0], v[1], flags)),
        "sgnj" => number(v[0].copy_sign(v[1])),
        "sgnjx" => number(v[0].xor_sign(v[1])),
        "round" => number(fp::round_to_integral(v[0], rm, false, flags)),
        "roundnx" => number(fp::round_to_integral(v[0], rm, true, flags)),
        "eq" => truth(fp::eq(v[0], v[1], flags)),
        "lt" => truth(fp::lt(v[0], v[1], flags)),
        "le" => truth(fp::le(v[0], v[1], flags)),
        "ltq" => truth(fp::lt_quiet(v[0], v[1], flags)),
        "leq" => truth(fp::le_quiet(v[0], v[1], flags)),
        "class" => Outcome::Integer(fp::classify(v[0]).trailing_zeros().into()),
        "w" => Outcome::Integer(fp::to_i32(v[0], rm, flags).into()),
        "wu" => Outcome::Integer(fp::to_u32(v[0], rm, flags).into()),
        "l" => Outcome::Integer(fp::to_i64(v[0], rm, flags).into()),
        "lu" => Outcome::Integer(fp::to_u64(v[0], rm, flags).into()),
        _ => panic!("operation {operation}"),
    }
}

fn check<F: Format>(line: &str) {
    let (question, answer) = line.split_once('=').unwrap();
    let question: Vec<&str> = question.split_whitespace().collect();
    let answer: Vec<&str> = answer.split_whitespace().collect();
    let (operation, rm) = question[0].split_once('.').unwrap_or((question[0], "rne"));
    let operands: Vec<F> = question[1..].iter().map(|word| parse(word)).collect();
    let mut flags = Flags::none();
    let outcome = perform(operation, parse_rounding(rm), &operands, &mut flags);
    let expected = match outcome {
        Outcome::Number(_) => Outcome::Number(parse::<F>(answer[0]).bits()),
        Outcome::Integer(_) => Outcome::Integer(answer[0].parse().unwrap()),
    };
    assert_eq!((expected, parse_flags(&answer[1..])), (outcome, flags), "{line} ({} bits)", F::PRECISION);
}

const CASES: &str = "
    add inf -inf = nan NV
    add inf inf = inf
    add qnan 1 = nan
    add 1 snan = nan NV
    add 0 -0 = 0
    add.rdn 0 -0 = -0
    add -0 -0 = -0
    add.rdn 1 -1 = -0
    sub inf inf = nan NV
    sub 0 0 = 0
    sub.rdn 0 0 = -0
    sub least tiny = sub
    add most most = inf OF NX
    add.rtz most most = most OF NX
    add.rdn -most -most = -inf OF NX
    add.rup -most -most = -most OF NX
    add.rmm most most = inf OF NX
    add most tiny = most NX
    add.rup most tiny = inf OF NX
    mul inf 0 = nan NV
    mul inf -1 = -inf
    mul -0 1 = -0
    mul tiny tiny = 0 UF NX
    mul.rup tiny tiny = tiny UF NX
    mul.rdn -tiny tiny = -tiny UF NX
    mul tiny 0.5 = 0 UF NX
    mul.rmm tiny 0.5 = tiny UF NX
    mul tiny 1 = tiny
    mul qnan snan = nan NV
    div 1 0 = inf DZ
    div -1 0 = -inf DZ
    div 0 0 = nan NV
    div inf inf = nan NV
    div inf 0 = inf
    div 0 inf = 0
    div 1 -inf = -0
    div 1 4 = 0.25
    div snan 0 = nan NV
    sqrt -0 = -0
    sqrt -1 = nan NV
    sqrt -inf = nan NV
    sqrt inf = inf
    sqrt 4 = 2
    sqrt qnan = nan
    sqrt snan = nan NV
    fma inf 0 qnan = nan NV
    fma 0 inf 1 = nan NV
    fma inf 1 -inf = nan NV
    fma inf 1 inf = inf
    fma 1 1 -inf = -inf
    fma 1 1 -1 = 0
    fma.rdn 1 1 -1 = -0
    fma 0 -1 0 = 0
    fma 0 -1 -0 = -0
    fma.rdn 0 -1 0 = -0
    fma 1 1 qnan = nan
    fma 1 1 snan = nan NV
    min -0 0 = -0
    min 0 -0 = -0
    max -0 0 = 0
    max 0 -0 = 0
    min qnan 1 = 1
    min 1 snan = 1 NV
    min qnan qnan = nan
    max snan snan = nan NV
    max -inf 1 = 1
    min -inf 1 = -inf
    minm qnan 1 = nan
    minm 1 snan = nan NV
    minm -0 0 = -0
    maxm 1 qnan = nan
    maxm 2 1 = 2
    maxm 0 -0 = 0
    sgnj 1 -2 = -1
    sgnj snan -0 = -snan
    sgnjx -1 -2 = 1
    sgnjx -1 2 = -1
    eq 0 -0 = 1
    eq qnan qnan = 0
    eq 1 snan = 0 NV
    lt 1 2 = 1
    lt -2 -1 = 1
    lt -0 0 = 0
    lt qnan 1 = 0 NV
    le -0 0 = 1
    le 0 -0 = 1
    le 1 qnan = 0 NV
    ltq 1 qnan = 0
    ltq 1 snan = 0 NV
    ltq 1 2 = 1
    leq 2 2 = 1
    leq qnan 1 = 0
    leq snan 1 = 0 NV
    class -inf = 0
    class -1 = 1
    class -tiny = 2
    class -0 = 3
    class 0 = 4
    class sub = 5
    class least = 6
    class inf = 7
    class snan = 8
    class qnan = 9
    w nan = 2147483647 NV
    w -inf = -2147483648 NV
    w inf = 2147483647 NV
    w 2147483648 = 2147483647 NV
    w -2147483648 = -2147483648
    w 2.5 = 2 NX
    w.rmm 2.5 = 3 NX
    w.rtz -1.5 = -1 NX
    w.rdn -0.25 = -1 NX
    w.rup 0.25 = 1 NX
    w tiny = 0 NX
    w.rup tiny = 1 NX
    wu -1 = 0 NV
    wu -0.25 = 0 NX
    wu.rdn -0.25 = 0 NV
    wu -0.5 = 0 NX
    wu.rmm -0.5 = 0 NV
    wu nan = 4294967295 NV
    wu 4294967296 = 4294967295 NV
    l nan = 9223372036854775807 NV
    l 9223372036854775808 = 9223372036854775807 NV
    l -9223372036854775808 = -9223372036854775808
    l -inf = -9223372036854775808 NV
    lu 9223372036854775808 = 9223372036854775808
    lu 18446744073709551616 = 18446744073709551615 NV
    lu -1 = 0 NV
    lu -inf = 0 NV
    lu snan = 18446744073709551615 NV
    round 2.5 = 2
    round.rmm 2.5 = 3
    round.rtz -0.75 = -0
    round.rup -0.75 = -0
    round.rdn -0.75 = -1
    round -0 = -0
    round inf = inf
    round snan = nan NV
    round qnan = nan
    roundnx 2.5 = 2 NX
    roundnx 3 = 3
    roundnx most = most
";

#[test]
fn special_cases_follow_the_specification() {
    for line in CASES.lines().map(str::trim).filter(|line| !line.is_empty()) {
        check::<F32>(line);
        check::<F64>(line);
    }
}

/// The product of these rounds up to the smallest normal number; whether it was tiny depends on the bits lost.
#[test]
fn underflow_is_judged_after_rounding() {
    let rm = Rounding::NearestEven;
    let cases = [
        // 2^-126 * (1 - 2^-24) at full precision stays below the smallest normal number.
        (0x3f7f_ffff_u32, 0x0080_0000_u32, Flags::UF.union(Flags::NX)),
        // 2^-126 * (1 - 2^-48) rounds up to it at full precision too.
        (0x007f_ffff, 0x3f80_0001, Flags::NX),
    ];
    for (a, b, expected) in cases {
        let mut flags = Flags::none();
        let product = fp::mul(F32(a), F32(b), rm, &mut flags);
        assert_eq!((product, flags), (F32(0x0080_0000), expected), "{a:x} * {b:x}");
    }
}

#[test]
fn a_single_is_boxed_in_ones() {
    assert_eq!(fp::box32(F32(0x3f80_0000)), 0xffff_ffff_3f80_0000);
    assert_eq!(fp::unbox32(0xffff_ffff_3f80_0000), F32(0x3f80_0000));
    for unboxed in [0x3f80_0000, 0xffff_fffe_3f80_0000, 0x7fff_ffff_3f80_0000] {
        assert_eq!(fp::unbox32(unboxed), F32(0x7fc0_0000));
    }
}

#[test]
fn load_immediate_has_the_table_of_constants() {
    let single = |index| fp::load_immediate::<F32>(index).0;
    let double = |index| fp::load_immediate::<F64>(index).0;
    let cases: [(usize, u32, u64); 8] = [
        (0, 0xbf80_0000, 0xbff0_0000_0000_0000),
        (1, 0x0080_0000, 0x0010_0000_0000_0000),
        (2, 0x3780_0000, 0x3ef0_0000_0000_0000),
        (9, 0x3ea0_0000, 0x3fd4_0000_0000_0000),
        (16, 0x3f80_0000, 0x3ff0_0000_0000_0000),
        (29, 0x4780_0000, 0x40f0_0000_0000_0000),
        (30, 0x7f80_0000, 0x7ff0_0000_0000_0000),
        (31, 0x7fc0_0000, 0x7ff8_0000_0000_0000),
    ];
    for (index, expected_single, expected_double) in cases {
        assert_eq!((single(index), double(index)), (expected_single, expected_double), "entry {index}");
    }
    // Between the first and the last entries the constants rise.
    for index in 2..30 {
        assert!(f64::from_bits(double(index)) > f64::from_bits(double(index - 1)), "entry {index}");
    }
}

#[test]
fn modular_conversion_wraps_and_drops_what_is_not_a_number() {
    let cases = [
        (4294967297.0, 1, Flags::NV),
        (-4294967297.0, -1, Flags::NV),
        (2147483648.0, i32::MIN, Flags::NV),
        (1.5, 1, Flags::NX),
        (-1.5, -1, Flags::NX),
        (7.0, 7, Flags::none()),
        (2f64.powi(84), 0, Flags::NV),
        (f64::INFINITY, 0, Flags::NV),
        (f64::NAN, 0, Flags::NV),
    ];
    for (a, expected, expected_flags) in cases {
        let mut flags = Flags::none();
        let result = fp::to_i32_modular(F64(a.to_bits()), &mut flags);
        assert_eq!((result, flags), (expected, expected_flags), "{a}");
    }
}
