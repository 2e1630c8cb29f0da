//! The structures that policies are made of: each bounded, each allocated once, each decision O(1) or O(log n).

mod accounts;
mod buddies;
mod cpuset;
mod ends;
mod fair_queues;
mod heaps;
mod homes;
mod laps;
mod lists;
mod loads;
mod local;
mod matrix;
mod partitions;
mod roster;
mod tournament;
mod warm;

pub use accounts::Accounts;
pub use buddies::Buddies;
pub use cpuset::CpuSet;
pub use ends::Ends;
pub use fair_queues::FairQueues;
pub use heaps::Heaps;
pub use homes::Homes;
pub use laps::Laps;
pub use lists::{Lists, PRIORITIES, ReadyVector};
pub use loads::Loads;
pub use local::LocalQueues;
pub use matrix::{Matrix, Packing};
pub use partitions::{Partitions, Reservation};
pub use roster::Roster;
pub use tournament::Tournament;
pub use warm::WarmQueues;
