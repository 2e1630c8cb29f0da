//! Gang scheduling with alternate selection: a cell that would idle is lent to a ready thread of the same column.

use super::kit::{CpuSet, Matrix, ReadyVector};
use super::{Arrival, Decision, Departure, Left, Machine, Policy, Refusal, Setup};
use crate::unit::{CpuId, Ns, ThreadId};

/// The policy: `spare` holds, column by column, the threads that could run and do not.
pub(super) struct GangAlternate {
    matrix: Matrix,
    spare: ReadyVector,
    slot: Ns,
}

impl GangAlternate {
    pub(super) fn new(setup: &Setup<'_>) -> Result<GangAlternate, Refusal> {
        let (matrix, slot) = (Matrix::new(setup, setup.tuning.packing)?, setup.tuning.quantum);
        Ok(GangAlternate { matrix, spare: ReadyVector::new(setup.cpus, setup.threads.len()), slot })
    }
}

impl Policy for GangAlternate {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, how: Arrival, kick: &mut CpuSet) {
        self.matrix.wake(machine, thread, how);
        let Some(cpu) = self.matrix.column(thread).filter(|_| how == Arrival::Woken) else { return };
        self.spare.push(cpu.index(), machine.priority(thread), thread);
        if self.matrix.here(machine, cpu) == Some(thread) || machine.idle.contains(cpu.index()) {
            kick.insert(cpu.index());
        }
    }
    fn next(&mut self, machine: &Machine, cpu: CpuId) -> Decision {
        let thread = self.matrix.next(machine, cpu).or_else(|| self.spare.first(cpu.index()));
        Decision::dedicated(thread.inspect(|&thread| self.spare.remove(thread)))
    }
    fn left(&mut self, machine: &Machine, gone: Departure, _: &mut CpuSet) {
        self.matrix.left(machine, gone.thread, gone.why);
        if gone.why == Left::Preempted {
            self.spare.push(gone.cpu.index(), machine.priority(gone.thread), gone.thread);
        }
    }
    fn slot(&self) -> Option<Ns> {
        Some(self.slot)
    }
    fn new_slot(&mut self, _: &Machine) {
        self.matrix.turn();
    }
}
