//! The structures that policies are made of: each bounded, each allocated once, each decision O(1) or O(log n).

mod accounts;
mod buddies;
mod cpuset;
mod ends;
mod fair_queues;
mod laps;
mod lists;
mod loads;
mod local;
mod matrix;
mod partitions;
mod records;
mod roster;
mod space;
mod tournament;
mod trees;
mod warm;

pub use accounts::Accounts;
pub use buddies::Buddies;
pub use cpuset::CpuSet;
pub use ends::Ends;
pub use fair_queues::FairQueues;
pub use laps::Laps;
pub use lists::{Lists, PRIORITIES, ReadyVector};
pub use loads::Loads;
pub use local::LocalQueues;
pub use matrix::{Matrix, Packing};
pub use partitions::{Partitions, Reservation};
pub use records::{Record, Records};
pub use roster::Roster;
pub use space::{Rule, SpaceSharing};
pub use tournament::Tournament;
pub use trees::Trees;
pub use warm::WarmQueues;

use crate::unit::{CpuId, ThreadId};

/// What a policy remembers of threads, so that a mechanism with many of them can have it fetched into a cache before it is
/// needed. No decision depends on it.
pub trait Memory {
    /// Who will probably be next on `cpu`.
    fn soon(&self, cpu: CpuId) -> Option<ThreadId>;

    /// Touches what is remembered of `threads`.
    fn fetch(&self, threads: &[ThreadId]);
}

/// Reads values, so that what they stand in is in a cache when it is needed: many at once take little longer than one.
pub(crate) fn touch(values: impl Iterator<Item = u32>) {
    core::hint::black_box(values.fold(0, |all, value| all ^ value));
}
