//! Ready vectors for each CPU, with stealing: the bottom level of two-level scheduling.

use super::{CpuSet, Homes, ReadyVector};
use crate::sched::{Machine, Setup};
use crate::unit::{CpuId, ThreadId};

/// A ready vector for each CPU, and each thread's CPU.
#[derive(Clone, Debug)]
pub struct LocalQueues {
    homes: Homes,
    ready: ReadyVector,
}

impl LocalQueues {
    /// Empty queues.
    #[must_use]
    pub fn new(setup: &Setup<'_>) -> LocalQueues {
        let (cpus, threads) = (setup.cpus, setup.threads.len());
        LocalQueues { homes: Homes::new(cpus, threads), ready: ReadyVector::new(cpus, threads) }
    }

    /// `thread` can run from now on: it is load on its CPU, the least loaded one if it is new.
    pub fn enter(&mut self, thread: ThreadId) -> CpuId {
        self.homes.enter(thread)
    }

    /// `thread` blocked or ended.
    pub fn leave(&mut self, thread: ThreadId) {
        self.homes.leave(thread);
    }

    /// Appends `thread` to the queue of its CPU, and wakes that if it idles, else any CPU that does and may steal.
    pub fn push(&mut self, machine: &Machine, thread: ThreadId, priority: u8, kick: &mut CpuSet) {
        self.append(thread, priority);
        self.homes.wake(machine, self.homes.of(thread), kick);
    }

    /// Appends `thread` to the queue of its CPU and wakes nobody.
    pub fn append(&mut self, thread: ThreadId, priority: u8) {
        self.ready.push(self.homes.of(thread).index(), priority, thread);
    }

    /// Appends `thread` to the queue of its CPU, and wakes that if it idles, no other.
    pub fn push_here(&mut self, machine: &Machine, thread: ThreadId, kick: &mut CpuSet) {
        self.append(thread, machine.priority(thread));
        machine.kick_idle(self.homes.of(thread).index(), kick);
    }

    /// The next thread of `cpu`.
    #[must_use]
    pub fn first(&self, cpu: CpuId) -> Option<ThreadId> {
        self.ready.first(cpu.index())
    }

    /// Takes the next thread of `cpu`.
    pub fn pop(&mut self, cpu: CpuId) -> Option<ThreadId> {
        self.ready.pop(cpu.index())
    }

    /// Takes the next thread of `cpu`, or steals one from the most loaded CPU.
    pub fn pop_or_steal(&mut self, cpu: CpuId) -> Option<ThreadId> {
        if let Some(thread) = self.pop(cpu) {
            return Some(thread);
        }
        let thread = self.ready.pop(self.homes.victim()?.index())?;
        self.homes.move_to(thread, cpu);
        Some(thread)
    }

    /// The CPU of a thread that has entered.
    #[must_use]
    pub fn home(&self, thread: ThreadId) -> CpuId {
        self.homes.of(thread)
    }
}
