//! What the simulators that jump from event to event share: time, routes, what is up, and what has been counted.

use crate::config::Config;
use crate::crossing::{Crossing, Watch};
use crate::error::Error;
use crate::events::Events;
use crate::fault::{Fate, Hazard, Hazards};
use crate::ids::{Cycle, LinkId, NodeId, Port, RouterId, small};
use crate::network::{Counters, Delivery, Network, Packet, check_packet};
use crate::routing::{self, Routes};
use crate::topology::Topology;

/// A simulator that jumps from event to event: what it adds to its core makes it a [`Network`].
pub(crate) trait EventDriven: std::fmt::Debug {
    /// What happens at an instant.
    type Event: Copy + std::fmt::Debug;

    fn core(&self) -> &EventCore<Self::Event>;

    fn core_mut(&mut self) -> &mut EventCore<Self::Event>;

    /// Takes a packet that sets out at `at`.
    fn accept(&mut self, packet: Packet, at: Cycle);

    /// All that happens before `until` happens.
    fn run(&mut self, until: Cycle);

    /// Packets accepted and neither delivered nor dropped.
    fn under_way(&self) -> u64;

    /// A link has gone down or come up, and the core has found routes by what is left.
    fn rerouted(&mut self, link: LinkId, up: bool);
}

impl<T: EventDriven> Network for T {
    fn now(&self) -> Cycle {
        Cycle(self.core().now)
    }

    fn inject(&mut self, packet: Packet, at: Cycle) -> Result<(), Error> {
        let core = self.core();
        check_packet(&packet, core.topology.nodes(), core.config.classes, at, self.now())?;
        self.accept(packet, at);
        Ok(())
    }

    fn advance(&mut self, until: Cycle) {
        self.run(until);
        self.core_mut().pass(until);
    }

    fn collect_dropped(&mut self, into: &mut Vec<Packet>) {
        into.append(&mut self.core_mut().dropped);
    }

    fn collect(&mut self, into: &mut Vec<Delivery>) {
        let core = self.core_mut();
        core.dropped.clear();
        into.append(&mut core.delivered);
    }

    fn next_event(&self) -> Option<Cycle> {
        let core = self.core();
        core.events.first().into_iter().chain(core.hazards.next()).min().map(Cycle)
    }

    fn in_flight(&self) -> u64 {
        self.under_way()
    }

    fn counters(&self) -> Counters {
        self.core().counters
    }

    fn link_flits(&self) -> Vec<u64> {
        let core = self.core();
        let sent = |(router, port): (RouterId, Port)| core.sent[core.index(router, port)];
        core.topology.links().iter().flat_map(|link| [sent(link.a), sent(link.b)]).collect()
    }

    fn watch(&mut self, links: &[LinkId]) {
        let core = self.core_mut();
        let ports = core.ports;
        core.watch.set(&core.topology, links, |router, port| router.index() * ports + port.index());
    }

    fn collect_crossings(&mut self, into: &mut Vec<Crossing>) {
        self.core_mut().watch.collect(into);
    }

    fn set_link(&mut self, link: LinkId, up: bool) -> Result<(), Error> {
        if self.core_mut().reroute(link, up)? {
            self.rerouted(link, up);
        }
        Ok(())
    }

    fn set_hazard(&mut self, link: LinkId, hazard: Hazard) {
        let core = self.core_mut();
        let ends = core.topology.links()[link.index()];
        for (router, port) in [ends.a, ends.b] {
            core.hazards.set(core.index(router, port), hazard);
        }
    }

    fn set_node(&mut self, node: NodeId, up: bool) {
        self.core_mut().node_down[node.index()] = !up;
    }

    fn last_move(&self) -> Cycle {
        Cycle(self.core().last_move.min(self.core().now))
    }
}

/// The common part of a simulator whose events are `E`.
#[derive(Debug)]
pub(crate) struct EventCore<E> {
    pub(crate) topology: Topology,
    pub(crate) routes: Routes,
    /// The routes with all links up.
    original: Routes,
    pub(crate) config: Config,
    /// Ports of a router in the arrays.
    pub(crate) ports: usize,
    pub(crate) now: u64,
    pub(crate) events: Events<E>,
    /// Flits that left by each port.
    pub(crate) sent: Vec<u64>,
    pub(crate) watch: Watch,
    delivered: Vec<Delivery>,
    dropped: Vec<Packet>,
    pub(crate) counters: Counters,
    pub(crate) last_move: u64,
    link_up: Vec<bool>,
    pub(crate) node_down: Vec<bool>,
    pub(crate) hazards: Hazards,
}

impl<E: Copy + std::fmt::Debug> EventCore<E> {
    /// At rest.
    ///
    /// Errors: parameters out of range.
    pub(crate) fn new(topology: &Topology, routes: Routes, config: &Config) -> Result<EventCore<E>, Error> {
        config.check(1)?;
        let ports = topology.ports_max();
        Ok(EventCore {
            original: routes.clone(),
            routes,
            config: config.clone(),
            ports,
            now: 0,
            events: Events::new(),
            sent: vec![0; topology.routers() * ports],
            watch: Watch::default(),
            delivered: Vec::new(),
            dropped: Vec::new(),
            counters: Counters::default(),
            last_move: 0,
            link_up: vec![true; topology.links().len()],
            node_down: vec![false; topology.nodes()],
            hazards: Hazards::new(config.seed),
            topology: topology.clone(),
        })
    }

    /// The next event before `until`; its cycle becomes the present.
    pub(crate) fn next_before(&mut self, until: Cycle) -> Option<(u64, E)> {
        let (at, event) = self.events.take_before(until.0)?;
        self.now = at;
        Some((at, event))
    }

    /// The cycle of the next events, if it is before `until`; it becomes the present, and they go to `into`.
    pub(crate) fn next_cycle(&mut self, until: Cycle, into: &mut Vec<E>) -> Option<u64> {
        let at = self.events.take_cycle(until.0, into)?;
        self.now = at;
        Some(at)
    }

    /// `until` becomes the present.
    fn pass(&mut self, until: Cycle) {
        self.now = self.now.max(until.0);
        self.hazards.release(self.now, &mut self.delivered);
    }

    /// The index of an output.
    pub(crate) fn index(&self, router: RouterId, port: Port) -> usize {
        router.index() * self.ports + port.index()
    }

    /// Router and port of an output's index.
    pub(crate) fn output(&self, output: u32) -> (RouterId, usize) {
        (RouterId(small(output as usize / self.ports)), output as usize % self.ports)
    }

    /// A packet's instant has come: whether it can set out.
    pub(crate) fn injected(&mut self, from: NodeId, to: NodeId, flits: u32) -> bool {
        self.counters.injected_packets += 1;
        self.counters.injected_flits += u64::from(flits);
        !self.node_down[from.index()] && self.routes.reaches(self.routes.attachment(from).0, to)
    }

    /// A packet has come to its node, where it counts as delivered or, if that is down or a hazard had it, as dropped.
    pub(crate) fn deliver(&mut self, delivery: Delivery, fate: Fate) {
        self.counters.delivered_flits += u64::from(delivery.packet.flits);
        let lost = self.node_down[delivery.packet.to.index()];
        if lost || self.hazards.deliver(delivery, fate, &mut self.delivered) {
            self.drop(delivery.packet);
        } else {
            self.counters.delivered_packets += 1;
        }
    }

    /// Counts a packet as dropped.
    pub(crate) fn drop(&mut self, packet: Packet) {
        self.counters.dropped_packets += 1;
        self.dropped.push(packet);
    }

    /// Takes a link down or up and finds routes by what is left; whether anything changed.
    ///
    /// Errors: routes that cannot be; nothing has changed then.
    fn reroute(&mut self, link: LinkId, up: bool) -> Result<bool, Error> {
        if self.link_up[link.index()] == up {
            return Ok(false);
        }
        let mut after = self.link_up.clone();
        after[link.index()] = up;
        let all = after.iter().all(|up| *up);
        self.routes = if all { self.original.clone() } else { routing::around(&self.topology, &after)? };
        self.link_up = after;
        Ok(true)
    }
}
