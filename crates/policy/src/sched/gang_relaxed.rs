//! Relaxed co-scheduling: a queue per CPU, and whoever is too far ahead of its gang waits for the others.

use super::kit::{CpuSet, Homes, Laps, ReadyVector};
use super::{Arrival, Decision, Departure, Left, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, Ns, ThreadId};

/// The policy.
pub(super) struct GangRelaxed {
    homes: Homes,
    ready: ReadyVector,
    laps: Laps,
    quantum: Ns,
}

impl GangRelaxed {
    pub(super) fn new(setup: &Setup<'_>) -> Result<GangRelaxed, Refusal> {
        let (homes, quantum) = (Homes::new(setup.cpus, setup.threads.len()), setup.tuning.quantum);
        let ready = ReadyVector::new(setup.cpus, setup.threads.len());
        Ok(GangRelaxed { homes, ready, laps: Laps::new(setup, quantum, setup.tuning.skew), quantum })
    }

    fn queue(&mut self, machine: &Machine, thread: ThreadId, kick: &mut CpuSet) {
        let home = self.homes.of(thread).index();
        self.ready.push(home, machine.priority(thread), thread);
        machine.kick_idle(home, kick);
    }
}

impl Policy for GangRelaxed {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, _: Arrival, kick: &mut CpuSet) {
        self.homes.enter(thread);
        self.laps.enter(machine, thread);
        self.queue(machine, thread, kick);
    }
    fn next(&mut self, machine: &Machine, cpu: CpuId) -> Decision {
        while let Some(thread) = self.ready.pop(cpu.index()) {
            if !self.laps.ahead(machine, thread) {
                return Decision::quantum(Some(thread), self.quantum);
            }
            self.laps.park(machine, thread);
        }
        Decision::Idle
    }
    fn left(&mut self, machine: &Machine, gone: Departure, kick: &mut CpuSet) {
        self.laps.ran(machine, gone.thread, gone.ran, gone.why);
        while let Some(thread) = self.laps.unpark(machine, gone.thread) {
            self.queue(machine, thread, kick);
        }
        match gone.why {
            Left::Preempted => self.queue(machine, gone.thread, kick),
            Left::Blocked | Left::Ended => self.homes.leave(gone.thread),
        }
    }
}
