//! A completely fair policy: earliest eligible virtual deadline first on each CPU, with stealing.

use super::kit::{CpuSet, FairQueues, Homes};
use super::{Arrival, Decision, Departure, Left, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, Ns, ThreadId};

/// The policy.
pub(super) struct Fair {
    homes: Homes,
    queues: FairQueues,
    quantum: Ns,
}

impl Fair {
    pub(super) fn new(setup: &Setup<'_>) -> Result<Fair, Refusal> {
        let quantum = setup.tuning.quantum;
        let homes = Homes::new(setup.cpus, setup.threads.len());
        Ok(Fair { homes, queues: FairQueues::new(setup, quantum), quantum })
    }
}

impl Policy for Fair {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, _: Arrival, kick: &mut CpuSet) {
        let home = self.homes.enter(thread);
        self.queues.join(machine, home, thread);
        self.homes.wake(machine, home, kick);
    }

    fn next(&mut self, machine: &Machine, cpu: CpuId) -> Decision {
        let own = self.queues.pop(machine, cpu);
        let thread = own.or_else(|| self.queues.steal(machine, self.homes.victim()?, cpu));
        thread.into_iter().for_each(|thread| self.homes.move_to(thread, cpu));
        Decision::quantum(thread, self.quantum)
    }

    fn left(&mut self, machine: &Machine, gone: Departure, _: &mut CpuSet) {
        self.queues.ran(machine, gone.cpu, gone.thread, gone.ran);
        if gone.why == Left::Preempted {
            self.queues.queue(machine, gone.cpu, gone.thread);
        } else {
            self.queues.leave(machine, gone.cpu, gone.thread);
            self.homes.leave(gone.thread);
        }
    }
}
