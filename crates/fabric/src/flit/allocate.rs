//! The allocators: separable, input first, round robin, higher classes before lower.
//!
//! Switch: each input chooses among the outputs that its ready channels ask for, each output among the inputs
//! that chose it. Channels: each waiting head chooses one free channel, each channel one of the heads that
//! chose it. A round robin moves on only when its choice was granted.

use super::FlitNetwork;
use super::state::{FREE, Stage};
use crate::config::Switching;
use crate::ids::{NodeId, RouterId};

/// The most ports of a router.
const PORTS: usize = 64;

/// What a router's allocation needs for the length of a cycle.
#[derive(Debug)]
pub(super) struct Scratch {
    /// Inputs that ask for each output.
    asks: [u64; PORTS],
    /// The channel that each input put forward, and its class.
    chosen: [(u8, u8); PORTS],
    grants: Vec<(u8, u8)>,
    /// By output channel of the router: the input channel that is ahead.
    ahead: Vec<u16>,
    /// Output channels that were asked for.
    asked: Vec<u16>,
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch {
            asks: [0; PORTS],
            chosen: [(0, 0); PORTS],
            grants: Vec::with_capacity(PORTS),
            ahead: vec![FREE; PORTS * 16],
            asked: Vec::with_capacity(PORTS * 16),
        }
    }
}

impl Scratch {
    /// How many flits won the switch.
    pub(super) fn grants(&self) -> usize {
        self.grants.len()
    }

    /// Port and channel of a winner.
    pub(super) fn grant(&self, index: usize) -> (usize, usize) {
        let (port, vc) = self.grants[index];
        (usize::from(port), usize::from(vc))
    }
}

/// The first set bit of `mask` from `start` on, going round.
fn round_robin(mask: u64, start: u8) -> u32 {
    let from = mask.checked_shr(u32::from(start)).unwrap_or(0);
    if from != 0 { from.trailing_zeros() + u32::from(start) } else { mask.trailing_zeros() }
}

/// How far `index` is after `start` in a round of `size`.
fn rank(index: u16, start: u16, size: u16) -> u16 {
    if index >= start { index - start } else { index + size - start }
}

fn byte(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

impl FlitNetwork {
    /// Grants the switch; the winners are in the scratch.
    pub(super) fn allocate_switch(&mut self, router: usize) {
        let state = &mut self.state;
        let scratch = &mut self.scratch;
        scratch.grants.clear();
        let base = router * state.ports;
        let mut outputs = 0u64;
        let mut inputs = state.ready_ports[router];
        let classes = self.config.classes > 1;
        while inputs != 0 {
            let input = inputs.trailing_zeros() as usize;
            inputs &= inputs - 1;
            let port = &state.port[base + input];
            let channels = &state.channel[(base + input) * state.vcs..][..state.vcs];
            let vc = if port.ready & (port.ready - 1) == 0 {
                byte(port.ready.trailing_zeros())
            } else {
                choose(port.ready, port.next_output, port.next_vc, channels, state.ports)
            };
            let channel = &channels[usize::from(vc)];
            scratch.chosen[input] = (vc, channel.class);
            scratch.asks[usize::from(channel.port)] |= 1 << input;
            outputs |= 1 << channel.port;
        }
        while outputs != 0 {
            let output = outputs.trailing_zeros() as usize;
            outputs &= outputs - 1;
            let mut asking = std::mem::take(&mut scratch.asks[output]);
            if classes && asking & (asking - 1) != 0 {
                asking = highest_class(asking, &scratch.chosen);
            }
            let input = round_robin(asking, state.port[base + output].next_input) as usize;
            let (vc, _) = scratch.chosen[input];
            let input_byte = byte(crate::ids::small(input));
            state.port[base + output].next_input = input_byte + 1;
            let port = &mut state.port[base + input];
            port.next_output = byte(crate::ids::small(output)) + 1;
            port.next_vc = if usize::from(vc) + 1 == state.vcs { 0 } else { vc + 1 };
            scratch.grants.push((input_byte, vc));
        }
    }

    /// Grants output channels to waiting heads.
    pub(super) fn allocate_channels(&mut self, router: usize) {
        let mut ports = self.state.waiting_ports[router];
        let vcs = self.state.vcs;
        let mut asks = 0;
        while ports != 0 {
            let port = ports.trailing_zeros() as usize;
            ports &= ports - 1;
            let mut waiting = self.state.port[router * self.state.ports + port].waiting;
            while waiting != 0 {
                let vc = waiting.trailing_zeros() as usize;
                waiting &= waiting - 1;
                if let Some(output) = self.choose_channel(router, port, vc) {
                    asks += 1;
                    self.ask(router, output, crate::ids::small(port * vcs + vc));
                }
            }
        }
        for index in 0..self.scratch.asked.len() {
            let output = usize::from(self.scratch.asked[index]);
            let input = usize::from(std::mem::replace(&mut self.scratch.ahead[output], FREE));
            self.take_channel(router, output, input);
        }
        if asks > self.scratch.asked.len() {
            // Who lost may ask for another channel.
            self.state.try_again(router);
        }
        self.scratch.asked.clear();
    }

    /// Enters a head's request for an output channel; the better of two stays.
    fn ask(&mut self, router: usize, output: u16, input: u32) {
        let state = &self.state;
        let first = router * state.ports * state.vcs;
        let size = u16::try_from(state.ports * state.vcs).unwrap_or(u16::MAX);
        let input = u16::try_from(input).unwrap_or(u16::MAX);
        let ahead = &mut self.scratch.ahead[usize::from(output)];
        if *ahead == FREE {
            *ahead = input;
            self.scratch.asked.push(output);
            return;
        }
        let start = state.out[first + usize::from(output)].next_in;
        let key = |input: u16| {
            let class = state.channel[first + usize::from(input)].class;
            (std::cmp::Reverse(class), rank(input, start, size + 1))
        };
        if key(input) < key(*ahead) {
            *ahead = input;
        }
    }

    /// The output channel (`port * vcs + vc`) that a waiting head asks for this cycle.
    fn choose_channel(&self, router: usize, port: usize, vc: usize) -> Option<u16> {
        let state = &self.state;
        let input = (router * state.ports + port) * state.vcs + vc;
        let channel = &state.channel[input];
        if let Some(output) = self.choose_adaptive(router, input) {
            return Some(output);
        }
        let out = router * state.ports + usize::from(channel.port);
        let mut free = state.port[out].free & channel.wanted;
        if self.config.switching == Switching::CutThrough
            || self.config.switching == Switching::StoreAndForward
        {
            free = self.with_room(out, free, input);
        }
        if free == 0 {
            return None;
        }
        let start = usize::from(state.channel[input].next_out);
        let first = usize::from(channel.port) * state.vcs;
        let skip = start.saturating_sub(first);
        let vc = if skip < state.vcs {
            round_robin(u64::from(free), byte(crate::ids::small(skip)))
        } else {
            free.trailing_zeros()
        };
        u16::try_from(first + vc as usize).ok()
    }

    /// Of the channels in `free`, those whose buffer has room for the whole packet.
    fn with_room(&self, out: usize, free: u16, input: usize) -> u16 {
        let state = &self.state;
        let flits = self.packets.get(state.front(input).packet).packet.flits;
        (0..state.vcs)
            .filter(|vc| free >> vc & 1 == 1 && u32::from(state.out[out * state.vcs + vc].credits) >= flits)
            .fold(0, |mask, vc| mask | 1 << vc)
    }

    /// A free adaptive channel on the shortest path whose channels have the most room.
    fn choose_adaptive(&self, router: usize, input: usize) -> Option<u16> {
        if !self.routes.is_adaptive() {
            return None;
        }
        let state = &self.state;
        let packet = self.packets.get(state.front(input).packet).packet;
        let to: NodeId = packet.to;
        let mut ports = self.routes.minimal_ports(RouterId(super::index(router)), to);
        let mask = self.plan.mask(packet.class, 0);
        let mut best: Option<(u32, usize, u16)> = None;
        while ports != 0 {
            let port = ports.trailing_zeros() as usize;
            ports &= ports - 1;
            let out = router * state.ports + port;
            let mut free = state.port[out].free & mask;
            if self.config.switching != Switching::Wormhole {
                free = self.with_room(out, free, input);
            }
            if free == 0 {
                continue;
            }
            let channels = &state.out[out * state.vcs..][..state.vcs];
            let room: u32 = channels.iter().map(|out| u32::from(out.credits)).sum();
            if best.is_none_or(|(most, _, _)| room > most) {
                best = Some((room, port, free));
            }
        }
        let (_, port, free) = best?;
        u16::try_from(port * state.vcs + free.trailing_zeros() as usize).ok()
    }

    fn take_channel(&mut self, router: usize, output: usize, input: usize) {
        let state = &mut self.state;
        let first = router * state.ports * state.vcs;
        let (out_port, out_vc) = (output >> state.vc_bits, output & (state.vcs - 1));
        let (port, vc) = (input >> state.vc_bits, input & (state.vcs - 1));
        state.out[first + output].owner = u16::try_from(input).unwrap_or(FREE);
        state.port[router * state.ports + out_port].free &= !(1 << out_vc);
        state.channel[first + input].next_out = u16::try_from(output + 1).unwrap_or(0);
        state.out[first + output].next_in = u16::try_from(input + 1).unwrap_or(0);
        let channel = &mut state.channel[first + input];
        channel.stage = Stage::Active;
        channel.port = byte(crate::ids::small(out_port));
        channel.vc = byte(crate::ids::small(out_vc));
        state.clear_waiting(router, port, vc);
        if state.out[first + output].credits > 0 {
            state.set_ready(router, port, vc);
        }
    }
}

/// Among several ready channels of an input: the highest class, then the output whose turn it is, then the
/// channel whose turn it is.
fn choose(ready: u16, next_output: u8, next_vc: u8, channels: &[super::state::Channel], ports: usize) -> u8 {
    let ports = u16::try_from(ports).unwrap_or(u16::MAX);
    let vcs = u16::try_from(channels.len()).unwrap_or(u16::MAX);
    let mut best = (u32::MAX, 0);
    let mut left = ready;
    while left != 0 {
        let vc = byte(left.trailing_zeros());
        left &= left - 1;
        let channel = &channels[usize::from(vc)];
        let output = u32::from(rank(u16::from(channel.port), u16::from(next_output), ports + 1));
        let turn = u32::from(rank(u16::from(vc), u16::from(next_vc), vcs));
        let key = u32::from(u8::MAX - channel.class) << 16 | output << 8 | turn;
        if key < best.0 {
            best = (key, vc);
        }
    }
    best.1
}

/// The inputs among `asking` whose chosen channels have the highest class.
fn highest_class(asking: u64, chosen: &[(u8, u8); PORTS]) -> u64 {
    let mut best = (0, 0u64);
    let mut left = asking;
    while left != 0 {
        let input = left.trailing_zeros() as usize;
        left &= left - 1;
        let class = chosen[input].1;
        if best.1 == 0 || class > best.0 {
            best = (class, 0);
        }
        if class == best.0 {
            best.1 |= 1 << input;
        }
    }
    best.1
}
