//! Ready vectors for each CPU, with stealing: two-level scheduling.

use super::{CpuSet, Loads, Memory, ReadyVector};
use crate::sched::{Machine, Setup};
use crate::unit::{CpuId, ThreadId};

/// A ready vector for each CPU, and how loaded each CPU is.
///
/// Invariant: the queue that a thread remembers is that of its CPU, its home.
#[derive(Clone, Debug)]
pub struct LocalQueues {
    loads: Loads,
    ready: ReadyVector,
}

impl LocalQueues {
    /// Empty queues.
    #[must_use]
    pub fn new(setup: &Setup<'_>) -> LocalQueues {
        let (cpus, threads) = (setup.cpus, setup.threads.len());
        LocalQueues { loads: Loads::new(cpus, threads), ready: ReadyVector::new(cpus, threads) }
    }

    /// `thread` can run from now on: it is load on its CPU, the least loaded one if it is new.
    pub fn enter(&mut self, thread: ThreadId) -> CpuId {
        let cpu = match self.ready.last_queue_of(thread) {
            Some(queue) => CpuId::new(queue),
            None => {
                let cpu = self.loads.least_loaded();
                self.ready.remember(thread, cpu.index());
                cpu
            }
        };
        self.loads.add(cpu);
        cpu
    }

    /// `thread` blocked or ended.
    pub fn leave(&mut self, thread: ThreadId) {
        self.loads.remove(self.home(thread));
    }

    /// Appends `thread` to the queue of its CPU, and wakes that if it idles, else any CPU that does and may steal.
    pub fn push(&mut self, machine: &Machine, thread: ThreadId, priority: u8, kick: &mut CpuSet) {
        self.append(thread, priority);
        machine.kick_near(self.home(thread).index(), kick);
    }

    /// Appends `thread` to the queue of its CPU and wakes nobody.
    pub fn append(&mut self, thread: ThreadId, priority: u8) {
        self.ready.push(self.home(thread).index(), priority, thread);
    }

    /// Appends `thread` to the queue of its CPU, and wakes that if it idles, no other.
    pub fn push_here(&mut self, machine: &Machine, thread: ThreadId, kick: &mut CpuSet) {
        self.append(thread, machine.priority(thread));
        machine.kick_idle(self.home(thread).index(), kick);
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
        let victim = self.loads.victim()?;
        let thread = self.ready.pop(victim.index())?;
        self.loads.shift(victim, cpu);
        self.ready.remember(thread, cpu.index());
        Some(thread)
    }

    /// The CPU of a thread that has entered.
    ///
    /// Panics: on a thread that never entered.
    #[must_use]
    pub fn home(&self, thread: ThreadId) -> CpuId {
        CpuId::new(self.ready.last_queue_of(thread).expect("the thread has entered"))
    }
}

impl Memory for LocalQueues {
    fn soon(&self, cpu: CpuId) -> Option<ThreadId> {
        self.ready.soon(cpu)
    }

    fn fetch(&self, threads: &[ThreadId]) {
        self.ready.fetch(threads);
    }
}
