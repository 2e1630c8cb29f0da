//! Sender-initiated: a node at its threshold probes a few others for one below it.

use super::{Balancer, Limits, Sight};
use crate::unit::NodeId;

/// The policy.
pub(super) struct Sender(pub(super) Limits);

impl Balancer for Sender {
    fn place(&mut self, at: NodeId, moves: u32, sight: &mut Sight<'_>) -> NodeId {
        if sight.own(at) < self.0.threshold || moves >= self.0.transfers_max {
            return at;
        }
        for _ in 0..self.0.probes {
            let other = sight.any();
            if sight.probe(other) < self.0.threshold {
                return other;
            }
        }
        at
    }
}
