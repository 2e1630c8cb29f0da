//! Receiver-initiated: a node that falls below its threshold probes a few others for one with a job to spare.

use super::{Balancer, Limits, Sight};
use crate::unit::NodeId;

/// The policy, asking once when a job ends or again while the node idles.
pub(super) struct Receiver {
    limits: Limits,
    again: bool,
}

impl Receiver {
    pub(super) fn once(limits: Limits) -> Receiver {
        Receiver { limits, again: false }
    }

    pub(super) fn again(limits: Limits) -> Receiver {
        Receiver { limits, again: true }
    }
}

impl Balancer for Receiver {
    fn pull(&mut self, at: NodeId, sight: &mut Sight<'_>) -> Option<NodeId> {
        if sight.own(at) >= self.limits.threshold {
            return None;
        }
        for _ in 0..self.limits.probes {
            let other = sight.any();
            if sight.probe(other) > self.limits.threshold {
                return Some(other);
            }
        }
        None
    }

    fn repolls(&self) -> bool {
        self.again
    }
}
