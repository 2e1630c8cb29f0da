//! Virtual time and deadlines: for each CPU, who is owed service and whose request is due first.
//!
//! Source: Stoica and Abdel-Wahab, "Earliest eligible virtual deadline first", Old Dominion University TR-95-22, 1995.

use super::Heaps;
use crate::sched::{Machine, Setup};
use crate::unit::{CpuId, Ns, ThreadId};
use heap::vec;
use heap::vec::Vec;

/// Virtual nanoseconds for one nanosecond of a weight of 1: fixed point, so that shares are exact to a millionth.
const SCALE_BITS: u32 = 20;

#[derive(Clone, Copy, Debug, Default)]
struct Served {
    eligible_at: u64,
    /// What it was owed when it left.
    lag: i64,
}

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
            threads: vec![Served::default(); threads],
            heaps: Heaps::new(2 * cpus, threads),
            cpus,
        }
    }

    /// `thread` can run on `cpu`: it keeps what it was owed, or owed, when it left, up to one request.
    pub fn join(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId) {
        let bound = i64::try_from(virtual_time(self.request, weight(machine, thread))).unwrap_or(i64::MAX);
        let lag = self.threads[thread.index()].lag.clamp(-bound, bound);
        self.weights[cpu.index()] += weight(machine, thread);
        self.threads[thread.index()].eligible_at = self.now[cpu.index()].saturating_add_signed(-lag);
        self.queue(machine, cpu, thread);
    }

    /// `thread`, which ran on `cpu`, still can.
    pub fn queue(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId) {
        let at = self.threads[thread.index()].eligible_at;
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

    /// `thread` cannot run on `cpu` any more: it blocked, ended, or was taken by another CPU.
    pub fn leave(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId) {
        self.weights[cpu.index()] -= weight(machine, thread);
        let served = &mut self.threads[thread.index()];
        served.lag = self.now[cpu.index()].wrapping_sub(served.eligible_at).cast_signed();
    }

    /// `thread` ran on `cpu` for `time`.
    pub fn ran(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId, time: Ns) {
        self.now[cpu.index()] += virtual_time(time, self.weights[cpu.index()]);
        self.threads[thread.index()].eligible_at += virtual_time(time, weight(machine, thread));
    }

    /// Takes the thread that `victim` would run next over to `cpu`.
    pub fn steal(&mut self, machine: &Machine, victim: CpuId, cpu: CpuId) -> Option<ThreadId> {
        let thread = self.pop(machine, victim)?;
        self.leave(machine, victim, thread);
        self.join(machine, cpu, thread);
        self.pop(machine, cpu)
    }

    /// Takes the eligible thread of `cpu` whose deadline is first; without one, the next to become eligible.
    pub fn pop(&mut self, machine: &Machine, cpu: CpuId) -> Option<ThreadId> {
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
