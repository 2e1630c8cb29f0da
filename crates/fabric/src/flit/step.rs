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

    fn router_cycle(&mut self, router: usize) {
        self.allocate_switch(router);
        if self.state.take_mark(router) {
            self.allocate_channels(router);
        }
        let grants = self.scratch.grants();
        for grant in 0..grants {
            let place = self.scratch.grant(grant);
            self.forward(router, place);
        }
        if grants > 0 {
            self.counters.hops += grants as u64;
            self.last_move = self.now;
        }
        if !self.state.any_ready(router) && !self.state.marked(router) {
            self.state.active[router / 64] &= !(1 << (router % 64));
        }
    }

    /// A flit arrives in an input channel.
    fn arrive(&mut self, place: usize) {
        let state = &mut self.state;
        state.input[place].visible += 1;
        let bit = state.bit(place);
        let word = state.word(place);
        word.filled |= 1 << bit;
        let (holding, ready) = (word.holding >> bit & 1 == 1, word.ready() >> bit & 1 == 1);
        if ready {
            state.wake(state.router(place));
        }
        if holding {
            return;
        }
        match state.input[place].stage {
            Stage::Idle => self.new_front(place),
            Stage::Hold => self.maybe_whole(place),
            Stage::Wait => {}
        }
    }

    /// A head flit has come to the front.
    fn new_front(&mut self, place: usize) {
        let flits = self.packets[self.state.front(place)].packet.flits;
        let input = &mut self.state.input[place];
        input.stage = Stage::Hold;
        input.left = number(flits as usize);
        if self.config.switching != Switching::StoreAndForward
            || self.at_source(place)
            || self.state.input[place].visible >= self.state.input[place].left
        {
            self.decide(place);
        }
    }

    /// Under store-and-forward, goes on once the last flit has come; at its source a packet is whole anyway.
    fn maybe_whole(&mut self, place: usize) {
        if self.config.switching == Switching::StoreAndForward
            && !self.at_source(place)
            && self.state.input[place].visible == self.state.input[place].left
        {
            self.decide(place);
        }
    }

    fn at_source(&self, place: usize) -> bool {
        self.state.peer(place) & NODE != 0
    }

    fn decide(&mut self, place: usize) {
        if self.spans.decide == 0 {
            self.may_ask(place);
        } else {
            self.decided.push(self.now + self.spans.decide, index(place));
        }
    }

    /// Finds the front packet's output and lets it ask for a channel there.
    fn may_ask(&mut self, place: usize) {
        let state = &mut self.state;
        let router = state.router(place);
        let (port, vc) = ((place - state.first(router)) >> state.vc_bits, place & (state.vcs - 1));
        let flying = &mut self.packets[state.front(place)];
        let arrival = Arrival {
            port: port_of(port),
            class: self.plan.class_of(vc),
            fresh: state.peer(place) & NODE != 0,
        };
        let hop = self.routes.hop(RouterId(index(router)), arrival, &mut flying.trip);
        state.ring[place].wanted = self.plan.mask(flying.packet.class, hop.class);
        let input = &mut state.input[place];
        input.stage = Stage::Wait;
        input.out = u16::from(hop.port.0) << state.vc_bits;
        let bit = state.bit(place);
        state.word(place).waiting |= 1 << bit;
        state.try_again(router);
    }

    /// A credit comes back to an output channel.
    fn credit(&mut self, place: usize) {
        let state = &mut self.state;
        let output = &mut state.output[place];
        output.credits += 1;
        let owner = output.owner;
        if owner != FREE {
            let router = state.router(place);
            let input = state.first(router) + usize::from(owner);
            let bit = state.bit(input);
            let word = state.word(input);
            word.credited |= 1 << bit;
            if word.filled >> bit & 1 == 1 {
                state.wake(router);
            }
        } else if self.config.switching != Switching::Wormhole {
            // There may be room for a whole packet now.
            state.try_again(state.router(place));
        }
    }

    /// Moves a flit of an input channel that won the switch.
    fn forward(&mut self, router: usize, place: usize) {
        let (state, now) = (&mut self.state, self.now);
        let input = &mut state.input[place];
        input.visible -= 1;
        input.left -= 1;
        let (empty, tail, head) = (input.visible == 0, input.left == 0, input.fresh);
        let out = state.first(router) + usize::from(state.input[place].out);
        let output = &mut state.output[out];
        output.credits -= 1;
        let starved = output.credits == 0;
        let bit = state.bit(place);
        let word = state.word(place);
        word.filled &= !(u64::from(empty) << bit);
        word.credited &= !(u64::from(starved) << bit);
        let vcs = state.vcs - 1;
        let up = state.peer(place);
        let port = &mut state.port[out >> state.vc_bits];
        port.sent += 1;
        let down = port.peer;
        if up & NODE == 0 {
            self.credits.push(now + self.spans.credit, up | index(place & vcs));
        } else {
            let channel = ((up & !NODE) << state.vc_bits) | index(place & vcs);
            self.node_credits.push(now + self.spans.node_credit, channel);
        }
        if down & NODE == 0 {
            let there = down | index(out & vcs);
            if head {
                let packet = state.front(place);
                state.enter(there as usize, packet);
            }
            self.arrivals.push(now + self.spans.flight, there);
        } else {
            let (packet, left) = (state.front(place), state.input[place].left);
            self.ejected.push(now + self.spans.flight, Ejected { packet, left, place: index(out) });
        }
        if head {
            state.input[place].fresh = false;
            let flying = &mut self.packets[state.front(place)];
            flying.routers += 1;
            if down & NODE == 0 {
                self.watch.cross(state.link_index(out), &flying.packet, now + self.spans.switched);
            }
            if !self.hazards.none() && down & NODE == 0 {
                self.hazards.cross(state.link_index(out), flying.sequence, &mut flying.fate);
            }
        }
        if tail {
            self.release(router, place, out);
            if !empty {
                self.new_front(place);
            }
        }
    }

    /// A tail has left: its output channel is free, its packet no longer in the input channel.
    fn release(&mut self, router: usize, place: usize, out: usize) {
        let state = &mut self.state;
        let (bit, out_bit) = (state.bit(place), state.bit(out));
        state.word(place).holding &= !(1 << bit);
        state.word(out).free |= 1 << out_bit;
        state.output[out].owner = FREE;
        state.leave(place);
        state.try_again(router);
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
            routers: flying.routers,
            corrupted: false,
            again: false,
        };
        if self.hazards.deliver(delivery, flying.fate, &mut self.delivered) {
            self.counters.dropped_packets += 1;
            self.dropped.push(flying.packet);
        } else {
            self.counters.delivered_packets += 1;
        }
    }
}
