//! One cycle: arrivals, injection, and the moves that the allocators granted.

use super::state::{FREE, NODE, Stage};
use super::{Ejected, FlitNetwork, index, number};
use crate::config::Switching;
use crate::ids::{Cycle, RouterId};
use crate::network::Delivery;
use crate::routing::Arrival;
use crate::topology::port_of;

impl FlitNetwork {
    /// Runs the present cycle.
    pub(super) fn cycle(&mut self) {
        self.admit();
        let now = self.now;
        let due = self.arrivals.take(now);
        due.iter().for_each(|channel| self.arrive(*channel as usize));
        self.arrivals.give_back(now, due);
        let due = self.decided.take(now);
        due.iter().for_each(|channel| self.may_ask(*channel as usize));
        self.decided.give_back(now, due);
        let due = self.credits.take(now);
        due.iter().for_each(|channel| self.credit(*channel as usize));
        self.credits.give_back(now, due);
        let due = self.node_credits.take(now);
        due.iter().for_each(|channel| self.sources.credit(*channel as usize));
        self.node_credits.give_back(now, due);
        let due = self.ejected.take(now);
        due.iter().for_each(|ejected| self.eject(*ejected));
        self.ejected.give_back(now, due);
        self.inject_flits();
        for word in 0..self.state.active.len() {
            let mut routers = self.state.active[word];
            while routers != 0 {
                let bit = routers.trailing_zeros();
                routers &= routers - 1;
                self.router_cycle(word * 64 + bit as usize);
            }
        }
    }

    /// All choices are made by what held before any flit moves and any channel is taken.
    fn router_cycle(&mut self, router: usize) {
        self.choose_channels(router);
        let moved = self.allocate_switch(router);
        if moved > 0 {
            self.counters.hops += moved;
            self.last_move = self.now;
        }
        self.take_channels(router);
        self.state.settle(router);
    }

    /// A flit arrives in an input channel.
    fn arrive(&mut self, place: usize) {
        let state = &mut self.state;
        state.channel[place].visible += 1;
        let (word, bit) = state.spot(place);
        let word = &mut state.words[word];
        word.filled |= bit;
        if word.holding & bit != 0 {
            if word.credited & bit != 0 {
                state.wake(state.router(place));
            }
            return;
        }
        match state.channel[place].stage {
            Stage::Idle => self.new_front(place, self.now),
            Stage::Hold => self.maybe_whole(place),
            Stage::Wait => {}
        }
    }

    /// Enters a packet whose head is on its way to an input channel.
    pub(super) fn enter(&mut self, place: usize, packet: u32) {
        if self.state.enter(place, packet) {
            self.route(place);
        }
    }

    /// Finds the way of a channel's front packet, whose head may not have arrived.
    fn route(&mut self, place: usize) {
        let state = &mut self.state;
        let router = state.router(place);
        let (port, vc) = ((place - state.first(router)) >> state.vc_bits, place & (state.vcs - 1));
        let fresh = state.peer(place) & NODE != 0;
        let arrival = Arrival { port: port_of(port), class: self.plan.class_of(vc), fresh };
        let channel = &mut state.channel[place];
        let flying = &mut self.packets[channel.front];
        let hop = self.routes.hop(RouterId(index(router)), arrival, &mut flying.trip);
        channel.left = number(flying.packet.flits as usize);
        channel.out = u16::from(hop.port.0) << state.vc_bits;
        channel.wanted = self.plan.mask(flying.packet.class, hop.class);
    }

    /// A head flit has come to the front, where its route is looked at from the cycle `from` on.
    fn new_front(&mut self, place: usize, from: u64) {
        self.state.channel[place].stage = Stage::Hold;
        if self.config.switching != Switching::StoreAndForward || self.at_source(place) || self.whole(place) {
            self.decide(place, from);
        }
    }

    /// Under store-and-forward, goes on once the last flit has come; at its source a packet is whole anyway.
    fn maybe_whole(&mut self, place: usize) {
        let channel = &self.state.channel[place];
        if self.config.switching == Switching::StoreAndForward
            && !self.at_source(place)
            && channel.visible == channel.left
        {
            self.decide(place, self.now);
        }
    }

    /// Whether all flits of the front packet have come.
    fn whole(&self, place: usize) -> bool {
        let channel = &self.state.channel[place];
        channel.visible >= channel.left
    }

    fn at_source(&self, place: usize) -> bool {
        self.state.peer(place) & NODE != 0
    }

    fn decide(&mut self, place: usize, from: u64) {
        if self.spans.decide == 0 {
            self.may_ask(place);
        } else {
            self.decided.push(from + self.spans.decide, index(place));
        }
    }

    /// Lets the front packet ask for a channel of its output.
    fn may_ask(&mut self, place: usize) {
        let state = &mut self.state;
        state.channel[place].stage = Stage::Wait;
        let (word, bit) = state.spot(place);
        let word = &mut state.words[word];
        word.waiting |= bit;
        word.retry = true;
        state.wake(state.router(place));
    }

    /// A credit comes back to an output channel.
    fn credit(&mut self, place: usize) {
        let state = &mut self.state;
        let output = &mut state.channel[place];
        output.credits += 1;
        let owner = output.owner;
        let router = state.router(place);
        if owner != FREE {
            let (word, bit) = state.spot(state.first(router) + usize::from(owner));
            let word = &mut state.words[word];
            word.credited |= bit;
            if word.filled & bit != 0 {
                state.wake(router);
            }
        } else if self.config.switching != Switching::Wormhole {
            // There may be room for a whole packet now.
            state.try_again(router);
            state.wake(router);
        }
    }

    /// Moves a flit of an input channel that won the switch.
    pub(super) fn forward(&mut self, router: usize, place: usize) {
        let (state, now) = (&mut self.state, self.now);
        let vcs = state.vcs - 1;
        let first = state.first(router);
        let (word, bit) = state.spot(place);
        let channel = &mut state.channel[place];
        channel.visible -= 1;
        channel.left -= 1;
        let (packet, left, empty) = (channel.front, channel.left, channel.visible == 0);
        let head = std::mem::take(&mut channel.fresh);
        let out = first + usize::from(channel.out);
        let output = &mut state.channel[out];
        output.credits -= 1;
        let starved = output.credits == 0;
        let word = &mut state.words[word];
        word.filled &= !(bit * u64::from(empty));
        word.credited &= !(bit * u64::from(starved));
        let up = state.peer(place);
        if up & NODE == 0 {
            self.credits.push(now + self.spans.credit, up | index(place & vcs));
        } else {
            let channel = ((up & !NODE) << state.vc_bits) | index(place & vcs);
            self.node_credits.push(now + self.spans.node_credit, channel);
        }
        let port = &mut state.port[out >> state.vc_bits];
        port.sent += 1;
        if port.peer & NODE == 0 {
            let there = port.peer | index(out & vcs);
            self.arrivals.push(now + self.spans.flight, there);
            if head {
                self.send_head(packet, out, there as usize);
            }
        } else {
            self.ejected.push(now + self.spans.flight, Ejected { packet, left, place: index(out) });
        }
        if left == 0 {
            self.release(router, place, out);
            if !empty {
                // The stages of this cycle have begun without it.
                self.new_front(place, now + 1);
            }
        }
    }

    /// A head sets out for the input channel `there` of the next router.
    fn send_head(&mut self, packet: u32, out: usize, there: usize) {
        let flying = &mut self.packets[packet];
        flying.routers += 1;
        if !(self.watch.is_empty() && self.hazards.none()) {
            let link = self.state.link_index(out);
            self.watch.cross(link, &flying.packet, self.now + self.spans.switched);
            self.hazards.cross(link, flying.sequence, &mut flying.fate);
        }
        self.enter(there, packet);
    }

    /// A tail has left: its output channel is free, its packet no longer in the input channel.
    fn release(&mut self, router: usize, place: usize, out: usize) {
        let state = &mut self.state;
        let ((word, bit), (out_word, out_bit)) = (state.spot(place), state.spot(out));
        state.words[word].holding &= !bit;
        state.words[out_word].free |= out_bit;
        state.channel[out].owner = FREE;
        state.try_again(router);
        if state.leave(place) {
            self.route(place);
        }
    }

    /// A flit reaches its node.
    fn eject(&mut self, ejected: Ejected) {
        self.credits.push(self.now + self.spans.eject_credit, ejected.place);
        self.counters.delivered_flits += 1;
        let flying = &mut self.packets[ejected.packet];
        flying.arrived += 1;
        if flying.arrived + u32::from(ejected.left) != flying.packet.flits {
            self.counters.misordered_flits += 1;
        }
        if ejected.left > 0 {
            return;
        }
        let flying = self.packets.remove(ejected.packet);
        if self.node_down[flying.packet.to.index()] {
            self.counters.dropped_packets += 1;
            self.dropped.push(flying.packet);
            return;
        }
        let delivery = Delivery {
            packet: flying.packet,
            injected: flying.injected,
            delivered: Cycle(self.now),
            // The last one led to the node.
            routers: flying.routers + 1,
            corrupted: false,
            again: false,
            repeat: false,
        };
        if self.hazards.deliver(delivery, flying.fate, &mut self.delivered) {
            self.counters.dropped_packets += 1;
            self.dropped.push(flying.packet);
        } else {
            self.counters.delivered_packets += 1;
        }
    }
}
