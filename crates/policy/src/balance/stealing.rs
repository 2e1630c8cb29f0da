//! Work stealing: an idle node asks one random node after another, as many as there are, and goes on while it idles.
//!
//! Source: Blumofe and Leiserson, "Scheduling multithreaded computations by work stealing", JACM 1999.

use super::{Balancer, Limits, Sight};
use crate::unit::NodeId;

/// The policy.
pub(super) struct Stealing(pub(super) Limits);

impl Balancer for Stealing {
    fn pull(&mut self, at: NodeId, sight: &mut Sight<'_>) -> Option<NodeId> {
        if sight.own(at) > 0 {
            return None;
        }
        for _ in 0..sight.nodes() {
            let victim = sight.other(at);
            if sight.probe(victim) > self.0.threshold {
                return Some(victim);
            }
        }
        None
    }

    fn repolls(&self) -> bool {
        true
    }
}
