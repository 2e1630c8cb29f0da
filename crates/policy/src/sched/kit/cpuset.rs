//! A set of small numbers (CPUs, rows) that finds its next member in a few word operations.

use heap::vec;
use heap::vec::Vec;

/// A bitmap with a summary bitmap above it.
///
/// Invariant: bit `w` of the summary is set iff word `w` is not zero.
#[derive(Clone, Debug)]
pub struct CpuSet {
    words: Vec<u64>,
    summary: Vec<u64>,
    len: usize,
}

impl CpuSet {
    /// The empty set over `0..size`.
    #[must_use]
    pub fn new(size: usize) -> CpuSet {
        let words = size.div_ceil(64).max(1);
        CpuSet { words: vec![0; words], summary: vec![0; words.div_ceil(64)], len: 0 }
    }

    /// The set of all of `0..size`.
    #[must_use]
    pub fn full(size: usize) -> CpuSet {
        let mut set = CpuSet::new(size);
        (0..size).for_each(|member| set.insert(member));
        set
    }

    /// How many members it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether `member` is in it.
    #[must_use]
    pub fn contains(&self, member: usize) -> bool {
        self.words[member / 64] >> (member % 64) & 1 == 1
    }

    /// Puts `member` in.
    pub fn insert(&mut self, member: usize) {
        let (index, bit) = (member / 64, 1 << (member % 64));
        let word = &mut self.words[index];
        self.len += usize::from(*word & bit == 0);
        *word |= bit;
        self.summary[index / 64] |= 1 << (index % 64);
    }

    /// Takes `member` out.
    pub fn remove(&mut self, member: usize) {
        let (index, bit) = (member / 64, 1 << (member % 64));
        let word = &mut self.words[index];
        self.len -= usize::from(*word & bit != 0);
        *word &= !bit;
        if *word == 0 {
            self.summary[index / 64] &= !(1 << (index % 64));
        }
    }

    /// The smallest member.
    #[must_use]
    pub fn first(&self) -> Option<usize> {
        self.at_or_after(0)
    }

    /// Takes the smallest member out.
    #[inline]
    pub fn take_first(&mut self) -> Option<usize> {
        if self.is_empty() { None } else { self.take_smallest() }
    }

    fn take_smallest(&mut self) -> Option<usize> {
        let word = next_bit(&self.summary, 0)?;
        let bits = self.words[word];
        self.len -= 1;
        self.words[word] = bits & (bits - 1);
        if self.words[word] == 0 {
            self.summary[word / 64] &= !(1 << (word % 64));
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }

    /// The smallest member that is at least `from`.
    #[must_use]
    pub fn at_or_after(&self, from: usize) -> Option<usize> {
        let word = from / 64;
        let here = self.words.get(word)? >> (from % 64);
        if here != 0 {
            return Some(from + here.trailing_zeros() as usize);
        }
        let next = next_bit(&self.summary, word + 1)?;
        Some(next * 64 + self.words[next].trailing_zeros() as usize)
    }

    /// The first member at `from` or after it, going round at the end.
    #[must_use]
    pub fn round_from(&self, from: usize) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        self.at_or_after(from).or_else(|| self.first())
    }
}

/// The first set bit at or after `from` in a bitmap.
fn next_bit(words: &[u64], from: usize) -> Option<usize> {
    let mut index = from / 64;
    let mut word = words.get(index)? & (u64::MAX << (from % 64));
    while word == 0 {
        index += 1;
        word = *words.get(index)?;
    }
    Some(index * 64 + word.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::CpuSet;

    #[test]
    fn finds_members_across_words_and_round_the_end() {
        let mut set = CpuSet::new(10_000);
        for member in [3, 64, 4095, 9_999] {
            set.insert(member);
        }
        assert_eq!(set.at_or_after(4), Some(64));
        assert_eq!(set.at_or_after(65), Some(4095));
        assert_eq!(set.at_or_after(4096), Some(9_999));
        set.remove(9_999);
        assert_eq!(set.at_or_after(4096), None);
        assert_eq!(set.round_from(4096), Some(3));
        assert_eq!(set.len(), 3);
    }
}
