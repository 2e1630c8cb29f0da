//! The steps of a circuit: probe, acknowledgement or refusal, data.

use super::{CircuitNetwork, DOUBLINGS_MAX, Event};
use crate::fault::Fate;
use crate::ids::{Cycle, Port, RouterId, small};
use crate::network::Delivery;
use crate::rng::{mix, pick};
use crate::routing::{Arrival, EJECT};
use crate::topology::Peer;
use std::cmp::Reverse;

impl CircuitNetwork {
    pub(super) fn enter(&mut self, at: u64, event: Event) {
        self.core.events.enter(at, event);
    }

    /// Cycles that a signal needs from one router to the next over a reserved path.
    fn pass_cycles(&self) -> u64 {
        u64::from(self.core.config.delays.switch) + u64::from(self.core.config.delays.link)
    }

    pub(super) fn happen(&mut self, at: u64, event: Event) {
        match event {
            Event::Arrive(slot) => self.arrive(at, slot),
            Event::Try(node) => self.begin(at, node),
            Event::Probe(slot) => self.probe(at, slot),
            Event::Ask(slot, output) => self.ask(at, slot, output),
            Event::Done(slot) => self.done(at, slot),
        }
    }

    fn arrive(&mut self, at: u64, slot: u32) {
        let circuit = &self.circuits[slot];
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
        let circuit = &self.circuits[slot];
        let salt = circuit.sequence.wrapping_mul(0x9e37_79b9).wrapping_add(u64::from(circuit.refusals));
        let packet = circuit.packet;
        let trip = self.core.routes.plan(packet.from, packet.to, mix(self.core.config.seed ^ salt), |_| 0);
        let (router, port) = self.core.routes.attachment(packet.from);
        let circuit = &mut self.circuits[slot];
        circuit.trip = trip;
        circuit.at = router.0;
        circuit.arrival = Arrival { port, class: 0, fresh: true };
        self.enter(at + self.core.config.delays.inject_cycles(), Event::Probe(slot));
    }

    fn probe(&mut self, at: u64, slot: u32) {
        let circuit = &mut self.circuits[slot];
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
        let circuit = &mut self.circuits[slot];
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
        let circuit = &self.circuits[slot];
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
        let circuit = &mut self.circuits[slot];
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
        let circuit = &self.circuits[slot];
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
            repeat: false,
        };
        self.core.last_move = at;
        self.circuits.remove(slot);
        self.core.deliver(delivery, fate);
        self.busy[packet.from.index()] = None;
        self.begin(at, packet.from.0);
    }

    pub(super) fn drop(&mut self, slot: u32) {
        self.core.drop(self.circuits.remove(slot).packet);
    }
}
