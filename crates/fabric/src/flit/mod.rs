//! The network by the flit: input-queued virtual-channel routers with credits, cycle by cycle.
//!
//! A cycle: flits and credits that are due arrive; nodes inject; each router with something to do allocates
//! first the switch, then output channels, both by what held at the start of the cycle, and moves the flits
//! that won. A channel's flits are counted; which packets they belong to is known from the order in which heads
//! entered it. A channel without a flit, an output or a credit does not ask, so that what is blocked costs nothing.

mod allocate;
mod faults;
mod flying;
mod inject;
mod plan;
mod state;
mod step;
#[cfg(test)]
mod tests;
mod wheel;

use crate::config::{Config, Switching};
use crate::crossing::{Crossing, Watch};
use crate::error::Error;
use crate::events::Events;
use crate::fault::{Hazard, Hazards};
use crate::ids::{Cycle, LinkId, NodeId, Port, RouterId};
use crate::network::{Counters, Delivery, Network, Packet, check_packet};
use crate::routing::Routes;
use crate::slab::Slab;
use crate::topology::Topology;
use allocate::Scratch;
use flying::Flying;
use inject::Sources;
use plan::VcPlan;
use state::State;
use wheel::Wheel;

/// A flit on its way to a node.
#[derive(Clone, Copy, Debug)]
struct Ejected {
    /// The packet's slot.
    packet: u32,
    /// The output channel that led to the node.
    place: u32,
    /// Flits of the packet that come behind it.
    left: u16,
}

/// Spans of the pipeline in cycles, from the delays.
#[derive(Clone, Copy, Debug)]
struct Spans {
    /// From winning the switch to being visible downstream.
    flight: u64,
    /// From winning the switch to the credit's use upstream.
    credit: u64,
    /// The same for a node upstream.
    node_credit: u64,
    /// From the arrival of a flit at a node to the credit's use.
    eject_credit: u64,
    /// From a node's sending to being visible in its router.
    inject: u64,
    /// Cycles that a head waits before it may ask for an output channel.
    decide: u64,
    /// From winning the switch to being on the link.
    switched: u64,
}

/// A network simulated by the flit.
#[derive(Debug)]
pub struct FlitNetwork {
    topology: Topology,
    routes: Routes,
    /// The routes with all links up.
    original: Routes,
    config: Config,
    plan: VcPlan,
    spans: Spans,
    now: u64,
    state: State,
    packets: Slab<Flying>,
    sources: Sources,
    /// Packets whose instant has not come, with their numbers.
    pending: Events<(u64, Packet)>,
    scratch: Scratch,
    /// Input channels at which a flit becomes visible.
    arrivals: Wheel<u32>,
    /// Output channels to which a credit comes back.
    credits: Wheel<u32>,
    /// Channels of nodes (`node * vcs + vc`) to which a credit comes back.
    node_credits: Wheel<u32>,
    /// Flits that reach their node.
    ejected: Wheel<Ejected>,
    /// Input channels whose head may ask for an output channel.
    decided: Wheel<u32>,
    delivered: Vec<Delivery>,
    dropped: Vec<Packet>,
    counters: Counters,
    last_move: u64,
    sequence: u64,
    node_down: Vec<bool>,
    link_up: Vec<bool>,
    hazards: Hazards,
    watch: Watch,
}

impl FlitNetwork {
    /// A network at rest.
    ///
    /// Errors: parameters out of range, too few virtual channels, a router of too many ports. Whether the
    /// routes can deadlock is for [`crate::deadlock::check`] to say.
    pub fn new(topology: &Topology, routes: Routes, config: &Config) -> Result<FlitNetwork, Error> {
        config.check(1)?;
        let plan = VcPlan::new(config, &routes)?;
        let delays = &config.delays;
        let link = u64::from(delays.link);
        let late = u64::from(delays.switch_alloc) - 1;
        let spans = Spans {
            flight: late + u64::from(delays.switch) + link + 1,
            credit: late + link + 1 + u64::from(delays.credit),
            node_credit: late + link + 1,
            eject_credit: link + 1 + u64::from(delays.credit),
            inject: link + 1,
            decide: u64::from(delays.route) + u64::from(delays.vc_alloc) - 1,
            switched: late + u64::from(delays.switch) + 1,
        };
        let ahead = spans.flight.max(spans.credit).max(spans.eject_credit).max(spans.decide) + 1;
        let state = State::new(topology, config)?;
        Ok(FlitNetwork {
            sources: Sources::new(state::entrances(&state, &routes, topology.nodes()), config),
            state,
            node_down: vec![false; topology.nodes()],
            link_up: vec![true; topology.links().len()],
            hazards: Hazards::new(config.seed),
            watch: Watch::default(),
            topology: topology.clone(),
            original: routes.clone(),
            routes,
            config: config.clone(),
            plan,
            spans,
            now: 0,
            packets: Slab::default(),
            pending: Events::new(),
            scratch: Scratch::default(),
            arrivals: Wheel::new(ahead),
            credits: Wheel::new(ahead),
            node_credits: Wheel::new(ahead),
            ejected: Wheel::new(ahead),
            decided: Wheel::new(ahead),
            delivered: Vec::new(),
            dropped: Vec::new(),
            counters: Counters::default(),
            last_move: 0,
            sequence: 0,
        })
    }

    /// Whether nothing will happen in the present cycle or any later one but by pending injections.
    fn quiet(&self) -> bool {
        self.sources.idle() && self.state.active.iter().all(|word| *word == 0)
    }

    /// The earliest event of the wheels, from now on.
    fn next_due(&self) -> Option<u64> {
        let now = self.now;
        [
            self.arrivals.next(now),
            self.credits.next(now),
            self.node_credits.next(now),
            self.ejected.next(now),
            self.decided.next(now),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

impl Network for FlitNetwork {
    fn now(&self) -> Cycle {
        Cycle(self.now)
    }

    fn inject(&mut self, packet: Packet, at: Cycle) -> Result<(), Error> {
        check_packet(&packet, self.topology.nodes(), self.config.classes, at, self.now())?;
        let whole = matches!(self.config.switching, Switching::CutThrough | Switching::StoreAndForward);
        if whole {
            self.config.check(packet.flits)?;
        }
        self.sequence += 1;
        self.pending.enter(at.0, (self.sequence, packet));
        Ok(())
    }

    fn advance(&mut self, until: Cycle) {
        while self.now < until.0 {
            if self.quiet() {
                let next = self.next_due().into_iter().chain(self.pending.first()).min().unwrap_or(until.0);
                if next > self.now {
                    self.now = next.min(until.0);
                    continue;
                }
            }
            self.cycle();
            self.now += 1;
        }
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
        if !self.quiet() {
            return Some(Cycle(self.now));
        }
        self.next_due().into_iter().chain(self.pending.first()).chain(self.hazards.next()).min().map(Cycle)
    }

    fn in_flight(&self) -> u64 {
        self.counters.injected_packets - self.counters.delivered_packets - self.counters.dropped_packets
            + self.pending.len()
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn link_flits(&self) -> Vec<u64> {
        let sent = |(router, port): (crate::ids::RouterId, crate::ids::Port)| {
            self.state.port[self.state.place(router.index(), port.index()) >> self.state.vc_bits].sent
        };
        self.topology.links().iter().flat_map(|link| [sent(link.a), sent(link.b)]).collect()
    }

    fn watch(&mut self, links: &[LinkId]) {
        let state = &self.state;
        let output =
            |router: RouterId, port: Port| state.link_index(state.place(router.index(), port.index()));
        self.watch.set(&self.topology, links, output);
    }

    fn collect_crossings(&mut self, into: &mut Vec<Crossing>) {
        self.watch.collect(into);
    }

    fn set_link(&mut self, link: LinkId, up: bool) -> Result<(), Error> {
        self.reconfigure(link, up)
    }

    fn set_hazard(&mut self, link: LinkId, hazard: Hazard) {
        let ends = self.topology.links()[link.index()];
        for (router, port) in [ends.a, ends.b] {
            let place = self.state.place(router.index(), port.index());
            self.hazards.set(self.state.link_index(place), hazard);
        }
    }

    fn set_node(&mut self, node: NodeId, up: bool) {
        self.node_down[node.index()] = !up;
    }

    fn last_move(&self) -> Cycle {
        Cycle(self.last_move)
    }
}

/// An index as the wheels and arrays keep it; [`State::new`] has seen to it that all places fit.
#[allow(clippy::cast_possible_truncation, reason = "bounded when the arrays were made")]
fn index(value: usize) -> u32 {
    value as u32
}

/// The number of a port or channel of a router.
#[allow(clippy::cast_possible_truncation, reason = "a router has at most 64 ports and 1024 channels")]
fn number(value: usize) -> u16 {
    value as u16
}
