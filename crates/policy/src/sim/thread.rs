//! A thread in motion: where it is in its program and in its life.

use super::Task;
use crate::rng::Rng;
use crate::unit::{CpuId, Ns};

/// Where a thread is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    Ready,
    Running(CpuId),
    Blocked,
    Ended,
}

/// What a thread waits for, on its CPU or off it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Nothing,
    Io,
    Message,
    Sync(u32),
}

/// How many `Repeat`s may stand inside each other.
pub(super) const NESTING_MAX: usize = 6;

/// A thread in motion: a cache line, since most of a large run's time goes to fetching them.
#[repr(align(64))]
pub(super) struct Runtime {
    pub(super) state: State,
    pub(super) waits: Waits,
    pub(super) computing: bool,
    /// How many loops it is in.
    pub(super) depth: u8,
    pub(super) held: u16,
    pub(super) program: u32,
    pub(super) pc: u32,
    /// Rounds left of the innermost loop.
    pub(super) rounds: u32,
    pub(super) mailbox: u32,
    pub(super) working_set_kib: u32,
    pub(super) remaining: Ns,
    pub(super) demand: Ns,
    pub(super) rng: Rng,
}

const _: () = assert!(size_of::<Runtime>() == 64);

/// What is seldom asked of a thread.
pub(super) struct Rarely {
    pub(super) wait_since: Ns,
    /// When it sent what it has no answer to; `Ns::MAX` when there is nothing.
    pub(super) sent_at: Ns,
    /// What its CPU had brought into its cache when it left; `u64::MAX` when none of its blocks are there.
    pub(super) left_at_kib: u64,
    /// Rounds left of the loops outside the innermost.
    pub(super) outer: [u32; NESTING_MAX],
}

impl Runtime {
    /// A thread that has not come yet.
    pub(super) fn new(task: &Task, rng: Rng) -> Runtime {
        Runtime {
            state: State::Absent,
            waits: Waits::Nothing,
            computing: false,
            depth: 0,
            held: 0,
            program: task.program,
            pc: 0,
            rounds: 0,
            mailbox: 0,
            working_set_kib: u32::try_from(task.working_set_kib).unwrap_or(u32::MAX),
            remaining: Ns::ZERO,
            demand: Ns::ZERO,
            rng,
        }
    }

    /// Enters a loop of so many rounds.
    pub(super) fn repeat(&mut self, times: u32, rarely: &mut Rarely) {
        rarely.outer[usize::from(self.depth).min(NESTING_MAX - 1)] = self.rounds;
        self.rounds = times;
        self.depth += 1;
        self.pc += 1;
    }

    /// At the end of the loop that begins at `start`.
    pub(super) fn end_of_loop(&mut self, start: u32, rarely: &Rarely) {
        self.rounds = self.rounds.saturating_sub(1);
        if self.rounds > 0 {
            self.pc = start + 1;
        } else {
            self.depth = self.depth.saturating_sub(1);
            self.rounds = rarely.outer[usize::from(self.depth).min(NESTING_MAX - 1)];
            self.pc += 1;
        }
    }
}

impl Rarely {
    pub(super) fn new() -> Rarely {
        Rarely { wait_since: Ns::ZERO, sent_at: Ns::MAX, left_at_kib: u64::MAX, outer: [0; NESTING_MAX] }
    }
}
