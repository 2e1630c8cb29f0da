//! One input-queued router, a plain loop for each of its stages.
//!
//! The semantics are those of BookSim 2's `iq` router with round-robin arbiters, routes found beforehand or in a cycle of
//! their own, and delays of one cycle: every stage looks at the state in which the cycle began.

use crate::grid::Shape;
use std::collections::VecDeque;

/// A flit in a buffer or on a wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flit {
    pub(crate) packet: usize,
    pub(crate) head: bool,
    pub(crate) tail: bool,
}

/// A round-robin arbiter: the first that asks behind the one granted last.
#[derive(Clone, Debug)]
struct Arbiter {
    size: usize,
    granted: usize,
}

impl Arbiter {
    fn new(size: usize) -> Arbiter {
        Arbiter { size, granted: size - 1 }
    }

    fn pick(&self, asks: &[usize]) -> Option<usize> {
        (1..=self.size).map(|step| (self.granted + step) % self.size).find(|one| asks.contains(one))
    }
}

/// Who picks first: `separable_input_first`, or `islip` of one iteration, which is output first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum First {
    Input,
    Output,
}

/// An allocator, input first: each input picks one of the outputs it asks for, each output one of its inputs;
/// an arbiter moves on when its choice was granted. Output first: the other way round.
#[derive(Debug)]
struct Allocator {
    first: First,
    inputs: Vec<Arbiter>,
    outputs: Vec<Arbiter>,
}

impl Allocator {
    fn new(first: First, size: usize) -> Allocator {
        Allocator { first, inputs: vec![Arbiter::new(size); size], outputs: vec![Arbiter::new(size); size] }
    }

    /// `asks[input]` lists outputs; the pairs granted come back.
    fn allocate(&mut self, asks: &[Vec<usize>]) -> Vec<(usize, usize)> {
        match self.first {
            First::Input => choose(&mut self.inputs, &mut self.outputs, asks),
            First::Output => {
                let pairs = choose(&mut self.outputs, &mut self.inputs, &turned(asks));
                pairs.into_iter().map(|(output, input)| (input, output)).collect()
            }
        }
    }
}

/// Each of `first` picks one of those it asks for, each of `second` one of those that picked it.
fn choose(first: &mut [Arbiter], second: &mut [Arbiter], asks: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let picks: Vec<Vec<usize>> =
        first.iter().zip(asks).map(|(arbiter, asks)| Vec::from_iter(arbiter.pick(asks))).collect();
    let mut granted = Vec::new();
    for (to, pickers) in turned(&picks).iter().enumerate() {
        if let Some(from) = second[to].pick(pickers) {
            first[from].granted = to;
            second[to].granted = from;
            granted.push((from, to));
        }
    }
    granted
}

/// For each who is asked, those who ask.
fn turned(asks: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut turned = vec![Vec::new(); asks.len()];
    for (from, tos) in asks.iter().enumerate() {
        tos.iter().for_each(|to| turned[*to].push(from));
    }
    turned
}

/// What an input channel is about.
#[derive(Clone, Debug, PartialEq)]
enum State {
    Idle,
    /// Its route is found in this cycle.
    Routing,
    /// Asks for one of the channels `first..end` of `port`.
    Asking {
        port: usize,
        first: usize,
        end: usize,
    },
    /// Holds a channel (`port * vcs + vc`).
    Active(usize),
}

/// A flit that leaves: from an input channel through an output channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    pub(crate) flit: Flit,
    pub(crate) input: usize,
    pub(crate) output: usize,
}

/// A router; its channels are numbered `port * vcs + vc`.
#[derive(Debug)]
pub(crate) struct Router {
    ports: usize,
    vcs: usize,
    /// Whether a route takes a cycle of its own.
    routes_late: bool,
    buffers: Vec<VecDeque<Flit>>,
    states: Vec<State>,
    /// By output channel: whether a packet holds it, and the free places behind it.
    taken: Vec<bool>,
    credits: Vec<usize>,
    channel_allocator: Allocator,
    switch_allocator: Allocator,
    /// By input port: the channel granted last.
    granted: Vec<Arbiter>,
}

impl Router {
    pub(crate) fn new(ports: usize, shape: &Shape) -> Router {
        let vcs = shape.vcs;
        let channels = ports * vcs;
        Router {
            ports,
            vcs,
            routes_late: shape.routes_late,
            buffers: vec![VecDeque::new(); channels],
            states: vec![State::Idle; channels],
            taken: vec![false; channels],
            credits: vec![shape.depth; channels],
            channel_allocator: Allocator::new(shape.first, channels),
            switch_allocator: Allocator::new(shape.first, ports),
            granted: vec![Arbiter::new(vcs); ports],
        }
    }

    pub(crate) fn credit(&mut self, output: usize) {
        self.credits[output] += 1;
    }

    /// A flit arrives; `route` says to which port a packet goes and between which channels it may choose.
    pub(crate) fn arrive(
        &mut self,
        channel: usize,
        flit: Flit,
        route: impl Fn(usize) -> (usize, usize, usize),
    ) {
        self.buffers[channel].push_back(flit);
        if self.states[channel] == State::Idle {
            self.front(channel, &route);
        }
    }

    /// A head has come to the front.
    fn front(&mut self, channel: usize, route: &impl Fn(usize) -> (usize, usize, usize)) {
        if self.routes_late {
            self.states[channel] = State::Routing;
        } else {
            self.ask(channel, route);
        }
    }

    fn ask(&mut self, channel: usize, route: &impl Fn(usize) -> (usize, usize, usize)) {
        let front = self.buffers[channel][0];
        assert!(front.head, "packets do not mix in a channel");
        let (port, first, end) = route(front.packet);
        self.states[channel] = State::Asking { port, first, end };
    }

    /// The stages of a cycle; the flits that leave come back.
    pub(crate) fn cycle(&mut self, route: impl Fn(usize) -> (usize, usize, usize)) -> Vec<Move> {
        if self.states.iter().all(|state| *state == State::Idle) {
            return Vec::new();
        }
        let routed: Vec<usize> =
            (0..self.states.len()).filter(|channel| self.states[*channel] == State::Routing).collect();
        let channels = self.grant_channels();
        let moves = self.grant_switch();
        for (input, output) in channels {
            self.taken[output] = true;
            self.states[input] = State::Active(output);
        }
        routed.into_iter().for_each(|channel| self.ask(channel, &route));
        moves.into_iter().map(|(input, output)| self.forward(input, output, &route)).collect()
    }

    fn grant_channels(&mut self) -> Vec<(usize, usize)> {
        let asks = |state: &State| match *state {
            State::Asking { port, first, end } => {
                (first..end).map(|vc| port * self.vcs + vc).filter(|output| !self.taken[*output]).collect()
            }
            _ => Vec::new(),
        };
        let asks: Vec<Vec<usize>> = self.states.iter().map(asks).collect();
        self.channel_allocator.allocate(&asks)
    }

    /// Pairs of input and output channels that have the switch.
    fn grant_switch(&mut self) -> Vec<(usize, usize)> {
        // By input and output port: the channel that is put forward, of those that could go there.
        let mut forward = vec![vec![None; self.ports]; self.ports];
        for (port, forward) in forward.iter_mut().enumerate() {
            for (to, forward) in forward.iter_mut().enumerate() {
                let ready = |vc: &usize| {
                    let channel = port * self.vcs + vc;
                    match self.states[channel] {
                        State::Active(output) => {
                            output / self.vcs == to
                                && self.credits[output] > 0
                                && !self.buffers[channel].is_empty()
                        }
                        _ => false,
                    }
                };
                let ready: Vec<usize> = (0..self.vcs).filter(ready).collect();
                *forward = self.granted[port].pick(&ready);
            }
        }
        let asks: Vec<Vec<usize>> = forward
            .iter()
            .map(|forward| (0..self.ports).filter(|to| forward[*to].is_some()).collect())
            .collect();
        let mut pairs = Vec::new();
        for (port, to) in self.switch_allocator.allocate(&asks) {
            let vc = forward[port][to].expect("it asked");
            self.granted[port].granted = vc;
            match self.states[port * self.vcs + vc] {
                State::Active(output) => pairs.push((port * self.vcs + vc, output)),
                _ => unreachable!("it asked"),
            }
        }
        pairs
    }

    fn forward(
        &mut self,
        input: usize,
        output: usize,
        route: &impl Fn(usize) -> (usize, usize, usize),
    ) -> Move {
        let flit = self.buffers[input].pop_front().expect("it asked");
        self.credits[output] -= 1;
        if flit.tail {
            self.taken[output] = false;
            self.states[input] = State::Idle;
            if !self.buffers[input].is_empty() {
                self.front(input, route);
            }
        }
        Move { flit, input, output }
    }
}
