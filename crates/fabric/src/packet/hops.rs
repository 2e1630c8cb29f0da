//! What happens to packets: they start, go from router to router, and arrive.

use super::{Event, HOME, PacketNetwork};
use crate::config::Switching;
use crate::ids::{Cycle, Port, RouterId, small};
use crate::network::Delivery;
use crate::rng::mix;
use crate::routing::{Arrival, EJECT};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

impl PacketNetwork {
    pub(super) fn enter(&mut self, at: u64, event: Event) {
        self.core.events.enter(at, event);
    }

    pub(super) fn happen(&mut self, at: u64, event: Event) {
        match event {
            Event::Start(slot) => self.start(at, slot),
            Event::Head(slot) if self.slots[slot].at == HOME => self.finish(at, slot),
            Event::Head(slot) => self.route(at, slot),
            Event::Ask(slot) => {
                let flying = &self.slots[slot];
                let (class, output) = (flying.packet.class, flying.output);
                self.asked += 1;
                self.queues.entry(output).or_default().push((class, Reverse(self.asked), slot));
                self.serve(at, output);
            }
            Event::Free(output) => self.serve(at, output),
        }
    }

    /// A packet leaves its node when those before it have.
    fn start(&mut self, at: u64, slot: u32) {
        let flying = self.slots[slot];
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
        let flying = &mut self.slots[slot];
        flying.trip = trip;
        flying.at = router.0;
        flying.arrival = Arrival { port, class: 0, fresh: true };
        self.enter(begin + self.core.config.delays.inject_cycles(), Event::Head(slot));
    }

    /// A head has come to a router: where to, and from when.
    fn route(&mut self, at: u64, slot: u32) {
        let flying = &mut self.slots[slot];
        let router = RouterId(flying.at);
        let mut arrival = flying.arrival;
        // Routes that were changed under way treat every packet as if it started here.
        arrival.fresh |= self.rerouted;
        let hop = self.core.routes.hop(router, arrival, &mut flying.trip);
        let mut port = hop.port;
        let base = router.index() * self.core.ports;
        if hop.class != EJECT && self.core.routes.is_adaptive() {
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
        let flying = &mut self.slots[slot];
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
            self.slots[slot].output = output;
            self.enter(ask, Event::Ask(slot));
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
        let out = output as usize;
        let flying = &mut self.slots[slot];
        let flits = u64::from(flying.packet.flits);
        self.free_at[out] = begin + flits;
        self.core.sent[out] += flits;
        self.core.counters.hops += flits;
        self.core.last_move = self.core.last_move.max(begin);
        let delays = &self.core.config.delays;
        let head = begin + u64::from(delays.switch);
        self.core.watch.cross(out, &flying.packet, head);
        let end = self.ends[out];
        flying.at = end.router;
        if end.router == HOME {
            let link = u64::from(delays.node_link);
            self.enter(head + link + flits - 1, Event::Head(slot));
            return;
        }
        flying.arrival = Arrival { port: end.port, class: flying.arrival.class, fresh: false };
        if !self.core.hazards.none() {
            self.core.hazards.cross(out, flying.sequence, &mut flying.fate);
        }
        let link = u64::from(delays.link);
        self.enter(head + link, Event::Head(slot));
    }

    fn finish(&mut self, at: u64, slot: u32) {
        let flying = *self.slots.remove(slot);
        let delivery = Delivery {
            packet: flying.packet,
            injected: flying.injected,
            delivered: Cycle(at),
            routers: flying.routers,
            corrupted: false,
            again: false,
            repeat: false,
        };
        self.core.deliver(delivery, flying.fate);
    }

    pub(super) fn drop(&mut self, slot: u32) {
        self.core.drop(self.slots.remove(slot).packet);
    }
}
