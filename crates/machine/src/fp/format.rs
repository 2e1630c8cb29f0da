//! The two formats, binary32 and binary64, their encodings, NaN boxing and the constants of `fli`.

use super::Flags;

/// A binary32 value by its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct F32(pub u32);

/// A binary64 value by its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct F64(pub u64);

/// An IEEE 754 binary interchange format.
///
/// The `host_*` functions are shortcuts for round-to-nearest-even: each either gives the exact result and raises
/// exactly the flags due, or gives none, and then has raised nothing.
pub trait Format: Copy + Eq + core::fmt::Debug {
    /// Bits of the significand, the implicit one included.
    const PRECISION: u32;
    /// Bits of the exponent field.
    const EXPONENT_BITS: u32;

    /// Bits of the stored fraction.
    const FRACTION_BITS: u32 = Self::PRECISION - 1;
    /// The exponent of the largest finite value, and the bias.
    const EXPONENT_MAX: i32 = (1 << (Self::EXPONENT_BITS - 1)) - 1;
    /// The exponent of the smallest normal value.
    const EXPONENT_MIN: i32 = 1 - Self::EXPONENT_MAX;
    /// The sign bit.
    const SIGN: u64 = 1 << (Self::FRACTION_BITS + Self::EXPONENT_BITS);
    /// Plus infinity; also the mask of the exponent field.
    const INFINITY: u64 = ((1 << Self::EXPONENT_BITS) - 1) << Self::FRACTION_BITS;
    /// The bit that tells a quiet NaN from a signalling one.
    const QUIET: u64 = 1 << (Self::FRACTION_BITS - 1);

    /// The encoding, in the low bits.
    fn bits(self) -> u64;
    /// The value encoded in the low bits; higher bits are dropped.
    fn from_bits(bits: u64) -> Self;

    /// `a + b` on the host.
    fn host_add(a: Self, b: Self, flags: &mut Flags) -> Option<Self>;
    /// `a * b` on the host.
    fn host_mul(a: Self, b: Self, flags: &mut Flags) -> Option<Self>;
    /// `a / b` on the host.
    fn host_div(a: Self, b: Self, flags: &mut Flags) -> Option<Self>;
    /// The square root of `a` on the host.
    fn host_sqrt(a: Self, flags: &mut Flags) -> Option<Self>;
    /// `a * b + c`, rounded once, on the host.
    fn host_fma(a: Self, b: Self, c: Self, flags: &mut Flags) -> Option<Self>;

    /// The canonical NaN.
    #[must_use]
    fn nan() -> Self {
        Self::from_bits(Self::INFINITY | Self::QUIET)
    }

    /// Zero with the sign given.
    #[must_use]
    fn zero(negative: bool) -> Self {
        Self::from_bits(if negative { Self::SIGN } else { 0 })
    }

    /// Infinity with the sign given.
    #[must_use]
    fn infinity(negative: bool) -> Self {
        Self::from_bits(Self::INFINITY | if negative { Self::SIGN } else { 0 })
    }

    /// Whether the sign bit is set.
    #[must_use]
    #[inline]
    fn is_negative(self) -> bool {
        self.bits() & Self::SIGN != 0
    }

    /// The encoding without the sign.
    #[must_use]
    #[inline]
    fn magnitude(self) -> u64 {
        self.bits() & !Self::SIGN
    }

    /// Whether this is a NaN of either kind.
    #[must_use]
    #[inline]
    fn is_nan(self) -> bool {
        self.magnitude() > Self::INFINITY
    }

    /// Whether this is a signalling NaN.
    #[must_use]
    #[inline]
    fn is_signalling(self) -> bool {
        self.is_nan() && self.bits() & Self::QUIET == 0
    }

    /// The value with its sign bit turned over, NaNs included.
    #[must_use]
    #[inline]
    fn negate(self) -> Self {
        Self::from_bits(self.bits() ^ Self::SIGN)
    }

    /// `fsgnj`: the value with the sign of `sign`.
    #[must_use]
    #[inline]
    fn copy_sign(self, sign: Self) -> Self {
        Self::from_bits(self.magnitude() | sign.bits() & Self::SIGN)
    }

    /// `fsgnjx`: the value with its sign turned over if `sign` is negative.
    #[must_use]
    #[inline]
    fn xor_sign(self, sign: Self) -> Self {
        Self::from_bits(self.bits() ^ sign.bits() & Self::SIGN)
    }
}

/// The register image of a binary32 value: NaN-boxed, the upper half all ones.
#[must_use]
#[inline]
pub fn box32(value: F32) -> u64 {
    u64::from(value.0) | 0xffff_ffff_0000_0000
}

/// The binary32 value of a 64-bit register: the canonical NaN unless it is properly boxed.
#[must_use]
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the upper half was looked at")]
pub fn unbox32(register: u64) -> F32 {
    if register >> 32 == 0xffff_ffff { F32(register as u32) } else { F32::nan() }
}

/// The constants of `fli.d` (those of `fli.s` are the same numbers); entry 1 is the smallest normal value of
/// the format, entry 31 the canonical NaN.
pub const FLI_CONSTANTS: [f64; 32] = [
    -1.0,
    f64::MIN_POSITIVE,
    1.0 / 65536.0,
    1.0 / 32768.0,
    1.0 / 256.0,
    1.0 / 128.0,
    0.0625,
    0.125,
    0.25,
    0.3125,
    0.375,
    0.4375,
    0.5,
    0.625,
    0.75,
    0.875,
    1.0,
    1.25,
    1.5,
    1.75,
    2.0,
    2.5,
    3.0,
    4.0,
    8.0,
    16.0,
    128.0,
    256.0,
    32768.0,
    65536.0,
    f64::INFINITY,
    f64::NAN,
];

/// `fli`: the constant numbered `index` modulo 32.
#[must_use]
pub fn load_immediate<F: Format>(index: usize) -> F {
    match index % 32 {
        1 => F::from_bits(1 << F::FRACTION_BITS),
        31 => F::nan(),
        index => {
            let constant = F64(FLI_CONSTANTS[index].to_bits());
            super::resize(constant, super::Rounding::NearestEven, &mut Flags::none())
        }
    }
}
