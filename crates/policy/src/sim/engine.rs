//! The mechanism: carries a policy's decisions out in virtual time, and charges for it.

use super::events::{Calendar, Timer, Timers};
use super::metrics::{Outcome, Tally};
use super::stuck::{self, Stop};
use super::sync::Syncs;
use super::trace::{Activity, Segment, Trace};
use super::{Costs, Op, Workload};
use crate::rng::Rng;
use crate::sched::kit::CpuSet;
use crate::sched::registry::Registered;
use crate::sched::{
    Arrival, Decision, Departure, Group, Left, Machine, Policy, Refusal, Setup, Structure, Thread, Tuning,
    Verdict,
};
use crate::unit::{CpuId, Ns, ThreadId};
use std::collections::VecDeque;

/// What a run depends on besides the workload and the policy.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// CPUs of the machine.
    pub cpus: usize,
    /// Nodes they belong to, evenly; 1 is a multiprocessor, more make a multicomputer.
    pub nodes: usize,
    /// The policy's numbers.
    pub tuning: Tuning,
    /// What things cost.
    pub costs: Costs,
    /// Seed of all random times.
    pub seed: u64,
    /// How many segments to record for charts; 0 records none.
    pub segments_max: usize,
    /// A run with more phases and events than this is given up.
    pub steps_max: u64,
}

impl Options {
    /// Default numbers for this many CPUs.
    #[must_use]
    pub fn new(cpus: usize) -> Options {
        Options {
            cpus,
            nodes: 1,
            tuning: Tuning::default(),
            costs: Costs::default(),
            seed: 1,
            segments_max: 0,
            steps_max: 1_000_000_000,
        }
    }
}

/// Where a thread is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    Ready,
    Running(CpuId),
    Blocked,
    Ended,
}

/// What a thread waits for, on its CPU or off it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Nothing,
    Io,
    Message,
    Sync(u32),
}

/// How many `Repeat`s may stand inside each other.
pub(super) const NESTING_MAX: usize = 6;

/// A thread in motion: two cache lines, since most of a large run's time goes to fetching them.
#[repr(align(64))]
pub(super) struct Runtime {
    pub(super) state: State,
    pub(super) waits: Waits,
    pub(super) computing: bool,
    pub(super) depth: u8,
    pub(super) held: u16,
    pub(super) program: u32,
    pub(super) pc: u32,
    pub(super) mailbox: u32,
    pub(super) remaining: Ns,
    pub(super) wait_since: Ns,
    /// When it sent what it has no answer to; `Ns::MAX` when there is nothing.
    pub(super) sent_at: Ns,
    pub(super) demand: Ns,
    pub(super) rng: Rng,
    pub(super) loops: [u32; NESTING_MAX],
    working_set_kib: u64,
    /// What its CPU had brought into its cache when it left; `u64::MAX` when none of its blocks are there.
    left_at_kib: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Idle,
    Overhead { switched: Ns },
    Working,
    Spinning,
}

struct Cpu {
    doing: Doing,
    since: Ns,
    overhead_end: Ns,
    quantum: Option<Ns>,
    quantum_end: Ns,
    began: Ns,
    kicked: bool,
    last: Option<(ThreadId, Left)>,
    brought_kib: u64,
}

/// A run in progress.
pub(super) struct Engine<'a> {
    pub(super) workload: &'a Workload,
    pub(super) machine: Machine,
    policy: Box<dyn Policy>,
    pub(super) options: &'a Options,
    pub(super) threads: Vec<Runtime>,
    cpus: Vec<Cpu>,
    calendar: Calendar,
    pub(super) timers: Timers,
    pub(super) syncs: Syncs,
    kick: CpuSet,
    /// Running CPUs that were kicked: preempted when the event at hand is done.
    preempt: CpuSet,
    asking: CpuSet,
    slot: Option<Ns>,
    slot_used: bool,
    queue: VecDeque<Ns>,
    pub(super) alive: usize,
    pub(super) runnable: usize,
    /// Threads that can run but spin for what has not come.
    pub(super) unmet: usize,
    pub(super) tally: Tally,
    trace: Trace,
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
    let groups: Vec<Group> =
        workload.jobs.iter().map(|job| Group { first: job.first, width: job.width }).collect();
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
        let runtime = |(index, task): (usize, &super::Task)| Runtime {
            state: State::Absent,
            waits: Waits::Nothing,
            computing: false,
            depth: 0,
            held: 0,
            program: task.program,
            pc: 0,
            mailbox: 0,
            remaining: Ns::ZERO,
            wait_since: Ns::ZERO,
            sent_at: Ns::MAX,
            demand: Ns::ZERO,
            rng: Rng::stream(options.seed, index as u64),
            loops: [0; NESTING_MAX],
            working_set_kib: task.working_set_kib,
            left_at_kib: u64::MAX,
        };
        let cpu = || Cpu {
            doing: Doing::Idle,
            since: Ns::ZERO,
            overhead_end: Ns::ZERO,
            quantum: None,
            quantum_end: Ns::MAX,
            began: Ns::ZERO,
            kicked: false,
            last: None,
            brought_kib: 0,
        };
        Engine {
            workload,
            policy,
            options,
            threads: workload.tasks.iter().enumerate().map(runtime).collect(),
            cpus: (0..cpus).map(|_| cpu()).collect(),
            calendar: Calendar::new(cpus),
            timers: Timers::new(workload.tasks.iter().map(|task| task.arrival)),
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
            let (cpu_at, cpu) = self.calendar.first();
            let (timer_at, slot_at) = (self.timers.first(), self.slot.unwrap_or(Ns::MAX));
            let next = cpu_at.min(timer_at).min(slot_at);
            if !self.asking.is_empty() && next > self.machine.now {
                let asking = self.asking.first().expect("not empty");
                self.asking.remove(asking);
                self.dispatch(CpuId::new(asking));
            } else if next == Ns::MAX {
                return Err(stuck::explain(self));
            } else {
                self.machine.now = next;
                self.tally.events += 1;
                if timer_at == next {
                    self.fire();
                } else if cpu_at == next {
                    self.cpu_event(cpu);
                } else {
                    self.slot_event()?;
                }
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
        match self.timers.pop().expect("a timer is due") {
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

    /// A thread can run: tells the policy.
    pub(super) fn make_ready(&mut self, thread: ThreadId, how: Arrival) {
        self.threads[thread.index()].state = State::Ready;
        self.runnable += 1;
        let whole = self.threads[thread.index()].working_set_kib;
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

    fn serve_kicks(&mut self) {
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

    /// Asks the policy what `cpu` shall run, and starts it.
    fn dispatch(&mut self, cpu: CpuId) {
        self.tally.decisions += 1;
        match self.policy.next(&self.machine, cpu) {
            Decision::Run { thread, quantum } => self.start(cpu, thread, quantum),
            Decision::Idle => self.rest(cpu, Ns::MAX),
            Decision::IdleUntil(at) => self.rest(cpu, at.max(self.machine.now + Ns(1))),
        }
    }

    fn rest(&mut self, cpu: CpuId, until: Ns) {
        self.machine.idle.insert(cpu.index());
        self.cpus[cpu.index()].doing = Doing::Idle;
        self.cpus[cpu.index()].kicked = false;
        self.calendar.set(cpu, until);
    }

    fn start(&mut self, cpu: CpuId, thread: ThreadId, quantum: Option<Ns>) {
        let now = self.machine.now;
        if self.threads.get(thread.index()).is_none_or(|t| t.state != State::Ready) {
            self.failure = Some(Stop::BadDecision { cpu, thread, at: now });
            return;
        }
        let mut switching = self.decision_time(cpu);
        let last = self.cpus[cpu.index()].last;
        if last.is_none_or(|(last, _)| last != thread) {
            switching += self.options.costs.context_switch;
            self.tally.switches += 1;
            self.tally.preemptions += u64::from(last.is_some_and(|(_, why)| why == Left::Preempted));
        }
        let reload = self.load(cpu, thread);
        self.slot_used = true;
        self.machine.running[cpu.index()] = Some(thread);
        self.machine.threads[thread.index()].last_cpu = Some(cpu);
        self.threads[thread.index()].state = State::Running(cpu);
        let at = &mut self.cpus[cpu.index()];
        at.kicked = false;
        at.since = now;
        at.began = now;
        at.quantum = quantum;
        at.overhead_end = now + switching + reload;
        at.doing = Doing::Overhead { switched: now + switching };
        if at.overhead_end == now {
            self.begin(cpu);
        } else {
            let end = at.overhead_end;
            self.calendar.set(cpu, end);
        }
    }

    /// How long a decision takes: the interrupt that asked for it, and the lock of the ready structure.
    fn decision_time(&mut self, cpu: CpuId) -> Ns {
        let costs = &self.options.costs;
        let ipi = if self.cpus[cpu.index()].kicked { costs.ipi } else { Ns::ZERO };
        match self.policy.structure() {
            Structure::PerCpu => ipi + costs.queue_lock,
            Structure::Shared => {
                let remote = if self.options.nodes > 1 { Ns(2 * costs.node_message.0) } else { Ns::ZERO };
                let locked = self.take_queue_lock();
                self.tally.queue_requests += 1;
                self.tally.queue_wait += locked - costs.queue_lock;
                ipi + remote + locked
            }
        }
    }

    /// Queues for the lock of the shared structure; how long until the decision is made.
    fn take_queue_lock(&mut self) -> Ns {
        let (costs, now) = (&self.options.costs, self.machine.now);
        while self.queue.front().is_some_and(|&free| free <= now) {
            self.queue.pop_front();
        }
        let waiters = self.queue.len().min(self.options.cpus) as u64;
        let remote = if self.options.nodes > 1 { costs.node_message.0 } else { 0 };
        let hold = Ns(costs.queue_lock.0 + remote + costs.queue_line.0 * waiters);
        let free = self.queue.back().copied().unwrap_or(now).max(now) + hold;
        self.queue.push_back(free);
        free - now
    }

    /// How much of the working set of `thread` is not in the cache of the CPU where it ran last.
    fn cold_kib(&self, thread: ThreadId) -> u64 {
        let runtime = &self.threads[thread.index()];
        match self.machine.threads[thread.index()].last_cpu {
            Some(cpu) if runtime.left_at_kib != u64::MAX => {
                let brought = self.cpus[cpu.index()].brought_kib - runtime.left_at_kib;
                self.options.costs.displaced_kib(runtime.working_set_kib, brought)
            }
            _ => runtime.working_set_kib,
        }
    }

    /// Brings the working set of `thread` to `cpu`; how long that takes.
    fn load(&mut self, cpu: CpuId, thread: ThreadId) -> Ns {
        let (options, from) = (self.options, self.machine.threads[thread.index()].last_cpu);
        let moved = from.is_some_and(|from| from != cpu);
        self.tally.migrations += u64::from(moved);
        let whole = self.threads[thread.index()].working_set_kib;
        if whole == 0 {
            return Ns::ZERO;
        }
        let cold = if moved { whole } else { self.cold_kib(thread) };
        self.cpus[cpu.index()].brought_kib += cold;
        let node = |cpu: CpuId| cpu.index() * options.nodes / options.cpus;
        let apart = from.is_some_and(|from| node(from) != node(cpu));
        let per_kib = if apart { options.costs.node_move_per_kib } else { options.costs.reload_per_kib };
        Ns(cold.saturating_mul(per_kib.0))
    }

    fn cpu_event(&mut self, cpu: CpuId) {
        let Some(thread) = self.machine.running[cpu.index()] else {
            self.machine.idle.remove(cpu.index());
            self.calendar.set(cpu, Ns::MAX);
            self.asking.insert(cpu.index());
            return;
        };
        let was = self.cpus[cpu.index()].doing;
        self.account(cpu);
        let runtime = &mut self.threads[thread.index()];
        if matches!(was, Doing::Overhead { .. }) {
            return self.begin(cpu);
        }
        if runtime.computing && runtime.remaining == Ns::ZERO {
            runtime.computing = false;
            runtime.pc += 1;
        }
        if self.machine.now < self.cpus[cpu.index()].quantum_end {
            return self.advance(cpu, thread);
        }
        match self.policy.expired(&self.machine, cpu, thread) {
            Verdict::Extend(extra) if extra > Ns::ZERO => {
                self.tally.extensions += 1;
                self.cpus[cpu.index()].quantum_end = self.machine.now + extra;
                if was == Doing::Working { self.advance(cpu, thread) } else { self.arm(cpu) }
            }
            _ => {
                self.stop(cpu, Left::Preempted);
                if was == Doing::Spinning && self.hopeless() {
                    self.failure = Some(stuck::explain(self));
                }
            }
        }
    }

    /// The overhead is over: the thread has the CPU.
    fn begin(&mut self, cpu: CpuId) {
        let now = self.machine.now;
        let thread = self.machine.running[cpu.index()].expect("a thread was started");
        let at = &mut self.cpus[cpu.index()];
        at.since = now;
        at.quantum_end = at.quantum.map_or(Ns::MAX, |quantum| now + quantum);
        at.doing = Doing::Working;
        if self.threads[thread.index()].waits != Waits::Nothing && !self.retry(thread) {
            return self.spin(cpu);
        }
        self.advance(cpu, thread);
    }

    /// `cpu` spins.
    pub(super) fn spin(&mut self, cpu: CpuId) {
        self.cpus[cpu.index()].doing = Doing::Spinning;
        self.arm(cpu);
    }

    /// Whether `thread` has a CPU in hand and spins on it.
    pub(super) fn spins(&self, thread: ThreadId) -> bool {
        match self.threads[thread.index()].state {
            State::Running(cpu) => self.cpus[cpu.index()].doing == Doing::Spinning,
            _ => false,
        }
    }

    /// What the thread spun for has come: it goes on at once if it has a CPU in hand.
    pub(super) fn go_on(&mut self, thread: ThreadId) {
        self.threads[thread.index()].waits = Waits::Nothing;
        if let State::Running(cpu) = self.threads[thread.index()].state
            && self.cpus[cpu.index()].doing == Doing::Spinning
        {
            self.account(cpu);
            self.cpus[cpu.index()].doing = Doing::Working;
            self.calendar.set(cpu, self.machine.now);
        }
    }

    /// Sets the next event of a CPU whose thread works or spins.
    pub(super) fn arm(&mut self, cpu: CpuId) {
        let at = &self.cpus[cpu.index()];
        let thread = self.machine.running[cpu.index()].expect("it works or spins");
        let done = match at.doing {
            Doing::Working => self.machine.now + self.threads[thread.index()].remaining,
            _ => Ns::MAX,
        };
        let end = at.quantum_end;
        self.calendar.set(cpu, done.min(end));
    }

    /// Takes the thread off `cpu`, which then asks for another.
    pub(super) fn stop(&mut self, cpu: CpuId, why: Left) {
        let thread = self.machine.running[cpu.index()].take().expect("a thread to stop");
        self.account_for(cpu, thread);
        self.calendar.set(cpu, Ns::MAX);
        let at = &mut self.cpus[cpu.index()];
        let loading = self.machine.now < at.overhead_end;
        let spun = at.doing == Doing::Spinning;
        let ran = self.machine.now - at.began;
        at.doing = Doing::Idle;
        at.last = Some((thread, why));
        let runtime = &mut self.threads[thread.index()];
        // Whoever is stopped while it loads its blocks finds nothing of them when it comes back.
        runtime.left_at_kib = if loading { u64::MAX } else { at.brought_kib };
        runtime.state = match why {
            Left::Preempted => State::Ready,
            Left::Blocked => State::Blocked,
            Left::Ended => State::Ended,
        };
        if why != Left::Preempted {
            self.runnable -= 1;
        }
        if spun {
            self.stop_spinning(thread);
        }
        self.asking.insert(cpu.index());
        let gone = Departure { cpu, thread, ran, why };
        self.policy.left(&self.machine, gone, &mut self.kick);
        self.serve_kicks();
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
    fn hopeless(&self) -> bool {
        self.timers.is_empty() && self.alive > 0 && self.runnable == self.unmet
    }

    /// Books the time since the last booking on what `cpu` did.
    pub(super) fn account(&mut self, cpu: CpuId) {
        if let Some(thread) = self.machine.running[cpu.index()] {
            self.account_for(cpu, thread);
        }
    }

    fn account_for(&mut self, cpu: CpuId, thread: ThreadId) {
        let now = self.machine.now;
        let at = &mut self.cpus[cpu.index()];
        let from = core::mem::replace(&mut at.since, now);
        let runtime = &mut self.threads[thread.index()];
        let mut book = |activity, from: Ns, to: Ns| {
            self.tally.book(activity, to - from);
            self.trace.add(Segment { cpu, thread, activity, from, to });
        };
        match at.doing {
            Doing::Idle => {}
            Doing::Overhead { switched } => {
                let switched = switched.clamp(from, now);
                book(Activity::Switching, from, switched);
                book(Activity::Reloading, switched, now);
            }
            Doing::Working => {
                book(Activity::Useful, from, now);
                if runtime.computing {
                    runtime.remaining = runtime.remaining - (now - from);
                    runtime.demand += now - from;
                }
            }
            Doing::Spinning => book(Activity::Spinning, from, now),
        }
    }

    /// The phase `thread` is in; `None` at the end of its program.
    pub(super) fn op(&self, thread: ThreadId) -> Option<Op> {
        let runtime = &self.threads[thread.index()];
        self.workload.programs[runtime.program as usize].get(runtime.pc as usize).copied()
    }
}
