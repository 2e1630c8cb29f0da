//! Power-of-two buddies: aligned blocks of columns, in each of many rows.
//!
//! Source: Feitelson and Rudolph, "Distributed hierarchical control for parallel processing", IEEE Computer 1990.

use heap::vec;
use heap::vec::Vec;

/// For each row a tree whose node holds the size of the largest free aligned block below it.
#[derive(Clone, Debug)]
pub struct Buddies {
    tree: Vec<u32>,
    leaves: usize,
}

impl Buddies {
    /// `rows` rows of `columns` free columns.
    #[must_use]
    pub fn new(rows: usize, columns: usize) -> Buddies {
        let leaves = columns.next_power_of_two();
        let mut buddies = Buddies { tree: vec![0; rows * 2 * leaves], leaves };
        for row in 0..rows {
            (0..columns).for_each(|column| buddies.free(row, column));
        }
        buddies
    }

    /// The size of the largest block that is free in `row`.
    #[must_use]
    pub fn largest(&self, row: usize) -> u32 {
        self.tree[row * 2 * self.leaves + 1]
    }

    /// The first column of the leftmost free block of `size` (a power of two) in `row`.
    #[must_use]
    pub fn find(&self, row: usize, size: u32) -> Option<usize> {
        let base = row * 2 * self.leaves;
        if self.tree[base + 1] < size {
            return None;
        }
        let (mut node, mut span) = (1, self.leaves);
        while span > size as usize {
            node *= 2;
            span /= 2;
            node += usize::from(self.tree[base + node] < size);
        }
        Some(node * span - self.leaves)
    }

    /// Marks a column of `row` as taken.
    pub fn take(&mut self, row: usize, column: usize) {
        self.set(row, column, 0);
    }

    /// Marks a column of `row` as free.
    pub fn free(&mut self, row: usize, column: usize) {
        self.set(row, column, 1);
    }

    fn set(&mut self, row: usize, column: usize, free: u32) {
        let base = row * 2 * self.leaves;
        let (mut node, mut half) = (self.leaves + column, 1);
        self.tree[base + node] = free;
        while node > 1 {
            node /= 2;
            let (left, right) = (self.tree[base + 2 * node], self.tree[base + 2 * node + 1]);
            let whole = left == half && right == half;
            self.tree[base + node] = if whole { 2 * half } else { left.max(right) };
            half *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Buddies;

    #[test]
    fn blocks_are_aligned_and_reunite() {
        let mut buddies = Buddies::new(2, 6);
        assert_eq!((buddies.largest(1), buddies.find(1, 4)), (4, Some(0)));
        buddies.take(1, 1);
        assert_eq!((buddies.find(1, 4), buddies.find(1, 2), buddies.find(1, 1)), (None, Some(2), Some(0)));
        buddies.take(1, 2);
        assert_eq!(buddies.find(1, 2), Some(4));
        buddies.free(1, 1);
        buddies.free(1, 2);
        assert_eq!(buddies.find(1, 4), Some(0));
        assert_eq!(buddies.largest(0), 4);
    }
}
