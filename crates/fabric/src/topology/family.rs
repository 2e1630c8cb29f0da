//! The families of networks and how each is built.

use super::{Builder, Topology};
use crate::error::Error;
use crate::ids::{Port, RouterId, small};
use std::fmt;

/// A family of networks with its sizes.
///
/// Invariant: sizes are as [`super::Spec::parse`] admits them; a dimension of 2 in a torus has two links
/// between its two routers, so that the closed forms of k-ary n-cubes hold for it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Family {
    /// All nodes on one switch.
    Star(u32),
    /// Each node joined to two others; with `token`, whoever holds the token transmits.
    Ring {
        /// Nodes.
        nodes: u32,
        /// Whether it is a token ring.
        token: bool,
    },
    /// Nodes at the leaves of a tree of switches.
    Tree {
        /// Children of each switch.
        arity: u32,
        /// Levels of switches.
        levels: u32,
    },
    /// A k-ary n-tree: as many links up as down at every switch.
    FatTree {
        /// Down (and up) links of each switch.
        arity: u32,
        /// Levels of switches.
        levels: u32,
    },
    /// A grid in any number of dimensions.
    Mesh(Vec<u32>),
    /// A grid whose opposite edges are joined.
    Torus(Vec<u32>),
    /// A binary n-cube.
    Hypercube(u32),
    /// Every node joined to every other by a crosspoint of its own.
    Crossbar(u32),
    /// Groups of fully joined routers, each pair of groups joined by one link.
    Dragonfly {
        /// Nodes of a router.
        p: u32,
        /// Routers of a group.
        a: u32,
        /// Links of a router to other groups.
        h: u32,
    },
    /// Any graph, from a file.
    Graph(String),
}

impl Family {
    /// Builds the network.
    ///
    /// Errors: [`Error::Impossible`] when a router would need too many ports.
    pub fn build(&self) -> Result<Topology, Error> {
        match self {
            Family::Star(nodes) => star(*nodes, self),
            Family::Ring { nodes, .. } => grid(&[*nodes], true, self),
            Family::Tree { arity, levels } => tree(*arity, *levels, self),
            Family::FatTree { arity, levels } => fat_tree(*arity, *levels, self),
            Family::Mesh(dims) => grid(dims, false, self),
            Family::Torus(dims) => grid(dims, true, self),
            Family::Hypercube(dims) => hypercube(*dims, self),
            Family::Crossbar(nodes) => crossbar(*nodes, self),
            Family::Dragonfly { p, a, h } => dragonfly(*p, *a, *h, self),
            Family::Graph(name) => Err(Error::Impossible {
                reason: format!("the graph `{name}` is built from its file"),
                span: 0..0,
                way_out: "give the file's path".to_owned(),
            }),
        }
    }

    /// Whether nodes hang on switches by links of their own.
    pub fn nodes_are_leaves(&self) -> bool {
        matches!(self, Family::Star(_) | Family::Tree { .. } | Family::FatTree { .. })
    }

    /// The sizes of a grid's dimensions, lowest first; empty in other families.
    pub fn dims(&self) -> Vec<u32> {
        match self {
            Family::Ring { nodes, .. } => vec![*nodes],
            Family::Mesh(dims) | Family::Torus(dims) => dims.clone(),
            Family::Hypercube(dims) => vec![2; *dims as usize],
            _ => Vec::new(),
        }
    }

    /// The coordinates of a router in a grid, lowest dimension first; empty in other families.
    pub fn coordinates(&self, router: RouterId) -> Vec<u32> {
        let mut rest = router.0;
        self.dims()
            .iter()
            .map(|k| {
                let at = rest % k;
                rest /= k;
                at
            })
            .collect()
    }

    /// The name of the family without its sizes.
    pub fn kind(&self) -> &'static str {
        match self {
            Family::Star(_) => "star",
            Family::Ring { token: false, .. } => "ring",
            Family::Ring { token: true, .. } => "token-ring",
            Family::Tree { .. } => "tree",
            Family::FatTree { .. } => "fattree",
            Family::Mesh(_) => "mesh",
            Family::Torus(_) => "torus",
            Family::Hypercube(_) => "hypercube",
            Family::Crossbar(_) => "crossbar",
            Family::Dragonfly { .. } => "dragonfly",
            Family::Graph(_) => "graph",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |dims: &[u32]| dims.iter().map(u32::to_string).collect::<Vec<_>>().join("x");
        write!(f, "{}:", self.kind())?;
        match self {
            Family::Star(n) | Family::Ring { nodes: n, .. } | Family::Hypercube(n) | Family::Crossbar(n) => {
                write!(f, "{n}")
            }
            Family::Tree { arity, levels } | Family::FatTree { arity, levels } => {
                write!(f, "{arity}:{levels}")
            }
            Family::Mesh(dims) | Family::Torus(dims) => f.write_str(&joined(dims)),
            Family::Dragonfly { p, a, h } => write!(f, "{p}:{a}:{h}"),
            Family::Graph(name) => f.write_str(name),
        }
    }
}

fn star(nodes: u32, family: &Family) -> Result<Topology, Error> {
    let mut builder = Builder::new(1, 0)?;
    (0..nodes).for_each(|_| builder.node(RouterId(0)));
    builder.finish(family.clone())
}

/// Port `2d` of a router leads up in dimension `d`, port `2d + 1` down.
fn grid(dims: &[u32], wrap: bool, family: &Family) -> Result<Topology, Error> {
    let total: usize = dims.iter().map(|k| *k as usize).product();
    let mut builder = Builder::new(total, 2 * dims.len())?;
    let mut stride = 1u32;
    for (d, k) in dims.iter().enumerate() {
        let (up, down) = (super::port_of(2 * d), super::port_of(2 * d + 1));
        for router in 0..small(total) {
            let at = router / stride % k;
            if at + 1 < *k {
                builder.join_ports((RouterId(router), up), (RouterId(router + stride), down));
            } else if wrap && *k > 1 {
                builder.join_ports((RouterId(router), up), (RouterId(router - at * stride), down));
            }
        }
        stride *= k;
    }
    (0..small(total)).for_each(|router| builder.node(RouterId(router)));
    builder.finish(family.clone())
}

/// A hypercube of dimension `n + 1` is two of dimension `n` with corresponding routers joined.
fn hypercube(dims: u32, family: &Family) -> Result<Topology, Error> {
    let total = 1usize << dims;
    let mut builder = Builder::new(total, dims as usize)?;
    for (a, b, dimension) in hypercube_links(dims) {
        let port = Port(u8::try_from(dimension).unwrap_or(u8::MAX));
        builder.join_ports((RouterId(a), port), (RouterId(b), port));
    }
    (0..small(total)).for_each(|router| builder.node(RouterId(router)));
    builder.finish(family.clone())
}

/// The links of a hypercube as (router, router, dimension), made as the definition says.
fn hypercube_links(dims: u32) -> Vec<(u32, u32, u32)> {
    if dims == 0 {
        return Vec::new();
    }
    let half = hypercube_links(dims - 1);
    let size = 1u32 << (dims - 1);
    let mut links = half.clone();
    links.extend(half.iter().map(|(a, b, d)| (a + size, b + size, *d)));
    links.extend((0..size).map(|router| (router, router + size, dims - 1)));
    links
}

/// Switches by level from the root: level `l` has `arity^l`, and its ports are its children, then its parent.
fn tree(arity: u32, levels: u32, family: &Family) -> Result<Topology, Error> {
    let widths: Vec<u32> = (0..levels).map(|level| arity.pow(level)).collect();
    let total: u32 = widths.iter().sum();
    let mut builder = Builder::new(total as usize, 0)?;
    let mut start = 0;
    for width in &widths[..widths.len() - 1] {
        let below = start + width;
        for parent in 0..*width {
            for child in 0..arity {
                builder.join(RouterId(start + parent), RouterId(below + parent * arity + child))?;
            }
        }
        start = below;
    }
    for leaf in 0..arity.pow(levels) {
        builder.node(RouterId(start + leaf / arity));
    }
    builder.finish(family.clone())
}

/// Switch `(level, w)` with `w` of `levels - 1` digits; level 0 holds the nodes. Level `l` and `l + 1` are joined
/// where all digits but digit `l` agree. Ports: `arity` down (none at level 0: its nodes come last), `arity` up.
fn fat_tree(arity: u32, levels: u32, family: &Family) -> Result<Topology, Error> {
    let width = arity.pow(levels - 1);
    let mut builder = Builder::new((width * levels) as usize, 0)?;
    for level in 0..levels - 1 {
        let digit = arity.pow(level);
        for w in 0..width {
            for up in 0..arity {
                let above = w - (w / digit % arity) * digit + up * digit;
                builder.join(RouterId(level * width + w), RouterId((level + 1) * width + above))?;
            }
        }
    }
    (0..width * arity).for_each(|node| builder.node(RouterId(node / arity)));
    builder.finish(family.clone())
}

fn crossbar(nodes: u32, family: &Family) -> Result<Topology, Error> {
    let mut builder = Builder::new(nodes as usize, nodes.saturating_sub(1) as usize)?;
    // Router i reaches router j by port j, with its own number left out.
    let port = |from: u32, to: u32| super::port_of((if to < from { to } else { to - 1 }) as usize);
    for a in 0..nodes {
        for b in a + 1..nodes {
            builder.join_ports((RouterId(a), port(a, b)), (RouterId(b), port(b, a)));
        }
    }
    (0..nodes).for_each(|node| builder.node(RouterId(node)));
    builder.finish(family.clone())
}

/// Router `r` of group `g` owns the group's links `r*h..r*h+h`; link `l` of group `g` leads to group
/// `(g + l + 1) mod groups`, where it is link `groups - 2 - l`.
fn dragonfly(p: u32, a: u32, h: u32, family: &Family) -> Result<Topology, Error> {
    let groups = a * h + 1;
    let local = a - 1;
    let mut builder = Builder::new((groups * a) as usize, (local + h) as usize)?;
    let router = |group: u32, index: u32| RouterId(group * a + index);
    let local_port = |from: u32, to: u32| super::port_of((if to < from { to } else { to - 1 }) as usize);
    for group in 0..groups {
        for i in 0..a {
            for j in i + 1..a {
                builder
                    .join_ports((router(group, i), local_port(i, j)), (router(group, j), local_port(j, i)));
            }
        }
        for link in 0..a * h {
            let other = (group + link + 1) % groups;
            let back = groups - 2 - link;
            if group < other {
                let end = |g: u32, l: u32| (router(g, l / h), super::port_of((local + l % h) as usize));
                builder.join_ports(end(group, link), end(other, back));
            }
        }
    }
    (0..groups * a * p).for_each(|node| builder.node(RouterId(node / p)));
    builder.finish(family.clone())
}
