//! A thread in motion: where it is in its program and in its life.

use super::{Dist, Task};
use crate::rng::Rng;
use crate::unit::Ns;

/// Where a thread is in its life. Where it runs, the machine's facts say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    Ready,
    Running,
    Blocked,
    Ended,
}

/// What a thread waits for, on its CPU or off it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Nothing,
    Io,
    Message,
    /// For the synchronizer in [`Rarely::sync`].
    Sync,
}

/// How many `Repeat`s may stand inside each other.
pub(super) const NESTING_MAX: usize = 6;

/// A thread in motion, in half a cache line: most of a large run's time goes to fetching them.
#[repr(align(32))]
pub(super) struct Runtime {
    pub(super) remaining: Ns,
    pub(super) demand: Ns,
    /// Its place among the phases of all programs.
    pub(super) pc: u32,
    /// Rounds left of the innermost loop.
    pub(super) rounds: u32,
    /// How many random numbers it has drawn.
    draws: u32,
    pub(super) state: State,
    pub(super) waits: Waits,
    pub(super) computing: bool,
    /// How many loops it is in.
    depth: u8,
}

const _: () = assert!(size_of::<Runtime>() == 32);

/// What is seldom asked of a thread.
pub(super) struct Rarely {
    pub(super) wait_since: Ns,
    /// When it sent what it has no answer to; `Ns::MAX` when there is nothing.
    pub(super) sent_at: Ns,
    /// What its CPU had brought into its cache when it left; `u64::MAX` when none of its blocks are there.
    pub(super) left_at_kib: u64,
    pub(super) working_set_kib: u64,
    /// What it waits for, if that is a synchronizer.
    pub(super) sync: u32,
    pub(super) mailbox: u32,
    /// Spin locks that it holds.
    pub(super) held: u32,
    /// Rounds left of the loops outside the innermost.
    outer: [u32; NESTING_MAX - 1],
}

impl Runtime {
    /// A thread that has not come yet, whose program begins at `pc`.
    pub(super) fn new(pc: u32) -> Runtime {
        Runtime {
            remaining: Ns::ZERO,
            demand: Ns::ZERO,
            pc,
            rounds: 0,
            draws: 0,
            state: State::Absent,
            waits: Waits::Nothing,
            computing: false,
            depth: 0,
        }
    }

    /// Draws a time with the next of the random numbers of its own, `stream`.
    pub(super) fn draw(&mut self, time: Dist, stream: impl FnOnce() -> Rng) -> Ns {
        if let Dist::Fixed(time) = time {
            return time;
        }
        let drawn = self.draws;
        self.draws = drawn.wrapping_add(1);
        time.draw(&mut stream().after(u64::from(drawn)))
    }

    /// Enters a loop of so many rounds.
    pub(super) fn repeat(&mut self, times: u32, rarely: &mut Rarely) {
        if let Some(outside) = outside(self.depth) {
            rarely.outer[outside] = self.rounds;
        }
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
            if let Some(outside) = outside(self.depth) {
                self.rounds = rarely.outer[outside];
            }
            self.pc += 1;
        }
    }
}

/// Where the rounds of the innermost of `depth` loops are kept while a loop inside it goes on.
fn outside(depth: u8) -> Option<usize> {
    usize::from(depth).checked_sub(1).map(|outside| outside.min(NESTING_MAX - 2))
}

impl Rarely {
    pub(super) fn new(task: &Task) -> Rarely {
        Rarely {
            wait_since: Ns::ZERO,
            sent_at: Ns::MAX,
            left_at_kib: u64::MAX,
            working_set_kib: task.working_set_kib.min(u64::from(u32::MAX)),
            sync: 0,
            mailbox: 0,
            held: 0,
            outer: [0; NESTING_MAX - 1],
        }
    }
}
