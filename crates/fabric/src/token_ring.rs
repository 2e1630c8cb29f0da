//! A token ring: one token goes round, and the node that has it may send one packet before it passes it on.
//!
//! A packet goes round from its sender to its destination, `switch + link` cycles a node, and arrives whole its
//! length later. The token follows the last flit.

use crate::config::Config;
use crate::crossing::{Crossing, Watch};
use crate::error::Error;
use crate::fault::{Fate, Hazard, Hazards};
use crate::ids::{Cycle, LinkId, NodeId, small};
use crate::network::{Counters, Delivery, Network, Packet, check_packet};
use crate::topology::Topology;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// A token ring.
#[derive(Debug)]
pub struct TokenRing {
    nodes: usize,
    config: Config,
    /// Cycles from one node to the next.
    step: u64,
    now: u64,
    /// The node to which the token comes next, and when.
    token: (usize, u64),
    sequence: u64,
    /// Packets whose instant has not come, and those that wait for the token, by node.
    pending: BTreeMap<(u64, u64), Packet>,
    waiting: Vec<BTreeSet<(Reverse<u8>, u64)>>,
    packets: BTreeMap<u64, (Packet, Cycle)>,
    /// Packets on their way, by the instant of their arrival.
    arriving: BTreeMap<(u64, u64), (Delivery, Fate)>,
    sent: Vec<u64>,
    watch: Watch,
    delivered: Vec<Delivery>,
    dropped: Vec<Packet>,
    counters: Counters,
    node_down: Vec<bool>,
    hazards: Hazards,
    last_move: u64,
}

impl TokenRing {
    /// A ring at rest, the token at node 0.
    ///
    /// Errors: parameters out of range.
    pub fn new(topology: &Topology, config: &Config) -> Result<TokenRing, Error> {
        config.check(1)?;
        let nodes = topology.nodes();
        Ok(TokenRing {
            nodes,
            config: config.clone(),
            step: u64::from(config.delays.switch) + u64::from(config.delays.link),
            now: 0,
            token: (0, 0),
            sequence: 0,
            pending: BTreeMap::new(),
            waiting: vec![BTreeSet::new(); nodes],
            packets: BTreeMap::new(),
            arriving: BTreeMap::new(),
            sent: vec![0; nodes],
            watch: Watch::default(),
            delivered: Vec::new(),
            dropped: Vec::new(),
            counters: Counters::default(),
            node_down: vec![false; nodes],
            hazards: Hazards::new(config.seed),
            last_move: 0,
        })
    }

    /// Where the token is, or comes next, and when.
    pub fn token(&self) -> (NodeId, Cycle) {
        (NodeId(small(self.token.0)), Cycle(self.token.1))
    }

    fn admit(&mut self, until: u64) {
        while let Some(entry) = self.pending.first_entry().filter(|entry| entry.key().0 <= until) {
            let ((at, sequence), packet) = entry.remove_entry();
            self.counters.injected_packets += 1;
            self.counters.injected_flits += u64::from(packet.flits);
            if self.node_down[packet.from.index()] {
                self.counters.dropped_packets += 1;
                self.dropped.push(packet);
                continue;
            }
            self.waiting[packet.from.index()].insert((Reverse(packet.class), sequence));
            self.packets.insert(sequence, (packet, Cycle(at)));
        }
    }

    /// The token is at its node: a packet leaves, or it goes on.
    fn visit(&mut self) {
        let (node, at) = self.token;
        let next = (node + 1) % self.nodes;
        let first = self.waiting[node].pop_first();
        let taken = first.and_then(|(_, sequence)| Some((sequence, self.packets.remove(&sequence)?)));
        let Some((sequence, (packet, injected))) = taken else {
            self.token = (next, at + self.step);
            return;
        };
        let flits = u64::from(packet.flits);
        let hops = (packet.to.index() + self.nodes - node) % self.nodes;
        let mut fate = Fate::default();
        for hop in 0..hops {
            let link = (node + hop) % self.nodes;
            self.sent[link] += flits;
            self.watch.cross(link, &packet, at + hop as u64 * self.step);
            self.hazards.cross(link, sequence, &mut fate);
        }
        self.counters.hops += flits * hops as u64;
        let arrives = at + hops as u64 * self.step + flits;
        let delivery = Delivery {
            packet,
            injected,
            delivered: Cycle(arrives),
            routers: small(hops),
            corrupted: false,
            again: false,
            repeat: false,
        };
        self.arriving.insert((arrives, sequence), (delivery, fate));
        self.last_move = at;
        self.token = (next, at + flits + self.step);
    }

    fn hand_over(&mut self, until: u64) {
        while let Some(entry) = self.arriving.first_entry().filter(|entry| entry.key().0 < until) {
            let (delivery, fate) = entry.remove();
            self.counters.delivered_flits += u64::from(delivery.packet.flits);
            let down = self.node_down[delivery.packet.to.index()];
            if down || self.hazards.deliver(delivery, fate, &mut self.delivered) {
                self.counters.dropped_packets += 1;
                self.dropped.push(delivery.packet);
            } else {
                self.counters.delivered_packets += 1;
            }
        }
    }
}

impl Network for TokenRing {
    fn now(&self) -> Cycle {
        Cycle(self.now)
    }

    fn inject(&mut self, packet: Packet, at: Cycle) -> Result<(), Error> {
        check_packet(&packet, self.nodes, self.config.classes, at, self.now())?;
        self.sequence += 1;
        self.pending.insert((at.0, self.sequence), packet);
        Ok(())
    }

    fn advance(&mut self, until: Cycle) {
        while self.token.1 < until.0 {
            self.admit(self.token.1);
            if self.packets.is_empty() {
                // Nobody waits: the token goes round until the next packet comes.
                let next = self.pending.first_key_value().map_or(until.0, |(key, _)| key.0).min(until.0);
                let steps = next.saturating_sub(self.token.1).div_ceil(self.step).max(1);
                let node = (self.token.0 as u64 + steps) % self.nodes as u64;
                self.token = (usize::try_from(node).unwrap_or(0), self.token.1 + steps * self.step);
            } else {
                self.visit();
            }
        }
        self.now = self.now.max(until.0);
        self.hand_over(self.now);
        self.hazards.release(self.now, &mut self.delivered);
    }

    fn collect_dropped(&mut self, into: &mut Vec<Packet>) {
        into.append(&mut self.dropped);
    }

    fn collect(&mut self, into: &mut Vec<Delivery>) {
        self.dropped.clear();
        into.append(&mut self.delivered);
    }

    fn next_event(&self) -> Option<Cycle> {
        let waiting = (!self.packets.is_empty()).then_some(self.token.1);
        let arriving = self.arriving.keys().next().map(|key| key.0);
        let pending = self.pending.keys().next().map(|key| key.0);
        let next = [waiting, arriving, pending, self.hazards.next()].into_iter().flatten().min();
        next.map(|at| Cycle(at.max(self.now)))
    }

    fn in_flight(&self) -> u64 {
        (self.pending.len() + self.packets.len() + self.arriving.len()) as u64
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn link_flits(&self) -> Vec<u64> {
        self.sent.iter().flat_map(|sent| [*sent, 0]).collect()
    }

    fn watch(&mut self, links: &[LinkId]) {
        self.watch.set_one_way(links);
    }

    fn collect_crossings(&mut self, into: &mut Vec<Crossing>) {
        self.watch.collect(into);
    }

    fn set_link(&mut self, link: LinkId, up: bool) -> Result<(), Error> {
        if up {
            return Ok(());
        }
        Err(Error::Impossible {
            reason: format!("a token ring without its link {} is no ring: the token would be lost", link.0),
            span: 0..0,
            way_out: "use `ring`, which has two ways round".to_owned(),
        })
    }

    fn set_hazard(&mut self, link: LinkId, hazard: Hazard) {
        self.hazards.set(link.index(), hazard);
    }

    fn set_node(&mut self, node: NodeId, up: bool) {
        self.node_down[node.index()] = !up;
    }

    fn last_move(&self) -> Cycle {
        Cycle(self.last_move.min(self.now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> TokenRing {
        let topology = Topology::from_spec("token-ring:8").unwrap();
        TokenRing::new(&topology, &Config::default()).unwrap()
    }

    #[test]
    fn a_packet_waits_for_the_token_and_goes_round() {
        let mut ring = ring();
        let packet = Packet { from: NodeId(3), to: NodeId(1), flits: 10, class: 0, tag: 0 };
        ring.inject(packet, Cycle(0)).unwrap();
        ring.advance(Cycle(100));
        let mut found = Vec::new();
        ring.collect(&mut found);
        // The token takes 3 steps of 2 cycles to node 3; 6 steps to node 1; 10 flits.
        assert_eq!(found[0].delivered, Cycle(6 + 12 + 10));
    }

    #[test]
    fn one_sends_at_a_time_however_time_is_cut() {
        let run = |step: u64| {
            let mut ring = ring();
            for tag in 0..100u32 {
                let packet = Packet {
                    from: NodeId(tag % 8),
                    to: NodeId(tag * 5 % 8),
                    flits: 4,
                    class: 0,
                    tag: tag.into(),
                };
                ring.inject(packet, Cycle(u64::from(tag * 7 % 50))).unwrap();
            }
            let mut found = Vec::new();
            while ring.in_flight() > 0 {
                ring.advance(ring.now() + step);
                ring.collect(&mut found);
            }
            (found, ring.counters())
        };
        let (found, counters) = run(1000);
        assert_eq!((found.len(), counters.delivered_packets), (100, 100));
        let mut other = run(3).0;
        other.sort_by_key(|delivery| (delivery.delivered, delivery.packet.tag));
        let mut found = found;
        found.sort_by_key(|delivery| (delivery.delivered, delivery.packet.tag));
        assert_eq!(found, other);
    }
}
