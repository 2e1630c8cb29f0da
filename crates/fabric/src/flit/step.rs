//! One cycle: arrivals, injection, and the moves that the allocators granted.

use super::state::{FREE, NODE, Stage};
use super::{Ejected, Flit, FlitNetwork, index};
use crate::config::Switching;
use crate::ids::{Cycle, Port, RouterId};
use crate::network::Delivery;
use crate::routing::Arrival;

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
        if self.state.take_retry(router) {
            self.allocate_channels(router);
        }
        for grant in 0..self.scratch.grants() {
            let (port, vc) = self.scratch.grant(grant);
            self.forward(router, port, vc);
        }
        let retry = self.state.retry[router / 64] >> (router % 64) & 1;
        if self.state.ready_ports[router] | retry == 0 {
            self.state.active[router / 64] &= !(1 << (router % 64));
        }
    }

    /// Writes a flit into an input channel's buffer, where it becomes visible later.
    pub(super) fn deposit(&mut self, channel: usize, flit: Flit) {
        let depth = self.state.depth;
        let slot = &mut self.state.channel[channel];
        self.state.flits[channel * depth + usize::from(slot.tail)] = flit;
        slot.tail += 1;
        if usize::from(slot.tail) == depth {
            slot.tail = 0;
        }
    }

    /// A flit becomes visible.
    fn arrive(&mut self, channel: usize) {
        let state = &mut self.state;
        let slot = &mut state.channel[channel];
        slot.visible += 1;
        match slot.stage {
            Stage::Active => {
                if slot.visible == 1 {
                    let (router, port, vc) = self.state.place(channel);
                    let state = &mut self.state;
                    let slot = state.channel[channel];
                    let output =
                        (router * state.ports + usize::from(slot.port)) * state.vcs + usize::from(slot.vc);
                    if state.out[output].credits > 0 {
                        state.set_ready(router, port, vc);
                    }
                }
            }
            Stage::Idle => self.new_front(channel),
            Stage::Hold => self.maybe_whole(channel),
            Stage::Wait => {}
        }
    }

    /// A head flit has come to the front.
    fn new_front(&mut self, channel: usize) {
        self.state.channel[channel].stage = Stage::Hold;
        if self.config.switching != Switching::StoreAndForward
            || self.at_source(channel)
            || u32::from(self.state.channel[channel].visible) >= self.front_flits(channel)
        {
            self.decide(channel);
        }
    }

    /// Under store-and-forward, goes on once the last flit has come; at its source a packet is whole anyway.
    fn maybe_whole(&mut self, channel: usize) {
        if self.config.switching == Switching::StoreAndForward
            && !self.at_source(channel)
            && u32::from(self.state.channel[channel].visible) == self.front_flits(channel)
        {
            self.decide(channel);
        }
    }

    fn at_source(&self, channel: usize) -> bool {
        self.state.port[channel >> self.state.vc_bits].up & NODE != 0
    }

    fn front_flits(&self, channel: usize) -> u32 {
        self.packets.get(self.state.front(channel).packet).packet.flits
    }

    fn decide(&mut self, channel: usize) {
        if self.spans.decide == 0 {
            self.may_ask(channel);
        } else {
            self.decided.push(self.now + self.spans.decide, index(channel));
        }
    }

    /// Finds the front packet's output and lets it ask for a channel there.
    fn may_ask(&mut self, channel: usize) {
        let (router, port, vc) = self.state.place(channel);
        let state = &mut self.state;
        let flit = state.front(channel);
        let flying = self.packets.get_mut(flit.packet);
        let arrival = Arrival {
            port: Port(u8::try_from(port).unwrap_or(u8::MAX)),
            class: self.plan.class_of(vc),
            fresh: state.port[router * state.ports + port].up & NODE != 0,
        };
        let hop = self.routes.hop(RouterId(index(router)), arrival, &mut flying.trip);
        let class = flying.packet.class;
        let slot = &mut state.channel[channel];
        slot.stage = Stage::Wait;
        slot.port = hop.port.0;
        slot.class = class;
        slot.wanted = self.plan.mask(class, hop.class);
        state.set_waiting(router, port, vc);
    }

    /// A credit comes back to an output channel.
    fn credit(&mut self, channel: usize) {
        let state = &mut self.state;
        state.out[channel].credits += 1;
        let owner = state.out[channel].owner;
        if owner == FREE && self.config.switching != Switching::Wormhole {
            // There may be room for a whole packet now.
            let router = state.place(channel).0;
            state.try_again(router);
        }
        if state.out[channel].credits == 1 && owner != FREE {
            let router = state.place(channel).0;
            let (port, vc) = (usize::from(owner) >> state.vc_bits, usize::from(owner) & (state.vcs - 1));
            let input = router * state.ports * state.vcs + usize::from(owner);
            if state.channel[input].visible > 0 {
                state.set_ready(router, port, vc);
            }
        }
    }

    /// Moves the front flit of an input channel that won the switch.
    fn forward(&mut self, router: usize, port: usize, vc: usize) {
        let state = &mut self.state;
        let input = (router * state.ports + port) * state.vcs + vc;
        let flit = state.front(input);
        let slot = &mut state.channel[input];
        slot.head += 1;
        if usize::from(slot.head) == state.depth {
            slot.head = 0;
        }
        slot.visible -= 1;
        let visible = slot.visible;
        let (out_port, out_vc) = (usize::from(slot.port), usize::from(slot.vc));
        if flit.tail {
            slot.stage = Stage::Idle;
        }
        let out = router * state.ports + out_port;
        let output = out * state.vcs + out_vc;
        state.out[output].credits -= 1;
        let starved = state.out[output].credits == 0;
        state.sent[out] += 1;
        let down = state.port[out].down;
        let up = state.port[router * state.ports + port].up;
        if flit.tail {
            state.out[output].owner = FREE;
            state.port[out].free |= 1 << out_vc;
            state.try_again(router);
        }
        if flit.tail || visible == 0 || starved {
            state.clear_ready(router, port, vc);
        }
        let now = self.now;
        if up & NODE != 0 {
            let channel = (up & !NODE) as usize * state.vcs + vc;
            self.node_credits.push(now + self.spans.node_credit, index(channel));
        } else {
            self.credits.push(now + self.spans.credit, index(up as usize * state.vcs + vc));
        }
        if down & NODE != 0 {
            self.ejected.push(now + self.spans.flight, Ejected { flit, channel: index(output) });
        } else {
            let channel = down as usize * state.vcs + out_vc;
            self.deposit(channel, flit);
            self.arrivals.push(now + self.spans.flight, index(channel));
        }
        if flit.head {
            let flying = self.packets.get_mut(flit.packet);
            flying.routers += 1;
            if !self.hazards.none() && down & NODE == 0 {
                self.hazards.cross(out, flying.sequence, &mut flying.fate);
            }
        }
        self.counters.hops += 1;
        self.last_move = now;
        if flit.tail && visible > 0 {
            self.new_front(input);
        }
    }

    /// A flit reaches its node.
    fn eject(&mut self, ejected: Ejected) {
        self.credits.push(self.now + self.spans.eject_credit, ejected.channel);
        self.counters.delivered_flits += 1;
        let flying = self.packets.get_mut(ejected.flit.packet);
        if u32::from(ejected.flit.sequence) != flying.arrived {
            self.counters.misordered_flits += 1;
        }
        flying.arrived += 1;
        if !ejected.flit.tail {
            return;
        }
        let flying = self.packets.remove(ejected.flit.packet);
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
