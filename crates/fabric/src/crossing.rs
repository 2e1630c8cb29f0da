//! Links that are looked at: which packet is on them, and from when.

use crate::ids::{Cycle, LinkId, Port, RouterId};
use crate::network::Packet;
use crate::topology::Topology;
use std::collections::BTreeMap;

/// A packet on a link that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// The packet.
    pub packet: Packet,
    /// The link.
    pub link: LinkId,
    /// From its end `a` to `b`, or back.
    pub forward: bool,
    /// When its first flit is on the link.
    pub at: Cycle,
}

/// The links that are watched, and what crossed them since it was last collected.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    outputs: BTreeMap<usize, (LinkId, bool)>,
    crossings: Vec<Crossing>,
}

impl Watch {
    /// Watches these links and no others; `output` numbers the outputs of routers.
    pub(crate) fn set(
        &mut self,
        topology: &Topology,
        links: &[LinkId],
        output: impl Fn(RouterId, Port) -> usize,
    ) {
        self.outputs.clear();
        for link in links {
            let ends = topology.links()[link.index()];
            self.outputs.insert(output(ends.a.0, ends.a.1), (*link, true));
            self.outputs.insert(output(ends.b.0, ends.b.1), (*link, false));
        }
    }

    /// Watches these links and no others, each of which is an output of its own number and goes one way.
    pub(crate) fn set_one_way(&mut self, links: &[LinkId]) {
        self.outputs = links.iter().map(|link| (link.index(), (*link, true))).collect();
    }

    /// Whether no link is watched.
    pub(crate) fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// A packet's first flit is on the link of `output` at cycle `at`.
    #[inline]
    pub(crate) fn cross(&mut self, output: usize, packet: &Packet, at: u64) {
        if !self.outputs.is_empty()
            && let Some((link, forward)) = self.outputs.get(&output)
        {
            let crossing = Crossing { packet: *packet, link: *link, forward: *forward, at: Cycle(at) };
            self.crossings.push(crossing);
        }
    }

    pub(crate) fn collect(&mut self, into: &mut Vec<Crossing>) {
        into.append(&mut self.crossings);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Level, Switching};
    use crate::ids::{Cycle, LinkId, NodeId};
    use crate::network::Packet;
    use crate::topology::Topology;

    /// Alone in the network, a packet crosses each link of its way when the pipeline says, at either level.
    #[test]
    fn a_packet_is_seen_on_each_link_of_its_way() {
        let topology = Topology::from_spec("mesh:4x1").expect("a mesh");
        let links: Vec<LinkId> = (0..3).map(LinkId).collect();
        let seen = |switching, level, from, to| {
            let config = Config { switching, level, ..Config::default() };
            let mut network = crate::simulate::build(&topology, None, &config, 5).expect("built").network;
            network.watch(&links);
            let packet = Packet { from: NodeId(from), to: NodeId(to), flits: 5, class: 0, tag: 7 };
            network.inject(packet, Cycle(10)).expect("injected");
            network.advance(Cycle(1000));
            let mut crossings = Vec::new();
            network.collect_crossings(&mut crossings);
            assert!(crossings.iter().all(|crossing| crossing.packet == packet));
            let seen = crossings.iter().map(|crossing| (crossing.forward, crossing.at.0));
            seen.collect::<Vec<_>>()
        };
        for (from, to, forward) in [(0, 3, true), (3, 0, false)] {
            for switching in [Switching::Wormhole, Switching::StoreAndForward] {
                let by_packet = seen(switching, Level::Packet, from, to);
                assert_eq!(by_packet, seen(switching, Level::Flit, from, to), "{switching:?}");
                assert!(by_packet.len() == 3 && by_packet.iter().all(|(way, _)| *way == forward));
            }
            assert_eq!(seen(Switching::Circuit, Level::Packet, from, to).len(), 3);
        }
    }
}
