//! Up/down routing on trees and fat trees: up to a common ancestor, then down.

use super::{EJECT, Hop};
use crate::ids::Port;

/// A tree of switches numbered by level from the root.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    arity: u32,
    levels: u32,
    /// The first switch of each level.
    first: Vec<u32>,
}

fn port(index: u32) -> Port {
    Port(u8::try_from(index).unwrap_or(u8::MAX))
}

impl Tree {
    pub(super) fn new(arity: u32, levels: u32) -> Tree {
        let mut first = vec![0];
        for level in 0..levels {
            first.push(first[level as usize] + arity.pow(level));
        }
        Tree { arity, levels, first }
    }

    /// Ports: the parent first (none at the root), then the children or nodes.
    pub(super) fn hop(&self, at: u32, to: u32) -> Hop {
        let level = small_position(&self.first, at);
        let index = at - self.first[level as usize];
        let below = self.levels - level;
        let children = u32::from(level > 0);
        if to / self.arity.pow(below) != index {
            return Hop { port: port(0), class: 0 };
        }
        let child = to / self.arity.pow(below - 1) % self.arity;
        let class = if below == 1 { EJECT } else { 0 };
        Hop { port: port(children + child), class }
    }
}

/// The level whose first switch is the last one not above `at`.
fn small_position(first: &[u32], at: u32) -> u32 {
    let after = first.iter().position(|start| *start > at).unwrap_or(first.len());
    crate::ids::small(after - 1)
}

/// A k-ary n-tree as [`crate::topology::Family::FatTree`] builds it.
#[derive(Clone, Debug)]
pub(super) struct FatTree {
    arity: u32,
    width: u32,
}

impl FatTree {
    pub(super) fn new(arity: u32, levels: u32) -> FatTree {
        FatTree { arity, width: arity.pow(levels - 1) }
    }

    /// Ports at level 0: up, then nodes; above: down, then up. The way up spreads by destination.
    pub(super) fn hop(&self, at: u32, to: u32) -> Hop {
        let (level, w) = (at / self.width, at % self.width);
        let home = to / self.arity;
        let scale = self.arity.pow(level);
        if w / scale == home / scale {
            let down = if level == 0 { to % self.arity } else { home / (scale / self.arity) % self.arity };
            let first_node = if self.width == 1 { 0 } else { self.arity };
            return if level == 0 {
                Hop { port: port(first_node + down), class: EJECT }
            } else {
                Hop { port: port(down), class: 0 }
            };
        }
        let up = to / scale % self.arity;
        let first_up = if level == 0 { 0 } else { self.arity };
        Hop { port: port(first_up + up), class: 0 }
    }
}
