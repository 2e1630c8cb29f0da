//! Many priority queues over one population of threads, linked through arrays: leftist heaps.
//!
//! Source: Crane, "Linear lists and priority queues as balanced binary trees", Stanford 1972 (leftist trees).

use crate::unit::ThreadId;
use heap::vec;
use heap::vec::Vec;

const NIL: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Node {
    key: u64,
    left: u32,
    right: u32,
    rank: u32,
}

/// `heaps` heaps by smallest key; equal keys go by smaller thread number.
///
/// Invariant: a thread stands in at most one heap; a right spine is at most log2(n) long, so merging recurses no deeper than
/// 2 log2(n).
#[derive(Clone, Debug)]
pub struct Heaps {
    roots: Vec<u32>,
    nodes: Vec<Node>,
}

impl Heaps {
    /// Empty heaps for `threads` threads.
    #[must_use]
    pub fn new(heaps: usize, threads: usize) -> Heaps {
        Heaps {
            roots: vec![NIL; heaps],
            nodes: vec![Node { key: 0, left: NIL, right: NIL, rank: 0 }; threads],
        }
    }

    /// The thread with the smallest key in `heap`, and that key.
    #[must_use]
    pub fn first(&self, heap: usize) -> Option<(ThreadId, u64)> {
        let root = self.roots[heap];
        (root != NIL).then(|| (ThreadId(root), self.nodes[root as usize].key))
    }

    /// Puts `thread` into `heap` under `key`.
    pub fn push(&mut self, heap: usize, key: u64, thread: ThreadId) {
        self.nodes[thread.index()] = Node { key, left: NIL, right: NIL, rank: 1 };
        self.roots[heap] = self.merge(self.roots[heap], thread.0);
    }

    /// Takes the thread with the smallest key out of `heap`.
    pub fn pop(&mut self, heap: usize) -> Option<(ThreadId, u64)> {
        let first = self.first(heap)?;
        let Node { left, right, .. } = self.nodes[first.0.index()];
        self.roots[heap] = self.merge(left, right);
        Some(first)
    }

    fn rank(&self, node: u32) -> u32 {
        if node == NIL { 0 } else { self.nodes[node as usize].rank }
    }

    fn merge(&mut self, a: u32, b: u32) -> u32 {
        if a == NIL || b == NIL {
            return if a == NIL { b } else { a };
        }
        let order = |n: u32| (self.nodes[n as usize].key, n);
        let (top, other) = if order(a) <= order(b) { (a, b) } else { (b, a) };
        let merged = self.merge(self.nodes[top as usize].right, other);
        let left = self.nodes[top as usize].left;
        let (left, right) = if self.rank(left) < self.rank(merged) { (merged, left) } else { (left, merged) };
        let rank = self.rank(right) + 1;
        let node = &mut self.nodes[top as usize];
        (node.left, node.right, node.rank) = (left, right, rank);
        top
    }
}

#[cfg(test)]
mod tests {
    use super::Heaps;
    use crate::unit::ThreadId;

    #[test]
    fn keys_come_out_in_order_from_each_heap() {
        let mut heaps = Heaps::new(2, 1_000);
        let mut rng = crate::rng::Rng::new(1);
        (0..1_000).for_each(|t| heaps.push(t as usize % 2, rng.below(300) as u64, ThreadId(t)));
        for heap in 0..2 {
            let (mut last, mut count) = ((0, 0), 0);
            while let Some((thread, key)) = heaps.pop(heap) {
                assert!(last <= (key, thread.0) && thread.index() % 2 == heap);
                (last, count) = ((key, thread.0), count + 1);
            }
            assert_eq!(count, 500);
        }
    }
}
