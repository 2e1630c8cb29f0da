//! Runs that cannot go on: why, and who waits for whom.

use super::engine::Engine;
use super::thread::{State, Waits};
use super::workload::{Op, SyncKind, SyncRef};
use crate::sched::Refusal;
use crate::unit::{CpuId, Ns, ThreadId};
use std::fmt;

/// A thread that waits, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Who.
    pub thread: ThreadId,
    /// Its name.
    pub name: String,
    /// The phase it waits in, as a place in its program.
    pub phase: usize,
    /// For what.
    pub what: String,
    /// Those who could let it go on, by name.
    pub on: Vec<String>,
}

impl Waiting {
    /// Whether it can run, and waits for a CPU that is kept for another.
    #[must_use]
    pub fn for_cpu(&self) -> bool {
        self.what.starts_with("a CPU")
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} waits for {}", self.name, self.what)?;
        if self.on.is_empty() && self.for_cpu() {
            Ok(())
        } else if self.on.is_empty() {
            write!(f, ", which nobody can give")
        } else {
            write!(f, ": {}", self.on.join(", "))
        }
    }
}

/// Why a run ended before its workload did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The policy cannot run this workload.
    Refused(Refusal),
    /// Every thread that is left waits for another, for ever.
    Deadlock {
        /// Since when.
        at: Ns,
        /// Who waits for whom (the first 16).
        waiting: Vec<Waiting>,
        /// How many wait in all.
        total: usize,
    },
    /// Threads can run and the policy runs none of them.
    Stalled {
        /// Since when.
        at: Ns,
        /// One of them.
        thread: String,
        /// Who waits for whom, itself first (the first 16).
        waiting: Vec<Waiting>,
        /// How many wait in all.
        total: usize,
    },
    /// The policy chose a thread that cannot run.
    BadDecision {
        /// For which CPU.
        cpu: CpuId,
        /// Which thread.
        thread: ThreadId,
        /// When.
        at: Ns,
    },
    /// A thread gave back a lock that it does not hold.
    NotHolder {
        /// Which thread.
        thread: ThreadId,
        /// Its name.
        name: String,
        /// The name of the lock.
        lock: String,
        /// When.
        at: Ns,
    },
    /// Something would come after the end of virtual time.
    EndOfTime {
        /// When that was found.
        at: Ns,
    },
    /// The run was given up.
    TooLong {
        /// At which virtual time.
        at: Ns,
        /// After how many steps.
        steps: u64,
    },
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Refused(refusal) => refusal.fmt(f),
            Stop::Deadlock { at, waiting, total } => {
                match total {
                    1 => write!(f, "deadlock at {at}: the only thread that is left waits for ever")?,
                    _ => {
                        write!(f, "deadlock at {at}: all {total} threads that are left wait for each other")?
                    }
                }
                list(f, waiting, *total)
            }
            Stop::Stalled { at, thread, waiting, total } => {
                write!(f, "at {at} the policy leaves {thread} without a CPU for ever")?;
                list(f, waiting, *total)
            }
            Stop::BadDecision { cpu, thread, at } => {
                write!(f, "at {at} the policy chose thread {thread} for {cpu}, which cannot run now")
            }
            Stop::NotHolder { name, lock, at, .. } => {
                write!(f, "at {at} thread {name} gives back `{lock}`, which it does not hold")
            }
            Stop::EndOfTime { at } => {
                write!(f, "at {at} something would have to wait beyond the end of virtual time, {}", Ns::MAX)
            }
            Stop::TooLong { at, steps } => write!(f, "given up after {steps} steps, at {at} of virtual time"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, waiting: &[Waiting], total: usize) -> fmt::Result {
    waiting.iter().try_for_each(|thread| write!(f, "\n  {thread}"))?;
    if total > waiting.len() { write!(f, "\n  and {} more", total - waiting.len()) } else { Ok(()) }
}

impl std::error::Error for Stop {}

const SHOWN_MAX: usize = 16;
const NAMES_MAX: usize = 4;

/// Why nothing happens any more.
pub(super) fn explain(engine: &Engine<'_>) -> Stop {
    let at = engine.machine.now;
    let left = || {
        let threads = engine.threads.iter().enumerate().filter(|(_, t)| t.state != State::Ended);
        threads.map(|(index, _)| ThreadId::new(index))
    };
    let can_run = left().find(|thread| {
        let runtime = &engine.threads[thread.index()];
        runtime.state == State::Ready && (runtime.waits == Waits::Nothing || engine.runnable > engine.unmet)
    });
    let list = |start: ThreadId| {
        let order = left().filter(|at| *at >= start).chain(left().filter(|at| *at < start));
        order.take(SHOWN_MAX).map(|thread| describe(engine, thread)).collect()
    };
    let total = engine.alive;
    // Whoever waits for a CPU that is kept for a thread which waits is part of the deadlock.
    match can_run.filter(|_| !engine.policy.dedicates() || kept(engine).is_empty()) {
        Some(thread) => {
            let name = engine.workload.tasks[thread.index()].name.clone();
            Stop::Stalled { at, thread: name, waiting: list(thread), total }
        }
        // Start with a thread on a cycle, if there is one: that is what a person looks for.
        None => {
            let waits = |thread: &ThreadId| engine.threads[thread.index()].waits != Waits::Nothing;
            let first = left().find(waits).or_else(|| left().next()).unwrap_or(ThreadId(0));
            Stop::Deadlock { at, waiting: list(on_cycle(engine, first)), total }
        }
    }
}

/// Follows lock holders from `thread` until one comes twice; without a cycle of locks, `thread` itself.
fn on_cycle(engine: &Engine<'_>, thread: ThreadId) -> ThreadId {
    let next = |thread: ThreadId| engine.syncs.all[engine.awaited(thread)? as usize].holder;
    let mut at = thread;
    for _ in 0..engine.threads.len() {
        match next(at) {
            Some(holder) => at = holder,
            None => return thread,
        }
    }
    at
}

fn describe(engine: &Engine<'_>, thread: ThreadId) -> Waiting {
    let runtime = &engine.threads[thread.index()];
    let name = |thread: ThreadId| {
        let ended =
            if engine.threads[thread.index()].state == State::Ended { " (which has ended)" } else { "" };
        format!("{}{ended}", engine.workload.tasks[thread.index()].name)
    };
    let (what, on) = match runtime.waits {
        Waits::Message => ("a message".to_owned(), senders(engine, thread)),
        Waits::Sync => {
            let sync = engine.rarely[thread.index()].sync;
            let state = engine.syncs.all[sync as usize];
            let called = &engine.workload.synchronizers[sync as usize].name;
            match state.kind {
                SyncKind::Barrier(parties, _) => (
                    format!("barrier `{called}`, where {} of {parties} are", state.count),
                    users(engine, sync, thread, |op| matches!(op, Op::Barrier(_))),
                ),
                SyncKind::Semaphore(_) => (
                    format!("semaphore `{called}`"),
                    users(engine, sync, thread, |op| matches!(op, Op::Up(_))),
                ),
                SyncKind::Condition(_) => (
                    format!("condition `{called}`"),
                    users(engine, sync, thread, |op| matches!(op, Op::Signal(_))),
                ),
                _ => (format!("lock `{called}` held by"), state.holder.into_iter().map(name).collect()),
            }
        }
        Waits::Io | Waits::Nothing => {
            let kept = kept(engine);
            (if kept.is_empty() { "a CPU" } else { "a CPU, kept for" }.to_owned(), kept)
        }
    };
    let start = engine.starts[engine.workload.tasks[thread.index()].program as usize];
    let phase = ((runtime.pc - start) as usize).saturating_sub(usize::from(!runtime.computing));
    Waiting { thread, name: engine.workload.tasks[thread.index()].name.clone(), phase, what, on }
}

/// Threads that wait for something else and spin on their CPU, or were the last there: a policy that runs nobody else keeps it
/// for them.
fn kept(engine: &Engine<'_>) -> Vec<String> {
    let on =
        engine.cpus.iter().zip(&engine.machine.running).filter_map(|(cpu, running)| running.or(cpu.last));
    let waiting = on.filter(|thread| {
        let runtime = &engine.threads[thread.index()];
        matches!(runtime.state, State::Blocked | State::Running) && runtime.waits != Waits::Nothing
    });
    waiting.take(NAMES_MAX).map(|thread| engine.workload.tasks[thread.index()].name.clone()).collect()
}

/// Threads still there, other than `but`, whose program has a phase for `sync` that `counts`.
fn users(engine: &Engine<'_>, sync: u32, but: ThreadId, counts: fn(&Op) -> bool) -> Vec<String> {
    let named = |op: &Op| match op {
        Op::Barrier(name) | Op::Up(name) | Op::Signal(name) => Some(*name),
        _ => None,
    };
    others(engine, but, |thread| {
        let job = engine.workload.tasks[thread.index()].job;
        let is = |name: SyncRef| engine.workload.resolve(job, name) == sync as usize;
        let waits_too = engine.awaited(thread) == Some(sync);
        !waits_too && program(engine, thread).iter().any(|op| counts(op) && named(op).is_some_and(is))
    })
}

/// Threads still there whose program sends to `to`.
fn senders(engine: &Engine<'_>, to: ThreadId) -> Vec<String> {
    others(engine, to, |thread| {
        let first = engine.workload.jobs[engine.workload.tasks[thread.index()].job.index()].first;
        program(engine, thread).iter().any(|op| match op {
            Op::Send(rank) => first.0 + rank == to.0,
            Op::SendTo(other) => *other == to,
            _ => false,
        })
    })
}

fn program<'a>(engine: &'a Engine<'_>, thread: ThreadId) -> &'a [Op] {
    &engine.workload.programs[engine.workload.tasks[thread.index()].program as usize]
}

fn others(engine: &Engine<'_>, but: ThreadId, counts: impl Fn(ThreadId) -> bool) -> Vec<String> {
    (0..engine.threads.len())
        .map(ThreadId::new)
        .filter(|&thread| {
            thread != but && engine.threads[thread.index()].state != State::Ended && counts(thread)
        })
        .take(NAMES_MAX)
        .map(|thread| engine.workload.tasks[thread.index()].name.clone())
        .collect()
}
