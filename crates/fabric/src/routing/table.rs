//! Routes from a table: given by a person, or up/down over a spanning tree of any graph.

use super::{Arrival, Hop};
use crate::error::Error;
use crate::ids::{NodeId, Port, RouterId, small};
use crate::topology::{Peer, Topology};
use std::collections::VecDeque;

/// No route.
const NONE: u8 = u8::MAX;
/// Entries (routers times nodes) up to which tables are made.
const ENTRIES_MAX: usize = 1 << 26;

/// The output for each router and destination; with up/down routing, one table for packets that may still go
/// up and one for those that have gone down.
#[derive(Clone, Debug)]
pub struct Table {
    nodes: usize,
    ports: usize,
    next: Vec<u8>,
    /// For packets that came by a down link; empty when the way a packet came does not matter.
    descending: Vec<u8>,
    /// By router and port: whether that link leads up, away from which a packet came down.
    leads_up: Vec<bool>,
}

impl Table {
    /// A table from routes "at router, to node, via neighbour". Missing routes to a router's own nodes are
    /// filled in; a packet's other missing routes take the neighbour if it has the destination.
    ///
    /// Errors: [`Error::NoRoute`] for a missing route, one by way of no neighbour, or one that never arrives.
    pub fn given(topology: &Topology, routes: &[(u32, u32, u32)]) -> Result<Table, Error> {
        let nodes = topology.nodes();
        let mut table = Table::empty(topology)?;
        for (at, to, via) in routes {
            let found = topology.neighbours(RouterId(*at)).find(|(_, other, _)| other.0 == *via);
            let Some((port, _, _)) = found else {
                let name = |router| topology.router_label(RouterId(router));
                let reason = format!("`{}` is no neighbour of `{}`", name(*via), name(*at));
                return Err(no_route(topology, RouterId(*at), NodeId(*to), reason));
            };
            table.next[*at as usize * nodes + *to as usize] = port.0;
        }
        for node in 0..nodes {
            let (home, port) = topology.attachment(NodeId(small(node)));
            table.next[home.index() * nodes + node] = port.0;
            for (_, other, _) in topology.neighbours(home) {
                let slot = &mut table.next[other.index() * nodes + node];
                if *slot == NONE {
                    let back = topology.neighbours(other).find(|(_, r, _)| *r == home);
                    *slot = back.map_or(NONE, |(port, _, _)| port.0);
                }
            }
        }
        table.arrives(topology)?;
        Ok(table)
    }

    /// Up/down routes: up towards router 0 of a breadth-first tree, then down, by the shortest such path over
    /// the links that `up` admits. Destinations out of reach have no route.
    ///
    /// Errors: [`Error::Impossible`] for a network too large for tables.
    pub fn up_down(topology: &Topology, up: impl Fn(usize) -> bool) -> Result<Table, Error> {
        let mut table = Table::empty(topology)?;
        table.descending = vec![NONE; table.next.len()];
        let level = levels(topology, &up);
        let rank = |router: usize| (level[router], router);
        for router in 0..topology.routers() {
            for (port, other, _) in topology.neighbours(RouterId(small(router))) {
                table.leads_up[router * table.ports + port.index()] = rank(other.index()) < rank(router);
            }
        }
        let mut search = Backwards::new(topology.routers());
        for node in 0..topology.nodes() {
            search.run(topology, &table.leads_up, table.ports, NodeId(small(node)), &up);
            for router in 0..topology.routers() {
                table.next[router * table.nodes + node] = search.port[2 * router];
                table.descending[router * table.nodes + node] = search.port[2 * router + 1];
            }
        }
        Ok(table)
    }

    fn empty(topology: &Topology) -> Result<Table, Error> {
        let (routers, nodes, ports) = (topology.routers(), topology.nodes(), topology.ports_max());
        if routers * nodes > ENTRIES_MAX {
            return Err(Error::Impossible {
                reason: format!("a routing table of {routers} routers by {nodes} nodes is too large"),
                span: 0..0,
                way_out: "use a family with routing of its own (mesh, torus, dragonfly, fat tree)".to_owned(),
            });
        }
        let next = vec![NONE; routers * nodes];
        Ok(Table { nodes, ports, next, descending: Vec::new(), leads_up: vec![false; routers * ports] })
    }

    /// The next hop.
    pub(super) fn hop(&self, at: RouterId, arrival: Arrival, to: NodeId) -> Hop {
        let entry = at.index() * self.nodes + to.index();
        // A packet came down if the port by which it came leads up.
        let came_down = !arrival.fresh && self.leads_up[at.index() * self.ports + arrival.port.index()];
        let port =
            if came_down && !self.descending.is_empty() { self.descending[entry] } else { self.next[entry] };
        Hop { port: Port(port), class: 0 }
    }

    /// Whether a packet that starts at `router` can get to `to`.
    pub fn reaches(&self, router: RouterId, to: NodeId) -> bool {
        self.next[router.index() * self.nodes + to.index()] != NONE
    }

    /// Follows every given route to its end.
    fn arrives(&self, topology: &Topology) -> Result<(), Error> {
        for node in 0..self.nodes {
            let to = NodeId(small(node));
            for start in 0..self.nodes {
                let mut at = topology.attachment(NodeId(small(start))).0;
                for steps in 0.. {
                    let port = self.next[at.index() * self.nodes + node];
                    let fail = |reason: &str| Err(no_route(topology, at, to, reason.to_owned()));
                    if port == NONE {
                        return fail("the table has none");
                    }
                    match topology.ports(at).get(usize::from(port)) {
                        Some(Peer::Node(found)) if *found == to => break,
                        Some(Peer::Router(next, _, _)) if steps <= topology.routers() => at = *next,
                        Some(Peer::Router(..)) => return fail("the route goes round in a circle"),
                        _ => return fail("the route ends elsewhere"),
                    }
                }
            }
        }
        Ok(())
    }
}

/// The error of a packet that cannot go on.
pub(crate) fn no_route(topology: &Topology, at: RouterId, to: NodeId, reason: String) -> Error {
    let names = (topology.router_label(at), topology.label(to));
    Error::NoRoute { at: at.0, to: to.0, names, reason }
}

/// Distance of each router from router 0 over links that are up; `u32::MAX` out of reach. Each part that router 0
/// cannot reach has a root of its own, the lowest router in it.
fn levels(topology: &Topology, up: &impl Fn(usize) -> bool) -> Vec<u32> {
    let mut level = vec![u32::MAX; topology.routers()];
    for root in 0..topology.routers() {
        if level[root] != u32::MAX {
            continue;
        }
        level[root] = 0;
        let mut queue = VecDeque::from([RouterId(small(root))]);
        while let Some(router) = queue.pop_front() {
            for (_, other, link) in topology.neighbours(router) {
                if level[other.index()] == u32::MAX && up(link.index()) {
                    level[other.index()] = level[router.index()] + 1;
                    queue.push_back(other);
                }
            }
        }
    }
    level
}

/// Search from a destination back over the states (router, may still go up) and (router, has gone down).
struct Backwards {
    /// Port to take in state `2 * router + has_gone_down`.
    port: Vec<u8>,
    queue: VecDeque<(usize, bool)>,
}

impl Backwards {
    fn new(routers: usize) -> Backwards {
        Backwards { port: vec![NONE; 2 * routers], queue: VecDeque::new() }
    }

    fn run(
        &mut self,
        topology: &Topology,
        leads_up: &[bool],
        ports: usize,
        to: NodeId,
        up: &impl Fn(usize) -> bool,
    ) {
        self.port.fill(NONE);
        let (home, port) = topology.attachment(to);
        self.queue.clear();
        for down in [false, true] {
            self.port[2 * home.index() + usize::from(down)] = port.0;
            self.queue.push_back((home.index(), down));
        }
        while let Some((router, went_down)) = self.queue.pop_front() {
            for peer in topology.ports(RouterId(small(router))) {
                let Peer::Router(before, port, link) = peer else { continue };
                if !up(link.index()) {
                    continue;
                }
                // The step from `before` to `router` by `port` of `before`.
                let step_down = !leads_up[before.index() * ports + port.index()];
                // A step down leads to the state of having gone down, a step up to that of not.
                if step_down != went_down {
                    continue;
                }
                let states: &[bool] = if step_down { &[false, true] } else { &[false] };
                for state in states {
                    let slot = &mut self.port[2 * before.index() + usize::from(*state)];
                    if *slot == NONE {
                        *slot = port.0;
                        self.queue.push_back((before.index(), *state));
                    }
                }
            }
        }
    }
}
