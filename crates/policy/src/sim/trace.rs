//! What each CPU did and when: what charts are drawn from.

use crate::unit::{CpuId, Ns, ThreadId};

/// What a CPU spends time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Useful work of a thread.
    Useful,
    /// Waiting with the CPU in hand.
    Spinning,
    /// Deciding, waiting for the ready queue's lock, saving and loading threads.
    Switching,
    /// Filling a cold cache.
    Reloading,
}

/// A stretch of one activity of one thread on one CPU; where there is none, the CPU idled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where.
    pub cpu: CpuId,
    /// Who.
    pub thread: ThreadId,
    /// What.
    pub activity: Activity,
    /// From when.
    pub from: Ns,
    /// Until when.
    pub to: Ns,
}

/// The segments of a run, up to a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// In the order in which they ended.
    pub segments: Vec<Segment>,
    /// When recording ended because the limit was reached.
    pub cut_at: Option<Ns>,
    limit: usize,
}

impl Trace {
    pub(super) fn new(limit: usize) -> Trace {
        Trace { segments: Vec::new(), cut_at: None, limit }
    }

    /// Whether it is to have any segments.
    pub(super) fn records(&self) -> bool {
        self.limit > 0
    }

    #[inline(never)]
    pub(super) fn add(&mut self, segment: Segment) {
        if self.cut_at.is_some() || segment.from == segment.to {
            return;
        }
        if self.segments.len() == self.limit {
            self.cut_at = Some(segment.from);
            return;
        }
        self.segments.push(segment);
    }
}
