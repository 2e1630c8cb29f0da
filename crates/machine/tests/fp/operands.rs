//! Operands that come near each other and near every edge, from a seed.

use machine::fp::Format;

/// A stream of operands (SplitMix64 underneath).
pub(crate) struct Operands(u64);

impl Operands {
    pub(crate) fn seeded(seed: u64) -> Operands {
        println!("seed {seed}");
        Operands(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// An integer of any length, often with trailing zeros.
    pub(crate) fn integer(&mut self) -> i64 {
        let (down, up) = (self.next() % 64, self.next() % 32);
        (self.next() >> down << up).cast_signed()
    }

    /// Any encoding, NaNs and infinities included.
    pub(crate) fn any<F: Format>(&mut self) -> F {
        let fraction_bits = u64::from(F::FRACTION_BITS);
        let fraction_mask = (1 << fraction_bits) - 1;
        let exponent_mask = (1 << F::EXPONENT_BITS) - 1;
        let kind = self.next();
        let bit = 1 << (self.next() % fraction_bits);
        let fraction = match kind & 7 {
            0 => 0,
            1 => fraction_mask,
            2 => bit,
            3 => fraction_mask & !bit,
            4 => fraction_mask & !(bit - 1),
            5 => bit - 1,
            _ => self.next() & fraction_mask,
        };
        let bias = exponent_mask / 2;
        let exponent = match (kind >> 3) & 15 {
            0 => 0,
            1 => exponent_mask,
            2 => 1,
            3 => exponent_mask - 1 - self.next() % 4,
            4 => bias + self.next() % 4,
            5 | 6 => bias + self.next() % (2 * fraction_bits + 6) - fraction_bits - 3,
            7 => self.next() % (fraction_bits + 4),
            8 => bias / 2 + self.next() % (2 * fraction_bits),
            9 => bias - fraction_bits / 2 + self.next() % 8,
            _ => self.next(),
        } & exponent_mask;
        F::from_bits(
            kind >> 63 << (fraction_bits + u64::from(F::EXPONENT_BITS))
                | exponent << fraction_bits
                | fraction,
        )
    }

    /// A finite number, zero included.
    pub(crate) fn finite<F: Format>(&mut self) -> F {
        loop {
            let a = self.any::<F>();
            if a.magnitude() < F::INFINITY {
                return a;
            }
        }
    }
}
