//! Routing: which output a packet takes, and in which class of virtual channels.
//!
//! A route is a pure function of where the packet is, how it came and where it goes, so that the deadlock
//! check explores the very function that routers use. A class of channels is a set of virtual channels; cycles
//! are broken by letting packets move between classes in one direction only.

mod algorithm;
mod dragonfly;
mod grid;
mod kind;
mod table;
mod tree;

pub use algorithm::Algorithm;
use kind::Kind;
pub use table::Table;
pub(crate) use table::no_route;

use crate::error::Error;
use crate::ids::{NodeId, Port, RouterId, small};
use crate::rng::{mix, pick};
use crate::topology::{Family, Topology};

/// Marks a packet that goes straight to its destination.
pub const NO_DETOUR: u32 = u32::MAX;

/// Where a packet goes and how far it is on a detour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trip {
    /// Its destination.
    pub to: NodeId,
    /// The router (or, in a dragonfly, group) by way of which it goes, or [`NO_DETOUR`].
    pub via: u32,
    /// Whether it has been there.
    pub passed: bool,
    /// Random bits that decide ties.
    pub ties: u32,
}

/// How a packet came into a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The input port.
    pub port: Port,
    /// The class of the channel on which it came.
    pub class: u8,
    /// Whether the port leads from a node: the packet starts here.
    pub fresh: bool,
}

/// An output and a class of its channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The output port.
    pub port: Port,
    /// The class; [`EJECT`] for a port to a node, where any channel will do.
    pub class: u8,
}

/// The class of a port to a node: any virtual channel.
pub const EJECT: u8 = u8::MAX;

/// The routing of one network.
#[derive(Clone, Debug)]
pub struct Routes {
    kind: Kind,
    detour: Detour,
    adaptive: bool,
    classes: u8,
    /// The first class of the straight way to the destination, behind those of a detour on a grid.
    last_class: u8,
    attach: Vec<(u32, u8)>,
    algorithm: Algorithm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detour {
    Never,
    Always,
    WhenShorter,
}

impl Routes {
    /// The routes of `topology` under `algorithm`; `table` is for [`Algorithm::Table`].
    ///
    /// Errors: an algorithm that the topology does not have, or a table without a route.
    pub fn new(topology: &Topology, algorithm: Algorithm, table: Option<Table>) -> Result<Routes, Error> {
        let family = topology.family();
        let is_grid = !family.dims().is_empty();
        let dragonfly = matches!(family, Family::Dragonfly { .. });
        let refuse = |way_out: &str| Error::Parameter {
            name: "routing",
            value: algorithm.name().to_owned(),
            reason: format!("{} has no such routing", topology.name()),
            way_out: way_out.to_owned(),
        };
        let (kind, detour, adaptive) = match algorithm {
            Algorithm::Auto => (Kind::natural(topology)?, Detour::Never, false),
            Algorithm::DimensionOrder if is_grid => (Kind::natural(topology)?, Detour::Never, false),
            Algorithm::DimensionOrder => {
                return Err(refuse("use `auto`, or a mesh, torus, ring or hypercube"));
            }
            Algorithm::UpDown => (Kind::up_down(topology)?, Detour::Never, false),
            Algorithm::MinimalAdaptive if is_grid => (Kind::natural(topology)?, Detour::Never, true),
            Algorithm::MinimalAdaptive => {
                return Err(refuse("use `auto`, or a mesh, torus, ring or hypercube"));
            }
            Algorithm::Valiant if is_grid || dragonfly => (Kind::natural(topology)?, Detour::Always, false),
            Algorithm::Valiant => return Err(refuse("use `auto`, or a grid, hypercube or dragonfly")),
            Algorithm::Ugal if dragonfly => (Kind::natural(topology)?, Detour::WhenShorter, false),
            Algorithm::Ugal => {
                return Err(refuse("UGAL is for dragonflies; use `valiant` or `minimal-adaptive`"));
            }
            Algorithm::Table => match table {
                Some(table) => (Kind::Table(table), Detour::Never, false),
                None => return Err(refuse("give the routes in the network's file, as [[route]] tables")),
            },
        };
        let classes = kind.classes(detour, adaptive);
        let attach = (0..topology.nodes())
            .map(|node| {
                let (router, port) = topology.attachment(NodeId(small(node)));
                (router.0, port.0)
            })
            .collect();
        let last_class = match &kind {
            Kind::Grid(grid) if detour == Detour::Always => grid.ring_classes(),
            _ => 0,
        };
        Ok(Routes { kind, detour, adaptive, classes, last_class, attach, algorithm })
    }

    /// How many classes of channels it needs.
    pub fn classes(&self) -> u8 {
        self.classes
    }

    /// The algorithm as it was asked for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether packets may take any shortest path, the class 0 being adaptive and the others the escape.
    pub fn is_adaptive(&self) -> bool {
        self.adaptive
    }

    /// Whether packets may make detours.
    pub fn has_detours(&self) -> bool {
        self.detour != Detour::Never
    }

    /// The router and port of a node.
    pub fn attachment(&self, node: NodeId) -> (RouterId, Port) {
        let (router, port) = self.attach[node.index()];
        (RouterId(router), Port(port))
    }

    /// Plans a packet's trip; `waiting` tells how many flits wait at an output of its first router.
    pub fn plan(&self, from: NodeId, to: NodeId, random: u64, waiting: impl Fn(Port) -> u32) -> Trip {
        let ties = pick(mix(random), u32::MAX);
        let mut trip = Trip { to, via: NO_DETOUR, passed: false, ties };
        if self.detour == Detour::Never || from == to {
            return trip;
        }
        let first = self.attach[from.index()].0;
        trip.via = match &self.kind {
            Kind::Grid(grid) => pick(mix(random ^ 0x56a1), grid.routers()),
            Kind::Dragonfly(dragonfly) => {
                dragonfly.intermediate(first, self.attach[to.index()].0, mix(random ^ 0x56a1))
            }
            _ => NO_DETOUR,
        };
        if self.detour == Detour::WhenShorter && trip.via != NO_DETOUR {
            let straight = Trip { via: NO_DETOUR, ..trip };
            let start = Arrival { port: Port(u8::MAX), class: 0, fresh: true };
            let near = waiting(self.hop(RouterId(first), start, &mut straight.clone()).port);
            let far = waiting(self.hop(RouterId(first), start, &mut trip.clone()).port);
            // The detour has about twice the length; half its queue must beat the straight way's.
            if near <= 2 * far + 3 {
                return straight;
            }
        }
        trip
    }

    /// The output of a packet that has come to `at`; on an adaptive routing, that of its escape channel.
    ///
    /// Marks the trip as having passed its intermediate router.
    #[inline]
    pub fn hop(&self, at: RouterId, arrival: Arrival, trip: &mut Trip) -> Hop {
        let (home, port) = self.attach[trip.to.index()];
        match &self.kind {
            // Most packets of most measurements.
            Kind::Grid(grid) if trip.via == NO_DETOUR && !self.adaptive => {
                if at.0 == home {
                    return Hop { port: Port(port), class: EJECT };
                }
                grid.ordered(at.0, arrival, home, trip.ties, self.last_class)
            }
            _ => self.other_hop(at, arrival, trip),
        }
    }

    #[inline(never)]
    fn other_hop(&self, at: RouterId, mut arrival: Arrival, trip: &mut Trip) -> Hop {
        let (home, port) = self.attach[trip.to.index()];
        let grid = matches!(self.kind, Kind::Grid(_));
        let mut under_way = trip.via != NO_DETOUR && !trip.passed;
        if under_way && grid && at.0 == trip.via {
            trip.passed = true;
            under_way = false;
            arrival.fresh = true;
        }
        if at.0 == home && !(under_way && grid) {
            return Hop { port: Port(port), class: EJECT };
        }
        match &self.kind {
            Kind::Grid(grid) if self.adaptive => grid.escape(at.0, home),
            Kind::Grid(grid) if under_way => grid.ordered(at.0, arrival, trip.via, trip.ties >> 8, 0),
            Kind::Grid(grid) => grid.ordered(at.0, arrival, home, trip.ties, self.last_class),
            Kind::Tree(tree) => tree.hop(at.0, trip.to.0),
            Kind::FatTree(tree) => tree.hop(at.0, trip.to.0),
            Kind::Star => Hop { port: Port(port), class: EJECT },
            Kind::Crossbar => {
                let port = if home < at.0 { home } else { home - 1 };
                Hop { port: Port(u8::try_from(port).unwrap_or(u8::MAX)), class: 0 }
            }
            Kind::Dragonfly(dragonfly) => dragonfly.hop(at.0, arrival, home, trip),
            Kind::Table(table) => table.hop(at, arrival, trip.to),
        }
    }

    /// The ports of shortest paths from `at`, as a mask; 0 where routing is not adaptive or at the destination.
    pub fn minimal_ports(&self, at: RouterId, to: NodeId) -> u64 {
        match &self.kind {
            Kind::Grid(grid) if self.adaptive => grid.minimal(at.0, self.attach[to.index()].0),
            _ => 0,
        }
    }

    /// Whether a packet that starts at `router` can get to `to`.
    pub fn reaches(&self, router: RouterId, to: NodeId) -> bool {
        match &self.kind {
            Kind::Table(table) => self.attach[to.index()].0 == router.0 || table.reaches(router, to),
            _ => true,
        }
    }

    /// Whether routes follow dimension order, whose channels the check can treat ring by ring.
    pub(crate) fn grid_dims(&self) -> Option<(&[u32], bool)> {
        match &self.kind {
            Kind::Grid(grid) => Some((grid.dims(), grid.wraps())),
            _ => None,
        }
    }

    /// Whether routes come from a table.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.kind, Kind::Table(_))
    }

    /// Whether every route goes up a tree and then down.
    pub(crate) fn is_tree(&self) -> bool {
        matches!(self.kind, Kind::Tree(_) | Kind::FatTree(_) | Kind::Star)
    }
}

/// Routes around links that are down: up/down over what is left.
///
/// Errors: [`Error::NoRoute`] when the network is in parts and `parts` is not admitted.
pub(crate) fn around(topology: &Topology, up: &[bool]) -> Result<Routes, Error> {
    let table = Table::up_down(topology, |link| up[link])?;
    Routes::new(topology, Algorithm::Table, Some(table))
}
