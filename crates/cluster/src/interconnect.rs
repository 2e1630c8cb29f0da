//! The network between the nodes: frames become packets of flits, packets cross the simulated fabric, and what
//! arrives is a frame again.
//!
//! Each rail (interfaces of one number, one on each node) is a network of its own, of the same kind. A broadcast
//! travels as copies, one after the other, that the sender's interface makes.
//!
//! Where the fabric is simulated by the packet, the links between nodes and routers are the interfaces' (they only
//! delay, nothing contends for them), so that the fabric may lag behind the nodes by their latency and the cards':
//! that is what makes an epoch long. Otherwise the fabric has all links, and the cards' delay alone is the epoch.

use crate::address::Destination;
use crate::interface::{Departure, Interface, Timing};
use crate::output::OutputHash;
use crate::run::{Crossed, Host, Seen, Way};
use crate::summary::{LinkLoad, NetworkSummary};
use crate::time::{NetworkClock, Ps};
use fabric::fault::Plan;
use fabric::traffic::Histogram;
use fabric::{Crossing, Cycle, Delivery, Error, LinkId, Network, NodeId, Packet, simulate};
use machine::dev::virtio::net::{Capacity, FRAME_BYTES_MIN};
use std::collections::BTreeMap;

mod saved;
mod wiring;

pub use wiring::Wiring;

/// A frame in the network.
#[derive(Debug, Default)]
struct Flying {
    bytes: Vec<u8>,
    /// The cycle at which its first flit was on its sender's wire.
    wire: u64,
}

/// One network, and the frames in it.
#[derive(Debug)]
struct Rail {
    network: Box<dyn Network>,
    plan: Plan,
    flying: BTreeMap<u64, Flying>,
    next_tag: u64,
    latencies: Histogram,
    bytes: u64,
    corrupted: u64,
    journal: Vec<saved::Injected>,
}

/// All networks of a cluster.
#[derive(Debug)]
pub(crate) struct Interconnect {
    wiring: Wiring,
    rails: Vec<Rail>,
    edge: u64,
    /// What a receiving card takes at least, on any node.
    receive: Ps,
    /// Everything that was sent and that arrived, with its instant.
    history: OutputHash,
    /// Everything sent is noted in the rails' journals.
    keeps_journal: bool,
    deliveries: Vec<Delivery>,
    dropped: Vec<Packet>,
    crossings: Vec<Crossing>,
}

impl Interconnect {
    /// The networks at rest; `receive` is what a receiving card takes at least.
    ///
    /// Errors: as [`Wiring::check`].
    pub(crate) fn new(wiring: Wiring, rails: usize, receive: Ps) -> Result<Interconnect, Error> {
        let clock = wiring.clock;
        let rail = |number: usize| {
            let mut config = wiring.config();
            config.seed = config.seed.wrapping_add(number as u64);
            let built =
                simulate::build(&wiring.topology, wiring.table.clone(), &config, wiring.frame_flits())?;
            let changes = wiring.faults.iter().map(|(at, change)| (Cycle(clock.cycle(*at)), change.clone()));
            Ok(Rail {
                network: built.network,
                plan: Plan::new(changes.collect()),
                flying: BTreeMap::new(),
                next_tag: 0,
                latencies: Histogram::default(),
                bytes: 0,
                corrupted: 0,
                journal: Vec::new(),
            })
        };
        Ok(Interconnect {
            rails: (0..rails).map(rail).collect::<Result<_, _>>()?,
            edge: wiring.edge_cycles(),
            wiring,
            receive,
            history: OutputHash::default(),
            keeps_journal: false,
            deliveries: Vec::new(),
            dropped: Vec::new(),
            crossings: Vec::new(),
        })
    }

    /// Tells the host of every frame on these links from now on.
    pub(crate) fn watch(&mut self, links: &[LinkId]) {
        self.rails.iter_mut().for_each(|rail| rail.network.watch(links));
    }

    pub(crate) fn clock(&self) -> NetworkClock {
        self.wiring.clock
    }

    /// The earliest instant at which a node's memory can get something from what is in the networks.
    pub(crate) fn next_arrival(&self) -> Ps {
        let next = self.rails.iter().filter_map(|rail| rail.network.next_event()).min();
        next.map_or(Ps::NEVER, |cycle| {
            self.wiring.clock.instant(cycle.0.saturating_add(self.edge)).after(self.receive)
        })
    }

    /// Lets the networks run until nothing that may still be sent can reach a node before `until`; gives what
    /// comes off the wires to `interface(node, rail)`.
    pub(crate) fn advance<R>(&mut self, until: Ps, host: &mut dyn Host, mut arrive: R)
    where
        R: FnMut(NodeId, usize, Ps, Vec<u8>),
    {
        let until = Ps(until.0.saturating_sub(self.receive.0));
        let cycle = self.wiring.clock.cycle(until).saturating_sub(self.edge);
        for number in 0..self.rails.len() {
            self.advance_rail(number, cycle, host, &mut arrive);
        }
    }

    /// Lets one network run up to `cycle`.
    fn advance_rail<R>(&mut self, number: usize, cycle: u64, host: &mut dyn Host, arrive: &mut R)
    where
        R: FnMut(NodeId, usize, Ps, Vec<u8>),
    {
        let clock = self.wiring.clock;
        let rail = &mut self.rails[number];
        if rail.network.now().0 >= cycle {
            return;
        }
        let done = rail.plan.advance(rail.network.as_mut(), Cycle(cycle));
        done.unwrap_or_else(|error| unreachable!("the plan was checked with the configuration: {error}"));
        rail.network.collect_crossings(&mut self.crossings);
        for Crossing { packet, link, forward, at } in self.crossings.drain(..) {
            let Some(flying) = rail.flying.get(&packet.tag) else { continue };
            let at = clock.instant(at.0);
            host.crossing(&Crossed { at, rail: number, link, forward, bytes: &flying.bytes });
        }
        rail.network.collect_dropped(&mut self.dropped);
        rail.network.collect(&mut self.deliveries);
        for packet in self.dropped.drain(..) {
            let Some(lost) = rail.flying.remove(&packet.tag) else { continue };
            let at = clock.instant(cycle);
            host.frame(&Seen { at, node: packet.to, rail: number, way: Way::Lost, bytes: &lost.bytes });
        }
        for delivery in self.deliveries.drain(..) {
            let tag = delivery.packet.tag;
            let flying = if delivery.again {
                rail.flying.get(&tag).map(|flying| Flying { bytes: flying.bytes.clone(), wire: flying.wire })
            } else {
                rail.flying.remove(&tag)
            };
            let Some(mut flying) = flying else { continue };
            if delivery.corrupted {
                rail.corrupted += 1;
                corrupt(&mut flying.bytes, tag);
            }
            let off = delivery.delivered.0 + self.edge;
            rail.latencies.add(off - flying.wire);
            rail.bytes += flying.bytes.len() as u64;
            let (node, at) = (delivery.packet.to, clock.instant(off));
            log(&mut self.history, at, node, number, &flying.bytes);
            host.frame(&Seen { at, node, rail: number, way: Way::Received, bytes: &flying.bytes });
            arrive(node, number, at, flying.bytes);
        }
    }

    /// Takes what a node's interface put on its wire.
    pub(crate) fn send(&mut self, from: NodeId, number: usize, departure: Departure, host: &mut dyn Host) {
        let Departure { wire, to, bytes } = departure;
        let clock = self.wiring.clock;
        let at = clock.instant(wire);
        log(&mut self.history, at, from, number, &bytes);
        host.frame(&Seen { at, node: from, rail: number, way: Way::Sent, bytes: &bytes });
        let flits = clock.flits(bytes.len() as u64);
        let nodes = u32::try_from(self.wiring.topology.nodes()).unwrap_or(u32::MAX);
        let to: Vec<NodeId> = match to {
            Destination::Node(node) => vec![node],
            Destination::All => (0..nodes).map(NodeId).collect(),
            Destination::Nobody => Vec::new(),
        };
        let rail = &mut self.rails[number];
        // A card that was restored may say that a frame was on the wire before the network's present.
        let present = rail.network.now().0.saturating_sub(self.edge);
        let others = to.into_iter().filter(|node| *node != from);
        for (copy, to) in others.enumerate() {
            let wire = wire.saturating_add(copy as u64 * flits).max(present);
            if self.keeps_journal {
                let (now, bytes) = (rail.network.now().0, bytes.len() as u64);
                rail.journal.push(saved::Injected { now, wire, bytes, from: from.0, to: to.0 });
            }
            let tag = rail.next_tag;
            rail.next_tag += 1;
            let packet = Packet { from, to, flits: u32::try_from(flits).unwrap_or(u32::MAX), class: 0, tag };
            let sent = rail.network.inject(packet, Cycle(wire.saturating_add(self.edge)));
            sent.unwrap_or_else(|error| {
                unreachable!("an epoch is no longer than the way to the fabric: {error}")
            });
            rail.flying.insert(tag, Flying { bytes: bytes.clone(), wire });
        }
    }

    /// Feeds the networks' part of the digest: all that was ever sent and arrived, and what is on its way.
    pub(crate) fn digest(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(&self.history.finish());
        for rail in &self.rails {
            let counters = rail.network.counters();
            for word in
                [rail.network.in_flight(), counters.injected_packets, counters.dropped_packets, counters.hops]
            {
                sink(&word.to_le_bytes());
            }
        }
    }

    /// The time of a flit on a link.
    ///
    /// Units: picoseconds.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(crate) fn cycle_ps(&self) -> f64 {
        self.wiring.clock.instant(1_000_000).0 as f64 / 1e6
    }

    /// What each link has carried so far, in the order of rails and links.
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub(crate) fn loads(&self) -> Vec<LinkLoad> {
        let topology = &self.wiring.topology;
        let own =
            |node: &NodeId, router| !topology.nodes_are_leaves() && topology.attachment(*node).0 == router;
        let mut names: BTreeMap<u32, String> = BTreeMap::new();
        let mut end = |router: fabric::RouterId| -> String {
            let name = || {
                let mut nodes = (0..topology.nodes()).map(|n| NodeId(u32::try_from(n).unwrap_or(0)));
                nodes
                    .find(|node| own(node, router))
                    .map_or_else(|| router.to_string(), |node| node.to_string())
            };
            names.entry(router.0).or_insert_with(name).clone()
        };
        let mut loads = Vec::new();
        for (number, rail) in self.rails.iter().enumerate() {
            let now = rail.network.now().0.max(1);
            for (index, flits) in rail.network.link_flits().into_iter().enumerate() {
                let link = topology.links()[index / 2];
                let (from, to) = if index % 2 == 0 { (link.a.0, link.b.0) } else { (link.b.0, link.a.0) };
                let share = flits as f64 / now as f64;
                loads.push(LinkLoad { from: end(from), to: end(to), rail: number, flits, share });
            }
        }
        loads
    }

    /// What the networks have done so far.
    pub(crate) fn summary(&self) -> NetworkSummary {
        let topology = &self.wiring.topology;
        let mut summary = NetworkSummary {
            topology: topology.name().to_owned(),
            switching: self.wiring.fabric.switching.name(),
            level: self.wiring.fabric.level.name(),
            ..NetworkSummary::default()
        };
        let period = |cycles: f64| cycles * self.cycle_ps();
        let mut latencies = Histogram::default();
        for rail in &self.rails {
            let counters = rail.network.counters();
            summary.packets += counters.injected_packets;
            summary.delivered += counters.delivered_packets;
            summary.dropped += counters.dropped_packets;
            summary.corrupted += rail.corrupted;
            summary.bytes += rail.bytes;
            latencies.merge(&rail.latencies);
        }
        summary.links = self.loads();
        summary.links.sort_by_key(|link| std::cmp::Reverse(link.flits));
        summary.mean_latency_ns = latencies.mean().map(|cycles| period(cycles) / 1000.0);
        let ns = |cycles: u64| self.wiring.clock.instant(cycles).ns();
        summary.p99_latency_ns = latencies.percentile(99).map(ns);
        summary.max_latency_ns = latencies.max().map(ns);
        summary
    }
}

/// Enters a frame at a node into the history.
fn log(history: &mut OutputHash, at: Ps, node: NodeId, rail: usize, bytes: &[u8]) {
    let mut head = [0; 24];
    head[..8].copy_from_slice(&at.0.to_le_bytes());
    head[8..12].copy_from_slice(&node.0.to_le_bytes());
    head[12..16].copy_from_slice(&u32::try_from(rail).unwrap_or(u32::MAX).to_le_bytes());
    head[16..].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    history.update(&head);
    history.update(bytes);
}

/// Turns one bit of a frame behind its addresses over, where `tag` says.
fn corrupt(bytes: &mut [u8], tag: u64) {
    let addresses = FRAME_BYTES_MIN - 2;
    let bits = (bytes.len().saturating_sub(addresses) as u64 * 8).max(1);
    let bit = fabric::rng::mix(tag) % bits;
    let at = addresses + usize::try_from(bit / 8).unwrap_or(0);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << (bit % 8);
    }
}

/// What a node's interfaces take at least, as (send, receive), over all nodes.
pub(crate) fn least(timings: impl Iterator<Item = Timing>) -> Ps {
    timings.map(|timing| timing.least()).min().unwrap_or(Ps(0))
}

/// The interfaces of a node, of which each card holds so much.
pub(crate) fn interfaces(
    node: NodeId,
    nodes: u32,
    cards: &[Capacity],
    timing: Timing,
    clock: NetworkClock,
) -> Vec<Interface> {
    let cards = cards.iter().enumerate();
    cards.map(|(rail, card)| Interface::new((node, rail), nodes, timing, clock, card.buffer_bytes)).collect()
}
