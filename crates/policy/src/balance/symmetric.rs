//! Symmetric: loaded nodes look for idle ones, and idle ones for loaded ones.

use super::receiver::Receiver;
use super::sender::Sender;
use super::{Balancer, Limits, Sight};
use crate::unit::NodeId;

/// The policy.
pub(super) struct Symmetric {
    sender: Sender,
    receiver: Receiver,
}

impl Symmetric {
    pub(super) fn new(limits: Limits) -> Symmetric {
        Symmetric { sender: Sender(limits), receiver: Receiver::once(limits) }
    }
}

impl Balancer for Symmetric {
    fn place(&mut self, at: NodeId, moves: u32, sight: &mut Sight<'_>) -> NodeId {
        self.sender.place(at, moves, sight)
    }

    fn pull(&mut self, at: NodeId, sight: &mut Sight<'_>) -> Option<NodeId> {
        self.receiver.pull(at, sight)
    }
}
