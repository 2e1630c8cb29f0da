//! Virtual time and deadlines: for each CPU, who is owed service and whose request is due first.
//!
//! Source: Stoica and Abdel-Wahab, "Earliest eligible virtual deadline first", Old Dominion University TR-95-22, 1995.

use super::{CpuSet, Heaps, Loads, Memory, touch};
use crate::sched::{Machine, Setup};
use crate::unit::{CpuId, Ns, ThreadId};
use heap::vec;
use heap::vec::Vec;

/// Virtual nanoseconds for one nanosecond of a weight of 1: fixed point, so that shares are exact to a millionth.
const SCALE_BITS: u32 = 20;

/// What is known of a thread, in 16 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
struct Served {
    /// While it can run: since or from when it is eligible. While it cannot: by how much it was ahead when it left, which
    /// wraps below zero.
    at: u64,
    /// Its CPU; [`NOWHERE`] before it has one.
    home: u32,
}

const NOWHERE: u32 = u32::MAX;

/// For each CPU two heaps: threads not yet eligible by eligible time, eligible ones by deadline.
///
/// Invariant: a CPU's virtual time advances by `ran / (sum of the weights that can run there)`, a thread's by
/// `ran / own weight`; a thread is eligible when its time is not ahead of the CPU's.
#[derive(Clone, Debug)]
pub struct FairQueues {
    request: Ns,
    now: Vec<u64>,
    weights: Vec<u64>,
    threads: Vec<Served>,
    loads: Loads,
    heaps: Heaps,
    cpus: usize,
}

impl FairQueues {
    /// Empty queues; each request is for `request` of CPU time.
    #[must_use]
    pub fn new(setup: &Setup<'_>, request: Ns) -> FairQueues {
        let (cpus, threads) = (setup.cpus, setup.threads.len());
        FairQueues {
            request,
            now: vec![0; cpus],
            weights: vec![0; cpus],
            threads: vec![Served { at: 0, home: NOWHERE }; threads],
            loads: Loads::new(cpus, threads),
            heaps: Heaps::new(2 * cpus, threads),
            cpus,
        }
    }

    /// `thread` can run from now on, on its CPU, the least loaded one if it is new; wakes that if it idles, else any CPU that
    /// does and may steal.
    pub fn enter(&mut self, machine: &Machine, thread: ThreadId, kick: &mut CpuSet) {
        let home = match self.threads[thread.index()].home {
            NOWHERE => self.loads.least_loaded(),
            home => CpuId(home),
        };
        self.loads.add(home);
        self.join(machine, home, thread);
        machine.kick_near(home.index(), kick);
    }

    /// `thread` can run on `cpu`: it keeps what it was owed, or owed, when it left, up to one request.
    fn join(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId) {
        let bound = i64::try_from(virtual_time(self.request, weight(machine, thread))).unwrap_or(i64::MAX);
        let served = &mut self.threads[thread.index()];
        let ahead = served.at.cast_signed().clamp(-bound, bound);
        *served = Served { at: self.now[cpu.index()].saturating_add_signed(ahead), home: cpu.0 };
        self.weights[cpu.index()] += weight(machine, thread);
        self.queue(machine, cpu, thread);
    }

    /// `thread`, which ran on `cpu`, still can.
    pub fn queue(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId) {
        let at = self.threads[thread.index()].at;
        if at > self.now[cpu.index()] {
            self.heaps.push(cpu.index(), at, thread);
        } else {
            self.set_due(machine, cpu, thread, at);
        }
    }

    /// `thread` is eligible since `at`: its deadline counts.
    fn set_due(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId, at: u64) {
        let deadline = at + virtual_time(self.request, weight(machine, thread));
        self.heaps.push(self.cpus + cpu.index(), deadline, thread);
    }

    /// `thread` blocked on `cpu`, or ended.
    pub fn leave(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId) {
        self.loads.remove(cpu);
        self.part(machine, cpu, thread);
    }

    /// `thread` cannot run on `cpu` any more: it left, or was taken by another CPU.
    fn part(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId) {
        self.weights[cpu.index()] -= weight(machine, thread);
        let at = &mut self.threads[thread.index()].at;
        *at = at.wrapping_sub(self.now[cpu.index()]);
    }

    /// `thread` ran on `cpu` for `time`.
    pub fn ran(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId, time: Ns) {
        self.now[cpu.index()] += virtual_time(time, self.weights[cpu.index()]);
        self.threads[thread.index()].at += virtual_time(time, weight(machine, thread));
    }

    /// Takes the next thread of `cpu`, or steals the one that the most loaded CPU would run next.
    pub fn pop_or_steal(&mut self, machine: &Machine, cpu: CpuId) -> Option<ThreadId> {
        if let Some(thread) = self.pop(machine, cpu) {
            return Some(thread);
        }
        let victim = self.loads.victim()?;
        let thread = self.pop(machine, victim)?;
        self.part(machine, victim, thread);
        self.join(machine, cpu, thread);
        self.loads.shift(victim, cpu);
        self.pop(machine, cpu)
    }

    /// Takes the eligible thread of `cpu` whose deadline is first; without one, the next to become eligible.
    fn pop(&mut self, machine: &Machine, cpu: CpuId) -> Option<ThreadId> {
        let due = self.cpus + cpu.index();
        while let Some((thread, at)) = self.heaps.first(cpu.index()) {
            if at > self.now[cpu.index()] && self.heaps.first(due).is_some() {
                break;
            }
            self.now[cpu.index()] = self.now[cpu.index()].max(at);
            self.heaps.pop(cpu.index());
            self.set_due(machine, cpu, thread, at);
        }
        self.heaps.pop(due).map(|(thread, _)| thread)
    }
}

impl Memory for FairQueues {
    fn soon(&self, cpu: CpuId) -> Option<ThreadId> {
        let first = |heap| self.heaps.first(heap).map(|(thread, _)| thread);
        first(self.cpus + cpu.index()).or_else(|| first(cpu.index()))
    }

    fn fetch(&self, threads: &[ThreadId]) {
        touch(threads.iter().map(|thread| self.threads[thread.index()].home));
    }
}

fn weight(machine: &Machine, thread: ThreadId) -> u64 {
    u64::from(machine.threads[thread.index()].weight.max(1))
}

fn virtual_time(time: Ns, weight: u64) -> u64 {
    // Division of 128 bits is slow, and times this long are rare.
    if time.0 >> (64 - SCALE_BITS) == 0 {
        return (time.0 << SCALE_BITS) / weight.max(1);
    }
    u64::try_from((u128::from(time.0) << SCALE_BITS) / u128::from(weight.max(1))).unwrap_or(u64::MAX >> 2)
}
