//! A credit policy: CPU time by weight and under caps; who has credit goes first, who is over its cap waits for the period.

use super::kit::{Accounts, CpuSet, LocalQueues};
use super::{Arrival, Decision, Departure, Left, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, Ns, ThreadId};

/// The policy.
pub(super) struct Credit {
    queues: LocalQueues,
    accounts: Accounts,
    quantum: Ns,
}

impl Credit {
    pub(super) fn new(setup: &Setup<'_>) -> Result<Credit, Refusal> {
        let (queues, accounts) = (LocalQueues::new(setup), Accounts::new(setup));
        Ok(Credit { queues, accounts, quantum: setup.tuning.quantum })
    }
    fn queue(&mut self, machine: &Machine, thread: ThreadId) {
        let level = self.accounts.level(machine, self.queues.home(thread), thread);
        level.into_iter().for_each(|level| self.queues.append(thread, level));
    }
}

impl Policy for Credit {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, how: Arrival, kick: &mut CpuSet) {
        self.accounts.enter(machine, thread, how);
        machine.kick_near(self.queues.enter(thread).index(), kick);
        self.queue(machine, thread);
    }
    fn next(&mut self, machine: &Machine, cpu: CpuId) -> Decision {
        while let Some(thread) = self.accounts.unpark(machine, cpu) {
            self.queue(machine, thread);
        }
        let thread = self.queues.pop_or_steal(cpu);
        thread.map_or(self.accounts.wait(machine, cpu), |t| self.accounts.run(machine, t, self.quantum))
    }
    fn left(&mut self, machine: &Machine, gone: Departure, _: &mut CpuSet) {
        self.accounts.leave(machine, gone);
        match gone.why {
            Left::Preempted => self.queue(machine, gone.thread),
            Left::Blocked | Left::Ended => self.queues.leave(gone.thread),
        }
    }
}
