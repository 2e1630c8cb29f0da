//! What the phases of a program do: computing, waiting, locking, meeting, sending.

use super::Options;
use super::engine::Engine;
use super::events::Timer;
use super::stuck::Stop;
use super::thread::{State, Waits};
use super::workload::{Op, SyncKind, SyncRef, Wait};
use crate::rng::Rng;
use crate::sched::{Arrival, Left};
use crate::unit::{CpuId, Ns, ThreadId};

/// What a phase without duration leads to.
enum Then {
    /// The next phase.
    Go,
    /// The thread waits for this.
    Wait(Waits, Wait),
}

impl Engine<'_> {
    /// Carries phases of `thread` out until one takes time or the thread loses `cpu`.
    pub(super) fn advance(&mut self, cpu: CpuId, thread: ThreadId) {
        while self.machine.running[cpu.index()] == Some(thread) {
            self.steps += 1;
            if self.steps > self.options.steps_max || self.failure.is_some() {
                return;
            }
            let Some(op) = self.op(thread) else { return self.end(cpu, thread) };
            let runtime = &mut self.threads[thread.index()];
            match op {
                Op::Compute(time) => {
                    if !runtime.computing {
                        runtime.computing = true;
                        runtime.remaining = runtime.draw(time, || stream(self.options, thread));
                    }
                    if runtime.remaining > Ns::ZERO {
                        return self.arm(cpu);
                    }
                    runtime.computing = false;
                    runtime.pc += 1;
                }
                Op::Io(time) => {
                    runtime.pc += 1;
                    let time = runtime.draw(time, || stream(self.options, thread));
                    runtime.demand += time;
                    runtime.waits = Waits::Io;
                    self.set_timer(time, Timer::Io(thread));
                    return self.stop(cpu, Left::Blocked);
                }
                Op::Repeat(times) => runtime.repeat(times, &mut self.rarely[thread.index()]),
                Op::End(start) => runtime.end_of_loop(start, &self.rarely[thread.index()]),
                _ => {
                    runtime.pc += 1;
                    if let Then::Wait(waits, how) = self.communicate(thread, op) {
                        return self.wait(cpu, thread, waits, how);
                    }
                }
            }
        }
    }

    fn set_timer(&mut self, time: Ns, timer: Timer) {
        let at = self.before_the_end(self.machine.now + time);
        self.timers.push(at, timer);
    }

    fn end(&mut self, cpu: CpuId, thread: ThreadId) {
        self.alive -= 1;
        self.tally.ended(thread, self.threads[thread.index()].demand, self.machine.now);
        self.stop(cpu, Left::Ended);
    }

    fn wait(&mut self, cpu: CpuId, thread: ThreadId, waits: Waits, how: Wait) {
        self.account(cpu);
        let runtime = &mut self.threads[thread.index()];
        runtime.waits = waits;
        self.rarely[thread.index()].wait_since = self.machine.now;
        match how {
            Wait::Block => self.stop(cpu, Left::Blocked),
            Wait::Spin => {
                self.unmet += 1;
                self.spin(cpu);
            }
        }
    }

    fn sync(&self, thread: ThreadId, name: SyncRef) -> usize {
        self.workload.resolve(self.machine.group(thread), name)
    }

    fn communicate(&mut self, thread: ThreadId, op: Op) -> Then {
        match op {
            Op::Lock(name) => {
                let sync = self.sync(thread, name);
                self.lock(thread, sync)
            }
            Op::Unlock(name) => {
                let sync = self.sync(thread, name);
                self.unlock(thread, sync)
            }
            Op::Down(name) => {
                let sync = self.sync(thread, name);
                self.down(thread, sync)
            }
            Op::Up(name) => {
                let sync = self.sync(thread, name);
                self.up(sync)
            }
            Op::Barrier(name) => {
                let sync = self.sync(thread, name);
                self.meet(thread, sync)
            }
            Op::WaitFor(name) => {
                let condition = self.sync(thread, name);
                let monitor = self.monitor(thread, name, condition);
                self.unlock(thread, monitor);
                self.queue(thread, condition, Wait::Block)
            }
            Op::Signal(name) => {
                let condition = self.sync(thread, name);
                self.signal(self.monitor(thread, name, condition), condition)
            }
            Op::Send(rank) => {
                let first = self.machine.group_of(thread).first;
                self.send(thread, ThreadId(first.0 + rank))
            }
            Op::SendTo(to) => self.send(thread, to),
            Op::Receive(how) => self.receive(thread, how),
            Op::Compute(_) | Op::Io(_) | Op::Repeat(_) | Op::End(_) => Then::Go,
        }
    }

    /// The monitor of a condition: global or local as the condition is.
    fn monitor(&self, thread: ThreadId, name: SyncRef, condition: usize) -> usize {
        let SyncKind::Condition(monitor) = self.syncs.all[condition].kind else { return condition };
        let named = if matches!(name, SyncRef::Global(_)) {
            SyncRef::Global(monitor)
        } else {
            SyncRef::Local(monitor)
        };
        self.sync(thread, named)
    }

    fn lock(&mut self, thread: ThreadId, sync: usize) -> Then {
        self.tally.lock_requests += 1;
        if self.syncs.all[sync].holder.is_none() {
            self.take(thread, sync);
            return Then::Go;
        }
        let how = self.syncs.wait(sync);
        self.syncs.all[sync].spinners += u32::from(how == Wait::Spin);
        self.queue(thread, sync, how)
    }

    /// `thread` joins those that wait for `sync`.
    fn queue(&mut self, thread: ThreadId, sync: usize, how: Wait) -> Then {
        let spins = how == Wait::Spin && self.syncs.all[sync].kind == SyncKind::SpinLock;
        self.syncs.lists.push(2 * sync + usize::from(!spins), thread);
        self.rarely[thread.index()].sync = ThreadId::new(sync).0;
        Then::Wait(Waits::Sync, how)
    }

    /// `thread` gets the free lock `sync`: whoever else spins for it spins in vain.
    fn take(&mut self, thread: ThreadId, sync: usize) {
        let lock = &mut self.syncs.all[sync];
        lock.holder = Some(thread);
        self.unmet += lock.spinners as usize;
        self.hold(thread, sync, true);
    }

    fn hold(&mut self, thread: ThreadId, sync: usize, holds: bool) {
        if self.syncs.all[sync].kind == SyncKind::SpinLock {
            let held = &mut self.rarely[thread.index()].held;
            *held = if holds { *held + 1 } else { *held - 1 };
            self.machine.set_holds_spin_lock(thread, *held > 0);
        }
    }

    fn unlock(&mut self, thread: ThreadId, sync: usize) -> Then {
        if self.syncs.all[sync].holder != Some(thread) {
            let name = self.workload.tasks[thread.index()].name.clone();
            let lock = self.workload.synchronizers[sync].name.clone();
            self.failure = Some(Stop::NotHolder { thread, name, lock, at: self.machine.now });
            return Then::Go;
        }
        self.hold(thread, sync, false);
        self.syncs.all[sync].holder = None;
        self.unmet -= self.syncs.all[sync].spinners as usize;
        if let Some(next) = self.syncs.lists.pop(2 * sync) {
            self.grant_spinner(next, sync);
        } else if let Some(next) = self.syncs.lists.pop(2 * sync + 1) {
            self.take(next, sync);
            self.waited(next);
            self.wake(next);
        }
        Then::Go
    }

    /// A thread that spins on its CPU gets the lock.
    fn grant_spinner(&mut self, thread: ThreadId, sync: usize) {
        self.syncs.all[sync].spinners -= 1;
        self.take(thread, sync);
        self.waited(thread);
        self.go_on(thread);
    }

    fn waited(&mut self, thread: ThreadId) {
        self.tally.lock_wait += self.machine.now - self.rarely[thread.index()].wait_since;
    }

    fn wake(&mut self, thread: ThreadId) {
        self.threads[thread.index()].waits = Waits::Nothing;
        self.make_ready(thread, Arrival::Woken);
    }

    /// A thread that spins has a CPU again: whether what it waits for is there now.
    pub(super) fn retry(&mut self, thread: ThreadId) -> bool {
        let runtime = &mut self.threads[thread.index()];
        let rarely = &mut self.rarely[thread.index()];
        let sync = match runtime.waits {
            Waits::Sync => rarely.sync as usize,
            Waits::Message if rarely.mailbox > 0 => {
                rarely.mailbox -= 1;
                runtime.waits = Waits::Nothing;
                self.answered(thread);
                return true;
            }
            _ => return false,
        };
        if self.syncs.all[sync].kind != SyncKind::SpinLock {
            return false;
        }
        if self.syncs.all[sync].holder.is_some() {
            self.syncs.lists.push(2 * sync, thread);
            return false;
        }
        // It was not counted as spinning in vain since the lock was given back.
        self.syncs.all[sync].spinners -= 1;
        self.take(thread, sync);
        self.waited(thread);
        self.threads[thread.index()].waits = Waits::Nothing;
        true
    }

    /// A thread that spins for a lock loses its CPU.
    pub(super) fn stop_spinning(&mut self, thread: ThreadId) {
        let sync = self.rarely[thread.index()].sync as usize;
        if self.threads[thread.index()].waits == Waits::Sync
            && self.syncs.all[sync].kind == SyncKind::SpinLock
        {
            self.syncs.lists.remove(2 * sync, thread);
        }
    }

    fn down(&mut self, thread: ThreadId, sync: usize) -> Then {
        self.tally.lock_requests += 1;
        let semaphore = &mut self.syncs.all[sync];
        if semaphore.count > 0 {
            semaphore.count -= 1;
            return Then::Go;
        }
        self.queue(thread, sync, Wait::Block)
    }

    fn up(&mut self, sync: usize) -> Then {
        match self.syncs.lists.pop(2 * sync + 1) {
            Some(next) => {
                self.waited(next);
                self.wake(next);
            }
            None => self.syncs.all[sync].count = self.syncs.all[sync].count.saturating_add(1),
        }
        Then::Go
    }

    fn signal(&mut self, monitor: usize, condition: usize) -> Then {
        if let Some(next) = self.syncs.lists.pop(2 * condition + 1) {
            if self.syncs.all[monitor].holder.is_none() {
                self.take(next, monitor);
                self.wake(next);
            } else {
                self.queue(next, monitor, Wait::Block);
            }
        }
        Then::Go
    }

    fn meet(&mut self, thread: ThreadId, sync: usize) -> Then {
        let SyncKind::Barrier(parties, how) = self.syncs.all[sync].kind else { return Then::Go };
        self.syncs.all[sync].count += 1;
        if self.syncs.all[sync].count < parties {
            return self.queue(thread, sync, how);
        }
        self.syncs.all[sync].count = 0;
        self.tally.barriers += 1;
        // Whoever goes on may come back to this very barrier: only those who wait now are let go.
        for _ in 1..parties {
            let next = self.syncs.lists.pop(2 * sync + 1).expect("all but the last wait");
            match how {
                Wait::Block => self.wake(next),
                Wait::Spin => {
                    self.unmet -= 1;
                    self.go_on(next);
                }
            }
        }
        Then::Go
    }

    fn send(&mut self, thread: ThreadId, to: ThreadId) -> Then {
        let (options, now) = (self.options, self.machine.now);
        let node = |thread: ThreadId| {
            let cpu = self.machine.last_cpu(thread);
            cpu.map(|cpu| cpu.index() * options.nodes / options.cpus)
        };
        let apart = node(to).is_some_and(|other| Some(other) != node(thread));
        let latency = if apart { options.costs.node_message } else { options.costs.message };
        let sent_at = &mut self.rarely[thread.index()].sent_at;
        *sent_at = now.min(*sent_at);
        self.tally.messages += 1;
        if latency == Ns::ZERO {
            self.deliver(to);
        } else {
            self.set_timer(latency, Timer::Deliver(to));
        }
        Then::Go
    }

    fn receive(&mut self, thread: ThreadId, how: Wait) -> Then {
        let mailbox = &mut self.rarely[thread.index()].mailbox;
        if *mailbox == 0 {
            return Then::Wait(Waits::Message, how);
        }
        *mailbox -= 1;
        self.answered(thread);
        Then::Go
    }

    /// A message reaches `thread`.
    pub(super) fn deliver(&mut self, thread: ThreadId) {
        let spins = self.spins(thread);
        let runtime = &mut self.threads[thread.index()];
        let mailbox = &mut self.rarely[thread.index()].mailbox;
        if runtime.waits != Waits::Message {
            *mailbox += 1;
        } else if runtime.state == State::Blocked {
            self.answered(thread);
            self.wake(thread);
        } else if spins {
            self.unmet -= 1;
            self.answered(thread);
            self.go_on(thread);
        } else {
            // It spun until its quantum ended: it finds the message when it runs again.
            self.unmet -= usize::from(*mailbox == 0);
            *mailbox += 1;
        }
    }

    /// A thread that had sent something has received something: an exchange is complete.
    fn answered(&mut self, thread: ThreadId) {
        let sent = core::mem::replace(&mut self.rarely[thread.index()].sent_at, Ns::MAX);
        if sent < Ns::MAX {
            self.tally.exchanged(self.machine.now - sent);
        }
    }
}

/// The random numbers of `thread`: each thread has its own, so that every policy has the same work to do.
fn stream(options: &Options, thread: ThreadId) -> Rng {
    Rng::stream(options.seed, u64::from(thread.0))
}
