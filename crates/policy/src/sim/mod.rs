//! A deterministic workload simulator: threads with compute, I/O, lock, barrier and message phases under any
//! [`Policy`](crate::sched::Policy), in virtual time, with what switching, cold caches, interrupts and contended queues cost.

pub mod config;
mod costs;
mod cpus;
mod dist;
mod engine;
mod events;
mod exec;
pub mod gantt;
pub(crate) mod logarithm;
pub(crate) mod metrics;
mod options;
mod order;
mod stuck;
pub mod svg;
mod sync;
mod thread;
mod trace;
mod wheel;
mod workload;

pub use costs::Costs;
pub use dist::Dist;
pub use engine::{simulate, simulate_with};
pub use metrics::{Distribution, JobTime, Outcome, Utilization};
pub use options::Options;
pub use order::{BarrierCycle, check_barriers};
pub use stuck::{Stop, Waiting};
use thread::NESTING_MAX;
pub use trace::{Activity, Segment, Trace};
pub use workload::{Job, Op, Program, SyncKind, SyncRef, Synchronizer, Task, Wait, Workload};
