//! Whether a routing can deadlock, decided before anything is simulated.
//!
//! A channel is a link's direction with a class of virtual channels. A packet that holds one channel and asks for
//! another makes the first depend on the second. Routing that gives each packet one next channel is free of
//! deadlock if these dependencies have no cycle; adaptive routing is if the extended dependencies of its escape
//! channels have none and every packet can always ask for one.
//!
//! Source: Dally and Seitz, "Deadlock-free message routing in multiprocessor interconnection networks", 1987;
//! Duato, "A new theory of deadlock-free adaptive routing in wormhole networks", 1993.

mod explore;
mod graph;

use crate::error::Error;
use crate::routing::Routes;
use crate::topology::{Family, Topology};

/// Work (destinations times channels) up to which every dependency is followed.
const EXPLICIT_WORK_MAX: usize = 40_000_000;
/// The side to which a large grid is cut for the check of adaptive routing; parity is kept.
const SIDE_CHECKED: u32 = 6;

/// Why a routing cannot deadlock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The graph of all channel dependencies has no cycle.
    Acyclic {
        /// Channels.
        channels: usize,
        /// Dependencies between them.
        dependencies: usize,
    },
    /// The extended dependencies of the escape channels have no cycle, and escape routes arrive.
    Escape {
        /// Escape channels.
        channels: usize,
        /// Extended dependencies between them.
        dependencies: usize,
    },
    /// Dimensions come in order, and the ring or line of each was followed by itself.
    DimensionByDimension {
        /// The sizes that were followed.
        sizes: Vec<u32>,
    },
    /// As [`Proof::Escape`] on a grid of the same shape with smaller sides, beyond which nothing new appears.
    EscapeInSmall {
        /// The sides that were checked.
        sides: Vec<u32>,
    },
    /// Every hop leads to a channel of higher rank.
    Ranked,
}

impl std::fmt::Display for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Proof::Acyclic { channels, dependencies } => {
                write!(f, "{dependencies} dependencies among {channels} channels have no cycle")
            }
            Proof::Escape { channels, dependencies } => {
                write!(
                    f,
                    "{dependencies} extended dependencies among {channels} escape channels have no cycle"
                )
            }
            Proof::DimensionByDimension { sizes } => {
                write!(f, "dimensions in order, no cycle in a dimension of {sizes:?}")
            }
            Proof::EscapeInSmall { sides } => {
                write!(
                    f,
                    "extended dependencies of the escape channels have no cycle, checked on sides {sides:?}"
                )
            }
            Proof::Ranked => f.write_str("every hop leads to a channel of higher rank"),
        }
    }
}

/// Proves that `routes` cannot deadlock on `topology`.
///
/// Errors: [`Error::Deadlock`] with a cycle of channels.
pub fn check(topology: &Topology, routes: &Routes) -> Result<Proof, Error> {
    let channels = topology.links().len() * 2 * usize::from(routes.classes());
    let work = topology.routers().saturating_mul(channels);
    if routes.is_adaptive() {
        return adaptive(topology, routes, work);
    }
    if work <= EXPLICIT_WORK_MAX || !structured(topology, routes) {
        let graph = explore::dependencies(topology, routes);
        return match graph.cycle() {
            Some(cycle) => Err(deadlock(topology, routes, &cycle)),
            None => Ok(Proof::Acyclic { channels, dependencies: graph.edges() }),
        };
    }
    match routes.grid_dims() {
        Some((dims, wrap)) => dimension_by_dimension(topology, routes, dims, wrap),
        None => Ok(Proof::Ranked),
    }
}

/// Whether the routing's structure stands in for following every route: grids, trees, dragonflies.
fn structured(topology: &Topology, routes: &Routes) -> bool {
    let dragonfly = matches!(topology.family(), Family::Dragonfly { .. } | Family::Crossbar(_));
    routes.grid_dims().is_some() || routes.is_tree() || (dragonfly && !routes.is_table())
}

/// Dimension order makes channels of one dimension wait only for the same and later ones; so each distinct
/// dimension is followed alone.
fn dimension_by_dimension(
    topology: &Topology,
    routes: &Routes,
    dims: &[u32],
    wrap: bool,
) -> Result<Proof, Error> {
    let mut sizes: Vec<u32> = dims.to_vec();
    sizes.sort_unstable();
    sizes.dedup();
    for k in sizes.iter().filter(|k| **k > 1) {
        let line = if wrap { Family::Torus(vec![*k]) } else { Family::Mesh(vec![*k]) }.build()?;
        let alone = Routes::new(&line, routes.algorithm(), None)?;
        if let Some(cycle) = explore::dependencies(&line, &alone).cycle() {
            return Err(deadlock(topology, routes, &cycle));
        }
    }
    Ok(Proof::DimensionByDimension { sizes })
}

fn adaptive(topology: &Topology, routes: &Routes, work: usize) -> Result<Proof, Error> {
    if work.saturating_mul(8) > EXPLICIT_WORK_MAX {
        let cut = |k: &u32| if *k > SIDE_CHECKED { SIDE_CHECKED + k % 2 } else { *k };
        let (small, sides) = match topology.family() {
            Family::Hypercube(dims) => (Family::Hypercube((*dims).min(6)), vec![2; (*dims).min(6) as usize]),
            family => {
                let sides: Vec<u32> = family.dims().iter().take(3).map(cut).collect();
                let wraps = !matches!(family, Family::Mesh(_));
                (if wraps { Family::Torus(sides.clone()) } else { Family::Mesh(sides.clone()) }, sides)
            }
        };
        let small = small.build()?;
        let of_small = Routes::new(&small, routes.algorithm(), None)?;
        adaptive_in_full(&small, &of_small)?;
        return Ok(Proof::EscapeInSmall { sides });
    }
    adaptive_in_full(topology, routes)
}

fn adaptive_in_full(topology: &Topology, routes: &Routes) -> Result<Proof, Error> {
    let graph = explore::extended_dependencies(topology, routes)?;
    match graph.cycle() {
        Some(cycle) => Err(deadlock(topology, routes, &cycle)),
        None => Ok(Proof::Escape {
            channels: topology.links().len() * 2 * usize::from(routes.classes() - 1),
            dependencies: graph.edges(),
        }),
    }
}

fn deadlock(topology: &Topology, routes: &Routes, cycle: &[usize]) -> Error {
    let way_out = match topology.family() {
        Family::Graph(_) => {
            "leave the routes out (up/down routing is made for any graph), or break the cycle"
        }
        _ => "use `auto` routing, which this network has free of deadlock",
    };
    let links = cycle.iter().filter_map(|channel| explore::ends_of(topology, routes, *channel)).collect();
    let cycle = cycle.iter().map(|channel| explore::name(topology, routes, *channel)).collect();
    Error::Deadlock { cycle, links, way_out: way_out.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Algorithm, Table};

    fn proof(spec: &str, algorithm: Algorithm) -> Proof {
        let topology = Topology::from_spec(spec).unwrap();
        check(&topology, &Routes::new(&topology, algorithm, None).unwrap()).unwrap()
    }

    #[test]
    fn every_routing_of_every_family_passes() {
        let all =
            ["star:5", "ring:2", "ring:5", "ring:8", "tree:3:2", "fattree:2:3", "mesh:4x3", "torus:4x4"];
        for spec in all.into_iter().chain([
            "torus:2x3",
            "torus:5x3x2",
            "hypercube:4",
            "crossbar:5",
            "dragonfly:2:4:2",
        ]) {
            proof(spec, Algorithm::Auto);
            proof(spec, Algorithm::UpDown);
        }
        for spec in ["mesh:4x4", "torus:4x4", "torus:5x3", "hypercube:4", "ring:7", "mesh:3x3x3", "torus:6x6"]
        {
            proof(spec, Algorithm::Valiant);
            assert!(matches!(proof(spec, Algorithm::MinimalAdaptive), Proof::Escape { .. }));
        }
        proof("dragonfly:2:4:2", Algorithm::Valiant);
        proof("dragonfly:1:2:1", Algorithm::Ugal);
    }

    #[test]
    fn large_networks_are_proved_by_their_structure() {
        assert_eq!(proof("torus:64x64x64", Algorithm::Auto), Proof::DimensionByDimension { sizes: vec![64] });
        assert!(matches!(proof("mesh:64x64", Algorithm::MinimalAdaptive), Proof::EscapeInSmall { .. }));
        assert_eq!(proof("dragonfly:8:16:8", Algorithm::Ugal), Proof::Ranked);
    }

    #[test]
    fn going_round_a_ring_without_a_dateline_is_refused_with_its_cycle() {
        let ring = Topology::from_spec("ring:4").unwrap();
        let mut routes = Vec::new();
        for at in 0..4 {
            routes.extend((0..4).filter(|to| *to != at).map(|to| (at, to, (at + 1) % 4)));
        }
        let table = Table::given(&ring, &routes).unwrap();
        let routes = Routes::new(&ring, Algorithm::Table, Some(table)).unwrap();
        match check(&ring, &routes) {
            Err(Error::Deadlock { cycle, .. }) => {
                assert_eq!(cycle.len(), 4);
                assert!(cycle.iter().any(|channel| channel.contains("3 -> 0")), "{cycle:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}
