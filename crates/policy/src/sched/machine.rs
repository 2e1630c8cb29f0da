//! What a policy may look at, and what it is built from.

use super::kit::{CpuSet, Packing, touch};
use crate::unit::{CpuId, GroupId, Ns, ThreadId};
use core::fmt;
use heap::vec;
use heap::vec::Vec;

/// What a policy may know of a thread, but for where it ran last.
#[derive(Clone, Copy, Debug)]
pub struct Thread {
    /// The group it belongs to.
    pub group: GroupId,
    /// Its share relative to others, for fair and credit policies; 1024 is usual.
    pub weight: u32,
    /// The most of one CPU it may have, in thousandths; 0 is no cap.
    pub cap_permille: u16,
    /// 0 to 31; a larger one goes first.
    pub priority: u8,
    flags: u8,
}

const WARM: u8 = 1;
const HOLDS_SPIN_LOCK: u8 = 2;

impl Thread {
    /// A thread of `group` of middle priority, with the usual weight and no cap.
    #[must_use]
    pub fn new(group: GroupId) -> Thread {
        Thread { group, weight: 1024, cap_permille: 0, priority: 16, flags: 0 }
    }

    /// Without a working set, it is warm wherever it comes.
    #[must_use]
    pub fn without_working_set(self) -> Thread {
        Thread { flags: WARM, ..self }
    }

    fn is_like(&self, other: &Thread) -> bool {
        let facts = |thread: &Thread| (thread.weight, thread.cap_permille, thread.priority, thread.flags);
        facts(self) == facts(other)
    }
}

/// A group of related threads, numbered one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Its first thread.
    pub first: ThreadId,
    /// How many threads it has.
    pub width: u32,
    /// How long it will need its CPUs, as its user estimates; `Ns::MAX` if nobody says.
    pub estimate: Ns,
}

/// The machine as the mechanism sees it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Virtual time.
    pub now: Ns,
    threads: Vec<Thread>,
    /// Whether all threads are alike but for their groups: one then stands for all, since there are many, and each look at
    /// one that has not been looked at for long is a cache miss.
    alike: bool,
    /// How many threads each group has, if all have as many and are numbered one after the other; else zero.
    width: u32,
    /// All groups.
    pub groups: Vec<Group>,
    /// What each CPU runs.
    pub running: Vec<Option<ThreadId>>,
    /// The CPUs that were told to idle and have not been kicked since.
    pub idle: CpuSet,
    /// Of each thread the CPU where it ran last. It is asked for at each turn, so these stand close together.
    last: Vec<u32>,
}

/// In place of a CPU.
const NOWHERE: u32 = u32::MAX;

impl Machine {
    /// A machine whose `cpus` CPUs idle, with threads that have not run yet.
    #[must_use]
    pub fn new(cpus: usize, threads: Vec<Thread>, groups: Vec<Group>) -> Machine {
        let last = vec![NOWHERE; threads.len()];
        let (running, idle) = (vec![None; cpus], CpuSet::full(cpus));
        let alike = threads.windows(2).all(|two| two[0].is_like(&two[1]));
        let width = groups.first().map_or(0, |group| group.width);
        let even = groups
            .iter()
            .zip(0..)
            .all(|(group, number)| group.width == width && Some(group.first.0) == width.checked_mul(number));
        let width = if even { width } else { 0 };
        Machine { now: Ns::ZERO, threads, alike, width, groups, running, idle, last }
    }

    /// Touches what is known of `threads`.
    pub fn fetch(&self, threads: &[ThreadId]) {
        touch(threads.iter().map(|thread| self.last[thread.index()]));
        if !self.alike || self.width == 0 {
            touch(threads.iter().map(|thread| self.threads[thread.index()].weight));
        }
    }

    /// What is known of `thread` but its group.
    #[inline]
    fn facts(&self, thread: ThreadId) -> &Thread {
        &self.threads[if self.alike { 0 } else { thread.index() }]
    }

    /// Where `thread` ran last, or runs.
    #[must_use]
    pub fn last_cpu(&self, thread: ThreadId) -> Option<CpuId> {
        let last = self.last[thread.index()];
        (last != NOWHERE).then_some(CpuId(last))
    }

    /// `thread` runs on `cpu`; where it ran before.
    pub fn runs_on(&mut self, cpu: CpuId, thread: ThreadId) -> Option<CpuId> {
        let before = self.last_cpu(thread);
        self.running[cpu.index()] = Some(thread);
        self.last[thread.index()] = cpu.0;
        before
    }

    /// The group of `thread`.
    #[must_use]
    #[inline]
    pub fn group(&self, thread: ThreadId) -> GroupId {
        match thread.0.checked_div(self.width) {
            Some(group) => GroupId(group),
            None => self.threads[thread.index()].group,
        }
    }

    /// What the group of `thread` is.
    #[must_use]
    pub fn group_of(&self, thread: ThreadId) -> &Group {
        &self.groups[self.group(thread).index()]
    }

    /// The weight of `thread`, at least 1.
    #[must_use]
    #[inline]
    pub fn weight(&self, thread: ThreadId) -> u64 {
        u64::from(self.facts(thread).weight.max(1))
    }

    /// The most of one CPU that `thread` may have, in thousandths; 0 is no cap.
    #[must_use]
    #[inline]
    pub fn cap_permille(&self, thread: ThreadId) -> u16 {
        self.facts(thread).cap_permille
    }

    /// The priority of `thread`.
    #[must_use]
    #[inline]
    pub fn priority(&self, thread: ThreadId) -> u8 {
        self.facts(thread).priority
    }

    /// Whether most of the working set of `thread` is still in the cache of the CPU where it ran last.
    #[must_use]
    #[inline]
    pub fn is_warm(&self, thread: ThreadId) -> bool {
        self.facts(thread).flags & WARM != 0
    }

    /// Says whether `thread` is warm.
    pub fn set_warm(&mut self, thread: ThreadId, warm: bool) {
        self.set_flag(thread, WARM, warm);
    }

    /// The flag that `thread` raises while it holds a spin lock.
    #[must_use]
    pub fn holds_spin_lock(&self, thread: ThreadId) -> bool {
        self.facts(thread).flags & HOLDS_SPIN_LOCK != 0
    }

    /// Raises or lowers that flag.
    pub fn set_holds_spin_lock(&mut self, thread: ThreadId, holds: bool) {
        self.set_flag(thread, HOLDS_SPIN_LOCK, holds);
    }

    fn set_flag(&mut self, thread: ThreadId, flag: u8, raised: bool) {
        let flags = (self.facts(thread).flags & !flag) | if raised { flag } else { 0 };
        // As long as nothing changes, the threads stay alike.
        if flags != self.facts(thread).flags {
            self.alike = false;
            self.threads[thread.index()].flags = flags;
        }
    }

    /// Asks an idle CPU, if there is one, to look for work: `cpu`, or the next one round from it.
    pub fn kick_near(&self, cpu: usize, kick: &mut CpuSet) {
        if let Some(idle) = self.idle.round_from(cpu) {
            kick.insert(idle);
        }
    }

    /// Asks `cpu` to look for work if it is idle.
    pub fn kick_idle(&self, cpu: usize, kick: &mut CpuSet) {
        if self.idle.contains(cpu) {
            kick.insert(cpu);
        }
    }
}

/// The numbers that policies can be tuned with.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// The quantum, and the slot of gang scheduling.
    pub quantum: Ns,
    /// Smart scheduling: the extra quantum, and how many in a row.
    pub extra_quantum: Ns,
    /// Smart scheduling: how many extra quanta in a row.
    pub extra_quanta_max: u8,
    /// Affinity: how much longer than a warm thread a cold one must have waited to go first.
    pub patience: Ns,
    /// Gang scheduling: how gangs are laid into rows.
    pub packing: Packing,
    /// Relaxed co-scheduling: how far a thread may be ahead of its companions.
    pub skew: Ns,
    /// Static space sharing: CPUs in a partition.
    pub partition_cpus: usize,
    /// Backfilling: how often the group at the head of the queue may be overtaken.
    pub overtakes_max: u32,
    /// Credit: the accounting period.
    pub period: Ns,
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning {
            quantum: Ns::ms(10),
            extra_quantum: Ns::ms(1),
            extra_quanta_max: 4,
            patience: Ns::ms(100),
            packing: Packing::FirstFit,
            skew: Ns::ms(10),
            partition_cpus: 4,
            overtakes_max: 16,
            period: Ns::ms(30),
        }
    }
}

/// What a policy is built for.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// How many CPUs the machine has.
    pub cpus: usize,
    /// All threads that ever will be.
    pub threads: &'a [Thread],
    /// All groups.
    pub groups: &'a [Group],
    /// The numbers.
    pub tuning: Tuning,
}

impl Setup<'_> {
    /// For policies that run a whole group at once.
    ///
    /// Errors: [`Refusal::GangTooWide`] for the first group with more threads than there are CPUs.
    pub fn refuse_wide_groups(&self) -> Result<(), Refusal> {
        match self.groups.iter().position(|group| group.width as usize > self.cpus) {
            None => Ok(()),
            Some(index) => Err(Refusal::GangTooWide {
                group: GroupId::new(index),
                width: self.groups[index].width as usize,
                cpus: self.cpus,
            }),
        }
    }

    /// For policies that cut time.
    ///
    /// Errors: [`Refusal::NoTime`] for a quantum or period of zero.
    pub fn refuse_no_time(&self) -> Result<(), Refusal> {
        if self.tuning.quantum == Ns::ZERO || self.tuning.period == Ns::ZERO {
            return Err(Refusal::NoTime);
        }
        Ok(())
    }
}

/// Why a policy cannot be built for a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A group must run as a whole and has more threads than there are CPUs for it.
    GangTooWide {
        /// Which.
        group: GroupId,
        /// Its threads.
        width: usize,
        /// The CPUs it could have.
        cpus: usize,
    },
    /// The quantum or the period is zero.
    NoTime,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::GangTooWide { width, cpus, .. } => {
                write!(f, "a gang of {width} threads is wider than the {cpus} CPUs it could have")
            }
            Refusal::NoTime => f.write_str("the quantum is zero"),
        }
    }
}

impl core::error::Error for Refusal {}
