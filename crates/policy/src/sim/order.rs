//! Barriers that can never all be passed, found before anything runs: time plays no part in them.

use super::workload::{Op, SyncKind, Workload};
use crate::unit::ThreadId;

/// Threads that wait at barriers for each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BarrierCycle {
    /// A thread that waits, and the place in its program.
    pub thread: ThreadId,
    /// The place in its program.
    pub phase: usize,
    /// The barrier, in the workload's list.
    pub barrier: usize,
    /// Who is at which barrier: thread and barrier.
    pub waiting: Vec<(ThreadId, usize)>,
}

/// How many phases are followed before the question is left to the run itself.
const STEPS_MAX: usize = 4_000_000;

/// Follows every thread from barrier to barrier, as if all else took no time and never waited.
///
/// Errors: a [`BarrierCycle`] when threads are left at barriers that are never full.
pub fn check_barriers(workload: &Workload) -> Result<(), BarrierCycle> {
    let mut follow = Follow {
        workload,
        at: vec![(0, Vec::new()); workload.tasks.len()],
        come: vec![Vec::new(); workload.synchronizers.len()],
        steps: 0,
    };
    let mut moving: Vec<ThreadId> = (0..workload.tasks.len()).map(ThreadId::new).collect();
    while let Some(thread) = moving.pop() {
        let Some(barrier) = follow.next_barrier(thread) else { continue };
        let SyncKind::Barrier(parties, _) = workload.synchronizers[barrier].kind else { continue };
        follow.come[barrier].push(thread);
        if follow.come[barrier].len() == parties as usize {
            moving.append(&mut follow.come[barrier]);
        }
    }
    if follow.steps >= STEPS_MAX {
        return Ok(());
    }
    let mut waiting: Vec<(ThreadId, usize)> = Vec::new();
    for (barrier, threads) in follow.come.iter().enumerate() {
        waiting.extend(threads.iter().map(|&thread| (thread, barrier)));
    }
    waiting.sort_unstable();
    match waiting.first() {
        None => Ok(()),
        Some(&(thread, barrier)) => {
            Err(BarrierCycle { thread, phase: follow.at[thread.index()].0 - 1, barrier, waiting })
        }
    }
}

struct Follow<'a> {
    workload: &'a Workload,
    /// Of each thread: its place, and the counts of the loops it is in.
    at: Vec<(usize, Vec<u32>)>,
    come: Vec<Vec<ThreadId>>,
    steps: usize,
}

impl Follow<'_> {
    fn next_barrier(&mut self, thread: ThreadId) -> Option<usize> {
        let task = &self.workload.tasks[thread.index()];
        let program = &self.workload.programs[task.program as usize];
        let (place, loops) = &mut self.at[thread.index()];
        while self.steps < STEPS_MAX {
            self.steps += 1;
            let op = *program.get(*place)?;
            *place += 1;
            match op {
                Op::Repeat(times) => loops.push(times),
                Op::End(start) => {
                    let left = loops.last_mut()?;
                    *left = left.saturating_sub(1);
                    if *left > 0 {
                        *place = start as usize + 1;
                    } else {
                        loops.pop();
                    }
                }
                Op::Barrier(name) => return Some(self.workload.resolve(task.job, name)),
                _ => {}
            }
        }
        None
    }
}
