//! A credit policy: CPU time by weight and under caps; who has credit goes first, who is over its cap waits for the period.

use super::kit::{Accounts, CpuSet, Homes, ReadyVector};
use super::{Arrival, Decision, Departure, Left, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, Ns, ThreadId};

/// The policy.
pub(super) struct Credit {
    homes: Homes,
    ready: ReadyVector,
    accounts: Accounts,
    quantum: Ns,
}

impl Credit {
    pub(super) fn new(setup: &Setup<'_>) -> Result<Credit, Refusal> {
        let (homes, accounts) = (Homes::new(setup.cpus, setup.threads.len()), Accounts::new(setup));
        let ready = ReadyVector::new(setup.cpus, setup.threads.len());
        Ok(Credit { homes, ready, accounts, quantum: setup.tuning.quantum })
    }

    fn queue(&mut self, machine: &Machine, thread: ThreadId) {
        if let Some(level) = self.accounts.level(machine, self.homes.of(thread), thread) {
            self.ready.push(self.homes.of(thread).index(), level, thread);
        }
    }
}

impl Policy for Credit {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, how: Arrival, kick: &mut CpuSet) {
        let home = self.homes.enter(thread);
        self.accounts.enter(machine, thread, how);
        self.queue(machine, thread);
        self.homes.wake(machine, home, kick);
    }
    fn next(&mut self, machine: &Machine, cpu: CpuId) -> Decision {
        while let Some(thread) = self.accounts.unpark(machine, cpu) {
            self.queue(machine, thread);
        }
        let from = if self.ready.is_empty(cpu.index()) { self.homes.victim() } else { Some(cpu) };
        let Some(thread) = from.and_then(|from| self.ready.pop(from.index())) else {
            return self.accounts.wait(machine, cpu);
        };
        self.homes.move_to(thread, cpu);
        Decision::quantum(Some(thread), self.accounts.allowance(machine, thread).min(self.quantum))
    }
    fn left(&mut self, machine: &Machine, gone: Departure, _: &mut CpuSet) {
        self.accounts.leave(machine, gone);
        match gone.why {
            Left::Preempted => self.queue(machine, gone.thread),
            Left::Blocked | Left::Ended => self.homes.leave(gone.thread),
        }
    }
}
