//! Queues with a record of each thread beside them, and threads set aside until their record lets them go on.

use super::{Lists, LocalQueues, Memory, touch};
use crate::sched::Setup;
use crate::unit::{CpuId, ThreadId};
use core::ops::{Index, IndexMut};
use heap::vec;
use heap::vec::Vec;

/// What a policy notes of a thread.
pub trait Record: Copy {
    /// A word of it, which is read so that all of it is fetched.
    fn word(&self) -> u32;
}

/// What a policy notes of each thread, the queues of those that may run, and lists of those that may not.
#[derive(Clone, Debug)]
pub struct Records<T> {
    /// Those who may run.
    pub queues: LocalQueues,
    records: Vec<T>,
    parked: Lists,
}

impl<T: Record> Records<T> {
    /// `record` of each thread, and `lots` empty lists to park in.
    #[must_use]
    pub fn new(setup: &Setup<'_>, lots: usize, record: T) -> Records<T> {
        let threads = setup.threads.len();
        let (queues, parked) = (LocalQueues::new(setup), Lists::new(lots, threads));
        Records { queues, records: vec![record; threads], parked }
    }

    /// Sets `thread` aside in `lot`.
    pub fn park(&mut self, lot: usize, thread: ThreadId) {
        self.parked.push(lot, thread);
    }

    /// Who was set aside in `lot` first.
    #[must_use]
    pub fn parked(&self, lot: usize) -> Option<ThreadId> {
        self.parked.first(lot)
    }

    /// Takes back who was set aside in `lot` first, if it `may` run now.
    pub fn unpark(&mut self, lot: usize, may: impl FnOnce(&T) -> bool) -> Option<ThreadId> {
        self.parked(lot).filter(|thread| may(&self[*thread])).and_then(|_| self.parked.pop(lot))
    }
}

impl<T> Index<ThreadId> for Records<T> {
    type Output = T;

    fn index(&self, thread: ThreadId) -> &T {
        &self.records[thread.index()]
    }
}

impl<T> IndexMut<ThreadId> for Records<T> {
    fn index_mut(&mut self, thread: ThreadId) -> &mut T {
        &mut self.records[thread.index()]
    }
}

impl<T: Record> Memory for Records<T> {
    fn soon(&self, cpu: CpuId) -> Option<ThreadId> {
        self.queues.soon(cpu)
    }

    fn fetch(&self, threads: &[ThreadId]) {
        touch(threads.iter().map(|thread| self[*thread].word()));
        self.queues.fetch(threads);
    }
}
