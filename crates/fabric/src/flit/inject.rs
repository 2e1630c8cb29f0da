//! Nodes as sources: queues of packets, one flit a cycle into the router, by credits as any other link.

use super::allocate::{byte, round_robin};
use super::flying::{Flying, NONE};
use super::{FlitNetwork, index};
use crate::config::Config;
use crate::ids::Cycle;
use crate::network::Packet;
use crate::rng::mix;

/// The queue of one node's packets of one priority class.
#[derive(Clone, Copy, Debug)]
struct Queue {
    first: u32,
    last: u32,
    /// Flits of the first packet that have not been sent; 0 before it holds a channel.
    left: u16,
    /// The channel that the first packet holds, or that the last one held.
    vc: u8,
}

/// All nodes as sources.
#[derive(Debug)]
pub(super) struct Sources {
    classes: usize,
    vcs: usize,
    /// The first place of each node's port in its router.
    entrances: Vec<u32>,
    /// By `node * classes + class`.
    queues: Vec<Queue>,
    /// Free places of each channel's buffer in the router, by `node * vcs + vc`.
    credits: Vec<u16>,
    /// Channels with a credit.
    credited: Vec<u16>,
    /// Channels that no packet holds.
    free: Vec<u16>,
    /// Nodes with a packet that may be sent: since the last try one came, or a credit.
    active: Vec<u64>,
    depth: u16,
}

impl Sources {
    /// Nodes at rest, whose ports in their routers have these first places.
    pub(super) fn new(entrances: Vec<u32>, config: &Config) -> Sources {
        let nodes = entrances.len();
        let (classes, vcs) = (config.classes as usize, config.vcs.next_power_of_two() as usize);
        let depth = u16::try_from(config.buffer_flits).unwrap_or(u16::MAX);
        let mut sources = Sources {
            classes,
            vcs,
            entrances,
            queues: vec![Queue { first: NONE, last: NONE, left: 0, vc: u8::MAX }; nodes * classes],
            credits: vec![0; nodes * vcs],
            credited: vec![0; nodes],
            free: vec![0; nodes],
            active: vec![0; nodes.div_ceil(64)],
            depth,
        };
        sources.release();
        sources
    }

    /// Takes all channels back and every credit; queues stay, their first packets start again.
    pub(super) fn release(&mut self) {
        self.credits.fill(self.depth);
        self.credited.fill(u16::MAX);
        self.free.fill(u16::MAX);
        for queue in &mut self.queues {
            queue.left = 0;
        }
    }

    /// Forgets all queues.
    pub(super) fn forget(&mut self) {
        for queue in &mut self.queues {
            queue.first = NONE;
            queue.last = NONE;
        }
        self.active.fill(0);
    }

    /// Whether no node can send.
    pub(super) fn idle(&self) -> bool {
        self.active.iter().all(|word| *word == 0)
    }

    pub(super) fn credit(&mut self, channel: usize) {
        self.credits[channel] += 1;
        let node = channel >> self.vcs.trailing_zeros();
        self.credited[node] |= 1 << (channel & (self.vcs - 1));
        self.active[node / 64] |= 1 << (node % 64);
    }

    /// The credits of each channel of a node, for the count of what is where.
    #[cfg(test)]
    pub(super) fn credits(&self) -> &[u16] {
        &self.credits
    }
}

impl FlitNetwork {
    /// Packets whose instant has come enter their source's queue.
    pub(super) fn admit(&mut self) {
        while let Some((at, (sequence, packet))) = self.pending.take_before(self.now + 1) {
            self.counters.injected_packets += 1;
            self.counters.injected_flits += u64::from(packet.flits);
            if self.node_down[packet.from.index()] {
                self.counters.dropped_packets += 1;
                self.dropped.push(packet);
                continue;
            }
            self.enqueue(packet, Cycle(at), sequence);
        }
    }

    /// Puts a packet at the end of its source's queue; one that cannot arrive is dropped.
    pub(super) fn enqueue(&mut self, packet: Packet, injected: Cycle, sequence: u64) {
        let trip = self.trip(packet, sequence);
        let Some(trip) = trip else {
            self.counters.dropped_packets += 1;
            self.dropped.push(packet);
            return;
        };
        let slot = self.packets.insert(Flying {
            packet,
            injected,
            trip,
            sequence,
            fate: crate::fault::Fate::default(),
            next: NONE,
            arrived: 0,
            routers: 0,
        });
        let node = packet.from.index();
        let sources = &mut self.sources;
        let queue = &mut sources.queues[node * sources.classes + usize::from(packet.class)];
        if queue.first == NONE {
            queue.first = slot;
        } else {
            self.packets[queue.last].next = slot;
        }
        queue.last = slot;
        sources.active[node / 64] |= 1 << (node % 64);
    }

    fn trip(&self, packet: Packet, sequence: u64) -> Option<crate::routing::Trip> {
        let (router, _) = self.routes.attachment(packet.from);
        if !self.routes.reaches(router, packet.to) {
            return None;
        }
        let random = mix(self.config.seed ^ sequence.wrapping_mul(0x9e37_79b9));
        let state = &self.state;
        let waiting = |port: crate::ids::Port| {
            let channels = &state.channel[state.place(router.index(), port.index())..][..state.vcs];
            let free: u32 = channels.iter().map(|out| u32::from(out.credits)).sum();
            index(state.depth * state.vcs) - free
        };
        Some(self.routes.plan(packet.from, packet.to, random, waiting))
    }

    /// Each node with a packet sends a flit, if it has a channel and a credit; higher classes first.
    pub(super) fn inject_flits(&mut self) {
        for word in 0..self.sources.active.len() {
            let mut nodes = self.sources.active[word];
            while nodes != 0 {
                let bit = nodes.trailing_zeros();
                nodes &= nodes - 1;
                self.inject_from(word * 64 + bit as usize);
            }
        }
    }

    fn inject_from(&mut self, node: usize) {
        let classes = self.sources.classes;
        let waits = |sources: &Sources, class: usize| sources.queues[node * classes + class].first != NONE;
        let sent = (0..classes).rev().any(|class| waits(&self.sources, class) && self.send_one(node, class));
        if !sent || !(0..classes).any(|class| waits(&self.sources, class)) {
            self.sources.active[node / 64] &= !(1 << (node % 64));
        }
    }

    /// Sends a flit of the first packet of a class, if it can.
    fn send_one(&mut self, node: usize, class: usize) -> bool {
        let sources = &mut self.sources;
        let queue = &mut sources.queues[node * sources.classes + class];
        let (slot, head) = (queue.first, queue.left == 0);
        if head {
            let allowed = self.plan.whole(byte(class)) & sources.free[node] & sources.credited[node];
            if allowed == 0 {
                return false;
            }
            let vc = round_robin(u64::from(allowed), queue.vc.wrapping_add(1));
            queue.vc = u8::try_from(vc).unwrap_or(0);
            queue.left = u16::try_from(self.packets[slot].packet.flits).unwrap_or(u16::MAX);
            sources.free[node] &= !(1 << vc);
        }
        let vc = usize::from(queue.vc);
        let credits = &mut sources.credits[node * sources.vcs + vc];
        if *credits == 0 {
            return false;
        }
        *credits -= 1;
        sources.credited[node] &= !(u16::from(*credits == 0) << vc);
        queue.left -= 1;
        if queue.left == 0 {
            sources.free[node] |= 1 << vc;
            queue.first = self.packets[slot].next;
        }
        let place = sources.entrances[node] + index(vc);
        if head {
            self.enter(place as usize, slot);
        }
        self.arrivals.push(self.now + self.spans.inject, place);
        self.last_move = self.now;
        true
    }
}
