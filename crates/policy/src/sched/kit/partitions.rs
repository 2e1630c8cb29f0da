//! Space sharing: which CPUs are free, whose the others are, and which groups wait, in the order they came.

use super::{CpuSet, Ends, Roster, Tournament};
use crate::sched::{Arrival, Group, Left, Machine, Refusal, Setup};
use crate::unit::{CpuId, GroupId, Ns, ThreadId};
use heap::vec;
use heap::vec::Vec;

/// The machine, cut into partitions of one group each.
///
/// Invariants: a group holds either no CPU or at least one for each of its threads; a CPU belongs to at most one group; a
/// group holds a multiple of the granule, all in whole granules.
#[derive(Clone, Debug)]
pub struct Partitions {
    granule: usize,
    free: CpuSet,
    tenant: Vec<Option<ThreadId>>,
    cpu: Vec<Option<CpuId>>,
    next_held: Vec<Option<CpuId>>,
    first_held: Vec<Option<CpuId>>,
    runnable: Vec<bool>,
    roster: Roster,
    queue: Vec<GroupId>,
    narrowness: Tournament,
    ends: Ends,
}

/// What backfilling must leave alone: CPUs for the group at the head from `at` on.
///
/// Source: Lifka, "The ANL/IBM SP scheduling system", JSSPP 1995 (EASY: only the head has a reservation).
#[derive(Clone, Copy, Debug)]
pub struct Reservation {
    /// When the head can start, if estimates hold.
    pub at: Ns,
    /// How many CPUs will be free then beside the head's.
    pub spare: u32,
}

impl Reservation {
    /// Whether `group` may start now; if it will still run at the head's start, it takes of what is spare.
    pub fn spares(&mut self, machine: &Machine, group: GroupId) -> bool {
        let Group { width, estimate, .. } = machine.groups[group.index()];
        if machine.now + estimate <= self.at && estimate < Ns::MAX {
            return true;
        }
        let fits = width <= self.spare;
        self.spare -= if fits { width } else { 0 };
        fits
    }
}

impl Partitions {
    /// A free machine, given out in multiples of `granule` CPUs (or of all of them, if that is less).
    ///
    /// Errors: [`Refusal::GangTooWide`], also for a group too wide for the whole granules of the machine.
    pub fn new(setup: &Setup<'_>, granule: usize) -> Result<Partitions, Refusal> {
        let granule = granule.clamp(1, setup.cpus);
        let cpus = setup.cpus / granule * granule;
        Setup { cpus, ..*setup }.refuse_wide_groups()?;
        let (threads, groups) = (setup.threads.len(), setup.groups.len());
        Ok(Partitions {
            granule,
            free: CpuSet::full(cpus),
            tenant: vec![None; setup.cpus],
            cpu: vec![None; threads],
            next_held: vec![None; setup.cpus],
            first_held: vec![None; groups],
            runnable: vec![false; threads],
            roster: Roster::new(groups),
            queue: Vec::with_capacity(groups),
            narrowness: Tournament::new(groups.max(1), 0),
            ends: Ends::new(groups),
        })
    }

    /// `thread` can run. Its group joins the queue when its last thread came; whether it did.
    pub fn wake(&mut self, machine: &Machine, thread: ThreadId, how: Arrival) -> bool {
        self.runnable[thread.index()] = true;
        if how == Arrival::Woken {
            return false;
        }
        let Some(group) = self.roster.come(machine, thread) else { return false };
        self.narrowness.set(self.queue.len(), u32::MAX - machine.groups[group.index()].width);
        self.queue.push(group);
        true
    }

    /// The CPU of `thread`, if its group has started.
    #[must_use]
    pub fn cpu(&self, thread: ThreadId) -> Option<CpuId> {
        self.cpu[thread.index()]
    }

    /// `thread` left its CPU; if it was the last of its group, the group's CPUs are free; whether it was.
    pub fn left(&mut self, machine: &Machine, thread: ThreadId, why: Left) -> bool {
        self.runnable[thread.index()] = why == Left::Preempted;
        if why != Left::Ended {
            return false;
        }
        let Some(group) = self.roster.end(machine, thread) else { return false };
        self.ends.remove(group);
        let mut held = self.first_held[group.index()].take();
        while let Some(cpu) = held {
            self.free.insert(cpu.index());
            self.tenant[cpu.index()] = None;
            held = self.next_held[cpu.index()].take();
        }
        true
    }

    /// The thread that `cpu` is dedicated to, if it can run.
    #[must_use]
    pub fn tenant(&self, cpu: CpuId) -> Option<ThreadId> {
        self.tenant[cpu.index()].filter(|thread| self.runnable[thread.index()])
    }

    /// The place in the queue of the group that waited longest.
    #[must_use]
    pub fn head(&self) -> Option<usize> {
        self.narrowness.first_at_least(1)
    }

    /// The place in the queue of the group that waited longest of those that fit now.
    #[must_use]
    pub fn first_fitting(&self) -> Option<usize> {
        let room = CpuId::new(self.free.len()).0;
        self.narrowness.first_at_least(u32::MAX - room).filter(|&place| self.narrowness.get(place) > 0)
    }

    /// The next place in the queue after `place` of a group that fits now.
    #[must_use]
    pub fn fitting_after(&self, place: usize) -> Option<usize> {
        let room = CpuId::new(self.free.len()).0;
        self.narrowness.next_at_least(place + 1, (u32::MAX - room).max(1))
    }

    /// The group at `place` of the queue.
    #[must_use]
    pub fn waiting(&self, place: usize) -> GroupId {
        self.queue[place]
    }

    /// When the group at the head, which does not fit now, will by the estimates of those that run.
    #[must_use]
    pub fn reservation(&self, machine: &Machine) -> Option<Reservation> {
        let width = machine.groups[self.queue[self.head()?].index()].width as usize;
        let missing = width.next_multiple_of(self.granule).checked_sub(self.free.len())?;
        let (end, spare) = self.ends.when_free(CpuId::new(missing).0)?;
        // Whoever runs longer than estimated may end at any time.
        Some(Reservation { at: end.max(machine.now), spare })
    }

    /// Gives the group at `place` of the queue its CPUs, all or none, and asks for them to be woken.
    pub fn start(&mut self, machine: &Machine, place: usize, kick: &mut CpuSet) -> bool {
        let group = self.queue[place];
        let members = machine.groups[group.index()];
        let size = (members.width as usize).next_multiple_of(self.granule);
        if size > self.free.len() {
            return false;
        }
        self.narrowness.set(place, 0);
        self.ends.insert(group, machine.now + members.estimate, CpuId::new(size).0);
        for rank in 0..size {
            let cpu = CpuId::new(self.free.first().expect("counted above"));
            self.free.remove(cpu.index());
            self.next_held[cpu.index()] = self.first_held[group.index()].replace(cpu);
            if rank < members.width as usize {
                let thread = ThreadId::new(members.first.index() + rank);
                self.tenant[cpu.index()] = Some(thread);
                self.cpu[thread.index()] = Some(cpu);
                kick.insert(cpu.index());
            }
        }
        true
    }
}
