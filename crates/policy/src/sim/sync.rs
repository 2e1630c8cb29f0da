//! The synchronizers in motion: who holds, who waits, who goes on.

use super::workload::{SyncKind, Synchronizer, Wait};
use crate::sched::kit::Lists;
use crate::unit::ThreadId;

/// The state of one synchronizer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sync {
    pub(super) kind: SyncKind,
    /// Who has it, for locks.
    pub(super) holder: Option<ThreadId>,
    /// What it holds (semaphore), or who has come (barrier).
    pub(super) count: u32,
    /// How many spin for it, on a CPU or preempted.
    pub(super) spinners: u32,
}

/// All synchronizers; list `2 i` has those that spin for `i` on a CPU, list `2 i + 1` those that block, or wait at barrier `i`.
pub(super) struct Syncs {
    pub(super) all: Vec<Sync>,
    pub(super) lists: Lists,
}

impl Syncs {
    pub(super) fn new(synchronizers: &[Synchronizer], threads: usize) -> Syncs {
        let all = synchronizers.iter().map(|synchronizer| {
            let count = if let SyncKind::Semaphore(count) = synchronizer.kind { count } else { 0 };
            Sync { kind: synchronizer.kind, holder: None, count, spinners: 0 }
        });
        Syncs { all: all.collect(), lists: Lists::new(2 * synchronizers.len(), threads) }
    }

    /// How threads wait for this one.
    pub(super) fn wait(&self, sync: usize) -> Wait {
        match self.all[sync].kind {
            SyncKind::SpinLock | SyncKind::Barrier(_, Wait::Spin) => Wait::Spin,
            _ => Wait::Block,
        }
    }
}
