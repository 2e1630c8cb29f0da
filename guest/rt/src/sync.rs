//! What harts share: a spin lock and a barrier.

use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A value behind a test-and-set lock.
///
/// Invariant: the value is touched only while `held` is true, by the hart that made it so.
pub struct SpinLock<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the lock lets one hart at a time at the value, so it may go from hart to hart when T may.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// A free lock.
    pub const fn new(value: T) -> SpinLock<T> {
        SpinLock { held: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Runs `work` on the value alone, and gives how often it found the lock taken.
    pub fn with(&self, work: impl FnOnce(&mut T)) -> usize {
        let mut spins = 0;
        while self.held.swap(true, Ordering::Acquire) {
            spins += 1;
            while self.held.load(Ordering::Relaxed) {
                spin_loop();
            }
        }
        // SAFETY: the lock is held by this hart until the store below.
        work(unsafe { &mut *self.value.get() });
        self.held.store(false, Ordering::Release);
        spins
    }
}

/// All of `harts` arrive before any goes on.
pub struct Barrier {
    arrived: AtomicUsize,
}

impl Barrier {
    /// A barrier that nobody has reached.
    pub const fn new() -> Barrier {
        Barrier { arrived: AtomicUsize::new(0) }
    }

    /// Waits until as many harts as a multiple of `harts` have come.
    pub fn wait(&self, harts: usize) {
        let mine = self.arrived.fetch_add(1, Ordering::AcqRel);
        let round_end = (mine / harts + 1) * harts;
        while self.arrived.load(Ordering::Acquire) < round_end {
            spin_loop();
        }
    }
}

impl Default for Barrier {
    fn default() -> Barrier {
        Barrier::new()
    }
}
