//! The network by the packet: every link a server that one packet at a time occupies, with a queue before it.
//!
//! A packet's head asks for its next link once the router has decided, waits until those before it have gone,
//! and occupies the link for as many cycles as it has flits. Alone in the network a packet takes exactly what it
//! takes by the flit; one event a hop makes this level fast. What it leaves out is in [`OMITTED`].

use crate::config::Config;
use crate::error::Error;
use crate::event_core::{EventCore, EventDriven};
use crate::fault::Fate;
use crate::ids::{Cycle, LinkId, Port, RouterId, small};
use crate::network::Packet;
use crate::routing::{self, Arrival, Routes, Trip};
use crate::slab::Slab;
use crate::topology::{Peer, Topology};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

mod hops;
#[cfg(test)]
mod tests;

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
    /// The output that it asks for or has.
    output: u32,
    arrival: Arrival,
    routers: u32,
    fate: Fate,
}

/// What happens to a slot or port, by instant and order of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A packet whose instant has come starts from its node.
    Start(u32),
    /// A head arrives at a router, or a tail at its node.
    Head(u32),
    /// A head asks for its output (only with several classes).
    Ask(u32),
    /// An output is free again (only with several classes).
    Free(u32),
}

/// Where an output leads.
#[derive(Clone, Copy, Debug)]
struct End {
    /// The router, or [`HOME`].
    router: u32,
    /// The input there.
    port: Port,
}

/// A network simulated by the packet.
#[derive(Debug)]
pub struct PacketNetwork {
    core: EventCore<Event>,
    slots: Slab<Flying>,
    /// By output.
    ends: Vec<End>,
    /// When each output, and each node's own link, is free.
    free_at: Vec<u64>,
    /// Packets that wait for an output, highest class first (only with several classes).
    queues: BTreeMap<u32, BinaryHeap<(u8, Reverse<u64>, u32)>>,
    /// How many have ever asked.
    asked: u64,
    rerouted: bool,
    /// Storage for the events of a cycle.
    due: Vec<Event>,
}

/// Marks a packet on its way to its node.
const HOME: u32 = u32::MAX;

impl PacketNetwork {
    /// A network at rest.
    ///
    /// Errors: parameters out of range.
    pub fn new(topology: &Topology, routes: Routes, config: &Config) -> Result<PacketNetwork, Error> {
        let ports = topology.ports_max();
        let end = |output: usize| {
            let peers = topology.ports(RouterId(small(output / ports)));
            match peers.get(output % ports) {
                Some(Peer::Router(next, port, _)) => End { router: next.0, port: *port },
                _ => End { router: HOME, port: Port(u8::MAX) },
            }
        };
        Ok(PacketNetwork {
            ends: (0..topology.routers() * ports).map(end).collect(),
            core: EventCore::new(topology, routes, config)?,
            slots: Slab::default(),
            free_at: vec![0; topology.routers() * ports + topology.nodes()],
            queues: BTreeMap::new(),
            asked: 0,
            rerouted: false,
            due: Vec::new(),
        })
    }

    /// Packets whose head is on its way over `link`.
    fn across(&self, link: LinkId) -> Vec<u32> {
        let ends = self.core.topology.links()[link.index()];
        let on = |slot: &u32| {
            let flying = &self.slots[*slot];
            let here = (RouterId(flying.at), flying.arrival.port);
            !flying.arrival.fresh && (here == ends.a || here == ends.b)
        };
        self.slots.live().filter(on).collect()
    }
}

impl EventDriven for PacketNetwork {
    type Event = Event;

    fn core(&self) -> &EventCore<Event> {
        &self.core
    }

    fn core_mut(&mut self) -> &mut EventCore<Event> {
        &mut self.core
    }

    fn accept(&mut self, packet: Packet, at: Cycle) {
        let slot = self.slots.insert(Flying {
            packet,
            injected: at,
            trip: Trip { to: packet.to, via: routing::NO_DETOUR, passed: false, ties: 0 },
            sequence: self.core.events.entered(),
            at: HOME,
            output: u32::MAX,
            arrival: Arrival { port: Port(u8::MAX), class: 0, fresh: true },
            routers: 0,
            fate: Fate::default(),
        });
        self.enter(at.0, Event::Start(slot));
    }

    fn run(&mut self, until: Cycle) {
        let mut events = std::mem::take(&mut self.due);
        while let Some(at) = self.core.next_cycle(until, &mut events) {
            events.drain(..).for_each(|event| self.happen(at, event));
        }
        self.due = events;
    }

    fn under_way(&self) -> u64 {
        self.slots.len()
    }

    fn rerouted(&mut self, link: LinkId, up: bool) {
        self.rerouted = true;
        if up {
            return;
        }
        let lost = self.across(link);
        let dead = |event: &Event| match event {
            Event::Start(slot) | Event::Head(slot) | Event::Ask(slot) => lost.contains(slot),
            Event::Free(_) => false,
        };
        let left = self.core.events.take_all().into_iter().filter(|(_, event)| !dead(event));
        left.collect::<Vec<_>>().into_iter().for_each(|(at, event)| self.enter(at, event));
        for queue in self.queues.values_mut() {
            queue.retain(|(_, _, slot)| !lost.contains(slot));
        }
        lost.iter().for_each(|slot| self.drop(*slot));
    }
}
