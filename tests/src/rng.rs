//! A small seeded generator, so that a failing program can be made again from its number.

/// `SplitMix64`.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator for `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.any() % bound
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of `items`.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        let index = usize::try_from(self.below(items.len() as u64)).expect("an index");
        items[index]
    }

    /// Any 32 bits.
    pub fn word(&mut self) -> u32 {
        u32::try_from(self.any() >> 32).expect("32 bits")
    }

    /// An integer register's value: often near an edge.
    pub fn integer(&mut self) -> u64 {
        let edge: u64 = self.pick(&[0, 1 << 31, 1 << 32, 1 << 63, 1 << 15, 1 << 7, 1 << 16, 1 << 8]);
        match self.below(4) {
            0 => self.any(),
            1 => edge.wrapping_add(self.below(5)).wrapping_sub(2),
            2 => 1 << self.below(64),
            _ => self.any() >> self.below(64),
        }
    }

    /// A double's bits: often special.
    pub fn double(&mut self) -> u64 {
        let sign = self.below(2) << 63;
        sign | match self.below(8) {
            0 => 0,
            1 => 0x7ff0_0000_0000_0000,
            2 => 0x7ff8_0000_0000_0000 | self.any() >> 14,
            3 => 0x7ff0_0000_0000_0001 | self.any() >> 14,
            4 => self.any() >> 12 >> self.below(52),
            5 => 0x3ff0_0000_0000_0000 | self.any() >> 12 & !0 << self.below(52),
            6 => (1023 - 66 + self.below(132)) << 52 | self.any() >> 12,
            _ => self.any() >> 1,
        }
    }

    /// A single's bits: often special.
    pub fn single(&mut self) -> u32 {
        let sign = self.word() & 1 << 31;
        sign | match self.below(8) {
            0 => 0,
            1 => 0x7f80_0000,
            2 => 0x7fc0_0000 | self.word() >> 11,
            3 => 0x7f80_0001 | self.word() >> 11,
            4 => self.word() >> 9 >> self.below(23),
            5 => 0x3f80_0000 | self.word() >> 9 & !0 << self.below(23),
            6 => u32::try_from(127 - 66 + self.below(132)).expect("an exponent") << 23 | self.word() >> 9,
            _ => self.word() >> 1,
        }
    }

    /// A floating-point register's value: a double, a boxed single, or a single boxed wrongly.
    pub fn float(&mut self) -> u64 {
        match self.below(5) {
            0 | 1 => self.double(),
            2 | 3 => 0xffff_ffff_0000_0000 | u64::from(self.single()),
            _ => self.any() << 33 | u64::from(self.single()),
        }
    }
}
