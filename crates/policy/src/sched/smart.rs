//! Smart scheduling: time sharing that does not preempt a thread whose flag says it holds a spin lock.

use super::kit::CpuSet;
use super::time_sharing::TimeSharing;
use super::{Arrival, Decision, Departure, Machine, Policy, Refusal, Setup, Structure, Verdict};
use crate::unit::{CpuId, Ns, ThreadId};
use heap::{vec, vec::Vec};

/// The policy: a thread gets at most `most` extra quanta in a row.
pub(super) struct Smart {
    inner: TimeSharing,
    extra: Ns,
    most: u8,
    given: Vec<u8>,
}

impl Smart {
    pub(super) fn new(setup: &Setup<'_>) -> Result<Smart, Refusal> {
        let (extra, most) = (setup.tuning.extra_quantum, setup.tuning.extra_quanta_max);
        Ok(Smart { inner: TimeSharing::new(setup)?, extra, most, given: vec![0; setup.threads.len()] })
    }
}

impl Policy for Smart {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, how: Arrival, kick: &mut CpuSet) {
        self.inner.ready(machine, thread, how, kick);
    }
    fn next(&mut self, machine: &Machine, cpu: CpuId) -> Decision {
        self.inner.next(machine, cpu)
    }
    fn left(&mut self, machine: &Machine, gone: Departure, kick: &mut CpuSet) {
        self.given[gone.thread.index()] = 0;
        self.inner.left(machine, gone, kick);
    }
    fn expired(&mut self, machine: &Machine, _: CpuId, thread: ThreadId) -> Verdict {
        let given = &mut self.given[thread.index()];
        if !machine.holds_spin_lock(thread) || *given == self.most {
            return Verdict::Preempt;
        }
        *given += 1;
        Verdict::Extend(self.extra)
    }
    fn structure(&self) -> Structure {
        self.inner.structure()
    }
}
