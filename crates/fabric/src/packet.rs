//! The network by the packet: every link a server that one packet at a time occupies, with a queue before it.
//!
//! A packet's head asks for its next link once the router has decided, waits until those before it have gone,
//! and occupies the link for as many cycles as it has flits. Alone in the network a packet takes exactly what it
//! takes by the flit; one event a hop makes this level fast. What it leaves out is in [`OMITTED`].

use crate::config::{Config, Switching};
use crate::error::Error;
use crate::event_core::EventCore;
use crate::fault::{Fate, Hazard};
use crate::ids::{Cycle, LinkId, NodeId, Port, RouterId, small};
use crate::network::{Counters, Delivery, Network, Packet, check_packet};
use crate::rng::mix;
use crate::routing::{self, Arrival, EJECT, Routes, Trip};
use crate::topology::{Peer, Topology};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// What this level does not show; to see these, simulate by the flit.
pub const OMITTED: &[&str] = &[
    "wormholes: a packet that waits does not block the links behind it",
    "finite buffers: queues hold any number of packets, and none is refused",
    "virtual channels: packets of one link go one after the other, never flit by flit in turn",
    "allocators: a link serves in the order of asking, higher classes first",
];

/// A packet under way.
#[derive(Clone, Copy, Debug)]
struct Flying {
    packet: Packet,
    injected: Cycle,
    trip: Trip,
    sequence: u64,
    /// The router at which its head arrives next, or where it waits; `u32::MAX` on the way to its node.
    at: u32,
    arrival: Arrival,
    routers: u32,
    fate: Fate,
    live: bool,
}

/// What happens to a slot or port, by instant and order of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A packet whose instant has come starts from its node.
    Start(u32),
    /// A head arrives at a router, or a tail at its node.
    Head(u32),
    /// A head asks for an output (only with several classes).
    Ask(u32, u32),
    /// An output is free again (only with several classes).
    Free(u32),
}

/// A network simulated by the packet.
#[derive(Debug)]
pub struct PacketNetwork {
    core: EventCore<Event>,
    slots: Vec<Flying>,
    free_slots: Vec<u32>,
    /// When each output, and each node's own link, is free.
    free_at: Vec<u64>,
    /// Packets that wait for an output, highest class first (only with several classes).
    queues: BTreeMap<u32, BinaryHeap<(u8, Reverse<u64>, u32)>>,
    /// How many have ever asked.
    asked: u64,
    rerouted: bool,
}

/// Marks a packet on its way to its node.
const HOME: u32 = u32::MAX;

impl PacketNetwork {
    /// A network at rest.
    ///
    /// Errors: parameters out of range.
    pub fn new(topology: &Topology, routes: Routes, config: &Config) -> Result<PacketNetwork, Error> {
        Ok(PacketNetwork {
            core: EventCore::new(topology, routes, config)?,
            slots: Vec::new(),
            free_slots: Vec::new(),
            free_at: vec![0; topology.routers() * topology.ports_max() + topology.nodes()],
            queues: BTreeMap::new(),
            asked: 0,
            rerouted: false,
        })
    }

    fn enter(&mut self, at: u64, event: Event) {
        self.core.events.enter(at, event);
    }

    fn happen(&mut self, at: u64, event: Event) {
        match event {
            Event::Start(slot) => self.start(at, slot),
            Event::Head(slot) if self.slots[slot as usize].at == HOME => self.finish(at, slot),
            Event::Head(slot) => self.route(at, slot),
            Event::Ask(slot, output) => {
                let class = self.slots[slot as usize].packet.class;
                self.asked += 1;
                self.queues.entry(output).or_default().push((class, Reverse(self.asked), slot));
                self.serve(at, output);
            }
            Event::Free(output) => self.serve(at, output),
        }
    }

    /// A packet leaves its node when those before it have.
    fn start(&mut self, at: u64, slot: u32) {
        let flying = self.slots[slot as usize];
        let packet = flying.packet;
        if !self.core.injected(packet.from, packet.to, packet.flits) {
            self.drop(slot);
            return;
        }
        let (router, port) = self.core.routes.attachment(packet.from);
        let base = router.index() * self.core.ports;
        let free_at = &self.free_at;
        let waiting =
            |p: Port| u32::try_from(free_at[base + p.index()].saturating_sub(at)).unwrap_or(u32::MAX / 4);
        let random = mix(self.core.config.seed ^ flying.sequence.wrapping_mul(0x9e37_79b9));
        let trip = self.core.routes.plan(flying.packet.from, flying.packet.to, random, waiting);
        let own = self.core.topology.routers() * self.core.ports + flying.packet.from.index();
        let begin = self.free_at[own].max(at);
        self.free_at[own] = begin + u64::from(flying.packet.flits);
        let flying = &mut self.slots[slot as usize];
        flying.trip = trip;
        flying.at = router.0;
        flying.arrival = Arrival { port, class: 0, fresh: true };
        self.enter(begin + self.core.config.delays.inject_cycles(), Event::Head(slot));
    }

    /// A head has come to a router: where to, and from when.
    fn route(&mut self, at: u64, slot: u32) {
        let flying = &mut self.slots[slot as usize];
        let router = RouterId(flying.at);
        let mut arrival = flying.arrival;
        // Routes that were changed under way treat every packet as if it started here.
        arrival.fresh |= self.rerouted;
        let hop = self.core.routes.hop(router, arrival, &mut flying.trip);
        let mut port = hop.port;
        let base = router.index() * self.core.ports;
        if hop.class != EJECT {
            let mut ports = self.core.routes.minimal_ports(router, flying.packet.to);
            let mut best = u64::MAX;
            while ports != 0 {
                let candidate = ports.trailing_zeros() as usize;
                ports &= ports - 1;
                if self.free_at[base + candidate] < best {
                    best = self.free_at[base + candidate];
                    port = Port(u8::try_from(candidate).unwrap_or(u8::MAX));
                }
            }
        }
        if port.0 == u8::MAX {
            self.drop(slot);
            return;
        }
        let flying = &mut self.slots[slot as usize];
        flying.routers += 1;
        let store = self.core.config.switching == Switching::StoreAndForward && !flying.arrival.fresh;
        let whole = if store { u64::from(flying.packet.flits) - 1 } else { 0 };
        flying.arrival.class = if hop.class == EJECT { 0 } else { hop.class };
        let ask = at + whole + self.core.config.delays.decide_cycles();
        let output = small(base + port.index());
        if self.core.config.classes == 1 {
            let begin = self.free_at[output as usize].max(ask);
            self.occupy(begin, slot, output);
        } else {
            self.enter(ask, Event::Ask(slot, output));
        }
    }

    /// The first of an output's queue takes it, if it is free.
    fn serve(&mut self, at: u64, output: u32) {
        if self.free_at[output as usize] > at {
            return;
        }
        let next = self.queues.get_mut(&output).and_then(BinaryHeap::pop);
        if let Some((_, _, slot)) = next {
            self.occupy(at, slot, output);
            let free = self.free_at[output as usize];
            self.enter(free, Event::Free(output));
        }
    }

    /// A packet crosses an output's link from `begin` on.
    fn occupy(&mut self, begin: u64, slot: u32, output: u32) {
        let flits = u64::from(self.slots[slot as usize].packet.flits);
        let out = output as usize;
        self.free_at[out] = begin + flits;
        self.core.sent[out] += flits;
        self.core.counters.hops += flits;
        self.core.last_move = self.core.last_move.max(begin);
        let head = begin + u64::from(self.core.config.delays.switch);
        let (router, out_port) = self.core.output(output);
        let flying = &mut self.slots[slot as usize];
        match self.core.topology.ports(router).get(out_port) {
            Some(Peer::Router(next, port, _)) => {
                flying.at = next.0;
                flying.arrival = Arrival { port: *port, class: flying.arrival.class, fresh: false };
                if !self.core.hazards.none() {
                    self.core.hazards.cross(out, flying.sequence, &mut flying.fate);
                }
                self.enter(head + u64::from(self.core.config.delays.link), Event::Head(slot));
            }
            _ => {
                flying.at = HOME;
                let link = u64::from(self.core.config.delays.node_link);
                self.enter(head + link + flits - 1, Event::Head(slot));
            }
        }
    }

    fn finish(&mut self, at: u64, slot: u32) {
        let flying = self.slots[slot as usize];
        self.remove(slot);
        let delivery = Delivery {
            packet: flying.packet,
            injected: flying.injected,
            delivered: Cycle(at),
            routers: flying.routers,
            corrupted: false,
            again: false,
        };
        self.core.deliver(delivery, flying.fate);
    }

    fn drop(&mut self, slot: u32) {
        self.core.drop(self.slots[slot as usize].packet);
        self.remove(slot);
    }

    fn remove(&mut self, slot: u32) {
        self.slots[slot as usize].live = false;
        self.free_slots.push(slot);
    }

    /// Packets whose head is on its way over `link`.
    fn across(&self, link: LinkId) -> Vec<u32> {
        let ends = self.core.topology.links()[link.index()];
        let on = |slot: &u32| {
            let flying = &self.slots[*slot as usize];
            let here = (RouterId(flying.at), flying.arrival.port);
            flying.live && !flying.arrival.fresh && (here == ends.a || here == ends.b)
        };
        (0..small(self.slots.len())).filter(on).collect()
    }
}

impl Network for PacketNetwork {
    fn now(&self) -> Cycle {
        Cycle(self.core.now)
    }

    fn inject(&mut self, packet: Packet, at: Cycle) -> Result<(), Error> {
        check_packet(&packet, self.core.topology.nodes(), self.core.config.classes, at, self.now())?;
        let flying = Flying {
            packet,
            injected: at,
            trip: Trip { to: packet.to, via: routing::NO_DETOUR, passed: false, ties: 0 },
            sequence: self.core.events.entered(),
            at: HOME,
            arrival: Arrival { port: Port(u8::MAX), class: 0, fresh: true },
            routers: 0,
            fate: Fate::default(),
            live: true,
        };
        let slot = match self.free_slots.pop() {
            Some(slot) => {
                self.slots[slot as usize] = flying;
                slot
            }
            None => {
                self.slots.push(flying);
                small(self.slots.len() - 1)
            }
        };
        self.enter(at.0, Event::Start(slot));
        Ok(())
    }

    fn advance(&mut self, until: Cycle) {
        while let Some((at, event)) = self.core.next_before(until) {
            self.happen(at, event);
        }
        self.core.pass(until);
    }

    fn collect(&mut self, into: &mut Vec<Delivery>) {
        self.core.collect(into);
    }

    fn collect_dropped(&mut self, into: &mut Vec<Packet>) {
        self.core.collect_dropped(into);
    }

    fn next_event(&self) -> Option<Cycle> {
        self.core.next_event()
    }

    fn in_flight(&self) -> u64 {
        (self.slots.len() - self.free_slots.len()) as u64
    }

    fn counters(&self) -> Counters {
        self.core.counters
    }

    fn link_flits(&self) -> Vec<u64> {
        self.core.link_flits()
    }

    fn set_link(&mut self, link: LinkId, up: bool) -> Result<(), Error> {
        if !self.core.reroute(link, up)? {
            return Ok(());
        }
        self.rerouted = true;
        if up {
            return Ok(());
        }
        let lost = self.across(link);
        let dead = |event: &Event| match event {
            Event::Start(slot) | Event::Head(slot) | Event::Ask(slot, _) => lost.contains(slot),
            Event::Free(_) => false,
        };
        let left = self.core.events.take_all().into_iter().filter(|(_, event)| !dead(event));
        left.collect::<Vec<_>>().into_iter().for_each(|(at, event)| self.enter(at, event));
        for queue in self.queues.values_mut() {
            queue.retain(|(_, _, slot)| !lost.contains(slot));
        }
        lost.iter().for_each(|slot| self.drop(*slot));
        Ok(())
    }

    fn set_hazard(&mut self, link: LinkId, hazard: Hazard) {
        self.core.set_hazard(link, hazard);
    }

    fn set_node(&mut self, node: NodeId, up: bool) {
        self.core.node_down[node.index()] = !up;
    }

    fn last_move(&self) -> Cycle {
        Cycle(self.core.last_move.min(self.core.now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::routing::Algorithm;

    fn network(spec: &str, config: &Config) -> PacketNetwork {
        let topology = Topology::from_spec(spec).unwrap();
        let routes = Routes::new(&topology, config.routing, None).unwrap();
        PacketNetwork::new(&topology, routes, config).unwrap()
    }

    #[test]
    fn alone_it_agrees_with_the_flit_level() {
        for switching in [Switching::Wormhole, Switching::CutThrough, Switching::StoreAndForward] {
            for spec in ["mesh:4x3", "torus:4x4", "star:5", "fattree:2:3", "dragonfly:1:3:1"] {
                for classes in [1, 2] {
                    let config = Config { switching, classes, ..Config::default() };
                    let mut network = network(spec, &config);
                    for (from, to, flits) in [(0, 4, 5), (3, 3, 2), (1, 0, 1), (4, 2, 8)] {
                        let at = network.now();
                        let packet = Packet { from: NodeId(from), to: NodeId(to), flits, class: 0, tag: 0 };
                        network.inject(packet, at).unwrap();
                        network.advance(at + 1000);
                        let mut found = Vec::new();
                        network.collect(&mut found);
                        let routers = u64::from(found[0].routers);
                        let expected = config.delays.zero_load_cycles(switching, routers, flits.into());
                        assert_eq!(found[0].latency_cycles(), expected, "{spec} {switching:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn all_arrive_under_load_and_through_failures() {
        for routing in [Algorithm::Auto, Algorithm::MinimalAdaptive, Algorithm::Valiant] {
            let mut network = network("torus:4x4", &Config { classes: 2, routing, ..Config::default() });
            let mut rng = Rng::new(2);
            for i in 0..2000u64 {
                let packet = Packet {
                    from: NodeId(rng.below(16)),
                    to: NodeId(rng.below(16)),
                    flits: 1 + rng.below(20),
                    class: u8::from(rng.chance(0.3)),
                    tag: i,
                };
                network.inject(packet, Cycle(i / 2)).unwrap();
            }
            network.advance(Cycle(300));
            network.set_link(LinkId(5), false).unwrap();
            network.advance(Cycle(600));
            network.set_link(LinkId(5), true).unwrap();
            network.advance(Cycle(100_000));
            let counters = network.counters();
            assert_eq!((counters.injected_packets, network.in_flight()), (2000, 0));
            assert_eq!(counters.delivered_packets + counters.dropped_packets, 2000);
            assert!(counters.dropped_packets < 10, "{counters:?}");
        }
    }
}
