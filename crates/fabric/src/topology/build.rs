//! Putting a topology together, link by link, with its invariants checked at the end.

use super::{Family, Link, Peer, Topology, port_of};
use crate::error::Error;
use crate::ids::{LinkId, NodeId, Port, RouterId, small};

/// The most ports one router may have.
const PORTS_MAX: usize = 255;

/// A topology under construction.
#[derive(Debug)]
pub struct Builder {
    ports: Vec<Vec<Peer>>,
    links: Vec<Link>,
    nodes: Vec<RouterId>,
    labels: Vec<String>,
}

impl Builder {
    /// `routers` routers with `ports` ports each that lead nowhere yet.
    ///
    /// Errors: [`Error::Impossible`] past 255 ports a router.
    pub fn new(routers: usize, ports: usize) -> Result<Builder, Error> {
        if ports > PORTS_MAX {
            return Err(too_many_ports(RouterId(0)));
        }
        Ok(Builder {
            ports: vec![vec![Peer::Nothing; ports]; routers],
            links: Vec::new(),
            nodes: Vec::new(),
            labels: Vec::new(),
        })
    }

    /// Joins given ports of two routers.
    pub fn join_ports(&mut self, a: (RouterId, Port), b: (RouterId, Port)) {
        let link = LinkId(small(self.links.len()));
        self.ports[a.0.index()][a.1.index()] = Peer::Router(b.0, b.1, link);
        self.ports[b.0.index()][b.1.index()] = Peer::Router(a.0, a.1, link);
        self.links.push(Link { a, b });
    }

    /// Joins two routers by a new port at each; a router out of ports is an error.
    ///
    /// Errors: [`Error::Impossible`] past 255 ports a router.
    pub fn join(&mut self, a: RouterId, b: RouterId) -> Result<(), Error> {
        let pa = self.open(a)?;
        let pb = self.open(b)?;
        self.join_ports((a, pa), (b, pb));
        Ok(())
    }

    fn open(&mut self, router: RouterId) -> Result<Port, Error> {
        let ports = &mut self.ports[router.index()];
        if ports.len() >= PORTS_MAX {
            return Err(too_many_ports(router));
        }
        ports.push(Peer::Nothing);
        Ok(port_of(ports.len() - 1))
    }

    /// Puts the next node on `router`.
    pub fn node(&mut self, router: RouterId) {
        self.nodes.push(router);
    }

    /// Names the nodes, in their order.
    pub fn label(&mut self, labels: Vec<String>) {
        self.labels = labels;
    }

    /// The finished topology.
    ///
    /// Errors: [`Error::Disconnected`] when it is in parts, [`Error::Impossible`] past 255 ports a router.
    pub fn finish(mut self, family: Family) -> Result<Topology, Error> {
        let mut attach = Vec::with_capacity(self.nodes.len());
        let nodes = std::mem::take(&mut self.nodes);
        for (node, router) in nodes.iter().enumerate() {
            let port = self.open(*router)?;
            self.ports[router.index()][port.index()] = Peer::Node(NodeId(small(node)));
            attach.push((*router, port));
        }
        let mut port_start = Vec::with_capacity(self.ports.len() + 1);
        let mut ports = Vec::with_capacity(self.ports.iter().map(Vec::len).sum());
        port_start.push(0);
        for of_router in &self.ports {
            ports.extend_from_slice(of_router);
            port_start.push(small(ports.len()));
        }
        let name = family.to_string();
        let topology =
            Topology { family, name, links: self.links, port_start, ports, attach, labels: self.labels };
        connected(&topology)?;
        Ok(topology)
    }
}

fn too_many_ports(router: RouterId) -> Error {
    Error::Impossible {
        reason: format!("router {} would have more than {PORTS_MAX} ports", router.0),
        span: 0..0,
        way_out: "spread the nodes over several routers: a tree, a mesh, a dragonfly".to_owned(),
    }
}

/// Refuses a topology in parts.
fn connected(topology: &Topology) -> Result<(), Error> {
    let mut seen = vec![false; topology.routers()];
    let mut stack = vec![RouterId(0)];
    let mut reached = 0usize;
    if let Some(first) = seen.first_mut() {
        *first = true;
    }
    while let Some(router) = stack.pop() {
        reached += 1;
        for (_, other, _) in topology.neighbours(router) {
            if !std::mem::replace(&mut seen[other.index()], true) {
                stack.push(other);
            }
        }
    }
    match seen.iter().position(|seen| !seen) {
        None => Ok(()),
        Some(unreached) => Err(Error::Disconnected {
            router: small(unreached),
            unreached: topology.router_label(RouterId(small(unreached))),
            first: topology.router_label(RouterId(0)),
            reached: small(reached),
            total: small(topology.routers()),
            span: 0..0,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_of_too_many_ports_is_refused_before_it_is_built() {
        for spec in ["crossbar:1000", "dragonfly:1:300:1", "star:1000"] {
            let refused = Topology::from_spec(spec).map(|topology| topology.routers());
            assert!(matches!(refused, Err(Error::Impossible { .. })), "{spec}: {refused:?}");
        }
        assert_eq!(Topology::from_spec("crossbar:255").unwrap().nodes(), 255);
    }
}
