//! Weights of threads, mostly all the same.

use crate::sched::{Machine, Setup};
use crate::unit::ThreadId;

/// The weight of each thread, at least 1. Where all have the same, none is looked up: there are many threads, and each look
/// at one that has not been looked at for long is a cache miss.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    same: Option<u64>,
}

impl Weights {
    /// Of the threads of `setup`.
    #[must_use]
    pub fn new(setup: &Setup<'_>) -> Weights {
        let mut weights = setup.threads.iter().map(|thread| u64::from(thread.weight.max(1)));
        let first = weights.next();
        Weights { same: first.filter(|first| weights.all(|weight| weight == *first)) }
    }

    /// Whether they do differ.
    #[must_use]
    pub fn differ(&self) -> bool {
        self.same.is_none()
    }

    /// The weight of `thread`.
    #[must_use]
    #[inline]
    pub fn of(&self, machine: &Machine, thread: ThreadId) -> u64 {
        self.same.unwrap_or_else(|| u64::from(machine.threads[thread.index()].weight.max(1)))
    }
}
