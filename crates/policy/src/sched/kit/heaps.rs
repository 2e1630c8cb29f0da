//! Many priority queues over one population of threads, linked through arrays: pairing heaps.
//!
//! Source: Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap: a new form of self-adjusting heap", Algorithmica 1986.

use crate::unit::ThreadId;
use heap::vec;
use heap::vec::Vec;

const NIL: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
struct Node {
    key: u64,
    child: u32,
    sibling: u32,
}

/// `heaps` heaps by smallest key; equal keys go by smaller thread number.
///
/// Invariant: a thread stands in at most one heap. Putting in is O(1), taking out O(log n) amortized.
#[derive(Clone, Debug)]
pub struct Heaps {
    roots: Vec<u32>,
    nodes: Vec<Node>,
}

impl Heaps {
    /// Empty heaps for `threads` threads.
    #[must_use]
    pub fn new(heaps: usize, threads: usize) -> Heaps {
        let alone = Node { key: 0, child: NIL, sibling: NIL };
        Heaps { roots: vec![NIL; heaps], nodes: vec![alone; threads] }
    }

    /// The thread with the smallest key in `heap`, and that key.
    #[must_use]
    pub fn first(&self, heap: usize) -> Option<(ThreadId, u64)> {
        let root = self.roots[heap];
        (root != NIL).then(|| (ThreadId(root), self.nodes[root as usize].key))
    }

    /// Puts `thread` into `heap` under `key`.
    pub fn push(&mut self, heap: usize, key: u64, thread: ThreadId) {
        self.nodes[thread.index()] = Node { key, child: NIL, sibling: NIL };
        let root = self.roots[heap];
        self.roots[heap] = if root == NIL { thread.0 } else { self.link(root, thread.0) };
    }

    /// Takes the thread with the smallest key out of `heap`.
    pub fn pop(&mut self, heap: usize) -> Option<(ThreadId, u64)> {
        let first = self.first(heap)?;
        // Pairs from left to right, stacked; then all into one from right to left.
        let (mut stack, mut next) = (NIL, self.nodes[first.0.index()].child);
        while next != NIL {
            let a = next;
            let b = self.nodes[a as usize].sibling;
            let pair = if b == NIL {
                next = NIL;
                a
            } else {
                next = self.nodes[b as usize].sibling;
                self.link(a, b)
            };
            self.nodes[pair as usize].sibling = stack;
            stack = pair;
        }
        let mut root = stack;
        while root != NIL && self.nodes[root as usize].sibling != NIL {
            let other = self.nodes[root as usize].sibling;
            let rest = self.nodes[other as usize].sibling;
            root = self.link(root, other);
            self.nodes[root as usize].sibling = rest;
        }
        self.roots[heap] = root;
        Some(first)
    }

    /// Makes one of two trees of them; the smaller root stays, without a sibling.
    fn link(&mut self, a: u32, b: u32) -> u32 {
        let order = |n: u32| (self.nodes[n as usize].key, n);
        let (top, under) = if order(a) <= order(b) { (a, b) } else { (b, a) };
        self.nodes[under as usize].sibling = self.nodes[top as usize].child;
        let top_node = &mut self.nodes[top as usize];
        (top_node.child, top_node.sibling) = (under, NIL);
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
