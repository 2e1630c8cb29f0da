//! CPU time as money: each period every thread gets its share, and may not spend more than its cap.
//!
//! Source: the Xen credit scheduler as its documentation describes it (weights, caps, under and over).

use super::Lists;
use crate::sched::{Arrival, Decision, Departure, Left, Machine, Setup};
use crate::unit::{CpuId, Ns, ThreadId};
use heap::vec;
use heap::vec::Vec;

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    credit_ns: i64,
    spent: Ns,
    period: u64,
    parked_in: u64,
    boosted: bool,
}

/// The accounts of all threads, settled when they are looked at: no work at the turn of a period.
///
/// Invariants: in a period a thread is given `cpus * period * weight / sum of weights`, at most one CPU; a balance is never
/// above one period's share; what is taken is what ran; who has spent its cap is parked until the next period.
#[derive(Clone, Debug)]
pub struct Accounts {
    cpus: u64,
    period: Ns,
    weights: u64,
    accounts: Vec<Account>,
    parked: Lists,
}

impl Accounts {
    /// Empty accounts.
    #[must_use]
    pub fn new(setup: &Setup<'_>) -> Accounts {
        Accounts {
            cpus: setup.cpus as u64,
            period: Ns(setup.tuning.period.0.max(1)),
            weights: 0,
            accounts: vec![Account::default(); setup.threads.len()],
            parked: Lists::new(setup.cpus, setup.threads.len()),
        }
    }

    /// `thread` can run; a new one opens an account, which makes the shares of the others smaller.
    pub fn enter(&mut self, machine: &Machine, thread: ThreadId, how: Arrival) {
        let account = &mut self.accounts[thread.index()];
        account.boosted = how == Arrival::Woken;
        if how == Arrival::New {
            self.weights += u64::from(machine.threads[thread.index()].weight.max(1));
            account.period = machine.now.0 / self.period.0;
        }
    }

    /// A thread left its CPU: it pays for what it ran, and closes its account if it ended.
    pub fn leave(&mut self, machine: &Machine, gone: Departure) {
        self.settle(machine, gone.thread);
        let account = &mut self.accounts[gone.thread.index()];
        account.credit_ns = account.credit_ns.saturating_sub(i64::try_from(gone.ran.0).unwrap_or(i64::MAX));
        account.spent += gone.ran;
        account.boosted = false;
        if gone.why == Left::Ended {
            self.weights -= u64::from(machine.threads[gone.thread.index()].weight.max(1));
        }
    }

    /// How soon `thread` goes: 2 just woken and with credit, 1 with credit, 0 without; or it is over its cap and was parked on
    /// `cpu`.
    pub fn level(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId) -> Option<u8> {
        if self.allowance(machine, thread) == Ns::ZERO {
            self.accounts[thread.index()].parked_in = machine.now.0 / self.period.0;
            self.parked.push(cpu.index(), thread);
            return None;
        }
        let account = self.accounts[thread.index()];
        Some(u8::from(account.credit_ns > 0) * (1 + u8::from(account.boosted)))
    }

    /// Run `thread` for at most `quantum`, and no longer than it may.
    pub fn run(&mut self, machine: &Machine, thread: ThreadId, quantum: Ns) -> Decision {
        Decision::quantum(Some(thread), self.allowance(machine, thread).min(quantum))
    }

    /// What `thread` may still spend in this period.
    pub fn allowance(&mut self, machine: &Machine, thread: ThreadId) -> Ns {
        self.settle(machine, thread);
        match self.cap(machine, thread) {
            Ns::ZERO => Ns::MAX,
            cap => cap - self.accounts[thread.index()].spent,
        }
    }

    /// Takes back a thread parked on `cpu` in an earlier period.
    pub fn unpark(&mut self, machine: &Machine, cpu: CpuId) -> Option<ThreadId> {
        let thread = self.parked.first(cpu.index())?;
        let due = self.accounts[thread.index()].parked_in < machine.now.0 / self.period.0;
        if due { self.parked.pop(cpu.index()) } else { None }
    }

    /// What a CPU without work does: wait for the next period if a thread is parked on it.
    #[must_use]
    pub fn wait(&self, machine: &Machine, cpu: CpuId) -> Decision {
        match self.parked.first(cpu.index()) {
            None => Decision::Idle,
            Some(_) => {
                Decision::IdleUntil(Ns((machine.now.0 / self.period.0 + 1).saturating_mul(self.period.0)))
            }
        }
    }

    /// What `thread` may spend in a period; zero means no cap.
    fn cap(&self, machine: &Machine, thread: ThreadId) -> Ns {
        let permille = u128::from(machine.threads[thread.index()].cap_permille);
        Ns(u64::try_from(u128::from(self.period.0) * permille / 1000).unwrap_or(u64::MAX))
    }

    fn settle(&mut self, machine: &Machine, thread: ThreadId) {
        let weight = u128::from(machine.threads[thread.index()].weight.max(1));
        let share =
            u128::from(self.cpus) * u128::from(self.period.0) * weight / u128::from(self.weights.max(1));
        let share = i64::try_from(share.min(u128::from(self.period.0))).unwrap_or(i64::MAX);
        let cap = self.cap(machine, thread);
        let (account, period) = (&mut self.accounts[thread.index()], machine.now.0 / self.period.0 + 1);
        let passed = period - account.period;
        if passed > 0 {
            let given = share.saturating_mul(i64::try_from(passed).unwrap_or(i64::MAX));
            account.credit_ns = account.credit_ns.saturating_add(given).min(share);
            // What went over the cap (a quantum may straddle two periods) is taken from the next.
            account.spent = account.spent - Ns(cap.0.saturating_mul(passed));
            account.period = period;
        }
    }
}
