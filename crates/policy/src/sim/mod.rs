//! A deterministic workload simulator: threads with compute, I/O, lock, barrier and message phases under any
//! [`Policy`](crate::sched::Policy), in virtual time, with what switching, cold caches, interrupts and contended queues cost.

pub mod config;
mod costs;
mod dist;
mod engine;
mod events;
mod exec;
pub mod gantt;
pub(crate) mod metrics;
mod order;
mod stuck;
pub mod svg;
mod sync;
mod trace;
mod workload;

pub use costs::Costs;
pub use dist::Dist;
use engine::NESTING_MAX;
pub use engine::{Options, simulate, simulate_with};
pub use metrics::{Distribution, JobTime, Outcome, Utilization};
pub use order::{BarrierCycle, check_barriers};
pub use stuck::{Stop, Waiting};
pub use trace::{Activity, Segment, Trace};
pub use workload::{Job, Op, Program, SyncKind, SyncRef, Synchronizer, Task, Wait, Workload};
