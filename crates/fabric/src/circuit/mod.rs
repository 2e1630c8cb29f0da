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
use crate::fault::Hazard;
use crate::ids::{Cycle, LinkId, NodeId, Port, small};
use crate::network::{Counters, Delivery, Network, Packet, check_packet};
use crate::routing::{self, Arrival, Routes, Trip};
use crate::topology::Topology;
use std::cmp::Reverse;
use std::collections::BTreeSet;

mod steps;
#[cfg(test)]
mod tests;

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
