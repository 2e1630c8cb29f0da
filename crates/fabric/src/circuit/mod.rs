//! Circuit switching: a path is reserved first, then data flow over it at full rate and are stored nowhere.
//!
//! A probe goes as a head flit does and reserves each output on its way; the acknowledgement comes back over the
//! path; then the data cross only switches and links. A probe that finds an output taken is refused: the outputs
//! it holds are freed as the refusal passes them, and the source tries again after a random pause that
//! doubles with each refusal. So nothing waits while it holds a channel, and nothing can deadlock.

use crate::config::Config;
use crate::error::Error;
use crate::event_core::{EventCore, EventDriven};
use crate::ids::{Cycle, LinkId, Port, small};
use crate::network::Packet;
use crate::routing::{self, Arrival, Routes, Trip};
use crate::slab::Slab;
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
}

/// What happens, by instant and order of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
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
    circuits: Slab<Circuit>,
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
            circuits: Slab::default(),
            waiting: vec![BTreeSet::new(); topology.nodes()],
            busy: vec![None; topology.nodes()],
            taken_until: vec![0; topology.routers() * topology.ports_max()],
        })
    }

    /// Frees the outputs that a circuit holds, now; the node from which it goes comes back.
    fn give_up(&mut self, slot: u32) -> u32 {
        let circuit = &mut self.circuits[slot];
        circuit.path.drain(..).for_each(|output| self.taken_until[output as usize] = self.core.now);
        circuit.packet.from.0
    }
}

impl EventDriven for CircuitNetwork {
    type Event = Event;

    fn core(&self) -> &EventCore<Event> {
        &self.core
    }

    fn core_mut(&mut self) -> &mut EventCore<Event> {
        &mut self.core
    }

    fn accept(&mut self, packet: Packet, at: Cycle) {
        let slot = self.circuits.insert(Circuit {
            packet,
            injected: at,
            trip: Trip { to: packet.to, via: routing::NO_DETOUR, passed: false, ties: 0 },
            sequence: self.core.events.entered(),
            refusals: 0,
            at: 0,
            arrival: Arrival { port: Port(u8::MAX), class: 0, fresh: true },
            path: Vec::new(),
        });
        self.enter(at.0, Event::Arrive(slot));
    }

    fn run(&mut self, until: Cycle) {
        while let Some((at, event)) = self.core.next_before(until) {
            self.happen(at, event);
        }
    }

    fn under_way(&self) -> u64 {
        self.circuits.len()
    }

    /// All set-ups under way start again by the new routes; circuits over a failed link are lost.
    fn rerouted(&mut self, link: LinkId, up: bool) {
        let ends = self.core.topology.links()[link.index()];
        let cut = [ends.a, ends.b].map(|(router, port)| small(self.core.index(router, port)));
        let now = self.core.now;
        let mut again = Vec::new();
        for (at, event) in self.core.events.take_all() {
            match event {
                Event::Probe(slot) | Event::Ask(slot, _) => again.push(self.give_up(slot)),
                Event::Done(slot)
                    if !up && self.circuits[slot].path.iter().any(|output| cut.contains(output)) =>
                {
                    let node = self.give_up(slot);
                    self.drop(slot);
                    self.busy[node as usize] = None;
                    again.push(node);
                }
                _ => self.enter(at, event),
            }
        }
        again.into_iter().for_each(|node| self.enter(now, Event::Try(node)));
    }
}
