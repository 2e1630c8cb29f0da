//! The top level of two-level scheduling: which CPU a thread belongs to, and how loaded each CPU is.

use super::{CpuSet, Loads};
use crate::sched::Machine;
use crate::unit::{CpuId, ThreadId};
use heap::vec;
use heap::vec::Vec;

/// Of a thread that has not entered.
const NOWHERE: u32 = u32::MAX;

/// Each thread's CPU, and each CPU's load: its threads that are ready or running.
#[derive(Clone, Debug)]
pub struct Homes {
    home: Vec<u32>,
    load: Loads,
}

impl Homes {
    /// `threads` threads without a home on `cpus` CPUs without load.
    #[must_use]
    pub fn new(cpus: usize, threads: usize) -> Homes {
        Homes { home: vec![NOWHERE; threads], load: Loads::new(cpus, threads) }
    }

    /// The home of `thread`, counting it as load there: the least loaded CPU when the thread is new, else where it was.
    pub fn enter(&mut self, thread: ThreadId) -> CpuId {
        let home = &mut self.home[thread.index()];
        if *home == NOWHERE {
            *home = self.load.least_loaded().0;
        }
        let cpu = CpuId(*home);
        self.load.add(cpu);
        cpu
    }

    /// The home of a thread that entered.
    ///
    /// Panics: on a thread that never entered.
    #[must_use]
    pub fn of(&self, thread: ThreadId) -> CpuId {
        let home = self.home[thread.index()];
        assert!(home != NOWHERE, "the thread has entered");
        CpuId(home)
    }

    /// `thread` is no load any more: it blocked or ended.
    pub fn leave(&mut self, thread: ThreadId) {
        self.load.remove(self.of(thread));
    }

    /// Makes `cpu` the home of `thread`, which is load.
    pub fn move_to(&mut self, thread: ThreadId, cpu: CpuId) {
        if self.of(thread) != cpu {
            self.leave(thread);
            self.home[thread.index()] = cpu.0;
            self.load.add(cpu);
        }
    }

    /// The CPU to steal from: the most loaded, if it has a thread to spare.
    #[must_use]
    pub fn victim(&self) -> Option<CpuId> {
        let cpu = self.load.most_loaded();
        (self.load.of(cpu) > 1).then_some(cpu)
    }

    /// Wakes a CPU for a thread whose home is `home`: that if it idles, else any idle one, which will steal.
    pub fn wake(&self, machine: &Machine, home: CpuId, kick: &mut CpuSet) {
        machine.kick_near(home.index(), kick);
    }
}
