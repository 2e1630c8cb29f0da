//! The host threads that run stations through an epoch.
//!
//! Whoever has nothing to do takes the next station; who runs which is not seen by any of them. A worker that waits
//! spins for a while before it sleeps: epochs are short.
//!
//! Invariant: the board's list changes only while no worker holds it, and the epoch is over when every station of
//! the list has been run, whoever is late.

use crate::station::Station;
use crate::time::Ps;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{Scope, yield_now};

/// Turns of the loop in which a waiting thread does not give the CPU away.
const SPINS: u32 = 4000;

/// What there is to do in an epoch.
#[derive(Debug, Default)]
struct Work {
    stations: Vec<usize>,
    until: Ps,
}

/// Where the threads meet.
#[derive(Debug, Default)]
pub(crate) struct Board {
    work: RwLock<Work>,
    next: AtomicUsize,
    done: AtomicUsize,
    epochs: AtomicU64,
    quit: AtomicBool,
    sleepers: AtomicUsize,
    bed: Mutex<()>,
    bell: Condvar,
}

/// The threads of a run, the one that leads included.
pub(crate) struct Crew<'a> {
    board: &'a Board,
    stations: &'a [Mutex<Station>],
    helpers: usize,
}

/// The station in `slot`.
///
/// Panics: when the thread that ran it has.
pub(crate) fn station(slot: &Mutex<Station>) -> MutexGuard<'_, Station> {
    slot.lock().unwrap_or_else(|_| unreachable!("a thread that panics ends the run"))
}

impl<'a> Crew<'a> {
    /// Starts the threads but for the one that calls; never more than stations.
    pub(crate) fn muster<'scope>(
        scope: &'scope Scope<'scope, '_>,
        board: &'a Board,
        stations: &'a [Mutex<Station>],
        threads: usize,
    ) -> Crew<'a>
    where
        'a: 'scope,
    {
        let helpers = threads.min(stations.len()).saturating_sub(1);
        for _ in 0..helpers {
            scope.spawn(move || board.help(stations));
        }
        Crew { board, stations, helpers }
    }

    /// Runs these stations to `until`.
    pub(crate) fn run(&self, stations: &mut Vec<usize>, until: Ps) {
        if self.helpers == 0 || stations.len() < 2 {
            for index in stations.drain(..) {
                station(&self.stations[index]).run_epoch(until);
            }
            return;
        }
        let all = stations.len();
        {
            let mut work = self.board.work.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut work.stations, stations);
            work.until = until;
            self.board.next.store(0, SeqCst);
            self.board.done.store(0, SeqCst);
        }
        self.board.epochs.fetch_add(1, SeqCst);
        if self.board.sleepers.load(SeqCst) > 0 {
            drop(self.board.bed.lock());
            self.board.bell.notify_all();
        }
        self.board.take_part(self.stations);
        let mut spins = 0;
        while self.board.done.load(SeqCst) < all {
            spins += 1;
            if spins < SPINS { spin_loop() } else { yield_now() }
        }
        stations.clear();
    }
}

impl Drop for Crew<'_> {
    fn drop(&mut self) {
        self.board.quit.store(true, SeqCst);
        drop(self.board.bed.lock());
        self.board.bell.notify_all();
    }
}

/// Counts a station as done, also when it panics, so that nobody waits for it.
struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Board {
    fn help(&self, stations: &[Mutex<Station>]) {
        let mut seen = 0;
        while self.wait(&mut seen) {
            self.take_part(stations);
        }
    }

    /// Runs stations of the list until none is left.
    fn take_part(&self, stations: &[Mutex<Station>]) {
        let work = self.work.read().unwrap_or_else(PoisonError::into_inner);
        while let Some(index) = work.stations.get(self.next.fetch_add(1, SeqCst)) {
            let _done = Done(&self.done);
            station(&stations[*index]).run_epoch(work.until);
        }
    }

    /// Waits for an epoch after `seen`; false when there is none to come.
    fn wait(&self, seen: &mut u64) -> bool {
        let news = |seen: &u64| self.epochs.load(SeqCst) != *seen || self.quit.load(SeqCst);
        let mut spins = 0;
        while !news(seen) && spins < SPINS {
            spins += 1;
            spin_loop();
        }
        if !news(seen) {
            let mut bed = self.bed.lock().unwrap_or_else(PoisonError::into_inner);
            self.sleepers.fetch_add(1, SeqCst);
            while !news(seen) {
                bed = self.bell.wait(bed).unwrap_or_else(PoisonError::into_inner);
            }
            self.sleepers.fetch_sub(1, SeqCst);
        }
        *seen = self.epochs.load(SeqCst);
        !self.quit.load(SeqCst)
    }
}
