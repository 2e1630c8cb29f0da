//! Two-level scheduling: the least loaded CPU at creation, then a ready vector per CPU; a CPU about to idle steals.

use super::kit::{CpuSet, Homes, ReadyVector};
use super::{Arrival, Decision, Departure, Left, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, Ns, ThreadId};

/// The policy.
pub(super) struct TwoLevel {
    homes: Homes,
    ready: ReadyVector,
    quantum: Ns,
}

impl TwoLevel {
    pub(super) fn new(setup: &Setup<'_>) -> Result<TwoLevel, Refusal> {
        let (cpus, threads) = (setup.cpus, setup.threads.len());
        let (homes, ready) = (Homes::new(cpus, threads), ReadyVector::new(cpus, threads));
        Ok(TwoLevel { homes, ready, quantum: setup.tuning.quantum })
    }
}

impl Policy for TwoLevel {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, _: Arrival, kick: &mut CpuSet) {
        let home = self.homes.enter(thread);
        self.ready.push(home.index(), machine.priority(thread), thread);
        self.homes.wake(machine, home, kick);
    }

    fn next(&mut self, _: &Machine, cpu: CpuId) -> Decision {
        let stolen = || self.homes.victim();
        let from = if self.ready.is_empty(cpu.index()) { stolen() } else { Some(cpu) };
        let thread = from.and_then(|from| self.ready.pop(from.index()));
        thread.into_iter().for_each(|thread| self.homes.move_to(thread, cpu));
        Decision::quantum(thread, self.quantum)
    }

    fn left(&mut self, machine: &Machine, gone: Departure, _: &mut CpuSet) {
        match gone.why {
            Left::Preempted => self.ready.push(gone.cpu.index(), machine.priority(gone.thread), gone.thread),
            Left::Blocked | Left::Ended => self.homes.leave(gone.thread),
        }
    }
}
