//! A credit policy: CPU time by weight and under caps; who has credit goes first, who is over its cap waits for the period.

use super::kit::{Accounts, CpuSet, Memory};
use super::{Arrival, Decision, Departure, Left, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, ThreadId};

/// The policy: accounts, with the queues of those who may run.
pub(super) struct Credit {
    accounts: Accounts,
}

impl Credit {
    pub(super) fn new(setup: &Setup<'_>) -> Result<Credit, Refusal> {
        Ok(Credit { accounts: Accounts::new(setup) })
    }
}

impl Policy for Credit {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, how: Arrival, kick: &mut CpuSet) {
        self.accounts.enter(machine, thread, how);
        machine.kick_near(self.accounts.threads.queues.enter(thread).index(), kick);
        self.accounts.queue(machine, thread);
    }
    fn next(&mut self, machine: &Machine, cpu: CpuId) -> Decision {
        while let Some(thread) = self.accounts.unpark(machine, cpu) {
            self.accounts.queue(machine, thread);
        }
        match self.accounts.threads.queues.pop_or_steal(cpu) {
            Some(thread) => self.accounts.run(machine, thread),
            None => self.accounts.wait(machine, cpu),
        }
    }
    fn left(&mut self, machine: &Machine, gone: Departure, _: &mut CpuSet) {
        self.accounts.leave(machine, gone);
        match gone.why {
            Left::Preempted => self.accounts.queue(machine, gone.thread),
            Left::Blocked | Left::Ended => self.accounts.threads.queues.leave(gone.thread),
        }
    }
    fn memory(&self) -> Option<&dyn Memory> {
        Some(&self.accounts.threads)
    }
}
