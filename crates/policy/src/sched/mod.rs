//! Multiprocessor scheduling: which thread next, and on which CPU.
//!
//! A [`Policy`] is told what happened and says what to run; the mechanism (simulator or hypervisor) switches, preempts and
//! keeps the facts in [`Machine`]. One file a policy; [`registry`] names them all.

mod affinity;
mod credit;
mod fair;
mod gang;
mod gang_alternate;
mod gang_relaxed;
pub mod kit;
mod machine;
pub mod registry;
mod smart;
mod space_backfill;
mod space_easy;
mod space_fcfs;
mod time_sharing;
mod two_level;

pub use machine::{Group, Machine, Refusal, Setup, Thread, Tuning};

use crate::unit::{CpuId, Ns, ThreadId};
use kit::{CpuSet, Matrix, Memory};

/// Why a thread can run from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It was created.
    New,
    /// What it waited for has come.
    Woken,
}

/// Why a thread left its CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Its quantum or slot ended, or the policy wanted the CPU: it can still run, and the policy must remember it.
    Preempted,
    /// It waits for something.
    Blocked,
    /// It has ended.
    Ended,
}

/// That a thread left its CPU.
#[derive(Clone, Copy, Debug)]
pub struct Departure {
    /// The CPU it left.
    pub cpu: CpuId,
    /// Who left.
    pub thread: ThreadId,
    /// For how long it had the CPU.
    pub ran: Ns,
    /// Why it left.
    pub why: Left,
}

/// What a CPU is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Run `thread` until it leaves by itself or `quantum` is over; without a quantum, until the slot ends or the CPU is kicked.
    Run {
        /// Who runs.
        thread: ThreadId,
        /// For how long at most.
        quantum: Option<Ns>,
    },
    /// Wait until kicked.
    Idle,
    /// Wait until kicked, at most until this instant.
    IdleUntil(Ns),
}

impl Decision {
    /// Run `thread` for at most `quantum`; idle without one.
    #[must_use]
    pub fn quantum(thread: Option<ThreadId>, quantum: Ns) -> Decision {
        thread.map_or(Decision::Idle, |thread| Decision::Run { thread, quantum: Some(quantum) })
    }

    /// Run `thread` for as long as it keeps its CPU; idle without one.
    #[must_use]
    pub fn dedicated(thread: Option<ThreadId>) -> Decision {
        thread.map_or(Decision::Idle, |thread| Decision::Run { thread, quantum: None })
    }
}

/// What happens to a thread whose quantum is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It leaves the CPU.
    Preempt,
    /// It goes on for this long.
    Extend(Ns),
}

/// Who else takes the lock that a decision takes: what the mechanism's contention model needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// One structure for all CPUs.
    Shared,
    /// Each CPU its own.
    PerCpu,
}

/// A scheduling policy: pure decisions, each O(1) or O(log n), no allocation after it is built.
///
/// Space sharing starts a whole group in one call, and frees its CPUs in one: O(width) steps then, but O(1) for each thread that
/// comes, since it is given one CPU once and gives it back once. The matrix lays at most 64 cells in a call.
///
/// The mechanism's duties: it calls `ready` once when a thread is created and once each time it wakes; `next` when a CPU has
/// nothing to run, and obeys; `left` whenever a thread leaves a CPU; and it makes each CPU in `kick` ask again, preempting
/// what runs there.
pub trait Policy: Send {
    /// `thread` can run from now on.
    fn ready(&mut self, machine: &Machine, thread: ThreadId, how: Arrival, kick: &mut CpuSet);

    /// `cpu` has nothing to run: what now?
    fn next(&mut self, machine: &Machine, cpu: CpuId) -> Decision;

    /// A thread left its CPU.
    fn left(&mut self, machine: &Machine, gone: Departure, kick: &mut CpuSet);

    /// The quantum of `thread` on `cpu` is over.
    fn expired(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId) -> Verdict {
        let _ = (machine, cpu, thread);
        Verdict::Preempt
    }

    /// What it remembers of threads, if it is worth fetching.
    fn memory(&self) -> Option<&dyn Memory> {
        None
    }

    /// The length of the slots in which all CPUs are rescheduled together; `None` if CPUs have quanta of their own.
    fn slot(&self) -> Option<Ns> {
        None
    }

    /// A new slot begins; every CPU asks for its thread right after.
    fn new_slot(&mut self, machine: &Machine) {
        let _ = machine;
    }

    /// Whether a CPU stays with its thread while that waits: threads that wait for each other's CPUs are then deadlocked.
    fn dedicates(&self) -> bool {
        false
    }

    /// Which structure a decision locks.
    fn structure(&self) -> Structure {
        Structure::PerCpu
    }

    /// The Ousterhout matrix, of a policy that has one.
    fn matrix(&self) -> Option<&Matrix> {
        None
    }
}
