//! Gang scheduling: the gangs of one row of the Ousterhout matrix have the machine for a slot, all from its start to its end.

use super::kit::{CpuSet, Matrix, Packing};
use super::{Arrival, Decision, Departure, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, Ns, ThreadId};

/// The policy.
pub(super) struct Gang {
    matrix: Matrix,
    slot: Ns,
}

impl Gang {
    pub(super) fn new(setup: &Setup<'_>) -> Result<Gang, Refusal> {
        Ok(Gang { matrix: Matrix::new(setup, setup.tuning.packing)?, slot: setup.tuning.quantum })
    }

    /// The same, whatever the tuning says of packing, in power-of-two buddies.
    pub(super) fn buddy(setup: &Setup<'_>) -> Result<Gang, Refusal> {
        Ok(Gang { matrix: Matrix::new(setup, Packing::Buddy)?, slot: setup.tuning.quantum })
    }
}

impl Policy for Gang {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, how: Arrival, kick: &mut CpuSet) {
        self.matrix.wake(machine, thread, how);
        let cpu = self.matrix.column(thread).filter(|&cpu| self.matrix.here(machine, cpu) == Some(thread));
        cpu.into_iter().for_each(|cpu| kick.insert(cpu.index()));
    }
    fn next(&mut self, machine: &Machine, cpu: CpuId) -> Decision {
        Decision::dedicated(self.matrix.next(machine, cpu))
    }
    fn left(&mut self, machine: &Machine, gone: Departure, _: &mut CpuSet) {
        self.matrix.left(machine, gone.thread, gone.why);
    }
    fn slot(&self) -> Option<Ns> {
        Some(self.slot)
    }
    fn new_slot(&mut self, _: &Machine) {
        self.matrix.turn();
    }
    fn matrix(&self) -> Option<&Matrix> {
        Some(&self.matrix)
    }
}
