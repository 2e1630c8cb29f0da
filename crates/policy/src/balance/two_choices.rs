//! Two choices: each job joins the shorter of two queues, its own node's and a random other's.
//!
//! Source: Azar, Broder, Karlin, Upfal, "Balanced allocations", STOC 1994; Mitzenmacher, "The power of two choices in
//! randomized load balancing", 1996.

use super::{Balancer, Sight};
use crate::unit::NodeId;

/// The policy.
pub(super) struct TwoChoices;

impl Balancer for TwoChoices {
    fn place(&mut self, at: NodeId, moves: u32, sight: &mut Sight<'_>) -> NodeId {
        let other = sight.other(at);
        if moves == 0 && sight.own(at) > 0 && sight.probe(other) < sight.own(at) { other } else { at }
    }
}
