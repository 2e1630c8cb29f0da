//! Where each node and switch of a network stands in a drawing.

use fabric::topology::{Family, Peer, Topology};
use fabric::{NodeId, RouterId};
use std::f64::consts::TAU;

/// A node or switch at its place; coordinates lie in 0..=1, y downwards.
pub(crate) struct Point {
    /// The place.
    pub(crate) at: (f64, f64),
    /// What to write.
    pub(crate) label: String,
    /// Whether it is a switch.
    pub(crate) switch: bool,
}

/// A line between two points.
pub(crate) struct Edge {
    /// Index of one point.
    pub(crate) a: usize,
    /// Index of the other.
    pub(crate) b: usize,
    /// Whether it joins opposite edges of a torus.
    pub(crate) wraps: bool,
}

/// Points and lines. Point `i` is router `i` for the routers; leaf nodes follow.
pub(crate) struct Plan {
    /// Routers, then leaf nodes.
    pub(crate) points: Vec<Point>,
    /// Links.
    pub(crate) edges: Vec<Edge>,
}

fn id(index: usize) -> RouterId {
    RouterId(u32::try_from(index).unwrap_or(u32::MAX))
}

#[allow(clippy::cast_precision_loss, reason = "drawings are small")]
fn real(index: usize) -> f64 {
    index as f64
}

/// The plan of `topology`.
pub(crate) fn of(topology: &Topology) -> Plan {
    let family = topology.family();
    let routers = topology.routers();
    let mut places: Vec<(f64, f64)> = (0..routers).map(|r| place(topology, r)).collect();
    let leaves = topology.nodes_are_leaves();
    if leaves {
        places.extend((0..topology.nodes()).map(|n| leaf(family, n, topology.nodes())));
    }
    fit(&mut places);
    let switch = |r: usize| !topology.ports(id(r)).iter().any(|peer| matches!(peer, Peer::Node(_))) || leaves;
    let points = places
        .iter()
        .enumerate()
        .map(|(i, at)| {
            let node = if i < routers { i } else { i - routers };
            let label = topology.label(NodeId(id(node).0));
            Point { at: *at, label, switch: i < routers && switch(i) }
        })
        .collect();
    let wrap = matches!(family, Family::Torus(_));
    let mut edges: Vec<Edge> = topology
        .links()
        .iter()
        .map(|link| {
            let (a, b) = (link.a.0.index(), link.b.0.index());
            let far = |(a, b): (&u32, &u32)| a.abs_diff(*b) > 1;
            let (ca, cb) = (topology.coordinates(link.a.0), topology.coordinates(link.b.0));
            Edge { a, b, wraps: wrap && ca.iter().zip(&cb).any(far) }
        })
        .collect();
    if leaves {
        edges.extend((0..topology.nodes()).map(|n| {
            let (router, _) = topology.attachment(NodeId(id(n).0));
            Edge { a: router.index(), b: routers + n, wraps: false }
        }));
    }
    Plan { points, edges }
}

fn circle(i: usize, of: usize) -> (f64, f64) {
    let angle = TAU * real(i) / real(of.max(1)) - TAU / 4.0;
    (angle.cos(), angle.sin())
}

/// The place of a router, in any scale.
fn place(topology: &Topology, r: usize) -> (f64, f64) {
    match topology.family() {
        Family::Star(_) => (0.0, 0.0),
        Family::Mesh(dims) | Family::Torus(dims) => oblique(dims, &topology.coordinates(id(r))),
        Family::Hypercube(dims) => cube(*dims as usize, r),
        Family::Tree { arity, levels } => {
            let (mut level, mut index, mut width) = (0, r, 1usize);
            while index >= width {
                index -= width;
                width *= *arity as usize;
                level += 1;
            }
            ((real(index) + 0.5) / real(width), real(level) / f64::from(*levels))
        }
        Family::FatTree { arity, levels } => {
            let width = arity.pow(levels - 1) as usize;
            let (level, w) = (r / width, r % width);
            ((real(w) + 0.5) / real(width), real(*levels as usize - 1 - level) / f64::from(*levels))
        }
        Family::Dragonfly { a, h, .. } => {
            let groups = (a * h + 1) as usize;
            let (group, member) = (r / *a as usize, r % *a as usize);
            let (cx, cy) = circle(group, groups);
            let (dx, dy) = circle(member, *a as usize);
            let radius = 1.2 / real(groups);
            (cx + radius * dx, cy + radius * dy)
        }
        Family::Ring { .. } | Family::Crossbar(_) | Family::Graph(_) => circle(r, topology.routers()),
    }
}

/// The place of a leaf node, in the scale of its switches.
fn leaf(family: &Family, node: usize, nodes: usize) -> (f64, f64) {
    match family {
        Family::Star(_) => circle(node, nodes),
        _ => ((real(node) + 0.5) / real(nodes), 1.0),
    }
}

/// Two dimensions as they are, each further one a step to the right and up.
fn oblique(dims: &[u32], coordinates: &[u32]) -> (f64, f64) {
    let (mut x, mut y) = (0.0, 0.0);
    let mut scale = 1.0;
    for (d, (at, k)) in coordinates.iter().zip(dims).enumerate() {
        let at = f64::from(*at);
        match d {
            0 => x += at,
            1 => y += at,
            2 => {
                // All layers together are less than one step, so that none lies on the next.
                let layers = f64::from(k.saturating_sub(1).max(1));
                x += at * (0.75 / layers).min(0.38);
                y -= at * (0.75 / layers).min(0.30);
            }
            _ => x += at * scale * (f64::from(dims[0]) + 1.5),
        }
        if d > 2 {
            scale *= f64::from(*k);
        }
    }
    (x, y)
}

/// Each further dimension is a copy of the cube so far, moved.
fn cube(dims: usize, node: usize) -> (f64, f64) {
    const STEPS: [(f64, f64); 8] =
        [(1.0, 0.0), (0.0, 1.0), (0.42, 0.36), (2.4, 0.0), (0.0, 2.2), (5.2, 0.3), (0.3, 4.8), (10.8, 0.4)];
    (0..dims).filter(|bit| node >> bit & 1 == 1).fold((0.0, 0.0), |(x, y), bit| {
        let (dx, dy) = STEPS[bit % 8];
        let far = if bit >= 8 { 2.2 } else { 1.0 };
        (x + far * dx, y + far * dy)
    })
}

/// Scales places into 0..=1.
fn fit(places: &mut [(f64, f64)]) {
    let bounds = |of: fn(&(f64, f64)) -> f64, places: &[(f64, f64)]| {
        let low = places.iter().map(of).fold(f64::INFINITY, f64::min);
        let high = places.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
        (low, if high > low { high - low } else { 1.0 })
    };
    let (x0, dx) = bounds(|p| p.0, places);
    let (y0, dy) = bounds(|p| p.1, places);
    for (x, y) in places {
        *x = (*x - x0) / dx;
        *y = (*y - y0) / dy;
    }
}
