//! No balancing: each node is a queue of its own.

use super::Balancer;

/// The policy.
pub(super) struct None;

impl Balancer for None {}
