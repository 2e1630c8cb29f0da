//! Many priority queues over one population of threads: B-trees from which only the first is taken.
//!
//! Source: Bayer and McCreight, "Organization and maintenance of large ordered indices", Acta Informatica 1, 1972.

use crate::unit::ThreadId;
use heap::vec;
use heap::vec::Vec;

/// Entries of a node: three cache lines.
const FULL: usize = 15;
/// What is left of a full node when its lower part goes to another.
const UPPER: usize = 8;
/// Of no node.
const NIL: u32 = u32::MAX;

/// Entries, largest first, so that the smallest goes without moving another; zeros after them. In a leaf an entry is a key and
/// a thread number; above the leaves it is a number that no key below a child is smaller than, and that child.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Node {
    len: usize,
    keys: [u64; FULL],
    ids: [u32; FULL],
}

const _: () = assert!(size_of::<Node>() == 192);

impl Node {
    const EMPTY: Node = Node { len: 0, keys: [0; FULL], ids: [0; FULL] };

    /// How many keys are larger.
    fn larger(&self, key: u64) -> usize {
        self.keys.partition_point(|other| *other > key)
    }

    fn insert(&mut self, place: usize, key: u64, id: u32) {
        self.keys.copy_within(place..FULL - 1, place + 1);
        self.ids.copy_within(place..FULL - 1, place + 1);
        (self.keys[place], self.ids[place]) = (key, id);
        self.len += 1;
    }

    fn last(&self) -> (u64, u32) {
        (self.keys[self.len - 1], self.ids[self.len - 1])
    }

    /// Takes the last entry.
    fn pop(&mut self) -> (u64, u32) {
        let last = self.last();
        self.len -= 1;
        self.keys[self.len] = 0;
        last
    }
}

#[derive(Clone, Copy, Debug)]
struct Tree {
    root: u32,
    /// The leaf with the smallest entries; no node when the tree is empty.
    first: u32,
    /// Levels above the leaves.
    levels: u32,
}

const EMPTY: Tree = Tree { root: NIL, first: NIL, levels: 0 };

/// `trees` queues by smallest key; equal keys go by smaller thread number. Putting in and taking out are O(log n).
///
/// Invariants: a thread stands in at most one tree. No leaf is empty, a root above leaves has two children or more, and a
/// node has at least seven entries unless it is the last of its level. So there are at most as many nodes as trees and a third
/// of the threads.
#[derive(Clone, Debug)]
pub struct Trees {
    trees: Vec<Tree>,
    nodes: Vec<Node>,
    free: Vec<u32>,
}

impl Trees {
    /// Empty trees for `threads` threads.
    ///
    /// Panics: if they would take 2^32 nodes or more.
    #[must_use]
    pub fn new(trees: usize, threads: usize) -> Trees {
        let nodes = trees.min(threads) + threads.div_ceil(3);
        let free = (0..nodes).rev().map(|node| u32::try_from(node).expect("fewer than 2^32 nodes"));
        Trees { trees: vec![EMPTY; trees], free: free.collect(), nodes: vec![Node::EMPTY; nodes] }
    }

    /// The thread with the smallest key in `tree`, and that key.
    #[must_use]
    pub fn first(&self, tree: usize) -> Option<(ThreadId, u64)> {
        let (key, thread) = self.nodes.get(self.trees[tree].first as usize)?.last();
        Some((ThreadId(thread), key))
    }

    /// Puts `thread` into `tree` under `key`.
    pub fn push(&mut self, tree: usize, key: u64, thread: ThreadId) {
        if self.trees[tree].first == NIL {
            let leaf = self.node();
            self.trees[tree] = Tree { root: leaf, first: leaf, levels: 0 };
        }
        let Tree { root, levels, .. } = self.trees[tree];
        if self.nodes[root as usize].len == FULL {
            let above = self.node();
            self.nodes[above as usize].insert(0, 0, root);
            self.trees[tree] = Tree { root: above, levels: levels + 1, ..self.trees[tree] };
        }
        let Tree { root, levels, .. } = self.trees[tree];
        let mut node = root as usize;
        for below in (0..levels).rev() {
            node = self.child(tree, node, below, (key, thread.0));
        }
        let leaf = &mut self.nodes[node];
        let mut place = leaf.larger(key);
        while place < leaf.len && leaf.keys[place] == key && leaf.ids[place] > thread.0 {
            place += 1;
        }
        leaf.insert(place, key, thread.0);
    }

    /// The child of `node`, with `below` levels under it, where `entry` belongs; there is room for it.
    fn child(&mut self, tree: usize, node: usize, below: u32, entry: (u64, u32)) -> usize {
        let place = self.place(node, below, entry);
        let child = self.nodes[node].ids[place];
        if self.nodes[child as usize].len < FULL {
            return child as usize;
        }
        self.split(tree, node, place);
        let place = self.place(node, below, entry);
        self.nodes[node].ids[place] as usize
    }

    /// Which child of `node` that is.
    fn place(&self, node: usize, below: u32, entry: (u64, u32)) -> usize {
        let node = &self.nodes[node];
        let mut place = node.larger(entry.0).min(node.len - 1);
        // Equal keys on both sides of a bound: the thread numbers decide.
        while place + 1 < node.len
            && node.keys[place] == entry.0
            && entry < self.nodes[self.first_leaf(node.ids[place], below) as usize].last()
        {
            place += 1;
        }
        place
    }

    /// Makes two of the full child of `node` at `place`.
    fn split(&mut self, tree: usize, node: usize, place: usize) {
        let lower = self.node();
        let (bound, child) = (self.nodes[node].keys[place], self.nodes[node].ids[place]);
        let upper = &mut self.nodes[child as usize];
        let mut half = Node { len: FULL - UPPER, ..Node::EMPTY };
        half.keys[..FULL - UPPER].copy_from_slice(&upper.keys[UPPER..]);
        half.ids[..FULL - UPPER].copy_from_slice(&upper.ids[UPPER..]);
        upper.keys[UPPER..].fill(0);
        upper.len = UPPER;
        let least = upper.last().0;
        self.nodes[lower as usize] = half;
        self.nodes[node].keys[place] = least;
        // The bound of the last child says nothing: smaller keys went there too.
        self.nodes[node].insert(place + 1, bound.min(least), lower);
        let first = &mut self.trees[tree].first;
        if *first == child {
            *first = lower;
        }
    }

    /// Takes the thread with the smallest key out of `tree`.
    pub fn pop(&mut self, tree: usize) -> Option<(ThreadId, u64)> {
        let leaf = self.nodes.get_mut(self.trees[tree].first as usize)?;
        let (key, thread) = leaf.pop();
        if leaf.len == 0 {
            self.drop_first(tree);
        }
        Some((ThreadId(thread), key))
    }

    /// Takes the first leaf, which is empty, out of `tree`.
    fn drop_first(&mut self, tree: usize) {
        let Tree { mut root, mut levels, .. } = self.trees[tree];
        if self.prune(root, levels) {
            self.trees[tree] = EMPTY;
            return;
        }
        while levels > 0 && self.nodes[root as usize].len == 1 {
            let (_, only) = self.nodes[root as usize].pop();
            self.free.push(root);
            (root, levels) = (only, levels - 1);
        }
        self.trees[tree] = Tree { root, first: self.first_leaf(root, levels), levels };
    }

    /// Takes the first leaf out of what is at and below `node`; whether nothing is left, and `node` is gone.
    fn prune(&mut self, node: u32, levels: u32) -> bool {
        if levels > 0 && self.prune(self.nodes[node as usize].last().1, levels - 1) {
            self.nodes[node as usize].pop();
        }
        let empty = self.nodes[node as usize].len == 0;
        if empty {
            self.free.push(node);
        }
        empty
    }

    /// The leaf with the smallest entries, `levels` under `node`.
    fn first_leaf(&self, node: u32, levels: u32) -> u32 {
        (0..levels).fold(node, |node, _| self.nodes[node as usize].last().1)
    }

    fn node(&mut self) -> u32 {
        self.free.pop().expect("as many nodes as trees can need")
    }
}

#[cfg(test)]
mod tests {
    use super::Trees;
    use crate::rng::Rng;
    use crate::unit::ThreadId;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    #[test]
    fn keys_come_out_in_order_and_equal_ones_by_thread() {
        for (threads, keys) in [(1, 1), (30, 5), (200, 3), (200, 1_000), (3_000, 7), (3_000, 100_000)] {
            let (mut trees, mut rng) = (Trees::new(2, threads), Rng::new(threads as u64));
            let mut plain = [BTreeSet::new(), BTreeSet::new()];
            let mut away: Vec<u32> = (0..threads).map(|thread| ThreadId::new(thread).0).collect();
            for step in 0..40_000 {
                let tree = rng.below(2);
                // They fill for a while, and drain for a while.
                if rng.below(5) < 2 + step / 4_000 % 2 && !away.is_empty() {
                    let thread = away.swap_remove(rng.below(away.len()));
                    let key = rng.below(keys) as u64;
                    trees.push(tree, key, ThreadId(thread));
                    plain[tree].insert((key, thread));
                } else {
                    let least = plain[tree].pop_first();
                    assert_eq!(trees.pop(tree), least.map(|(key, thread)| (ThreadId(thread), key)));
                    away.extend(least.map(|(_, thread)| thread));
                }
                let least = plain[tree].first();
                assert_eq!(trees.first(tree), least.map(|(key, thread)| (ThreadId(*thread), *key)));
            }
        }
    }

    #[test]
    fn there_is_room_wherever_threads_gather() {
        for (number, threads) in [(1, 1), (1, 90), (7, 200), (300, 40), (3, 5_000)] {
            let (mut trees, mut rng) = (Trees::new(number, threads), Rng::new(1));
            for round in 0..4 {
                for thread in 0..threads {
                    // All in one, in rising, falling and mixed order; then anywhere.
                    let key = [thread, threads - thread, rng.below(threads), rng.below(3)][round];
                    let tree = if round < 3 { round % number } else { rng.below(number) };
                    trees.push(tree, key as u64, ThreadId::new(thread));
                }
                let count: usize = (0..number).map(|t| core::iter::from_fn(|| trees.pop(t)).count()).sum();
                assert_eq!(count, threads);
            }
        }
    }
    extern crate std;
}
