//! Virtual time and deadlines: for each CPU, who is owed service and whose request is due first.
//!
//! Source: Stoica and Abdel-Wahab, "Earliest eligible virtual deadline first", Old Dominion University TR-95-22, 1995.

use super::{CpuSet, Loads, Memory, Trees, touch};
use crate::sched::{Machine, Setup};
use crate::unit::{CpuId, Ns, ThreadId};
use heap::vec;
use heap::vec::Vec;

/// Virtual nanoseconds for one nanosecond of a weight of 1: fixed point, so that shares are exact to a millionth.
const SCALE_BITS: u32 = 20;

/// The virtual time of a CPU, and what it runs for.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(16))]
struct Clock {
    now: u64,
    /// The sum of the weights of the threads that can run there.
    weights: u64,
}

/// For each CPU two queues: threads by deadline, and those whose deadline came first before they were eligible, by the time
/// when they are. A thread goes from the first to the second and back at most once before it runs.
///
/// Invariant: a CPU's virtual time advances by `ran / (sum of the weights that can run there)`, a thread's by
/// `ran / own weight`; a thread is eligible when its time is not ahead of the CPU's.
#[derive(Clone, Debug)]
pub struct FairQueues {
    request: Ns,
    /// A weight, and how long a request takes in virtual time with it: most threads have the same.
    usual: (u64, u64),
    /// No request takes longer: nobody is eligible earlier than that before the first deadline.
    longest: u64,
    clocks: Vec<Clock>,
    /// Of each thread, while it can run: since or from when it is eligible. While it cannot: by how much it was ahead when it
    /// left, which wraps below zero.
    at: Vec<u64>,
    loads: Loads,
    trees: Trees,
    cpus: usize,
}

impl FairQueues {
    /// Empty queues; each request is for `request` of CPU time.
    #[must_use]
    pub fn new(setup: &Setup<'_>, request: Ns) -> FairQueues {
        let (cpus, threads) = (setup.cpus, setup.threads.len());
        FairQueues {
            request,
            usual: (1024, virtual_time(request, 1024)),
            longest: 0,
            clocks: vec![Clock::default(); cpus],
            at: vec![0; threads],
            loads: Loads::new(cpus, threads),
            trees: Trees::new(2 * cpus, threads),
            cpus,
        }
    }

    /// `thread` can run from now on, on its CPU, the least loaded one if it is new; wakes that if it idles, else any CPU that
    /// does and may steal.
    pub fn enter(&mut self, machine: &Machine, thread: ThreadId, kick: &mut CpuSet) {
        // Whoever has run left the CPU where it ran last.
        let home = machine.last_cpu(thread).unwrap_or_else(|| self.loads.least_loaded());
        self.loads.add(home);
        self.join(machine, home, thread);
        machine.kick_near(home.index(), kick);
    }

    /// `thread` can run on `cpu`: it keeps what it was owed, or owed, when it left, up to one request.
    fn join(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId) {
        let weight = machine.weight(thread);
        let bound = i64::try_from(self.length(weight)).unwrap_or(i64::MAX);
        let (clock, at) = (&mut self.clocks[cpu.index()], &mut self.at[thread.index()]);
        *at = clock.now.saturating_add_signed(at.cast_signed().clamp(-bound, bound));
        clock.weights += weight;
        self.queue(machine, cpu, thread);
    }

    /// `thread`, which ran on `cpu`, still can.
    pub fn queue(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId) {
        let length = self.length(machine.weight(thread));
        self.longest = self.longest.max(length);
        let deadline = self.at[thread.index()].saturating_add(length);
        self.trees.push(cpu.index(), deadline, thread);
    }

    /// How long a request takes in virtual time.
    fn length(&self, weight: u64) -> u64 {
        if weight == self.usual.0 { self.usual.1 } else { virtual_time(self.request, weight) }
    }

    /// `thread` blocked on `cpu`, or ended.
    pub fn leave(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId) {
        self.loads.remove(cpu);
        self.part(machine, cpu, thread);
    }

    /// `thread` cannot run on `cpu` any more: it left, or was taken by another CPU.
    fn part(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId) {
        let (clock, at) = (&mut self.clocks[cpu.index()], &mut self.at[thread.index()]);
        clock.weights -= machine.weight(thread);
        *at = at.wrapping_sub(clock.now);
    }

    /// `thread` ran on `cpu` for `time`.
    pub fn ran(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId, time: Ns) {
        let clock = &mut self.clocks[cpu.index()];
        clock.now = clock.now.saturating_add(virtual_time(time, clock.weights));
        let at = &mut self.at[thread.index()];
        *at = at.saturating_add(virtual_time(time, machine.weight(thread)));
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
        let (due, early) = (cpu.index(), self.cpus + cpu.index());
        loop {
            let now = self.clocks[cpu.index()].now;
            while let Some((thread, _)) = self.trees.first(early).filter(|(_, at)| *at <= now) {
                self.trees.pop(early);
                self.queue(machine, cpu, thread);
            }
            let mut next = None;
            while let Some((thread, deadline)) = self.trees.first(due) {
                let at = self.at[thread.index()];
                let earliest = deadline.saturating_sub(self.longest);
                if at > now && earliest > now {
                    next = Some(earliest);
                    break;
                }
                self.trees.pop(due);
                if at <= now {
                    return Some(thread);
                }
                self.trees.push(early, at, thread);
            }
            let first = self.trees.first(early).map(|(_, at)| at);
            self.clocks[cpu.index()].now = next.into_iter().chain(first).min()?;
        }
    }
}

impl Memory for FairQueues {
    fn soon(&self, cpu: CpuId) -> Option<ThreadId> {
        let first = |tree| self.trees.first(tree).map(|(thread, _)| thread);
        first(cpu.index()).or_else(|| first(self.cpus + cpu.index()))
    }

    fn fetch(&self, threads: &[ThreadId]) {
        touch(threads.iter().map(|thread| u32::from(self.at[thread.index()] == u64::MAX)));
    }
}

fn virtual_time(time: Ns, weight: u64) -> u64 {
    // Division is slow, and most weights are powers of two.
    if weight.is_power_of_two() && time.0 >> (64 - SCALE_BITS) == 0 {
        return (time.0 << SCALE_BITS) >> weight.trailing_zeros();
    }
    // Division of 128 bits is slow, and times this long are rare.
    if time.0 >> (64 - SCALE_BITS) == 0 {
        return (time.0 << SCALE_BITS) / weight.max(1);
    }
    u64::try_from((u128::from(time.0) << SCALE_BITS) / u128::from(weight.max(1))).unwrap_or(u64::MAX >> 2)
}
