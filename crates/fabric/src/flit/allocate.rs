//! The allocators: separable, input first, round robin, higher classes before lower.
//!
//! Switch: each input chooses among the outputs that its ready channels ask for, each output among the inputs
//! that chose it. Channels: each waiting head chooses one free channel, each channel one of the heads that
//! chose it. A round robin moves on only when its choice was granted.

use super::state::{FREE, Stage, State};
use super::{FlitNetwork, index, number};
use crate::config::Switching;
use crate::ids::{NodeId, RouterId};

/// The most ports of a router.
const PORTS: usize = 64;

/// What a router's allocation needs for the length of a cycle.
#[derive(Debug)]
pub(super) struct Scratch {
    /// Inputs that ask for the switch to each output.
    inputs: [u64; PORTS],
    /// The channel that each input put forward.
    chosen: [u8; PORTS],
    /// By output channel of the router: the input channel that is ahead.
    ahead: Vec<u16>,
    /// Output channels that were asked for, and by how many heads.
    asked: Vec<u16>,
    asks: usize,
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch {
            inputs: [0; PORTS],
            chosen: [0; PORTS],
            ahead: vec![FREE; PORTS * 16],
            asked: Vec::with_capacity(PORTS * 16),
            asks: 0,
        }
    }
}

/// The first set bit of `mask` from `start` on, going round.
pub(super) fn round_robin(mask: u64, start: u8) -> u32 {
    let start = u32::from(start);
    (mask.rotate_right(start).trailing_zeros() + start) % 64
}

/// How far `index` is after `start` in a round of `size`.
fn rank(index: u16, start: u16, size: u16) -> u16 {
    if index >= start { index - start } else { index + size - start }
}

#[allow(clippy::cast_possible_truncation, reason = "ports and channels of a port")]
pub(super) fn byte(value: usize) -> u8 {
    value as u8
}

impl State {
    /// An input channel has been given the switch: its port's turns move on.
    fn turn(&mut self, first: usize, input: usize, vc: u8, output: usize) {
        let ports = first >> self.vc_bits;
        self.port[ports + output].next_input = byte(input) + 1;
        let port = &mut self.port[ports + input];
        port.next_output = byte(output) + 1;
        port.next_vc = if usize::from(vc) + 1 == self.vcs { 0 } else { vc + 1 };
    }
}

impl FlitNetwork {
    /// Grants the switch and moves the flits that won it; how many there are.
    pub(super) fn allocate_switch(&mut self, router: usize) -> u64 {
        let state = &mut self.state;
        let first = state.first(router);
        let words = state.words_of(router);
        let single = words.len() == 1;
        let (mut outputs, mut before) = (0u64, 0);
        for word in words {
            let mut ready = state.words[word].ready();
            if single && ready != 0 && ready & (ready - 1) == 0 {
                // Who asks alone has it.
                let place = first + ready.trailing_zeros() as usize;
                let (input, vc) = ((place - first) >> state.vc_bits, byte(place & (state.vcs - 1)));
                let output = usize::from(state.channel[place].out) >> state.vc_bits;
                state.turn(first, input, vc, output);
                self.forward(router, place);
                return 1;
            }
            while ready != 0 {
                let shift = ready.trailing_zeros() >> state.vc_bits << state.vc_bits;
                let channels = ready >> shift & state.lane();
                ready &= !(state.lane() << shift);
                let input = before + (shift >> state.vc_bits) as usize;
                let place = first + (input << state.vc_bits);
                let vc = if channels & (channels - 1) == 0 {
                    channels.trailing_zeros() as usize
                } else {
                    self.plan.choose(state, first, input, channels)
                };
                let output = usize::from(state.channel[place + vc].out) >> state.vc_bits;
                self.scratch.chosen[input % PORTS] = byte(vc);
                self.scratch.inputs[output % PORTS] |= 1 << input;
                outputs |= 1 << output;
            }
            before += 64 >> state.vc_bits;
        }
        self.grant_outputs(router, outputs)
    }

    /// Each output of those asked for takes one of its inputs.
    fn grant_outputs(&mut self, router: usize, mut outputs: u64) -> u64 {
        let first = self.state.first(router);
        let ports = first >> self.state.vc_bits;
        let moved = outputs.count_ones();
        while outputs != 0 {
            let output = outputs.trailing_zeros() as usize;
            outputs &= outputs - 1;
            let (state, scratch) = (&mut self.state, &mut self.scratch);
            let mut asking = std::mem::take(&mut scratch.inputs[output % PORTS]);
            if self.config.classes > 1 && asking & (asking - 1) != 0 {
                asking = self.plan.highest(asking, &scratch.chosen);
            }
            let input = round_robin(asking, state.port[ports + output].next_input) as usize;
            let vc = scratch.chosen[input % PORTS];
            state.turn(first, input, vc, output);
            let place = first + (input << state.vc_bits) + usize::from(vc);
            self.forward(router, place);
        }
        u64::from(moved)
    }

    /// Waiting heads ask for output channels; who is ahead at each is in the scratch.
    pub(super) fn choose_channels(&mut self, router: usize) {
        let first = self.state.first(router);
        let mut before = 0;
        for word in self.state.words_of(router) {
            let mut waiting = self.state.take_waiting(word);
            while waiting != 0 {
                let input = before + waiting.trailing_zeros() as usize;
                waiting &= waiting - 1;
                if let Some(output) = self.choose_channel(router, first, input) {
                    self.ask(first, output, input);
                }
            }
            before += 64;
        }
    }

    /// Those who are ahead take their output channels.
    pub(super) fn take_channels(&mut self, router: usize) {
        let first = self.state.first(router);
        for number in 0..self.scratch.asked.len() {
            let output = usize::from(self.scratch.asked[number]);
            let input = usize::from(std::mem::replace(&mut self.scratch.ahead[output], FREE));
            self.take_channel(first, output, input);
        }
        if std::mem::take(&mut self.scratch.asks) > self.scratch.asked.len() {
            // Who lost may ask for another channel.
            self.state.try_again(router);
        }
        self.scratch.asked.clear();
    }

    /// Enters a head's request for an output channel; the better of two stays.
    fn ask(&mut self, first: usize, output: u16, input: usize) {
        let input = number(input);
        self.scratch.asks += 1;
        let ahead = &mut self.scratch.ahead[usize::from(output)];
        if *ahead == FREE {
            *ahead = input;
            self.scratch.asked.push(output);
            return;
        }
        let state = &self.state;
        let size = number(state.stride() + 1);
        let start = state.channel[first + usize::from(output)].next_in;
        let key = |input: u16| {
            let class = self.plan.priority_of(usize::from(input) & (state.vcs - 1));
            (std::cmp::Reverse(class), rank(input, start, size))
        };
        if key(input) < key(*ahead) {
            *ahead = input;
        }
    }

    /// The output channel (`port * vcs + vc`) that a waiting head asks for this cycle.
    fn choose_channel(&self, router: usize, first: usize, input: usize) -> Option<u16> {
        let state = &self.state;
        if self.routes.is_adaptive()
            && let Some(output) = self.choose_adaptive(router, first, first + input)
        {
            return Some(output);
        }
        let channel = &state.channel[first + input];
        let out = usize::from(channel.out);
        let mut free = state.free(first + out) & channel.wanted;
        if free == 0 {
            return None;
        }
        if self.config.switching != Switching::Wormhole {
            free = self.with_room(first + out, free, first + input);
            if free == 0 {
                return None;
            }
        }
        // Behind the last channel of the port the round goes on at its first.
        let skip = usize::from(channel.next_out).saturating_sub(out).min(state.vcs);
        Some(number(out + round_robin(u64::from(free), byte(skip)) as usize))
    }

    /// Of the channels in `free` at the output port `out`, those whose buffer has room for the whole packet.
    fn with_room(&self, out: usize, free: u16, place: usize) -> u16 {
        let flits = self.state.channel[place].left;
        (0..self.state.vcs)
            .filter(|vc| free >> vc & 1 == 1 && self.state.channel[out + vc].credits >= flits)
            .fold(0, |mask, vc| mask | 1 << vc)
    }

    /// A free adaptive channel on the shortest path whose channels have the most room.
    fn choose_adaptive(&self, router: usize, first: usize, place: usize) -> Option<u16> {
        let state = &self.state;
        let packet = self.packets[state.channel[place].front].packet;
        let to: NodeId = packet.to;
        let mut ports = self.routes.minimal_ports(RouterId(index(router)), to);
        let mask = self.plan.mask(packet.class, 0);
        let mut best: Option<(u32, usize, u16)> = None;
        while ports != 0 {
            let out = (ports.trailing_zeros() as usize) << state.vc_bits;
            ports &= ports - 1;
            let mut free = state.free(first + out) & mask;
            if self.config.switching != Switching::Wormhole {
                free = self.with_room(first + out, free, place);
            }
            if free == 0 {
                continue;
            }
            let channels = &state.channel[first + out..][..state.vcs];
            let room: u32 = channels.iter().map(|out| u32::from(out.credits)).sum();
            if best.is_none_or(|(most, _, _)| room > most) {
                best = Some((room, out, free));
            }
        }
        let (_, out, free) = best?;
        Some(number(out + free.trailing_zeros() as usize))
    }

    /// A head is given an output channel.
    fn take_channel(&mut self, first: usize, output: usize, input: usize) {
        let state = &mut self.state;
        let (place, out) = (first + input, first + output);
        let channel = &mut state.channel[out];
        channel.next_in = number(input + 1);
        channel.owner = number(input);
        let credit = u64::from(channel.credits > 0);
        let held = &mut state.channel[place];
        held.next_out = number(output + 1);
        held.stage = Stage::Idle;
        held.out = number(output);
        held.fresh = true;
        let ((word, bit), (out_word, out_bit)) = (state.spot(place), state.spot(out));
        state.words[out_word].free &= !out_bit;
        let word = &mut state.words[word];
        word.waiting &= !bit;
        word.holding |= bit;
        word.credited = (word.credited & !bit) | (bit * credit);
        // It has a flit, its head; without a credit it waits for one, which wakes the router.
    }
}
