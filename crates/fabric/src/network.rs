//! The one interface behind which every simulated network stands, whatever its fidelity and switching.
//!
//! The multicomputer drives it epoch by epoch: inject packets at their instants, advance to the epoch's end,
//! collect deliveries with their exact instants. Equal calls give equal deliveries.

use crate::crossing::Crossing;
use crate::error::Error;
use crate::fault::Hazard;
use crate::ids::{Cycle, LinkId, NodeId};

/// A packet to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Where it starts.
    pub from: NodeId,
    /// Where it goes.
    pub to: NodeId,
    /// Its length in flits, at least 1.
    pub flits: u32,
    /// Its priority class; a higher one is served first.
    pub class: u8,
    /// What the sender knows it by; returned with the delivery.
    pub tag: u64,
}

/// A packet that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The packet.
    pub packet: Packet,
    /// When it was injected (it may have waited at its source from then on).
    pub injected: Cycle,
    /// When its last flit left the network.
    pub delivered: Cycle,
    /// Routers that it went through.
    pub routers: u32,
    /// Whether it was corrupted on its way.
    pub corrupted: bool,
    /// Whether it arrives once more, behind this.
    pub again: bool,
    /// Whether it has arrived before.
    pub repeat: bool,
}

impl Delivery {
    /// Cycles from injection to delivery, waiting at the source included.
    pub fn latency_cycles(&self) -> u64 {
        self.delivered.0 - self.injected.0
    }
}

/// What a network has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets injected.
    pub injected_packets: u64,
    /// Packets delivered.
    pub delivered_packets: u64,
    /// Flits injected.
    pub injected_flits: u64,
    /// Flits delivered.
    pub delivered_flits: u64,
    /// Flits that crossed a router.
    pub hops: u64,
    /// Packets dropped: lost, sent to or from a crashed node, or cut off by a failed link.
    pub dropped_packets: u64,
    /// Flits that arrived out of order within their packet: always 0.
    pub misordered_flits: u64,
    /// Set-ups of circuits that were refused and tried again.
    pub refused_setups: u64,
}

/// A simulated network.
pub trait Network: std::fmt::Debug {
    /// The present: everything before it has happened.
    fn now(&self) -> Cycle;

    /// Sends `packet` at the instant `at`, which is now or later. Packets of one instant and source leave in
    /// the order of the calls.
    ///
    /// Errors: [`Error::Parameter`] for a node, length, class or instant that cannot be.
    fn inject(&mut self, packet: Packet, at: Cycle) -> Result<(), Error>;

    /// Lets time pass until `until`: all that happens before it happens, and it becomes the present.
    fn advance(&mut self, until: Cycle);

    /// Moves the packets dropped since the last [`Network::collect`] into `into`, in the order in which they were.
    fn collect_dropped(&mut self, into: &mut Vec<Packet>);

    /// Moves what has been delivered since the last call into `into`, in the order of delivery; forgets what was
    /// dropped.
    fn collect(&mut self, into: &mut Vec<Delivery>);

    /// The earliest instant at which something can happen by itself; `None` when nothing is under way.
    fn next_event(&self) -> Option<Cycle>;

    /// Packets injected and neither delivered nor dropped.
    fn in_flight(&self) -> u64;

    /// What has happened so far.
    fn counters(&self) -> Counters;

    /// Flits that each link has carried: `[2 * link]` from its end `a` to `b`, `[2 * link + 1]` back.
    fn link_flits(&self) -> Vec<u64>;

    /// Looks at these links and no others from now on; what crosses them is collected by
    /// [`Network::collect_crossings`].
    fn watch(&mut self, links: &[LinkId]);

    /// Moves what has crossed the watched links since the last call into `into`, each link's in the order of time.
    fn collect_crossings(&mut self, into: &mut Vec<Crossing>);

    /// Takes a link down or brings it up, now. Packets that lie across a link that goes down are lost; others
    /// that are under way start again from their sources once routes are found around it.
    ///
    /// Errors: what the new routes do not allow; the network is then as it was.
    fn set_link(&mut self, link: LinkId, up: bool) -> Result<(), Error>;

    /// Sets what a link does to packets from now on, both ways.
    fn set_hazard(&mut self, link: LinkId, hazard: Hazard);

    /// Crashes a node or restarts it: while it is down, what it sends or should receive is dropped.
    fn set_node(&mut self, node: NodeId, up: bool);

    /// The last instant at which a flit or packet moved: far in the past with packets in flight, it is stuck.
    fn last_move(&self) -> Cycle;
}

/// Refuses packets that cannot be sent.
pub(crate) fn check_packet(
    packet: &Packet,
    nodes: usize,
    classes: u32,
    at: Cycle,
    now: Cycle,
) -> Result<(), Error> {
    let refuse = |name, value: String, reason: String, way_out: &str| {
        Err(Error::Parameter { name, value, reason, way_out: way_out.to_owned() })
    };
    for (name, node) in [("from", packet.from), ("to", packet.to)] {
        if node.index() >= nodes {
            return refuse(
                name,
                node.0.to_string(),
                format!("there are {nodes} nodes"),
                "nodes count from 0",
            );
        }
    }
    if packet.flits == 0 || packet.flits > 65_535 {
        let value = packet.flits.to_string();
        return refuse(
            "flits",
            value,
            "a packet has 1 to 65535 flits".to_owned(),
            "cut the message into packets",
        );
    }
    if u32::from(packet.class) >= classes {
        let value = packet.class.to_string();
        return refuse("class", value, format!("there are {classes} classes"), "classes count from 0");
    }
    if at < now {
        let value = at.0.to_string();
        return refuse(
            "at",
            value,
            format!("it is before the present, {}", now.0),
            "inject at the present or later",
        );
    }
    Ok(())
}

/// Sends a packet of so many flits through a network at rest.
#[cfg(test)]
pub(crate) fn alone(network: &mut dyn Network, (from, to, flits): (u32, u32, u32)) -> Delivery {
    let packet = Packet { from: NodeId(from), to: NodeId(to), flits, class: 0, tag: 7 };
    network.inject(packet, network.now()).unwrap();
    network.advance(network.now() + 4000);
    let mut found = Vec::new();
    network.collect(&mut found);
    assert_eq!(found.len(), 1);
    found[0]
}
