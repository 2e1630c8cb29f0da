//! Links that go down and come up while packets are under way.
//!
//! As networks of that kind do it, a change of state stops the network, finds up/down routes over what is
//! left, and starts it empty: packets that lay across the failed link are lost, all others go back to the front
//! of their source's queue. So no packet on old routes can wait for one on new routes.

use super::FlitNetwork;
use super::state::FREE;
use crate::error::Error;
use crate::ids::{LinkId, Port, RouterId};
use crate::routing;

impl FlitNetwork {
    pub(super) fn reconfigure(&mut self, link: LinkId, up: bool) -> Result<(), Error> {
        if self.link_up[link.index()] == up {
            return Ok(());
        }
        let mut after = self.link_up.clone();
        after[link.index()] = up;
        let routes = if after.iter().all(|up| *up) {
            self.original.clone()
        } else {
            routing::around(&self.topology, &after)?
        };
        crate::deadlock::check(&self.topology, &routes)?;
        self.plan = super::VcPlan::new(&self.config, &routes)?;
        let lost = self.across(link);
        self.routes = routes;
        self.link_up = after;
        self.restart(&lost);
        Ok(())
    }

    /// Packets that hold a channel over `link`.
    fn across(&self, link: LinkId) -> Vec<u32> {
        let ends = self.topology.links()[link.index()];
        let mut lost: Vec<u32> = [ends.a, ends.b].into_iter().flat_map(|end| self.at_port(end)).collect();
        lost.sort_unstable();
        lost.dedup();
        lost
    }

    fn at_port(&self, (router, port): (RouterId, Port)) -> Vec<u32> {
        let state = &self.state;
        let out = state.place(router.index(), port.index());
        let owners = state.channel[out..out + state.vcs].iter().map(|output| output.owner);
        let input = |owner| state.first(router.index()) + usize::from(owner);
        owners.filter(|owner| *owner != FREE).map(|owner| state.channel[input(owner)].front).collect()
    }

    /// Empties the network; packets go back to their sources in the order of their injection, but for the lost.
    fn restart(&mut self, lost: &[u32]) {
        let mut again: Vec<_> = self
            .packets
            .live()
            .map(|slot| (self.packets[slot].injected, self.packets[slot].packet, slot))
            .collect();
        again.sort_unstable_by_key(|(injected, packet, slot)| (*injected, packet.from, packet.tag, *slot));
        for (_, _, slot) in &again {
            self.packets.remove(*slot);
        }
        self.state.clear();
        self.arrivals.clear();
        self.credits.clear();
        self.node_credits.clear();
        self.ejected.clear();
        self.decided.clear();
        self.sources.release();
        self.sources.forget();
        for (injected, packet, slot) in again {
            if lost.contains(&slot) {
                self.counters.dropped_packets += 1;
                self.dropped.push(packet);
            } else {
                self.sequence += 1;
                self.enqueue(packet, injected, self.sequence);
            }
        }
    }
}
