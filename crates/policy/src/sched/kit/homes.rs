//! The top level of two-level scheduling: which CPU a thread belongs to, and how loaded each CPU is.

use super::{CpuSet, Tournament};
use crate::sched::Machine;
use crate::unit::{CpuId, ThreadId};
use heap::vec;
use heap::vec::Vec;

/// Each thread's CPU, and each CPU's load: its threads that are ready or running.
#[derive(Clone, Debug)]
pub struct Homes {
    home: Vec<Option<CpuId>>,
    load: Tournament,
}

impl Homes {
    /// `threads` threads without a home on `cpus` CPUs without load.
    #[must_use]
    pub fn new(cpus: usize, threads: usize) -> Homes {
        Homes { home: vec![None; threads], load: Tournament::new(cpus, 0) }
    }

    /// The home of `thread`, counting it as load there: the least loaded CPU when the thread is new, else where it was.
    pub fn enter(&mut self, thread: ThreadId) -> CpuId {
        let cpu = self.home[thread.index()].unwrap_or_else(|| CpuId::new(self.load.smallest()));
        self.home[thread.index()] = Some(cpu);
        self.load.set(cpu.index(), self.load.get(cpu.index()) + 1);
        cpu
    }

    /// The home of a thread that entered.
    ///
    /// Panics: on a thread that never entered.
    #[must_use]
    pub fn of(&self, thread: ThreadId) -> CpuId {
        self.home[thread.index()].expect("the thread has entered")
    }

    /// `thread` is no load any more: it blocked or ended.
    pub fn leave(&mut self, thread: ThreadId) {
        let cpu = self.of(thread).index();
        self.load.set(cpu, self.load.get(cpu) - 1);
    }

    /// Makes `cpu` the home of `thread`, which is load.
    pub fn move_to(&mut self, thread: ThreadId, cpu: CpuId) {
        self.leave(thread);
        self.home[thread.index()] = Some(cpu);
        self.load.set(cpu.index(), self.load.get(cpu.index()) + 1);
    }

    /// The CPU to steal from: the most loaded, if it has a thread to spare.
    #[must_use]
    pub fn victim(&self) -> Option<CpuId> {
        let cpu = self.load.largest();
        (self.load.get(cpu) > 1).then(|| CpuId::new(cpu))
    }

    /// Wakes a CPU for a thread whose home is `home`: that if it idles, else any idle one, which will steal.
    pub fn wake(&self, machine: &Machine, home: CpuId, kick: &mut CpuSet) {
        machine.kick_near(home.index(), kick);
    }
}
