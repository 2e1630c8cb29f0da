//! The mechanism: carries a policy's decisions out in virtual time, and charges for it.

use super::cpus::Cpu;
use super::events::{Calendar, Timer, Timers, arrivals};
use super::metrics::{Outcome, Tally};
use super::stuck::{self, Stop};
use super::sync::Syncs;
use super::thread::{Rarely, Runtime, State, Waits};
use super::trace::Trace;
use super::{Op, Options, Workload};
use crate::rng::Rng;
use crate::sched::kit::CpuSet;
use crate::sched::registry::Registered;
use crate::sched::{Arrival, Group, Left, Machine, Policy, Refusal, Setup, Structure, Thread};
use crate::unit::{CpuId, Ns, ThreadId};
use std::collections::VecDeque;

/// A run in progress.
pub(super) struct Engine<'a> {
    pub(super) workload: &'a Workload,
    pub(super) machine: Machine,
    pub(super) policy: Box<dyn Policy>,
    pub(super) options: &'a Options,
    pub(super) threads: Vec<Runtime>,
    pub(super) rarely: Vec<Rarely>,
    pub(super) cpus: Vec<Cpu>,
    pub(super) calendar: Calendar,
    pub(super) timers: Timers,
    pub(super) syncs: Syncs,
    pub(super) kick: CpuSet,
    /// Running CPUs that were kicked: preempted when the event at hand is done.
    preempt: CpuSet,
    pub(super) asking: CpuSet,
    slot: Option<Ns>,
    pub(super) slot_used: bool,
    /// When each holder of the shared structure's lock, now and to come, lets go of it.
    pub(super) queue: VecDeque<Ns>,
    pub(super) alive: usize,
    pub(super) runnable: usize,
    /// Threads that can run but spin for what has not come.
    pub(super) unmet: usize,
    pub(super) tally: Tally,
    pub(super) trace: Trace,
    pub(super) steps: u64,
    idle_slots: u32,
    pub(super) failure: Option<Stop>,
}

/// Runs a workload under a registered policy.
///
/// Errors: what the policy refuses, a deadlock with who waits for whom, a run beyond `steps_max`, a program that unlocks what
/// it does not hold.
pub fn simulate(workload: &Workload, policy: &Registered, options: &Options) -> Result<Outcome, Stop> {
    simulate_with(workload, policy.name, |setup| policy.build(setup), options)
}

/// Runs a workload under a policy of your own.
///
/// Errors: as [`simulate`], and [`Stop::BadDecision`] when the policy decides the impossible.
pub fn simulate_with(
    workload: &Workload,
    name: &str,
    build: impl FnOnce(&Setup<'_>) -> Result<Box<dyn Policy>, Refusal>,
    options: &Options,
) -> Result<Outcome, Stop> {
    let threads: Vec<Thread> = workload.tasks.iter().map(facts).collect();
    let group = |job: &super::Job| Group {
        first: job.first,
        width: job.width,
        estimate: job.estimate.unwrap_or_else(|| workload.expected(job)),
    };
    let groups: Vec<Group> = workload.jobs.iter().map(group).collect();
    let setup = Setup { cpus: options.cpus, threads: &threads, groups: &groups, tuning: options.tuning };
    let policy = build(&setup).map_err(Stop::Refused)?;
    let mut engine = Engine::new(workload, policy, options, threads, groups);
    engine.run()?;
    let matrix = engine.tally.matrix.take();
    Ok(engine.tally.outcome(name, workload, options, engine.trace, matrix))
}

fn facts(task: &super::Task) -> Thread {
    Thread {
        group: task.job,
        priority: task.priority,
        weight: task.weight,
        cap_permille: task.cap_permille,
        last_cpu: None,
        warm: false,
        holds_spin_lock: false,
    }
}

impl<'a> Engine<'a> {
    fn new(
        workload: &'a Workload,
        policy: Box<dyn Policy>,
        options: &'a Options,
        threads: Vec<Thread>,
        groups: Vec<Group>,
    ) -> Engine<'a> {
        let cpus = options.cpus;
        let runtime = |(index, task)| Runtime::new(task, Rng::stream(options.seed, index as u64));
        Engine {
            workload,
            policy,
            options,
            threads: workload.tasks.iter().enumerate().map(runtime).collect(),
            rarely: workload.tasks.iter().map(|_| Rarely::new()).collect(),
            cpus: (0..cpus).map(|_| Cpu::new()).collect(),
            calendar: Calendar::new(cpus),
            timers: arrivals(workload.tasks.iter().map(|task| task.arrival)),
            syncs: Syncs::new(&workload.synchronizers, workload.tasks.len()),
            kick: CpuSet::new(cpus),
            preempt: CpuSet::new(cpus),
            asking: CpuSet::new(cpus),
            slot: None,
            slot_used: false,
            queue: VecDeque::with_capacity(cpus + 1),
            alive: workload.tasks.len(),
            runnable: 0,
            unmet: 0,
            tally: Tally::new(workload),
            trace: Trace::new(options.segments_max),
            steps: 0,
            idle_slots: 0,
            failure: None,
            machine: Machine {
                now: Ns::ZERO,
                threads,
                groups,
                running: vec![None; cpus],
                idle: CpuSet::full(cpus),
            },
        }
    }

    fn run(&mut self) -> Result<(), Stop> {
        while self.alive > 0 {
            let (cpu_at, timer_at) = (self.calendar.first(), self.timers.first());
            let slot_at = self.slot.unwrap_or(Ns::MAX);
            let next = cpu_at.min(timer_at).min(slot_at);
            if !self.asking.is_empty() && next > self.machine.now {
                let asking = self.asking.first().expect("not empty");
                self.asking.remove(asking);
                self.dispatch(CpuId::new(asking));
            } else if next == Ns::MAX {
                return Err(stuck::explain(self));
            } else if timer_at == next {
                self.machine.now = next;
                self.tally.events += 1;
                self.fire();
            } else if cpu_at == next {
                // An event that has been replaced by another takes no time, and counts as none.
                if let Some(cpu) = self.calendar.pop() {
                    if let Some(thread) = self.calendar.glance().and_then(|cpu| self.policy.soon(cpu)) {
                        self.fetch(thread);
                    }
                    self.machine.now = next;
                    self.tally.events += 1;
                    self.cpu_event(cpu);
                }
            } else {
                self.machine.now = next;
                self.tally.events += 1;
                self.slot_event()?;
            }
            while let Some(index) = self.preempt.first() {
                self.preempt.remove(index);
                if self.machine.running[index].is_some() {
                    self.stop(CpuId::new(index), Left::Preempted);
                }
            }
            self.steps += 1;
            if self.steps > self.options.steps_max {
                return Err(Stop::TooLong { at: self.machine.now, steps: self.options.steps_max });
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
        }
        Ok(())
    }

    fn fire(&mut self) {
        let (_, timer) = self.timers.pop().expect("a timer is due");
        if let Some(Timer::Arrive(next) | Timer::Io(next) | Timer::Deliver(next)) = self.timers.glance() {
            self.fetch(next);
        }
        match timer {
            Timer::Arrive(thread) => {
                let job = self.machine.threads[thread.index()].group;
                self.tally.arrived(job, self.machine.now);
                self.make_ready(thread, Arrival::New);
            }
            Timer::Io(thread) => {
                self.threads[thread.index()].waits = Waits::Nothing;
                self.make_ready(thread, Arrival::Woken);
            }
            Timer::Deliver(thread) => self.deliver(thread),
        }
    }

    /// Asks for the memory of a thread that comes soon: most of a large run's time goes to waiting for it.
    pub(super) fn fetch(&self, thread: ThreadId) {
        std::hint::black_box((self.threads[thread.index()].pc, self.machine.threads[thread.index()].warm));
    }

    /// A thread can run: tells the policy.
    pub(super) fn make_ready(&mut self, thread: ThreadId, how: Arrival) {
        self.threads[thread.index()].state = State::Ready;
        self.runnable += 1;
        let whole = u64::from(self.threads[thread.index()].working_set_kib);
        self.machine.threads[thread.index()].warm = whole == 0 || self.cold_kib(thread) * 2 < whole;
        // A slot in which nothing has run so far begins again with whoever comes.
        if (self.slot.is_none() || !self.slot_used) && self.policy.slot().is_some() {
            self.slot = Some(self.machine.now);
        }
        if self.policy.structure() == Structure::Shared {
            self.take_queue_lock();
        }
        self.policy.ready(&self.machine, thread, how, &mut self.kick);
        self.serve_kicks();
    }

    pub(super) fn serve_kicks(&mut self) {
        while let Some(index) = self.kick.first() {
            self.kick.remove(index);
            if self.machine.running[index].is_some() {
                self.preempt.insert(index);
            } else if self.machine.idle.contains(index) {
                self.machine.idle.remove(index);
                self.cpus[index].kicked = true;
                self.asking.insert(index);
            }
        }
    }

    fn slot_event(&mut self) -> Result<(), Stop> {
        let length = self.policy.slot().expect("a policy with slots");
        if self.hopeless() {
            return Err(stuck::explain(self));
        }
        if self.runnable == 0 {
            self.slot = None;
            return Ok(());
        }
        let busy = self.machine.running.iter().any(Option::is_some);
        self.idle_slots = if busy { 0 } else { self.idle_slots + 1 };
        if self.idle_slots > 10_000 {
            return Err(stuck::explain(self));
        }
        self.tally.look_at(self.policy.matrix(), self.workload);
        for index in 0..self.options.cpus {
            if self.machine.running[index].is_some() {
                self.stop(CpuId::new(index), Left::Preempted);
            }
        }
        self.policy.new_slot(&self.machine);
        for index in 0..self.options.cpus {
            self.machine.idle.remove(index);
            self.asking.insert(index);
        }
        self.tally.slots += 1;
        self.slot_used = false;
        self.slot = Some(self.machine.now + length);
        Ok(())
    }

    /// Whether nothing that could still happen would let any thread go on.
    pub(super) fn hopeless(&self) -> bool {
        self.timers.is_empty() && self.alive > 0 && self.runnable == self.unmet
    }

    /// The phase `thread` is in; `None` at the end of its program.
    pub(super) fn op(&self, thread: ThreadId) -> Option<Op> {
        let runtime = &self.threads[thread.index()];
        self.workload.programs[runtime.program as usize].get(runtime.pc as usize).copied()
    }
}
