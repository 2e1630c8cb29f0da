//! Follows routes from every source to every destination and notes which channel depends on which.

use super::graph::Graph;
use crate::error::Error;
use crate::ids::{NodeId, Port, RouterId, small};
use crate::routing::{Arrival, EJECT, NO_DETOUR, Routes, Trip, no_route};
use crate::topology::{Family, Peer, Topology};

/// Both ways of every tie.
const TIES: [u32; 2] = [0, u32::MAX];

/// The shape of channel numbers: `(router * ports + port) * classes + class`.
struct Shape {
    ports: usize,
    classes: usize,
}

impl Shape {
    fn of(topology: &Topology, routes: &Routes) -> Shape {
        Shape { ports: topology.ports_max(), classes: usize::from(routes.classes()) }
    }

    fn channel(&self, router: RouterId, port: Port, class: u8) -> usize {
        (router.index() * self.ports + port.index()) * self.classes + usize::from(class)
    }
}

/// A channel's name for people.
pub(super) fn name(topology: &Topology, routes: &Routes, channel: usize) -> String {
    let shape = Shape::of(topology, routes);
    let class = channel % shape.classes;
    let port = channel / shape.classes % shape.ports;
    let router = RouterId(small(channel / shape.classes / shape.ports));
    match topology.ports(router).get(port) {
        Some(Peer::Router(other, _, _)) => {
            let (from, to) = (topology.router_label(router), topology.router_label(*other));
            format!("{from} -> {to} (class {class})")
        }
        _ => format!("{} port {port}", topology.router_label(router)),
    }
}

/// The routers at both ends of a channel.
pub(super) fn ends_of(topology: &Topology, routes: &Routes, channel: usize) -> Option<(u32, u32)> {
    let shape = Shape::of(topology, routes);
    let (router, port) = (channel / shape.classes / shape.ports, channel / shape.classes % shape.ports);
    match topology.ports(RouterId(small(router))).get(port) {
        Some(Peer::Router(other, _, _)) => Some((small(router), other.0)),
        _ => None,
    }
}

/// One node of each router that has any: routes depend on a destination's router only.
fn ends(topology: &Topology) -> Vec<NodeId> {
    let mut seen = vec![false; topology.routers()];
    (0..topology.nodes())
        .map(|node| NodeId(small(node)))
        .filter(|node| !std::mem::replace(&mut seen[topology.attachment(*node).0.index()], true))
        .collect()
}

/// All dependencies of a routing that gives a packet one next channel.
///
/// With detours, packets are followed by way of every intermediate router to some destinations, and from every
/// router to every destination after it; a detour's second half uses classes above those of its first.
pub(super) fn dependencies(topology: &Topology, routes: &Routes) -> Graph {
    let shape = Shape::of(topology, routes);
    let mut graph = Graph::new(topology.routers() * shape.ports * shape.classes);
    let ends = ends(topology);
    let mut walk = Walk { topology, routes, shape, seen: Vec::new(), stack: Vec::new(), turn: 0 };
    walk.seen = vec![0; graph_size(topology, &walk.shape) * 2];
    let grouped = matches!(topology.family(), Family::Dragonfly { .. });
    for to in &ends {
        walk.run(&mut graph, *to, NO_DETOUR, false);
    }
    if !routes.has_detours() {
        return graph;
    }
    if grouped {
        let groups = match topology.family() {
            Family::Dragonfly { a, h, .. } => a * h + 1,
            _ => 0,
        };
        for to in &ends {
            (0..groups).for_each(|via| walk.run(&mut graph, *to, via, false));
        }
    } else {
        for via in 0..small(topology.routers()) {
            for to in [ends[0], ends[ends.len() - 1], ends[ends.len() / 2]] {
                walk.run(&mut graph, to, via, false);
            }
        }
        for to in &ends {
            walk.run(&mut graph, *to, 0, true);
        }
    }
    graph
}

fn graph_size(topology: &Topology, shape: &Shape) -> usize {
    topology.routers() * shape.ports * shape.classes
}

/// A walk over the channels that packets for one destination can hold.
struct Walk<'a> {
    topology: &'a Topology,
    routes: &'a Routes,
    shape: Shape,
    /// By `2 * channel + passed`: the walk in which it was seen last.
    seen: Vec<u32>,
    stack: Vec<(RouterId, Arrival, bool, Option<usize>)>,
    turn: u32,
}

impl Walk<'_> {
    fn run(&mut self, graph: &mut Graph, to: NodeId, via: u32, passed: bool) {
        self.turn += 1;
        let home = self.topology.attachment(to).0;
        for router in 0..self.topology.routers() {
            let router = RouterId(small(router));
            let has_nodes = self.topology.ports(router).iter().any(|peer| matches!(peer, Peer::Node(_)));
            if router != home && (has_nodes || passed) && self.routes.reaches(router, to) {
                let start = Arrival { port: Port(u8::MAX), class: 0, fresh: true };
                self.stack.push((router, start, passed, None));
            }
        }
        while let Some((at, arrival, passed, held)) = self.stack.pop() {
            for ties in TIES {
                self.step(graph, at, arrival, Trip { to, via, passed, ties }, held);
            }
        }
    }

    fn step(
        &mut self,
        graph: &mut Graph,
        at: RouterId,
        arrival: Arrival,
        mut trip: Trip,
        held: Option<usize>,
    ) {
        let hop = self.routes.hop(at, arrival, &mut trip);
        if hop.class == EJECT {
            return;
        }
        let Some(Peer::Router(next, port, _)) = self.topology.ports(at).get(hop.port.index()) else { return };
        let channel = self.shape.channel(at, hop.port, hop.class);
        if let Some(held) = held {
            graph.depend(held, channel);
        }
        let state = 2 * channel + usize::from(trip.passed);
        if std::mem::replace(&mut self.seen[state], self.turn) != self.turn {
            let arrival = Arrival { port: *port, class: hop.class, fresh: false };
            self.stack.push((*next, arrival, trip.passed, Some(channel)));
        }
    }
}

/// The extended dependencies of the escape channels: a packet may hold one, move over adaptive channels, and
/// ask for another.
///
/// Errors: [`Error::NoRoute`] when an escape route does not arrive.
pub(super) fn extended_dependencies(topology: &Topology, routes: &Routes) -> Result<Graph, Error> {
    let shape = Shape::of(topology, routes);
    let mut graph = Graph::new(graph_size(topology, &shape));
    let mut seen = vec![u32::MAX; topology.routers()];
    let mut turn = 0;
    for to in ends(topology) {
        let home = topology.attachment(to).0;
        let escape = |at: RouterId| {
            let start = Arrival { port: Port(u8::MAX), class: 0, fresh: true };
            routes.hop(at, start, &mut Trip { to, via: NO_DETOUR, passed: false, ties: 0 })
        };
        for router in (0..topology.routers()).map(|r| RouterId(small(r))).filter(|r| *r != home) {
            let hop = escape(router);
            let Some(Peer::Router(next, _, _)) = topology.ports(router).get(hop.port.index()) else {
                let reason = "the escape channel leads nowhere".to_owned();
                return Err(no_route(topology, router, to, reason));
            };
            let held = shape.channel(router, hop.port, hop.class);
            turn += 1;
            let mut stack = vec![*next];
            while let Some(at) = stack.pop() {
                if at == home || std::mem::replace(&mut seen[at.index()], turn) == turn {
                    continue;
                }
                let asked = escape(at);
                graph.depend(held, shape.channel(at, asked.port, asked.class));
                let mut ports = routes.minimal_ports(at, to);
                while ports != 0 {
                    let port = ports.trailing_zeros() as usize;
                    ports &= ports - 1;
                    if let Some(Peer::Router(other, _, _)) = topology.ports(at).get(port) {
                        stack.push(*other);
                    }
                }
            }
        }
        arrives(topology, to, home, &escape)?;
    }
    Ok(graph)
}

/// Follows the escape route from every router.
fn arrives(
    topology: &Topology,
    to: NodeId,
    home: RouterId,
    escape: &impl Fn(RouterId) -> crate::routing::Hop,
) -> Result<(), Error> {
    for start in 0..topology.routers() {
        let mut at = RouterId(small(start));
        let mut steps = 0;
        while at != home {
            steps += 1;
            match topology.ports(at).get(escape(at).port.index()) {
                Some(Peer::Router(next, _, _)) if steps <= topology.routers() => at = *next,
                _ => {
                    let reason = "the escape route does not arrive".to_owned();
                    return Err(no_route(topology, at, to, reason));
                }
            }
        }
    }
    Ok(())
}
