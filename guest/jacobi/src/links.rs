//! Messages between nodes over a network that may lose, damage, repeat and reorder: each arrives once, in order.
//!
//! A frame is sent until it is acknowledged; most acknowledgements travel with messages in the other direction. A
//! node that is silent for [`Links::patience`] ends the computation on all nodes. A node with nothing to do sleeps until
//! a frame comes or something is due.

use crate::message::{HEAD_BYTES, Head, Kind, PAYLOAD_BYTES_MAX};
use crate::peer::{ACKNOWLEDGE_AFTER, Peer};
use alloc::vec::Vec;
use rt::net::Net;
use rt::{csr, println, sbi};

/// What was sent and received.
#[derive(Clone, Copy, Default)]
pub struct Figures {
    pub messages: u64,
    pub bytes: u64,
    pub again: u64,
    pub damaged: u64,
    /// Ticks asleep in wait for a frame.
    pub asleep: u64,
}

/// A node's ends of all its links.
pub struct Links {
    net: Option<Net>,
    hart: usize,
    pub node: usize,
    peers: Vec<Peer>,
    /// How long a node may be silent, in ticks.
    pub patience: u64,
    pub figures: Figures,
    alarm: u64,
}

impl Links {
    /// Finds the interface, and from its address which node this is.
    pub fn new(hart: usize, patience: u64) -> Links {
        let net = Net::find();
        let node = net.as_ref().and_then(|net| crate::message::node_of(&net.mac())).unwrap_or(0);
        if let Some(net) = &net {
            net.wake(hart);
        }
        csr::enable(csr::TIMER);
        sbi::set_timer(u64::MAX);
        Links { net, hart, node, peers: Vec::new(), patience, figures: Figures::default(), alarm: u64::MAX }
    }

    /// Sends a message; returns when its last frame is on its way.
    pub fn send(&mut self, to: usize, tag: u32, message: &[u8]) {
        let peer = self.peer(to);
        self.figures.messages += 1;
        self.figures.bytes += message.len() as u64;
        let mut rest = message;
        loop {
            let (piece, after) = rest.split_at(rest.len().min(PAYLOAD_BYTES_MAX));
            while !self.peers[peer].has_window() {
                self.wait(None);
            }
            let sequence = self.peers[peer].keep(tag, piece, rt::now());
            self.transmit(peer, sequence);
            rest = after;
            if rest.is_empty() {
                return;
            }
        }
    }

    /// Receives the next message of a node, which has to be one of this tag and length.
    pub fn receive(&mut self, from: usize, tag: u32, message: &mut [u8]) {
        let peer = self.peer(from);
        if self.peers[peer].first().is_none() {
            self.peers[peer].heard_at = rt::now();
        }
        let mut at = 0;
        loop {
            if let Some(slot) = self.peers[peer].first() {
                let (found, length) = (slot.tag, slot.length);
                assert!(found == tag, "node {from} sent {found:#x} where {tag:#x} was due");
                assert!(at + length <= message.len(), "node {from} sent a message too long");
                message[at..at + length].copy_from_slice(&slot.bytes[..length]);
                self.peers[peer].take();
                at += length;
                if at == message.len() {
                    return;
                }
            } else {
                self.wait(Some(peer));
            }
        }
    }

    /// Takes in what came and sends what is due, without waiting.
    pub fn poll(&mut self) {
        self.take_frames();
        let _ = self.due(None);
    }

    /// Waits until every frame of this node is acknowledged and every acknowledgement is out.
    pub fn settle(&mut self) {
        for peer in 0..self.peers.len() {
            if self.peers[peer].acknowledge_at.is_some() {
                self.control(peer, Kind::Acknowledgement);
            }
        }
        while self.peers.iter().any(Peer::owes) {
            self.wait(None);
        }
    }

    /// Answers until nothing was heard for a while: another node may not have heard this one's last answer.
    pub fn linger(&mut self, ticks: u64) {
        self.settle();
        let mut until = rt::now() + ticks;
        while self.net.is_some() && rt::now() < until {
            if self.take_frames() {
                until = rt::now() + ticks;
            }
            let due = self.due(None);
            self.sleep(due.min(until));
        }
    }

    fn peer(&mut self, node: usize) -> usize {
        let found = self.peers.iter().position(|peer| peer.node == node);
        found.unwrap_or_else(|| {
            self.peers.push(Peer::new(node));
            self.peers.len() - 1
        })
    }

    /// Waits until something came; `from` is the node that this one cannot go on without.
    fn wait(&mut self, from: Option<usize>) {
        while !self.take_frames() {
            let due = self.due(from);
            self.sleep(due);
        }
        self.due(from);
    }

    /// Takes in all frames there are; true if there was one.
    fn take_frames(&mut self) -> bool {
        let mut any = false;
        loop {
            let Some(net) = &mut self.net else { return any };
            let mut frame = [0; HEAD_BYTES + PAYLOAD_BYTES_MAX];
            let mut length = 0;
            let received = net.receive(|bytes| {
                length = bytes.len().min(frame.len());
                frame[..length].copy_from_slice(&bytes[..length]);
            });
            if !received {
                return any;
            }
            any = true;
            match Head::decode(&frame[..length]) {
                Some((from, head, payload)) => self.take(from, head, payload),
                None => self.figures.damaged += 1,
            }
        }
    }

    fn take(&mut self, from: usize, head: Head, payload: &[u8]) {
        if head.kind == Kind::Stop {
            println!("stopped: node {} is silent, says node {from}", head.sequence);
            sbi::power_off(false);
        }
        let now = rt::now();
        let index = self.peer(from);
        let peer = &mut self.peers[index];
        peer.heard_at = now;
        peer.acknowledged(head.expected, now);
        match head.kind {
            Kind::Data if peer.arrived(head.sequence, head.tag, payload) => {
                peer.acknowledge_at = peer.acknowledge_at.or(Some(now + ACKNOWLEDGE_AFTER));
            }
            // The other sends again what this node has: its acknowledgement was lost.
            Kind::Data | Kind::Probe => self.control(index, Kind::Acknowledgement),
            Kind::Acknowledgement | Kind::Stop => {}
        }
    }

    /// Does what is due, and tells when the next thing is.
    fn due(&mut self, from: Option<usize>) -> u64 {
        let now = rt::now();
        let mut next = u64::MAX;
        for index in 0..self.peers.len() {
            let peer = &self.peers[index];
            let waited_for = peer.owes() || from == Some(index);
            if waited_for && now >= peer.heard_at + self.patience {
                self.give_up(index);
            }
            if peer.owes() && now >= peer.again_at() {
                let oldest = peer.oldest;
                self.peers[index].tried(now);
                self.figures.again += 1;
                self.transmit(index, oldest);
            }
            if self.peers[index].acknowledge_at.is_some_and(|at| now >= at) {
                self.control(index, Kind::Acknowledgement);
            }
            if from == Some(index) && !self.peers[index].owes() {
                next = next.min(self.probe(index, now));
            }
            let peer = &self.peers[index];
            next = next.min(if peer.owes() { peer.again_at() } else { u64::MAX });
            next = next.min(peer.acknowledge_at.unwrap_or(u64::MAX));
            next = next.min(if waited_for { peer.heard_at + self.patience } else { u64::MAX });
        }
        next
    }

    /// Asks a silent node for a sign, a few times before the patience is over; tells when to look again.
    fn probe(&mut self, peer: usize, now: u64) -> u64 {
        let every = (self.patience / 4).max(1);
        let silent = now.saturating_sub(self.peers[peer].heard_at);
        let (asked, step) = (self.peers[peer].tries, (silent / every) as u32);
        self.peers[peer].tries = step;
        if step > asked {
            self.control(peer, Kind::Probe);
        }
        now - silent % every + every
    }

    /// Sends a kept frame.
    fn transmit(&mut self, index: usize, sequence: u32) {
        let Links { net, node, peers, .. } = self;
        let peer = &mut peers[index];
        let (to, expected) = (peer.node, peer.expected);
        let slot = peer.kept(sequence);
        let payload = &slot.bytes[..slot.length];
        let head = Head { kind: Kind::Data, length: slot.length, sequence, expected, tag: slot.tag };
        let head = head.encode(Some(to), *node, payload);
        // An interface that takes no more frames loses this one: it is sent again like any other lost one.
        if net.as_mut().is_some_and(|net| net.send([&head, payload])) {
            peer.acknowledge_at = None;
        }
    }

    /// Sends a frame without payload, which nobody acknowledges.
    fn control(&mut self, index: usize, kind: Kind) {
        let peer = &mut self.peers[index];
        let head = Head { kind, length: 0, sequence: peer.next_send, expected: peer.expected, tag: 0 };
        let head = head.encode(Some(peer.node), self.node, &[]);
        peer.acknowledge_at = None;
        if let Some(net) = &mut self.net {
            net.send([&head, &[]]);
        }
    }

    /// Tells everyone that a node is silent, and ends.
    fn give_up(&mut self, index: usize) -> ! {
        let silent = self.peers[index].node;
        let (ms, tick_ms) = (self.patience, rt::TICKS_PER_SECOND / 1000);
        println!("node {silent} has been silent for {} ms: giving up", ms / tick_ms);
        let head = Head { kind: Kind::Stop, length: 0, sequence: silent as u32, expected: 0, tag: 0 };
        let head = head.encode(None, self.node, &[]);
        if let Some(net) = &mut self.net {
            net.send([&head, &[]]);
        }
        sbi::power_off(false)
    }

    /// Sleeps until a frame comes or `until`.
    fn sleep(&mut self, until: u64) {
        let Some(net) = &self.net else { panic!("node {} waits for nobody", self.node) };
        if self.alarm != until {
            sbi::set_timer(until);
            self.alarm = until;
        }
        let from = rt::now();
        rt::wait_for_interrupt();
        let now = rt::now();
        self.figures.asleep += now - from;
        net.woken(self.hart);
        if now >= self.alarm {
            sbi::set_timer(u64::MAX);
            self.alarm = u64::MAX;
        }
    }
}
