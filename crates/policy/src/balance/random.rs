//! Blind random transfer: a loaded node sends the job away without asking. Where moves are not limited, jobs can wander for
//! ever while every node spends its time on moving them.

use super::{Balancer, Limits, Sight};
use crate::unit::NodeId;

/// The policy.
pub(super) struct Random(pub(super) Limits);

impl Balancer for Random {
    fn place(&mut self, at: NodeId, moves: u32, sight: &mut Sight<'_>) -> NodeId {
        let stays = sight.own(at) < self.0.threshold || moves >= self.0.transfers_max;
        if stays { at } else { sight.other(at) }
    }
}
