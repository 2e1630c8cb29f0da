//! Circuit switching: a path is reserved first, then data flow over it at full rate and are stored nowhere.
//!
//! A probe goes as a head flit does and reserves each output on its way; the acknowledgement comes back over the
//! path; then the data cross only switches and links. A probe that finds an output taken is refused: the outputs
//! it holds are freed as the refusal passes them, and the source tries again after a random pause that
//! doubles with each refusal. So nothing waits while it holds a channel, and nothing can deadlock.

use crate::config::Config;
use crate::crossing::Crossing;
use crate::error::Error;
use crate::event_core::EventCore;
use crate::fault::{Fate, Hazard};
use crate::ids::{Cycle, LinkId, NodeId, Port, RouterId, small};
use crate::network::{Counters, Delivery, Network, Packet, check_packet};
use crate::rng::{mix, pick};
use crate::routing::{self, Arrival, EJECT, Routes, Trip};
use crate::topology::{Peer, Topology};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Refusals after which the pause no longer doubles.
const DOUBLINGS_MAX: u32 = 8;

/// A circuit that is wanted, being set up or in use.
#[derive(Clone, Debug)]
struct Circuit {
    packet: Packet,
    injected: Cycle,
    trip: Trip,
    sequence: u64,
    refusals: u32,
    at: u32,
    arrival: Arrival,
    /// Outputs that it holds, in order.
    path: Vec<u32>,
    live: bool,
}

/// What happens, by instant and order of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A packet's instant has come.
    Arrive(u32),
    /// A node may start its next set-up, or try again.
    Try(u32),
    /// A probe comes to a router.
    Probe(u32),
    /// A probe asks for an output.
    Ask(u32, u32),
    /// The data have arrived.
    Done(u32),
}

/// A network of circuits.
#[derive(Debug)]
pub struct CircuitNetwork {
    core: EventCore<Event>,
    circuits: Vec<Circuit>,
    free_slots: Vec<u32>,
    /// Packets that wait at each node: highest class first, then in order.
    waiting: Vec<BTreeSet<(Reverse<u8>, u64, u32)>>,
    /// The circuit that each node sets up or uses.
    busy: Vec<Option<u32>>,
    /// Until when each output is taken; `u64::MAX` while a set-up holds it.
    taken_until: Vec<u64>,
}

impl CircuitNetwork {
    /// A network at rest.
    ///
    /// Errors: parameters out of range.
    pub fn new(topology: &Topology, routes: Routes, config: &Config) -> Result<CircuitNetwork, Error> {
        Ok(CircuitNetwork {
            core: EventCore::new(topology, routes, config)?,
            circuits: Vec::new(),
            free_slots: Vec::new(),
            waiting: vec![BTreeSet::new(); topology.nodes()],
            busy: vec![None; topology.nodes()],
            taken_until: vec![0; topology.routers() * topology.ports_max()],
        })
    }

    fn enter(&mut self, at: u64, event: Event) {
        self.core.events.enter(at, event);
    }

    /// Cycles that a signal needs from one router to the next over a reserved path.
    fn pass_cycles(&self) -> u64 {
        u64::from(self.core.config.delays.switch) + u64::from(self.core.config.delays.link)
    }

    fn happen(&mut self, at: u64, event: Event) {
        match event {
            Event::Arrive(slot) => self.arrive(at, slot),
            Event::Try(node) => self.begin(at, node),
            Event::Probe(slot) => self.probe(at, slot),
            Event::Ask(slot, output) => self.ask(at, slot, output),
            Event::Done(slot) => self.done(at, slot),
        }
    }

    fn arrive(&mut self, at: u64, slot: u32) {
        let circuit = &self.circuits[slot as usize];
        let (packet, sequence) = (circuit.packet, circuit.sequence);
        if !self.core.injected(packet.from, packet.to, packet.flits) {
            self.drop(slot);
            return;
        }
        let node = packet.from.index();
        self.waiting[node].insert((Reverse(packet.class), sequence, slot));
        if self.busy[node].is_none() {
            self.begin(at, packet.from.0);
        }
    }

    /// A node's first waiting packet sets out to reserve its path.
    fn begin(&mut self, at: u64, node: u32) {
        let slot = match self.busy[node as usize] {
            Some(slot) => slot,
            None => {
                let Some((_, _, slot)) = self.waiting[node as usize].pop_first() else { return };
                self.busy[node as usize] = Some(slot);
                slot
            }
        };
        let circuit = &self.circuits[slot as usize];
        let salt = circuit.sequence.wrapping_mul(0x9e37_79b9).wrapping_add(u64::from(circuit.refusals));
        let packet = circuit.packet;
        let trip = self.core.routes.plan(packet.from, packet.to, mix(self.core.config.seed ^ salt), |_| 0);
        let (router, port) = self.core.routes.attachment(packet.from);
        let circuit = &mut self.circuits[slot as usize];
        circuit.trip = trip;
        circuit.at = router.0;
        circuit.arrival = Arrival { port, class: 0, fresh: true };
        self.enter(at + self.core.config.delays.inject_cycles(), Event::Probe(slot));
    }

    fn probe(&mut self, at: u64, slot: u32) {
        let circuit = &mut self.circuits[slot as usize];
        let router = RouterId(circuit.at);
        let hop = self.core.routes.hop(router, circuit.arrival, &mut circuit.trip);
        circuit.arrival.class = if hop.class == EJECT { 0 } else { hop.class };
        if hop.port.0 == u8::MAX {
            self.refuse(at, slot);
            return;
        }
        let mut port = hop.port;
        let base = router.index() * self.core.ports;
        let ask = at + self.core.config.delays.decide_cycles() - 1;
        let mut ports = self.core.routes.minimal_ports(router, circuit.packet.to);
        while ports != 0 {
            let candidate = ports.trailing_zeros() as usize;
            ports &= ports - 1;
            if self.taken_until[base + candidate] <= ask {
                port = Port(u8::try_from(candidate).unwrap_or(u8::MAX));
                break;
            }
        }
        self.enter(ask, Event::Ask(slot, small(base + port.index())));
    }

    fn ask(&mut self, at: u64, slot: u32, output: u32) {
        if self.taken_until[output as usize] > at {
            self.refuse(at, slot);
            return;
        }
        self.taken_until[output as usize] = u64::MAX;
        self.core.last_move = at;
        let pass = self.pass_cycles();
        let (router, out_port) = self.core.output(output);
        let circuit = &mut self.circuits[slot as usize];
        circuit.path.push(output);
        match self.core.topology.ports(router).get(out_port) {
            Some(Peer::Router(next, port, _)) => {
                circuit.at = next.0;
                circuit.arrival = Arrival { port: *port, class: circuit.arrival.class, fresh: false };
                self.enter(at + 1 + pass, Event::Probe(slot));
            }
            _ => self.established(at + 1 + pass, slot),
        }
    }

    /// The probe has reached its node at `at`: the acknowledgement goes back, the data follow.
    fn established(&mut self, at: u64, slot: u32) {
        let pass = self.pass_cycles();
        let inject = self.core.config.delays.inject_cycles();
        let circuit = &self.circuits[slot as usize];
        let flits = u64::from(circuit.packet.flits);
        let hops = circuit.path.len() as u64;
        let data = at + hops * pass + inject;
        for (hop, output) in circuit.path.iter().enumerate() {
            // The last flit has left the output when it is on the link.
            let tail =
                data + inject + hop as u64 * pass + u64::from(self.core.config.delays.switch) + flits - 1;
            self.taken_until[*output as usize] = tail;
            self.core.watch.cross(*output as usize, &circuit.packet, tail + 1 - flits);
            self.core.sent[*output as usize] += flits;
            self.core.counters.hops += flits;
        }
        self.enter(data + inject + hops * pass + flits - 1, Event::Done(slot));
    }

    /// Frees what the probe holds as the refusal passes, and pauses.
    fn refuse(&mut self, at: u64, slot: u32) {
        self.core.counters.refused_setups += 1;
        let pass = self.pass_cycles();
        let circuit = &mut self.circuits[slot as usize];
        let hops = circuit.path.len() as u64;
        for (back, output) in circuit.path.iter().rev().enumerate() {
            self.taken_until[*output as usize] = at + (back as u64 + 1) * pass;
        }
        circuit.path.clear();
        circuit.refusals += 1;
        let span = 8u32 << circuit.refusals.min(DOUBLINGS_MAX);
        let random = mix(self.core.config.seed ^ mix(circuit.sequence) ^ u64::from(circuit.refusals));
        let pause = u64::from(pick(random, span));
        let node = circuit.packet.from.0;
        self.enter(at + hops * pass + self.core.config.delays.inject_cycles() + pause, Event::Try(node));
    }

    fn done(&mut self, at: u64, slot: u32) {
        let circuit = &self.circuits[slot as usize];
        let packet = circuit.packet;
        let mut fate = Fate::default();
        if !self.core.hazards.none() {
            circuit
                .path
                .iter()
                .for_each(|o| self.core.hazards.cross(*o as usize, circuit.sequence, &mut fate));
        }
        let delivery = Delivery {
            packet,
            injected: circuit.injected,
            delivered: Cycle(at),
            routers: small(circuit.path.len()),
            corrupted: false,
            again: false,
        };
        self.core.last_move = at;
        self.release(slot);
        self.core.deliver(delivery, fate);
        self.busy[packet.from.index()] = None;
        self.begin(at, packet.from.0);
    }

    fn drop(&mut self, slot: u32) {
        self.core.drop(self.circuits[slot as usize].packet);
        self.release(slot);
    }

    fn release(&mut self, slot: u32) {
        self.circuits[slot as usize].live = false;
        self.free_slots.push(slot);
    }
}

impl Network for CircuitNetwork {
    fn now(&self) -> Cycle {
        Cycle(self.core.now)
    }

    fn inject(&mut self, packet: Packet, at: Cycle) -> Result<(), Error> {
        check_packet(&packet, self.core.topology.nodes(), self.core.config.classes, at, self.now())?;
        let circuit = Circuit {
            packet,
            injected: at,
            trip: Trip { to: packet.to, via: routing::NO_DETOUR, passed: false, ties: 0 },
            sequence: self.core.events.entered(),
            refusals: 0,
            at: 0,
            arrival: Arrival { port: Port(u8::MAX), class: 0, fresh: true },
            path: Vec::new(),
            live: true,
        };
        let slot = match self.free_slots.pop() {
            Some(slot) => {
                self.circuits[slot as usize] = circuit;
                slot
            }
            None => {
                self.circuits.push(circuit);
                small(self.circuits.len() - 1)
            }
        };
        self.enter(at.0, Event::Arrive(slot));
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
        (self.circuits.len() - self.free_slots.len()) as u64
    }

    fn counters(&self) -> Counters {
        self.core.counters
    }

    fn link_flits(&self) -> Vec<u64> {
        self.core.link_flits()
    }

    fn watch(&mut self, links: &[LinkId]) {
        self.core.watch(links);
    }

    fn collect_crossings(&mut self, into: &mut Vec<Crossing>) {
        self.core.watch.collect(into);
    }

    fn set_link(&mut self, link: LinkId, up: bool) -> Result<(), Error> {
        if !self.core.reroute(link, up)? {
            return Ok(());
        }
        // All set-ups under way start again by the new routes; circuits over the failed link are lost.
        let ends = self.core.topology.links()[link.index()];
        let cut =
            [ends.a, ends.b].map(|(router, port)| small(router.index() * self.core.ports + port.index()));
        let now = self.core.now;
        let mut again = Vec::new();
        for (at, event) in self.core.events.take_all() {
            match event {
                Event::Probe(slot) | Event::Ask(slot, _) => {
                    let path = std::mem::take(&mut self.circuits[slot as usize].path);
                    path.iter().for_each(|output| self.taken_until[*output as usize] = now);
                    again.push(self.circuits[slot as usize].packet.from.0);
                }
                Event::Done(slot)
                    if !up && self.circuits[slot as usize].path.iter().any(|output| cut.contains(output)) =>
                {
                    let path = std::mem::take(&mut self.circuits[slot as usize].path);
                    path.iter().for_each(|output| self.taken_until[*output as usize] = now);
                    let node = self.circuits[slot as usize].packet.from.0;
                    self.drop(slot);
                    self.busy[node as usize] = None;
                    again.push(node);
                }
                _ => self.enter(at, event),
            }
        }
        again.into_iter().for_each(|node| self.enter(now, Event::Try(node)));
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
    use crate::config::Switching;
    use crate::rng::Rng;

    fn network(spec: &str) -> CircuitNetwork {
        let topology = Topology::from_spec(spec).unwrap();
        let config = Config { switching: Switching::Circuit, ..Config::default() };
        let routes = Routes::new(&topology, config.routing, None).unwrap();
        CircuitNetwork::new(&topology, routes, &config).unwrap()
    }

    #[test]
    fn alone_it_takes_the_set_up_there_and_back_and_the_data() {
        for spec in ["mesh:4x4", "torus:4x4", "star:5", "hypercube:4"] {
            let mut network = network(spec);
            for (from, to, flits) in [(0, 4, 5), (3, 3, 2), (1, 0, 100)] {
                let at = network.now();
                let packet = Packet { from: NodeId(from), to: NodeId(to), flits, class: 0, tag: 0 };
                network.inject(packet, at).unwrap();
                network.advance(at + 1000);
                let mut found = Vec::new();
                network.collect(&mut found);
                let delays = network.core.config.delays;
                let expected =
                    delays.zero_load_cycles(Switching::Circuit, found[0].routers.into(), flits.into());
                assert_eq!(found[0].latency_cycles(), expected, "{spec}");
            }
        }
    }

    #[test]
    fn refused_set_ups_try_again_until_all_arrive() {
        let mut network = network("mesh:4x4");
        let mut rng = Rng::new(1);
        for tag in 0..1000 {
            let (from, to) = (NodeId(rng.below(16)), NodeId(rng.below(16)));
            network.inject(Packet { from, to, flits: 32, class: 0, tag }, Cycle(tag)).unwrap();
        }
        network.advance(Cycle(500));
        network.set_link(LinkId(4), false).unwrap();
        network.advance(Cycle(2_000_000));
        let counters = network.counters();
        assert_eq!(counters.delivered_packets + counters.dropped_packets, 1000);
        assert!(counters.refused_setups > 100 && counters.dropped_packets <= 2, "{counters:?}");
        assert!(network.taken_until.iter().all(|until| *until < 2_000_000), "no output stays taken");
    }
}
