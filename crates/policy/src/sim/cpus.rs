//! What a CPU does: asks the policy, switches, loads, works, spins, and books its time.

use super::engine::Engine;
use super::stuck::{self, Stop};
use super::thread::{State, Waits};
use super::trace::{Activity, Segment};
use crate::sched::{Decision, Departure, Left, Verdict};
use crate::unit::{CpuId, Ns, ThreadId};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Idle,
    /// Switching, then reloading.
    Overhead,
    Working,
    Spinning,
}

/// A CPU in motion: a cache line.
#[repr(align(64))]
pub(super) struct Cpu {
    pub(super) doing: Doing,
    pub(super) kicked: bool,
    /// Why the last thread left.
    pub(super) why: Left,
    /// Which one that was.
    pub(super) last: Option<ThreadId>,
    since: Ns,
    /// When the last dispatch had switched, and reloaded.
    switched: Ns,
    overhead_end: Ns,
    /// The length of the quantum until it begins, then its end.
    quantum: Ns,
    began: Ns,
    brought_kib: u64,
}

const _: () = assert!(size_of::<Cpu>() == 64);

impl Cpu {
    /// A CPU that has done nothing yet.
    pub(super) fn new() -> Cpu {
        Cpu {
            doing: Doing::Idle,
            kicked: false,
            why: Left::Ended,
            last: None,
            since: Ns::ZERO,
            switched: Ns::ZERO,
            overhead_end: Ns::ZERO,
            quantum: Ns::MAX,
            began: Ns::ZERO,
            brought_kib: 0,
        }
    }
}

impl Engine<'_> {
    /// Asks the policy what `cpu` shall run, and starts it.
    pub(super) fn dispatch(&mut self, cpu: CpuId) {
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
        let before = &self.cpus[cpu.index()];
        if before.last != Some(thread) {
            switching += self.options.costs.context_switch;
            self.tally.switches += 1;
            self.tally.preemptions += u64::from(before.why == Left::Preempted);
        }
        let from = self.machine.runs_on(cpu, thread);
        let reload = self.load(cpu, thread, from);
        self.slot_used = true;
        self.threads[thread.index()].state = State::Running;
        let at = &mut self.cpus[cpu.index()];
        at.kicked = false;
        at.since = now;
        at.began = now;
        at.quantum = quantum.unwrap_or(Ns::MAX);
        at.switched = now + switching;
        at.overhead_end = at.switched + reload;
        at.doing = Doing::Overhead;
        if at.overhead_end == now {
            self.begin(cpu);
        } else {
            let end = at.overhead_end;
            let end = self.before_the_end(end);
            self.calendar.set(cpu, end);
        }
    }

    /// How long a decision takes: the interrupt that asked for it, and the lock of the ready structure.
    fn decision_time(&mut self, cpu: CpuId) -> Ns {
        let costs = &self.options.costs;
        let ipi = if self.cpus[cpu.index()].kicked { costs.ipi } else { Ns::ZERO };
        if !self.shared {
            return ipi + costs.queue_lock;
        }
        let remote = if self.options.nodes > 1 { Ns(2 * costs.node_message.0) } else { Ns::ZERO };
        let locked = self.take_queue_lock();
        self.tally.queue_requests += 1;
        self.tally.queue_wait += locked - costs.queue_lock;
        ipi + remote + locked
    }

    /// Queues for the lock of the shared structure; how long until the decision is made.
    pub(super) fn take_queue_lock(&mut self) -> Ns {
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
    pub(super) fn cold_kib(&self, thread: ThreadId) -> u64 {
        let (whole, left_at_kib) =
            (self.rarely[thread.index()].working_set_kib, self.rarely[thread.index()].left_at_kib);
        match self.machine.last_cpu(thread) {
            Some(cpu) if left_at_kib != u64::MAX => {
                let brought = self.cpus[cpu.index()].brought_kib - left_at_kib;
                self.options.costs.displaced_kib(whole, brought)
            }
            _ => whole,
        }
    }

    /// Brings the working set of `thread`, which ran last on `from`, to `cpu`; how long that takes.
    fn load(&mut self, cpu: CpuId, thread: ThreadId, from: Option<CpuId>) -> Ns {
        let options = self.options;
        let moved = from.is_some_and(|from| from != cpu);
        self.tally.migrations += u64::from(moved);
        if !self.caches {
            return Ns::ZERO;
        }
        let whole = self.rarely[thread.index()].working_set_kib;
        let cold = if moved { whole } else { self.cold_kib(thread) };
        self.cpus[cpu.index()].brought_kib += cold;
        let node = |cpu: CpuId| cpu.index() * options.nodes / options.cpus;
        let apart = from.is_some_and(|from| node(from) != node(cpu));
        let per_kib = if apart { options.costs.node_move_per_kib } else { options.costs.reload_per_kib };
        Ns(cold.saturating_mul(per_kib.0))
    }

    pub(super) fn cpu_event(&mut self, cpu: CpuId) {
        let Some(thread) = self.machine.running[cpu.index()] else {
            self.machine.idle.remove(cpu.index());
            self.asking.insert(cpu.index());
            return;
        };
        let was = self.cpus[cpu.index()].doing;
        self.account(cpu);
        let runtime = &mut self.threads[thread.index()];
        if was == Doing::Overhead {
            return self.begin(cpu);
        }
        if runtime.computing && runtime.remaining == Ns::ZERO {
            runtime.computing = false;
            runtime.pc += 1;
        }
        if self.machine.now < self.cpus[cpu.index()].quantum {
            return self.advance(cpu, thread);
        }
        match self.policy.expired(&self.machine, cpu, thread) {
            Verdict::Extend(extra) if extra > Ns::ZERO => {
                self.tally.extensions += 1;
                self.cpus[cpu.index()].quantum = self.machine.now + extra;
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
        at.quantum = now + at.quantum;
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
        self.spins_on(thread).is_some()
    }

    fn spins_on(&self, thread: ThreadId) -> Option<CpuId> {
        let cpu = self.machine.last_cpu(thread)?;
        let spins = self.cpus[cpu.index()].doing == Doing::Spinning;
        (spins && self.machine.running[cpu.index()] == Some(thread)).then_some(cpu)
    }

    /// What the thread spun for has come: it goes on at once if it has a CPU in hand.
    pub(super) fn go_on(&mut self, thread: ThreadId) {
        self.threads[thread.index()].waits = Waits::Nothing;
        if let Some(cpu) = self.spins_on(thread) {
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
        // In slots a thread works until its slot ends.
        let (ends, mut end) = (at.doing == Doing::Working && self.slot.is_none(), done.min(at.quantum));
        if ends {
            end = self.before_the_end(end);
        }
        self.calendar.set(cpu, end);
    }

    /// When something is due; at the end of virtual time, where additions stop, the run ends.
    pub(super) fn before_the_end(&mut self, at: Ns) -> Ns {
        if at == Ns::MAX {
            self.failure = Some(Stop::EndOfTime { at: self.machine.now });
        }
        at
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
        (at.last, at.why) = (Some(thread), why);
        let runtime = &mut self.threads[thread.index()];
        if self.caches {
            // Whoever is stopped while it loads its blocks finds nothing of them when it comes back.
            self.rarely[thread.index()].left_at_kib = if loading { u64::MAX } else { at.brought_kib };
        }
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
        if from == now {
            return;
        }
        let runtime = &mut self.threads[thread.index()];
        let mut book = |activity, from: Ns, to: Ns| {
            self.tally.book(activity, to - from);
            if self.trace.records() {
                self.trace.add(Segment { cpu, thread, activity, from, to });
            }
        };
        match at.doing {
            Doing::Idle => {}
            Doing::Overhead => {
                let switched = at.switched.clamp(from, now);
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
}
