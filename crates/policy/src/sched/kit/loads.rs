//! The top level of two-level scheduling: which CPU has least and which has most to do, in constant time: loads change by one.

use super::Lists;
use crate::unit::{CpuId, ThreadId};
use heap::vec;
use heap::vec::Vec;

/// For each load the list of the CPUs that have it.
///
/// Invariant: `least` and `most` are the smallest and the largest load whose list is not empty. Of equal CPUs the one that
/// has had its load longest is named.
#[derive(Clone, Debug)]
pub struct Loads {
    load: Vec<u32>,
    by_load: Lists,
    least: u32,
    most: u32,
}

impl Loads {
    /// `cpus` CPUs without load, which is never above `load_max`.
    #[must_use]
    pub fn new(cpus: usize, load_max: usize) -> Loads {
        let mut by_load = Lists::new(load_max + 1, cpus);
        (0..cpus).for_each(|cpu| by_load.push(0, ThreadId::new(cpu)));
        Loads { load: vec![0; cpus], by_load, least: 0, most: 0 }
    }

    /// The load of `cpu`.
    #[must_use]
    pub fn of(&self, cpu: CpuId) -> u32 {
        self.load[cpu.index()]
    }

    /// `cpu` has one thread more.
    pub fn add(&mut self, cpu: CpuId) {
        let load = self.load[cpu.index()];
        self.set(cpu, load, load + 1);
        self.most = self.most.max(load + 1);
        self.least += u32::from(self.least == load && self.by_load.first(load as usize).is_none());
    }

    /// `cpu` has one thread less.
    pub fn remove(&mut self, cpu: CpuId) {
        let load = self.load[cpu.index()];
        self.set(cpu, load, load - 1);
        self.least = self.least.min(load - 1);
        self.most -= u32::from(self.most == load && self.by_load.first(load as usize).is_none());
    }

    /// A CPU with the smallest load.
    #[must_use]
    pub fn least_loaded(&self) -> CpuId {
        self.first(self.least)
    }

    /// A CPU with the largest load.
    #[must_use]
    pub fn most_loaded(&self) -> CpuId {
        self.first(self.most)
    }

    /// The CPU to steal from: the most loaded, if it has a thread to spare.
    #[must_use]
    pub fn victim(&self) -> Option<CpuId> {
        (self.most > 1).then(|| self.most_loaded())
    }

    /// A thread of `from` goes to `to`.
    pub fn shift(&mut self, from: CpuId, to: CpuId) {
        if from != to {
            self.remove(from);
            self.add(to);
        }
    }

    fn first(&self, load: u32) -> CpuId {
        CpuId(self.by_load.first(load as usize).expect("a CPU has this load").0)
    }

    fn set(&mut self, cpu: CpuId, from: u32, to: u32) {
        // The lists are of numbers, whatever they are called.
        self.by_load.remove(from as usize, ThreadId(cpu.0));
        self.by_load.push(to as usize, ThreadId(cpu.0));
        self.load[cpu.index()] = to;
    }
}

#[cfg(test)]
mod tests {
    use super::Loads;
    use crate::unit::CpuId;

    #[test]
    fn least_and_most_follow_the_loads() {
        let (mut loads, mut plain) = (Loads::new(7, 1_000), [0u32; 7]);
        let mut rng = crate::rng::Rng::new(5);
        for _ in 0..5_000 {
            let cpu = rng.below(7);
            if plain[cpu] > 0 && rng.below(2) == 0 {
                plain[cpu] -= 1;
                loads.remove(CpuId::new(cpu));
            } else {
                plain[cpu] += 1;
                loads.add(CpuId::new(cpu));
            }
            let (least, most) = (loads.least_loaded(), loads.most_loaded());
            assert_eq!(plain[least.index()], *plain.iter().min().unwrap());
            assert_eq!(plain[most.index()], *plain.iter().max().unwrap());
            assert_eq!(loads.of(CpuId::new(cpu)), plain[cpu]);
        }
    }
}
