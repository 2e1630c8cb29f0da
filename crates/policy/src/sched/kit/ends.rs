//! When how many CPUs will be free: what runs, by its expected end, with sums.
//!
//! Source of the structure: Seidel and Aragon, "Randomized search trees", Algorithmica 1996.

use crate::unit::{GroupId, Ns};
use heap::vec;
use heap::vec::Vec;

const NIL: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Node {
    end: Ns,
    cpus: u32,
    /// CPUs of the whole subtree.
    sum: u32,
    left: u32,
    right: u32,
}

/// A treap of groups by expected end; each operation is O(log n) expected, since priorities are hashes of the numbers.
///
/// Invariant: a subtree's sum is that of its groups' CPUs.
#[derive(Clone, Debug)]
pub struct Ends {
    nodes: Vec<Node>,
    root: u32,
}

impl Ends {
    /// Nothing runs, of `groups` groups.
    #[must_use]
    pub fn new(groups: usize) -> Ends {
        let nothing = Node { end: Ns::ZERO, cpus: 0, sum: 0, left: NIL, right: NIL };
        Ends { nodes: vec![nothing; groups], root: NIL }
    }

    /// `group` has `cpus` CPUs, probably until `end`.
    pub fn insert(&mut self, group: GroupId, end: Ns, cpus: u32) {
        self.nodes[group.index()] = Node { end, cpus, sum: cpus, left: NIL, right: NIL };
        let (before, after) = self.split(self.root, (end, group.0));
        let before = self.merge(before, group.0);
        self.root = self.merge(before, after);
    }

    /// `group` has given its CPUs back.
    pub fn remove(&mut self, group: GroupId) {
        let key = (self.nodes[group.index()].end, group.0);
        let (before, rest) = self.split(self.root, key);
        let (_, after) = self.split(rest, (key.0, key.1 + 1));
        self.root = self.merge(before, after);
    }

    /// When the first groups that have `cpus` CPUs between them will have ended, and how many they have more than that.
    #[must_use]
    pub fn when_free(&self, cpus: u32) -> Option<(Ns, u32)> {
        let (mut node, mut need) = (self.root, cpus);
        loop {
            let Node { end, cpus, left, right, .. } = *self.nodes.get(node as usize)?;
            if need <= self.sum(left) && left != NIL {
                node = left;
                continue;
            }
            let until = self.sum(left) + cpus;
            if need <= until {
                return Some((end, until - need));
            }
            (node, need) = (right, need - until);
        }
    }

    fn sum(&self, node: u32) -> u32 {
        self.nodes.get(node as usize).map_or(0, |node| node.sum)
    }

    fn add_up(&mut self, node: u32) {
        let Node { cpus, left, right, .. } = self.nodes[node as usize];
        self.nodes[node as usize].sum = cpus + self.sum(left) + self.sum(right);
    }

    /// What is before `key`, and the rest.
    fn split(&mut self, node: u32, key: (Ns, u32)) -> (u32, u32) {
        if node == NIL {
            return (NIL, NIL);
        }
        let Node { end, left, right, .. } = self.nodes[node as usize];
        let halves = if (end, node) < key {
            let (before, after) = self.split(right, key);
            self.nodes[node as usize].right = before;
            (node, after)
        } else {
            let (before, after) = self.split(left, key);
            self.nodes[node as usize].left = after;
            (before, node)
        };
        self.add_up(node);
        halves
    }

    /// One tree of two, all of `a` before all of `b`.
    fn merge(&mut self, a: u32, b: u32) -> u32 {
        if a == NIL || b == NIL {
            return if a == NIL { b } else { a };
        }
        let top = if priority(a) > priority(b) {
            self.nodes[a as usize].right = self.merge(self.nodes[a as usize].right, b);
            a
        } else {
            self.nodes[b as usize].left = self.merge(a, self.nodes[b as usize].left);
            b
        };
        self.add_up(top);
        top
    }
}

fn priority(node: u32) -> u64 {
    crate::rng::Rng::new(u64::from(node)).bits()
}

#[cfg(test)]
mod tests {
    use super::Ends;
    use crate::unit::{GroupId, Ns};

    #[test]
    fn the_time_when_enough_is_free_follows_what_runs() {
        let (mut ends, mut plain) = (Ends::new(40), std::vec::Vec::new());
        let mut rng = crate::rng::Rng::new(9);
        for _ in 0..2_000 {
            let group = GroupId::new(rng.below(40));
            if let Some(at) = plain.iter().position(|(_, there, _)| *there == group) {
                plain.remove(at);
                ends.remove(group);
            } else {
                let (end, cpus) = (Ns(rng.below(100) as u64), u32::try_from(rng.below(9)).unwrap() + 1);
                plain.push((end, group, cpus));
                ends.insert(group, end, cpus);
            }
            plain.sort_unstable();
            let need = u32::try_from(rng.below(150)).unwrap() + 1;
            let mut sum = 0;
            let first = plain.iter().find(|(_, _, cpus)| {
                sum += cpus;
                sum >= need
            });
            assert_eq!(ends.when_free(need), first.map(|(end, ..)| (*end, sum - need)));
        }
    }
    extern crate std;
}
