//! The mechanism: carries a policy's decisions out in virtual time, and charges for it.

use super::cpus::Cpu;
use super::events::{Calendar, Timer, Timers, arrivals};
use super::metrics::{Outcome, Tally};
use super::stuck::{self, Stop};
use super::sync::Syncs;
use super::thread::{Rarely, Runtime, State, Waits};
use super::trace::Trace;
use super::{Op, Options, Workload};
use crate::sched::kit::{CpuSet, Memory, touch};
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
    ops: Vec<Option<Op>>,
    /// Where each program begins in `ops`.
    pub(super) starts: Vec<u32>,
    /// Whether any thread has a working set.
    pub(super) caches: bool,
    /// Whether all CPUs share the ready structure.
    pub(super) shared: bool,
    slotted: bool,
    pub(super) cpus: Vec<Cpu>,
    pub(super) calendar: Calendar,
    pub(super) timers: Timers,
    pub(super) syncs: Syncs,
    pub(super) kick: CpuSet,
    /// Running CPUs that were kicked: preempted when the event at hand is done.
    preempt: CpuSet,
    pub(super) asking: CpuSet,
    pub(super) slot: Option<Ns>,
    pub(super) slot_used: bool,
    /// When each holder of the shared structure's lock, now and to come, lets go of it.
    pub(super) queue: VecDeque<Ns>,
    pub(super) alive: usize,
    pub(super) runnable: usize,
    /// Threads that come soon.
    soon: Vec<ThreadId>,
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
/// Errors: what the policy refuses, a deadlock with who waits for whom, a run beyond `steps_max` or the end of virtual time, a program that unlocks what
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
    if workload.tasks.iter().any(|task| task.arrival == Ns::MAX) {
        return Err(Stop::EndOfTime { at: Ns::ZERO });
    }
    let mut engine = Engine::new(workload, policy, options, threads, groups);
    engine.run()?;
    let matrix = engine.tally.matrix.take();
    Ok(engine.tally.outcome(name, workload, options, engine.trace, matrix))
}

fn facts(task: &super::Task) -> Thread {
    let mut thread = Thread::new(task.job);
    (thread.weight, thread.cap_permille, thread.priority) = (task.weight, task.cap_permille, task.priority);
    if task.working_set_kib == 0 { thread.without_working_set() } else { thread }
}

/// The phases of all programs, each with its end after it, and where each program begins.
fn lay_out(workload: &Workload) -> (Vec<Option<Op>>, Vec<u32>) {
    let (mut ops, mut starts) = (Vec::new(), Vec::new());
    for program in &workload.programs {
        let start = ThreadId::new(ops.len()).0;
        starts.push(start);
        ops.extend(program.iter().map(|op| match op {
            Op::End(at) => Some(Op::End(start + at)),
            op => Some(*op),
        }));
        ops.push(None);
    }
    (ops, starts)
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
        let (ops, starts) = lay_out(workload);
        Engine {
            workload,
            options,
            threads: workload.tasks.iter().map(|task| Runtime::new(starts[task.program as usize])).collect(),
            rarely: workload.tasks.iter().map(Rarely::new).collect(),
            caches: workload.tasks.iter().any(|task| task.working_set_kib > 0),
            shared: policy.structure() == Structure::Shared,
            slotted: policy.slot().is_some(),
            policy,
            ops,
            starts,
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
            soon: Vec::new(),
            tally: Tally::new(workload),
            trace: Trace::new(options.segments_max),
            steps: 0,
            idle_slots: 0,
            failure: None,
            machine: Machine::new(cpus, threads, groups),
        }
    }

    fn run(&mut self) -> Result<(), Stop> {
        while self.alive > 0 {
            let (cpu_at, timer_at) = self.first_events();
            let slot_at = self.slot.unwrap_or(Ns::MAX);
            let next = cpu_at.min(timer_at).min(slot_at);
            if next > self.machine.now
                && let Some(asking) = self.asking.take_first()
            {
                self.dispatch(CpuId::new(asking));
            } else if next == Ns::MAX {
                return Err(stuck::explain(self));
            } else if timer_at == next {
                self.machine.now = next;
                self.tally.events += 1;
                self.fire();
            } else if cpu_at == next {
                // An event that has been replaced by another takes no time, and counts as none.
                if let Some(cpu) = self.calendar.pop(cpu_at) {
                    if self.shared
                        && let Some(memory) = self.policy.memory()
                        && let Some(thread) = memory.soon(cpu)
                    {
                        fetch(&self.threads, &self.machine, None, &[thread]);
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
            while let Some(index) = self.preempt.take_first() {
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

    /// When the next events of a CPU and of a timer are due. Fetches what events not long after will need.
    fn first_events(&mut self) -> (Ns, Ns) {
        let (threads, machine, policy) = (&self.threads, &self.machine, &self.policy);
        let (soon, shared) = (&mut self.soon, self.shared);
        let cpu_at = self.calendar.first(|cpus| {
            let (cpus, memory) = (cpus.iter().map(|(_, cpu)| *cpu), policy.memory());
            soon.clear();
            soon.extend(cpus.clone().filter_map(|cpu| machine.running[cpu.index()]));
            if let Some(memory) = memory.filter(|_| !shared) {
                soon.extend(cpus.filter_map(|cpu| memory.soon(cpu)));
            }
            fetch(threads, machine, memory, soon);
        });
        let timer_at = self.timers.first(|timers| {
            soon.clear();
            soon.extend(timers.iter().map(|(_, timer)| timer.thread()));
            fetch(threads, machine, policy.memory(), soon);
        });
        (cpu_at, timer_at)
    }

    fn fire(&mut self) {
        let timer = self.timers.pop().expect("a timer is due");
        match timer {
            Timer::Arrive(thread) => self.make_ready(thread, Arrival::New),
            Timer::Io(thread) => {
                self.threads[thread.index()].waits = Waits::Nothing;
                self.make_ready(thread, Arrival::Woken);
            }
            Timer::Deliver(thread) => self.deliver(thread),
        }
    }

    /// A thread can run: tells the policy.
    pub(super) fn make_ready(&mut self, thread: ThreadId, how: Arrival) {
        self.threads[thread.index()].state = State::Ready;
        self.runnable += 1;
        if self.caches {
            let whole = self.rarely[thread.index()].working_set_kib;
            let warm = whole == 0 || self.cold_kib(thread) * 2 < whole;
            self.machine.set_warm(thread, warm);
        }
        // A slot in which nothing has run so far begins again with whoever comes.
        if self.slotted && (self.slot.is_none() || !self.slot_used) {
            self.slot = Some(self.machine.now);
        }
        if self.shared {
            self.take_queue_lock();
        }
        self.policy.ready(&self.machine, thread, how, &mut self.kick);
        self.serve_kicks();
    }

    pub(super) fn serve_kicks(&mut self) {
        while let Some(index) = self.kick.take_first() {
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
        self.ops[self.threads[thread.index()].pc as usize]
    }

    /// The synchronizer that `thread` waits for.
    pub(super) fn awaited(&self, thread: ThreadId) -> Option<u32> {
        let waits = self.threads[thread.index()].waits == Waits::Sync;
        waits.then(|| self.rarely[thread.index()].sync)
    }
}

/// Asks for the memory of threads that come soon, of many at once: a large run would wait for that of one after the other
/// most of its time.
fn fetch(threads: &[Runtime], machine: &Machine, memory: Option<&dyn Memory>, soon: &[ThreadId]) {
    touch(soon.iter().map(|thread| threads[thread.index()].pc));
    machine.fetch(soon);
    if let Some(memory) = memory {
        memory.fetch(soon);
    }
}
