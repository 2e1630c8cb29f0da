//! CPU time as money: each period every thread gets its share, and may not spend more than its cap.
//!
//! Source: the Xen credit scheduler as its documentation describes it (weights, caps, under and over).

use super::{Record, Records};
use crate::sched::{Arrival, Decision, Departure, Left, Machine, Setup};
use crate::unit::{CpuId, Ns, ThreadId};

/// What is known of a thread, in half a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
pub struct Account {
    credit_ns: i64,
    spent: Ns,
    /// The first period for which it has not been settled.
    period: u64,
    boosted: bool,
}

impl Record for Account {
    fn word(&self) -> u32 {
        u32::from(self.boosted)
    }
}

/// The accounts of all threads, settled when they are looked at: no work at the turn of a period.
///
/// Invariants: in a period a thread is given `cpus * period * weight / sum of weights`, at most one CPU; a balance is never
/// above one period's share; what is taken is what ran; who has spent its cap is parked until the next period.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// Of each thread its account; parked are, by CPU, those over their caps.
    pub threads: Records<Account>,
    cpus: u64,
    period: Ns,
    quantum: Ns,
    /// The period that it is now, and when the next begins.
    turn: (u64, Ns),
    /// The sum of the weights of those that have come and not ended.
    weights: u64,
    /// Of a weight and a sum of weights, the share.
    usual: (u64, u64, u64),
}

impl Accounts {
    /// Empty accounts.
    #[must_use]
    pub fn new(setup: &Setup<'_>) -> Accounts {
        Accounts {
            threads: Records::new(setup, setup.cpus, Account::default()),
            cpus: setup.cpus as u64,
            period: Ns(setup.tuning.period.0.max(1)),
            quantum: setup.tuning.quantum,
            turn: (0, Ns::ZERO),
            weights: 0,
            usual: (0, 0, 0),
        }
    }

    /// `thread` can run; a new one opens an account, which makes the shares of the others smaller.
    pub fn enter(&mut self, machine: &Machine, thread: ThreadId, how: Arrival) {
        let period = self.turn(machine.now);
        let account = &mut self.threads[thread];
        account.boosted = how == Arrival::Woken;
        if how == Arrival::New {
            self.weights += machine.weight(thread);
            account.period = period;
        }
    }

    /// A thread left its CPU: it pays for what it ran, and closes its account if it ended.
    pub fn leave(&mut self, machine: &Machine, gone: Departure) {
        self.settle(machine, gone.thread);
        let account = &mut self.threads[gone.thread];
        account.credit_ns = account.credit_ns.saturating_sub(i64::try_from(gone.ran.0).unwrap_or(i64::MAX));
        account.spent += gone.ran;
        account.boosted = false;
        if gone.why == Left::Ended {
            self.weights -= machine.weight(gone.thread);
        }
    }

    /// Puts `thread` into the queue of its CPU: first those just woken and with credit, then those with credit, then those
    /// without. Or it is over its cap, and parked.
    pub fn queue(&mut self, machine: &Machine, thread: ThreadId) {
        if self.allowance(machine, thread) == Ns::ZERO {
            return self.threads.park(self.threads.queues.home(thread).index(), thread);
        }
        let account = self.threads[thread];
        let level = u8::from(account.credit_ns > 0) * (1 + u8::from(account.boosted));
        self.threads.queues.append(thread, level);
    }

    /// Run `thread` for at most a quantum, and no longer than it may.
    pub fn run(&mut self, machine: &Machine, thread: ThreadId) -> Decision {
        Decision::quantum(Some(thread), self.allowance(machine, thread).min(self.quantum))
    }

    /// What `thread` may still spend in this period.
    fn allowance(&mut self, machine: &Machine, thread: ThreadId) -> Ns {
        self.settle(machine, thread);
        match self.cap(machine, thread) {
            Ns::ZERO => Ns::MAX,
            cap => cap - self.threads[thread].spent,
        }
    }

    /// Takes back a thread parked on `cpu` in an earlier period.
    pub fn unpark(&mut self, machine: &Machine, cpu: CpuId) -> Option<ThreadId> {
        // It was settled when it was parked.
        let period = self.turn(machine.now);
        self.threads.unpark(cpu.index(), |account| account.period <= period)
    }

    /// What a CPU without work does: wait for the next period if a thread is parked on it.
    #[must_use]
    pub fn wait(&mut self, machine: &Machine, cpu: CpuId) -> Decision {
        self.turn(machine.now);
        self.threads.parked(cpu.index()).map_or(Decision::Idle, |_| Decision::IdleUntil(self.turn.1))
    }

    /// The number of the period that it is at `now`, which never goes back.
    fn turn(&mut self, now: Ns) -> u64 {
        if now >= self.turn.1 {
            let number = now.0 / self.period.0;
            self.turn = (number, Ns((number + 1).saturating_mul(self.period.0)));
        }
        self.turn.0
    }

    /// What `thread` may spend in a period; zero means no cap.
    fn cap(&self, machine: &Machine, thread: ThreadId) -> Ns {
        match machine.cap_permille(thread) {
            0 => Ns::ZERO,
            permille => Ns(muldiv(self.period.0, u64::from(permille), 1000)),
        }
    }

    #[inline]
    fn settle(&mut self, machine: &Machine, thread: ThreadId) {
        let period = self.turn(machine.now) + 1;
        let passed = period - self.threads[thread].period;
        if passed > 0 {
            self.give(machine, thread, passed);
        }
    }

    /// Gives `thread` its share of so many periods.
    #[inline(never)]
    fn give(&mut self, machine: &Machine, thread: ThreadId, passed: u64) {
        let cap = self.cap(machine, thread);
        let account = &mut self.threads[thread];
        let weight = machine.weight(thread);
        if (self.usual.0, self.usual.1) != (weight, self.weights) {
            let all = self.cpus.saturating_mul(self.period.0);
            let share = muldiv(all, weight, self.weights.max(1)).min(self.period.0);
            self.usual = (weight, self.weights, share);
        }
        let share = i64::try_from(self.usual.2).unwrap_or(i64::MAX);
        let given = share.saturating_mul(i64::try_from(passed).unwrap_or(i64::MAX));
        account.credit_ns = account.credit_ns.saturating_add(given).min(share);
        // What went over the cap (a quantum may straddle two periods) is taken from the next.
        account.spent = account.spent - Ns(cap.0.saturating_mul(passed));
        account.period += passed;
    }
}

/// `a * b / c`, at most what 64 bits hold; division of 128 bits is slow, and seldom needed.
fn muldiv(a: u64, b: u64, c: u64) -> u64 {
    match a.checked_mul(b) {
        Some(product) => product / c,
        None => u64::try_from(u128::from(a) * u128::from(b) / u128::from(c)).unwrap_or(u64::MAX),
    }
}
