//! A network as the configuration asks for it: shape, pipeline, faults, and what follows for its epochs.

use crate::time::{NetworkClock, Ps};
use fabric::fault::Change;
use fabric::routing::Table;
use fabric::topology::{Family, Topology};
use fabric::{Config, Delays, Error, Level, Switching, simulate};
use machine::dev::virtio::net::FRAME_BYTES_MAX;

/// A network to be built.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// How nodes and routers are joined.
    pub topology: Topology,
    /// Routes, where they are given one by one.
    pub table: Option<Table>,
    /// Switching, fidelity, routing, buffers and seed; the delays follow from the fields below.
    pub fabric: Config,
    /// The links' clock: a flit a cycle.
    pub clock: NetworkClock,
    /// What crossing a link takes, rounded up to whole cycles of the network.
    pub latency: Ps,
    /// What a router takes to decide and to switch, rounded up to whole cycles; three at least.
    pub router: Ps,
    /// What goes wrong, and when.
    pub faults: Vec<(Ps, Change)>,
}

impl Wiring {
    /// The links between nodes and routers are the interfaces'.
    fn has_free_node_links(&self) -> bool {
        let token = matches!(self.topology.family(), Family::Ring { token: true, .. });
        self.fabric.level == Level::Packet && self.fabric.switching != Switching::Circuit && !token
    }

    fn link_cycles(&self) -> u32 {
        u32::try_from(self.clock.cycles_of(self.latency).max(1)).unwrap_or(u32::MAX)
    }

    /// The pipeline in cycles, all links alike.
    pub fn delays(&self) -> Delays {
        let least = Delays::default();
        let stages = least.vc_alloc + least.switch_alloc + least.switch;
        let router = u32::try_from(self.clock.cycles_of(self.router)).unwrap_or(u32::MAX);
        let link = self.link_cycles();
        Delays { route: router.saturating_sub(stages), link, node_link: link, ..least }
    }

    /// The fabric's configuration: with buffers that hold a whole frame where the switching needs it.
    pub(super) fn config(&self) -> Config {
        let mut config = self.fabric.clone();
        config.delays = self.delays();
        if self.has_free_node_links() {
            config.delays.node_link = 1;
        }
        if matches!(config.switching, Switching::CutThrough | Switching::StoreAndForward) {
            config.buffer_flits = config.buffer_flits.max(self.frame_flits());
        }
        config
    }

    pub(super) fn frame_flits(&self) -> u32 {
        u32::try_from(self.clock.flits(FRAME_BYTES_MAX as u64)).unwrap_or(u32::MAX)
    }

    /// Cycles of a node's link that are the interface's, on each side.
    pub(super) fn edge_cycles(&self) -> u64 {
        if self.has_free_node_links() { u64::from(self.link_cycles()) - 1 } else { 0 }
    }

    /// The longest epoch: the shortest time from a node's memory to another's, but for the fabric itself.
    pub(crate) fn epoch(&self, send: Ps, receive: Ps) -> Ps {
        let edges = self.clock.instant(2 * self.edge_cycles()).0;
        // The last picosecond of a rounded-up instant is not waited for.
        let epoch = send.after(receive).after(Ps(edges.saturating_sub(u64::from(edges > 0))));
        epoch.max(Ps(1))
    }

    /// The latency of a frame alone in the network, from its first flit on the sender's wire to its last off the
    /// receiver's, through `routers` routers.
    pub fn zero_load(&self, routers: u64, bytes: u64) -> Ps {
        let cycles = self.delays().zero_load_cycles(self.fabric.switching, routers, self.clock.flits(bytes));
        self.clock.instant(cycles)
    }

    /// Refuses what cannot be simulated, before anything boots.
    ///
    /// Errors: as [`simulate::build`].
    pub fn check(&self) -> Result<(), Error> {
        let mut built =
            simulate::build(&self.topology, self.table.clone(), &self.config(), self.frame_flits())?;
        let mut faults: Vec<&(Ps, Change)> = self.faults.iter().collect();
        faults.sort_by_key(|(at, _)| *at);
        for (_, change) in faults {
            if let Change::Links(links, up) = change {
                links.iter().try_for_each(|link| built.network.set_link(*link, *up))?;
            }
        }
        Ok(())
    }
}
