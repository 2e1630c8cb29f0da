//! The smallest or largest of many counters, kept up to date in O(log n).

use heap::vec;
use heap::vec::Vec;

/// Two knock-out trees over `0..size`, one for the smallest and one for the largest value.
///
/// Invariant: an inner node holds the index of the winner of its two children; ties go to the smaller index.
#[derive(Clone, Debug)]
pub struct Tournament {
    values: Vec<u32>,
    low: Vec<u32>,
    high: Vec<u32>,
    leaves: usize,
}

impl Tournament {
    /// `size` counters that begin at `value`.
    #[must_use]
    pub fn new(size: usize, value: u32) -> Tournament {
        let leaves = size.next_power_of_two().max(2);
        let mut tree =
            Tournament { values: vec![value; size], low: vec![0; leaves], high: vec![0; leaves], leaves };
        (1..leaves).rev().for_each(|node| tree.play(node));
        tree
    }

    /// The value of `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> u32 {
        self.values[index]
    }

    /// Gives `index` a new value.
    pub fn set(&mut self, index: usize, value: u32) {
        self.values[index] = value;
        let mut node = (self.leaves + index) / 2;
        while node > 0 {
            self.play(node);
            node /= 2;
        }
    }

    /// The index of the smallest value.
    #[must_use]
    pub fn smallest(&self) -> usize {
        self.low[1] as usize
    }

    /// The index of the largest value.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.high[1] as usize
    }

    /// The smallest index whose value is at least `least`.
    #[must_use]
    pub fn first_at_least(&self, least: u32) -> Option<usize> {
        if self.values[self.largest()] < least {
            return None;
        }
        let mut node = 1;
        while node < self.leaves {
            let left = 2 * node;
            let winner = self.contender(&self.high, left);
            let fits = winner.is_some_and(|index| self.values[index as usize] >= least);
            node = if fits { left } else { left + 1 };
        }
        Some(node - self.leaves)
    }

    /// The winner of the subtree at `node`; a leaf past the end has none.
    fn contender(&self, tree: &[u32], node: usize) -> Option<u32> {
        let index = if node < self.leaves { tree[node] as usize } else { node - self.leaves };
        (index < self.values.len()).then(|| u32::try_from(index).expect("fewer than 2^32 counters"))
    }

    fn play(&mut self, node: usize) {
        let pick = |tree: &[u32], wins: fn(u32, u32) -> bool| match (
            self.contender(tree, 2 * node),
            self.contender(tree, 2 * node + 1),
        ) {
            (Some(a), Some(b)) if wins(self.values[b as usize], self.values[a as usize]) => b,
            (Some(a), _) => a,
            (None, _) => u32::MAX,
        };
        let low = pick(&self.low, |b, a| b < a);
        let high = pick(&self.high, |b, a| b > a);
        self.low[node] = low;
        self.high[node] = high;
    }
}

#[cfg(test)]
mod tests {
    use super::Tournament;

    #[test]
    fn winners_follow_the_values() {
        for size in [1, 2, 3, 5, 8, 13] {
            let mut tree = Tournament::new(size, 7);
            let mut plain = vec![7u32; size];
            let mut rng = crate::rng::Rng::new(size as u64);
            for _ in 0..500 {
                let (index, value) = (rng.below(size), u32::try_from(rng.below(20)).unwrap());
                tree.set(index, value);
                plain[index] = value;
                let (low, high) = (*plain.iter().min().unwrap(), *plain.iter().max().unwrap());
                assert_eq!(tree.smallest(), plain.iter().position(|&v| v == low).unwrap());
                assert_eq!(tree.largest(), plain.iter().position(|&v| v == high).unwrap());
                for least in 0..21 {
                    assert_eq!(tree.first_at_least(least), plain.iter().position(|&v| v >= least));
                }
            }
        }
    }
    extern crate std;
    use std::vec;
}
