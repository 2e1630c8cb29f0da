//! The node's own random numbers: xoshiro256++, seeded by SplitMix64.
//!
//! They are for determinism, not for secrets.
//!
//! Source: D. Blackman and S. Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021.

use crate::state_fields;

/// A generator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random {
    s: [u64; 4],
}

state_fields!(Random { s });

impl Random {
    /// The generator of `seed`; generators of different `stream`s are independent of each other.
    pub fn new(seed: u64, stream: u64) -> Random {
        let mut state = seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95);
        Random { s: std::array::from_fn(|_| split_mix(&mut state)) }
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        let s = &mut self.s;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Fills `bytes`, the last number's unused bytes being dropped.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.draw().to_le_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        let mut random = Random { s: [1, 2, 3, 4] };
        let first: [u64; 5] = std::array::from_fn(|_| random.draw());
        assert_eq!(first, [41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205]);
        let mut state = 0;
        assert_eq!(split_mix(&mut state), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn equal_seeds_agree_and_streams_differ() {
        let draw = |seed, stream| Random::new(seed, stream).draw();
        assert_eq!(draw(42, 1), draw(42, 1));
        assert_ne!(draw(42, 1), draw(42, 2));
        assert_ne!(draw(42, 1), draw(43, 1));
        let mut bytes = [0; 11];
        Random::new(42, 1).fill(&mut bytes);
        assert_eq!(bytes[..8], draw(42, 1).to_le_bytes());
    }
}
