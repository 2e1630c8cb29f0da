//! Dimension order on rings, meshes, tori and hypercubes; shortest paths with an escape channel.
//!
//! On a ring, packets that cross the dateline (between the last position and 0) use class 1 for the whole ring,
//! others class 0. No packet of class 0 crosses it, and no packet of class 1 goes more than half round, so
//! neither class has a cycle of waiting channels. The check proves it for each size.

use super::{Arrival, Hop};
use crate::ids::Port;

/// Coordinates and sizes of a grid.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    dims: Vec<u32>,
    wrap: bool,
    /// Coordinates of router `r`: `coordinates[r * dims.len()..][..dims.len()]`.
    coordinates: Vec<u16>,
    /// 2 where port `2d` leads up and `2d + 1` down, 1 in a hypercube.
    ports_per_dim: u8,
}

impl Grid {
    pub(super) fn new(dims: &[u32], wrap: bool) -> Grid {
        let total: usize = dims.iter().map(|k| *k as usize).product();
        let mut coordinates = Vec::with_capacity(total * dims.len());
        let mut at = vec![0u32; dims.len()];
        for _ in 0..total {
            coordinates.extend(at.iter().map(|x| u16::try_from(*x).unwrap_or(u16::MAX)));
            for (x, k) in at.iter_mut().zip(dims) {
                *x += 1;
                if *x < *k {
                    break;
                }
                *x = 0;
            }
        }
        Grid { dims: dims.to_vec(), wrap, coordinates, ports_per_dim: 2 }
    }

    pub(super) fn with_single_ports(mut self) -> Grid {
        self.ports_per_dim = 1;
        self
    }

    pub(super) fn dims(&self) -> &[u32] {
        &self.dims
    }

    pub(super) fn wraps(&self) -> bool {
        self.wrap
    }

    pub(super) fn routers(&self) -> u32 {
        self.dims.iter().product()
    }

    /// Classes that one way through the grid needs: 2 with rings, else 1.
    pub(super) fn ring_classes(&self) -> u8 {
        if self.wrap { 2 } else { 1 }
    }

    fn of(&self, router: u32) -> &[u16] {
        let n = self.dims.len();
        &self.coordinates[router as usize * n..][..n]
    }

    fn port(&self, dim: usize, up: bool) -> Port {
        let dim = u8::try_from(dim).unwrap_or(u8::MAX);
        Port(if self.ports_per_dim == 1 { dim } else { 2 * dim + u8::from(!up) })
    }

    /// The first differing dimension, towards `target` the shorter way; `base` is added to the class.
    pub(super) fn ordered(&self, at: u32, arrival: Arrival, target: u32, ties: u32, base: u8) -> Hop {
        let (here, there) = (self.of(at), self.of(target));
        let Some(dim) = (0..self.dims.len()).find(|d| here[*d] != there[*d]) else {
            unreachable!("a packet at its target is ejected")
        };
        if !self.wrap {
            return Hop { port: self.port(dim, there[dim] > here[dim]), class: base };
        }
        let in_ring = !arrival.fresh && arrival.port.index() / 2 == dim;
        if in_ring {
            // On through the ring in which it is, in the class in which it is.
            return Hop { port: Port(arrival.port.0 ^ 1), class: arrival.class };
        }
        let up = self.shorter_way_is_up(dim, here[dim], there[dim], ties >> dim & 1 == 1);
        let crosses = up != (there[dim] > here[dim]);
        Hop { port: self.port(dim, up), class: base + u8::from(crosses) }
    }

    fn shorter_way_is_up(&self, dim: usize, here: u16, there: u16, tie: bool) -> bool {
        let k = self.dims[dim];
        let distance = (u32::from(there) + k - u32::from(here)) % k;
        match (2 * distance).cmp(&k) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal => tie,
        }
    }

    /// Dimension order that needs no memory: class 1 before the dateline (or in a mesh), class 2 after it.
    pub(super) fn escape(&self, at: u32, target: u32) -> Hop {
        let (here, there) = (self.of(at), self.of(target));
        let Some(dim) = (0..self.dims.len()).find(|d| here[*d] != there[*d]) else {
            unreachable!("a packet at its target is ejected")
        };
        if !self.wrap {
            return Hop { port: self.port(dim, there[dim] > here[dim]), class: 1 };
        }
        let up = self.shorter_way_is_up(dim, here[dim], there[dim], true);
        let will_cross = up != (there[dim] > here[dim]);
        Hop { port: self.port(dim, up), class: if will_cross { 1 } else { 2 } }
    }

    /// All ports that lie on a shortest path.
    pub(super) fn minimal(&self, at: u32, target: u32) -> u64 {
        let (here, there) = (self.of(at), self.of(target));
        let mut ports = 0;
        for dim in (0..self.dims.len()).filter(|d| here[*d] != there[*d]) {
            if self.wrap {
                let way = |tie| self.shorter_way_is_up(dim, here[dim], there[dim], tie);
                ports |= 1u64 << self.port(dim, way(true)).0;
                ports |= 1u64 << self.port(dim, way(false)).0;
            } else {
                ports |= 1u64 << self.port(dim, there[dim] > here[dim]).0;
            }
        }
        ports
    }
}
