//! The state of all routers in flat arrays by (router, port, virtual channel).
//!
//! A router has `stride` places, a power of two: channel `v` of port `p` of router `r` is the place
//! `r * stride + p * vcs + v`, which names an input channel and an output channel. What a router has to do is found in masks with a bit for each of its places, up to 64 in a [`Word`].

use super::flying::NONE;
use crate::config::Config;
use crate::error::Error;
use crate::ids::{NodeId, RouterId, small};
use crate::routing::Routes;
use crate::topology::{Peer, Topology};

/// Marks a [`PortState::peer`] that is a node.
pub(super) const NODE: u32 = 1 << 31;
/// A port that leads nowhere.
pub(super) const NOWHERE: u32 = u32::MAX;
/// An output channel that no input channel holds.
pub(super) const FREE: u16 = u16::MAX;
/// The most ports of a router: a mask of ports is one word.
const PORTS_MAX: usize = 64;
/// Places in a word of masks.
const WORD_BITS: u32 = 6;

/// What becomes of the packet at the front of an input channel that holds no output channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// There is none, or it holds its output channel.
    #[default]
    Idle,
    /// Its packet is not yet whole (store-and-forward) or its route is being computed.
    Hold,
    /// Its head waits for an output channel.
    Wait,
}

/// A channel of a port: what it is as an input and, under the same place, as an output. Two share a cache line.
///
/// The packets of an input are its front and those behind it, which lie in a ring of their own; a packet is entered when
/// its head is sent.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct Channel {
    /// Flits that have arrived.
    pub(super) visible: u16,
    /// Flits of the front packet that have not left.
    pub(super) left: u16,
    /// The output channel, `port * vcs + vc`; before one is held, the first channel of the output port.
    pub(super) out: u16,
    /// The output channels of that port that the front packet may ask for.
    pub(super) wanted: u16,
    /// The front packet, or [`NONE`].
    pub(super) front: u32,
    /// The first of the packets behind it, and how many they are.
    behind: (u16, u16),
    /// Where the round robin over output channels starts: after the one granted last.
    pub(super) next_out: u16,
    pub(super) stage: Stage,
    /// Whether the next flit to leave is its packet's first.
    pub(super) fresh: bool,
    /// As an output: free places of its buffer downstream, as far as is known here.
    pub(super) credits: u16,
    /// As an output: the input channel (`port * vcs + vc`) that holds it, or [`FREE`].
    pub(super) owner: u16,
    /// As an output: where its round robin over input channels starts.
    pub(super) next_in: u16,
}

impl Channel {
    fn at_rest(credits: u16) -> Channel {
        Channel {
            visible: 0,
            left: 0,
            out: 0,
            wanted: 0,
            front: NONE,
            behind: (0, 0),
            next_out: 0,
            stage: Stage::Idle,
            fresh: false,
            credits,
            owner: FREE,
            next_in: 0,
        }
    }
}

/// Masks over the places of a router, or over 64 of them.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(super) struct Word {
    /// Input channels with a flit.
    pub(super) filled: u64,
    /// Input channels that hold an output channel.
    pub(super) holding: u64,
    /// Of these, the ones whose output channel has a credit; of others it says nothing.
    pub(super) credited: u64,
    /// Input channels whose head waits for an output channel.
    pub(super) waiting: u64,
    /// Output channels that are free.
    pub(super) free: u64,
    /// Whether a waiting head may find a channel: since the last try one came, or a channel became free.
    pub(super) retry: bool,
}

impl Word {
    /// Input channels that ask for the switch.
    pub(super) fn ready(&self) -> u64 {
        self.filled & self.holding & self.credited
    }
}

/// A port, as input and as output.
#[derive(Clone, Copy, Debug)]
pub(super) struct PortState {
    /// Flits that left by it.
    pub(super) sent: u64,
    /// What is at the other end: the first place of a port, or a node.
    pub(super) peer: u32,
    /// Where the input's round robin over outputs starts.
    pub(super) next_output: u8,
    /// Where the output's round robin over inputs starts.
    pub(super) next_input: u8,
    /// Where the input's round robin over channels starts.
    pub(super) next_vc: u8,
}

/// All routers.
#[derive(Debug)]
pub(super) struct State {
    /// Channels of a port in the arrays, a power of two of which the first are in use, and its logarithm.
    pub(super) vcs: usize,
    pub(super) vc_bits: u32,
    /// The most ports that a router of the topology has.
    ports: usize,
    /// The logarithm of a router's places.
    stride_bits: u32,
    /// The logarithm of the places of a word, and of a router's words.
    word_bits: u32,
    pub(super) depth: usize,
    pub(super) words: Vec<Word>,
    pub(super) channel: Vec<Channel>,
    /// Packets behind the front ones, `depth` for each channel.
    behind: Vec<u32>,
    /// By place of a channel over the channels of a port.
    pub(super) port: Vec<PortState>,
    /// Routers with something to do.
    pub(super) active: Vec<u64>,
}

impl State {
    /// Routers at rest.
    ///
    /// Errors: more ports at a router than a mask has bits, or more channels than can be counted.
    pub(super) fn new(topology: &Topology, config: &Config) -> Result<State, Error> {
        let (routers, ports) = (topology.routers(), topology.ports_max());
        let refuse = |reason| Error::Impossible {
            reason,
            span: 0..0,
            way_out: "simulate it by the packet (--level packet), or choose routers of fewer ports"
                .to_owned(),
        };
        if ports > PORTS_MAX {
            let name = topology.name();
            return Err(refuse(format!(
                "{name} has routers of {ports} ports; by the flit {PORTS_MAX} can be"
            )));
        }
        let vcs = config.vcs.next_power_of_two() as usize;
        let stride = (ports * vcs).next_power_of_two();
        let places = routers * stride;
        if places >= NODE as usize {
            return Err(refuse(format!("{} has too many virtual channels", topology.name())));
        }
        let (vc_bits, stride_bits) = (vcs.trailing_zeros(), stride.trailing_zeros());
        let word_bits = stride_bits.min(WORD_BITS);
        let mut port = Vec::with_capacity(places / vcs);
        for router in 0..routers {
            let peers = topology.ports(RouterId(small(router)));
            for p in 0..stride / vcs {
                let peer = match peers.get(p) {
                    Some(Peer::Router(r, q, _)) => small(r.index() * stride + q.index() * vcs),
                    Some(Peer::Node(NodeId(node))) => NODE | node,
                    _ => NOWHERE,
                };
                port.push(PortState { sent: 0, peer, next_output: 0, next_input: 0, next_vc: 0 });
            }
        }
        let mut state = State {
            vcs,
            vc_bits,
            ports,
            stride_bits,
            word_bits,
            depth: config.buffer_flits as usize,
            words: vec![Word::default(); places >> word_bits],
            channel: vec![Channel::at_rest(0); places],
            behind: vec![NONE; places * config.buffer_flits as usize],
            port,
            active: vec![0; routers.div_ceil(64)],
        };
        state.clear();
        Ok(state)
    }

    /// Empties all buffers and forgets all claims; what links have carried is kept.
    pub(super) fn clear(&mut self) {
        self.words.fill(Word { free: u64::MAX, ..Word::default() });
        let credits = u16::try_from(self.depth).unwrap_or(u16::MAX);
        self.channel.fill(Channel::at_rest(credits));
        self.active.fill(0);
    }

    /// The router of a place.
    pub(super) fn router(&self, place: usize) -> usize {
        place >> self.stride_bits
    }

    /// The first place of a router.
    pub(super) fn first(&self, router: usize) -> usize {
        router << self.stride_bits
    }

    /// The first place of a port.
    pub(super) fn place(&self, router: usize, port: usize) -> usize {
        self.first(router) + (port << self.vc_bits)
    }

    /// Router and port of a place's port as one number.
    pub(super) fn link_index(&self, place: usize) -> usize {
        let router = self.router(place);
        router * self.ports + ((place - self.first(router)) >> self.vc_bits)
    }

    /// Places of a router.
    pub(super) fn stride(&self) -> usize {
        1 << self.stride_bits
    }

    /// The words of a router.
    pub(super) fn words_of(&self, router: usize) -> std::ops::Range<usize> {
        let bits = self.stride_bits - self.word_bits;
        router << bits..(router + 1) << bits
    }

    /// The word of a place and its bit there.
    pub(super) fn spot(&self, place: usize) -> (usize, u64) {
        (place >> self.word_bits, 1 << self.shift(place))
    }

    fn shift(&self, place: usize) -> u32 {
        super::index(place & ((1 << self.word_bits) - 1))
    }

    /// The lowest bits of a word, one for each channel of a port.
    pub(super) fn lane(&self) -> u64 {
        (1 << self.vcs) - 1
    }

    /// The free channels of the output port whose first channel is the place `out`.
    pub(super) fn free(&self, out: usize) -> u16 {
        let lane = self.words[out >> self.word_bits].free >> self.shift(out) & self.lane();
        u16::try_from(lane).unwrap_or(u16::MAX)
    }

    /// What is at the other end of a place's port, as a place of the same channel there, or a node.
    pub(super) fn peer(&self, place: usize) -> u32 {
        self.port[place >> self.vc_bits].peer
    }

    /// Enters a packet whose head is on its way to an input channel; whether it is the front one.
    pub(super) fn enter(&mut self, place: usize, packet: u32) -> bool {
        let channel = &mut self.channel[place];
        if channel.front == NONE {
            channel.front = packet;
            return true;
        }
        let (first, count) = channel.behind;
        channel.behind.1 += 1;
        let mut slot = usize::from(first) + usize::from(count);
        if slot >= self.depth {
            slot -= self.depth;
        }
        self.behind[place * self.depth + slot] = packet;
        false
    }

    /// Takes the front packet out of an input channel, whose tail has left; whether another follows it.
    pub(super) fn leave(&mut self, place: usize) -> bool {
        let channel = &mut self.channel[place];
        let (first, count) = channel.behind;
        if count == 0 {
            channel.front = NONE;
            return false;
        }
        channel.front = self.behind[place * self.depth + usize::from(first)];
        let next = if usize::from(first) + 1 == self.depth { 0 } else { first + 1 };
        channel.behind = (next, count - 1);
        true
    }

    pub(super) fn wake(&mut self, router: usize) {
        self.active[router / 64] |= 1 << (router % 64);
    }

    /// A router that has had its cycle sleeps if nothing asks for the switch and no waiting head may find a channel.
    pub(super) fn settle(&mut self, router: usize) {
        let busy = |word: &Word| word.ready() != 0 || (word.retry && word.waiting != 0);
        let busy = self.words[self.words_of(router)].iter().any(busy);
        self.active[router / 64] &= !(u64::from(!busy) << (router % 64));
    }

    /// Waiting heads of a router may find a channel in its next cycle, if it has one.
    pub(super) fn try_again(&mut self, router: usize) {
        let words = self.words_of(router);
        self.words[words].iter_mut().for_each(|word| word.retry = true);
    }

    /// The heads of a word that wait and may find a channel now; they have had their try.
    pub(super) fn take_waiting(&mut self, word: usize) -> u64 {
        let word = &mut self.words[word];
        if std::mem::take(&mut word.retry) { word.waiting } else { 0 }
    }
}

/// The first place of each node's port in its router.
pub(super) fn entrances(state: &State, routes: &Routes, nodes: usize) -> Vec<u32> {
    let entrance = |node| {
        let (router, port) = routes.attachment(NodeId(small(node)));
        small(state.place(router.index(), port.index()))
    };
    (0..nodes).map(entrance).collect()
}
