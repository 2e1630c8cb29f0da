//! Dimension order on rings, meshes, tori and hypercubes; shortest paths with an escape channel.
//!
//! On a ring, packets that cross the dateline (between the last position and 0) use class 1 for the whole ring,
//! others class 0. No packet of class 0 crosses it, and no packet of class 1 goes more than half round, so
//! neither class has a cycle of waiting channels. The check proves it for each size.

use super::{Arrival, Hop};
use crate::ids::Port;

/// A dimension, and where its coordinate lies in a router's packed ones.
#[derive(Clone, Copy, Debug)]
struct Axis {
    size: u32,
    shift: u32,
    mask: u64,
}

impl Axis {
    fn of(self, packed: u64) -> u64 {
        packed >> self.shift & self.mask
    }

    /// Whether the shorter way from `here` to `there` leads up; `tie` decides between ways of one length.
    fn shorter_way_is_up(self, here: u64, there: u64, tie: bool) -> bool {
        let size = u64::from(self.size);
        let distance = if there >= here { there - here } else { there + size - here };
        2 * distance < size || (2 * distance == size && tie)
    }
}

/// Coordinates and sizes of a grid.
///
/// Invariant: a router's coordinates fit a word, the first dimension lowest; [`crate::topology::NODES_MAX`] sees to that.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    dims: Vec<u32>,
    axes: Vec<Axis>,
    /// The dimension of each bit of packed coordinates.
    dim_of_bit: [u8; 64],
    wrap: bool,
    /// By router.
    coordinates: Vec<u64>,
    /// 2 where port `2d` leads up and `2d + 1` down, 1 in a hypercube.
    ports_per_dim: u8,
}

impl Grid {
    pub(super) fn new(dims: &[u32], wrap: bool) -> Grid {
        let mut axes = Vec::with_capacity(dims.len());
        let mut dim_of_bit = [0; 64];
        let mut shift = 0;
        for (dim, size) in (0..).zip(dims) {
            let bits = size.next_power_of_two().trailing_zeros();
            axes.push(Axis { size: *size, shift, mask: (1 << bits) - 1 });
            dim_of_bit[shift as usize..(shift + bits) as usize].fill(dim);
            shift += bits;
        }
        let total: u32 = dims.iter().product();
        let place = |router: u32| {
            let mut rest = router;
            axes.iter().fold(0, |packed, axis| {
                let at = u64::from(rest % axis.size);
                rest /= axis.size;
                packed | at << axis.shift
            })
        };
        let coordinates = (0..total).map(place).collect();
        Grid { dims: dims.to_vec(), axes, dim_of_bit, wrap, coordinates, ports_per_dim: 2 }
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

    #[inline]
    fn port(&self, dim: u8, up: bool) -> Port {
        Port(if self.ports_per_dim == 1 { dim } else { 2 * dim + u8::from(!up) })
    }

    /// The first dimension in which two routers differ, and their coordinates in it.
    #[inline]
    fn first_difference(&self, at: u32, target: u32) -> (u8, Axis, u64, u64) {
        let (here, there) = (self.coordinates[at as usize], self.coordinates[target as usize]);
        assert!(here != there, "a packet at its target is ejected");
        let dim = self.dim_of_bit[(here ^ there).trailing_zeros() as usize % 64];
        let axis = self.axes[usize::from(dim)];
        (dim, axis, axis.of(here), axis.of(there))
    }

    /// The first differing dimension, towards `target` the shorter way; `base` is added to the class.
    #[inline]
    pub(super) fn ordered(&self, at: u32, arrival: Arrival, target: u32, ties: u32, base: u8) -> Hop {
        let (dim, axis, here, there) = self.first_difference(at, target);
        if !self.wrap {
            return Hop { port: self.port(dim, there > here), class: base };
        }
        let in_ring = !arrival.fresh && arrival.port.0 / 2 == dim;
        if in_ring {
            // On through the ring in which it is, in the class in which it is.
            return Hop { port: Port(arrival.port.0 ^ 1), class: arrival.class };
        }
        let up = axis.shorter_way_is_up(here, there, ties >> dim & 1 == 1);
        let crosses = up != (there > here);
        Hop { port: self.port(dim, up), class: base + u8::from(crosses) }
    }

    /// Dimension order that needs no memory: class 1 before the dateline (or in a mesh), class 2 after it.
    pub(super) fn escape(&self, at: u32, target: u32) -> Hop {
        let (dim, axis, here, there) = self.first_difference(at, target);
        if !self.wrap {
            return Hop { port: self.port(dim, there > here), class: 1 };
        }
        let up = axis.shorter_way_is_up(here, there, true);
        let will_cross = up != (there > here);
        Hop { port: self.port(dim, up), class: if will_cross { 1 } else { 2 } }
    }

    /// All ports that lie on a shortest path.
    pub(super) fn minimal(&self, at: u32, target: u32) -> u64 {
        let (here, there) = (self.coordinates[at as usize], self.coordinates[target as usize]);
        let mut ports = 0;
        for (dim, axis) in (0..).zip(&self.axes) {
            let (here, there) = (axis.of(here), axis.of(there));
            if here == there {
                continue;
            }
            if self.wrap {
                let way = |tie| axis.shorter_way_is_up(here, there, tie);
                ports |= 1u64 << self.port(dim, way(true)).0;
                ports |= 1u64 << self.port(dim, way(false)).0;
            } else {
                ports |= 1u64 << self.port(dim, there > here).0;
            }
        }
        ports
    }
}
