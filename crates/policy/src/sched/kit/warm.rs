//! Queues by cache: for each CPU the threads whose blocks are in its cache, and those that are warm nowhere.

use super::{Memory, ReadyVector, touch};
use crate::sched::{Machine, Setup};
use crate::unit::{CpuId, Ns, ThreadId};
use heap::vec;
use heap::vec::Vec;

/// A ready vector for each CPU and one for cold threads, with the time since which each thread waits.
#[derive(Clone, Debug)]
pub struct WarmQueues {
    ready: ReadyVector,
    since: Vec<Ns>,
    cold: usize,
}

impl WarmQueues {
    /// Empty queues.
    #[must_use]
    pub fn new(setup: &Setup<'_>) -> WarmQueues {
        let (cold, threads) = (setup.cpus, setup.threads.len());
        WarmQueues { ready: ReadyVector::new(cold + 1, threads), since: vec![Ns::ZERO; threads], cold }
    }

    /// Appends `thread` to the queue of the CPU where it is warm, or to that of the cold.
    pub fn push(&mut self, machine: &Machine, thread: ThreadId, warm: Option<CpuId>) {
        self.since[thread.index()] = machine.now;
        self.ready.push(self.queue(warm), machine.priority(thread), thread);
    }

    /// Since when the first of a queue waits.
    #[must_use]
    pub fn since(&self, warm: Option<CpuId>) -> Option<Ns> {
        self.ready.first(self.queue(warm)).map(|thread| self.since[thread.index()])
    }

    /// Takes the first of a queue; if that is empty, the first of the next queue round that is not.
    pub fn pop_or_any(&mut self, warm: Option<CpuId>) -> Option<ThreadId> {
        let queue = self.ready.filled().round_from(self.queue(warm))?;
        self.ready.pop(queue)
    }

    fn queue(&self, warm: Option<CpuId>) -> usize {
        warm.map_or(self.cold, CpuId::index)
    }
}

impl Memory for WarmQueues {
    fn soon(&self, cpu: CpuId) -> Option<ThreadId> {
        self.ready.first(cpu.index()).or_else(|| self.ready.first(self.cold))
    }

    fn fetch(&self, threads: &[ThreadId]) {
        touch(threads.iter().map(|thread| u32::from(self.since[thread.index()] == Ns::MAX)));
        self.ready.fetch(threads);
    }
}
