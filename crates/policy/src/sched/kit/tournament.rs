//! The first of many counters that is large enough, kept up to date in O(log n).

use heap::vec;
use heap::vec::Vec;

/// A tree over `0..size` whose inner nodes hold the larger of their two children.
#[derive(Clone, Debug)]
pub struct Tournament {
    tree: Vec<u32>,
    size: usize,
    leaves: usize,
}

impl Tournament {
    /// `size` counters that begin at `value`.
    #[must_use]
    pub fn new(size: usize, value: u32) -> Tournament {
        let leaves = size.next_power_of_two().max(2);
        let mut tree = vec![0; 2 * leaves];
        tree[leaves..leaves + size].fill(value);
        (1..leaves).rev().for_each(|node| tree[node] = tree[2 * node].max(tree[2 * node + 1]));
        Tournament { tree, size, leaves }
    }

    /// The value of `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> u32 {
        self.tree[self.leaves + index]
    }

    /// Gives `index` a new value.
    pub fn set(&mut self, index: usize, value: u32) {
        let mut node = self.leaves + index;
        self.tree[node] = value;
        while node > 1 {
            node /= 2;
            let larger = self.tree[2 * node].max(self.tree[2 * node + 1]);
            if core::mem::replace(&mut self.tree[node], larger) == larger {
                return;
            }
        }
    }

    /// The smallest index whose value is at least `least`.
    #[must_use]
    pub fn first_at_least(&self, least: u32) -> Option<usize> {
        self.next_at_least(0, least)
    }

    /// The smallest index from `from` on whose value is at least `least`.
    #[must_use]
    pub fn next_at_least(&self, from: usize, least: u32) -> Option<usize> {
        if from >= self.size {
            return None;
        }
        let mut node = self.leaves + from;
        // Up until a subtree to the right has one, then down to its first.
        while self.tree[node] < least {
            while node % 2 == 1 {
                node /= 2;
            }
            if node == 0 {
                return None;
            }
            node += 1;
        }
        while node < self.leaves {
            node = 2 * node + usize::from(self.tree[2 * node] < least);
        }
        (node - self.leaves < self.size).then(|| node - self.leaves)
    }
}

#[cfg(test)]
mod tests {
    use super::Tournament;

    #[test]
    fn the_first_large_enough_follows_the_values() {
        for size in [1, 2, 3, 5, 8, 13] {
            let mut tree = Tournament::new(size, 7);
            let mut plain = vec![7u32; size];
            let mut rng = crate::rng::Rng::new(size as u64);
            for _ in 0..500 {
                let (index, value) = (rng.below(size), u32::try_from(rng.below(20)).unwrap());
                tree.set(index, value);
                plain[index] = value;
                assert_eq!(tree.get(index), value);
                for least in 0..21 {
                    let from = rng.below(size);
                    let found = (from..size).find(|&i| plain[i] >= least);
                    assert_eq!(tree.next_at_least(from, least), found);
                    assert_eq!(tree.first_at_least(least), plain.iter().position(|&v| v >= least));
                }
            }
        }
    }
    extern crate std;
    use std::vec;
}
