//! How far apart nodes are: a few regular networks, by formula.

/// How nodes are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// Every two nodes one hop apart.
    Full,
    /// All on one switch: two hops.
    Star,
    /// Each to the next in a circle.
    Ring,
    /// A square grid, row by row (the last row may be short).
    Mesh,
    /// A binary hypercube.
    Hypercube,
}

impl Topology {
    /// All, by name.
    pub const NAMES: &'static [(&'static str, Topology)] = &[
        ("full", Topology::Full),
        ("star", Topology::Star),
        ("ring", Topology::Ring),
        ("mesh", Topology::Mesh),
        ("hypercube", Topology::Hypercube),
    ];

    /// Hops between nodes `a` and `b` of `nodes`.
    #[must_use]
    pub fn hops(self, nodes: usize, a: usize, b: usize) -> u32 {
        let apart = a.abs_diff(b);
        let hops = match self {
            _ if a == b => 0,
            Topology::Full => 1,
            Topology::Star => 2,
            Topology::Ring => apart.min(nodes - apart),
            Topology::Mesh => {
                let side = (1..).find(|side| side * side >= nodes).unwrap_or(1);
                (a / side).abs_diff(b / side) + (a % side).abs_diff(b % side)
            }
            Topology::Hypercube => return (a ^ b).count_ones(),
        };
        u32::try_from(hops).unwrap_or(u32::MAX)
    }
}
