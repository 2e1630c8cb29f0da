//! What happens next: one event a CPU, and any number of timers.

use super::wheel::Wheel;
use crate::unit::{CpuId, Ns, ThreadId};

/// The next event of each CPU; of equal times the one that was set first.
///
/// Invariant: of a CPU's items in the wheel at most those for `due` count; others have been replaced.
pub(super) struct Calendar {
    due: Vec<Ns>,
    wheel: Wheel<CpuId>,
}

impl Calendar {
    pub(super) fn new(cpus: usize) -> Calendar {
        Calendar { due: vec![Ns::MAX; cpus], wheel: Wheel::new() }
    }

    /// When the next item is due, counting or not; `Ns::MAX` when there is none. Tells `soon` of CPUs that have events not
    /// long after.
    pub(super) fn first(&mut self, soon: impl FnMut(&[(u64, CpuId)])) -> Ns {
        self.wheel.first(soon)
    }

    /// Takes the next item, which is due `at`: the CPU whose event it is, which has none then, or `None` if it has been
    /// replaced.
    pub(super) fn pop(&mut self, at: Ns) -> Option<CpuId> {
        let cpu = self.wheel.pop()?;
        let due = &mut self.due[cpu.index()];
        if *due != at {
            return None;
        }
        *due = Ns::MAX;
        Some(cpu)
    }

    /// Sets the next event of `cpu`, in place of the one that it had.
    #[inline]
    pub(super) fn set(&mut self, cpu: CpuId, at: Ns) {
        let due = core::mem::replace(&mut self.due[cpu.index()], at);
        if due != at && at < Ns::MAX {
            self.wheel.push(at, cpu);
        }
    }
}

/// Something that will come to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// It is created.
    Arrive(ThreadId),
    /// Its I/O is done.
    Io(ThreadId),
    /// A message reaches it.
    Deliver(ThreadId),
}

impl Timer {
    /// To whom it comes.
    pub(super) fn thread(self) -> ThreadId {
        let (Timer::Arrive(thread) | Timer::Io(thread) | Timer::Deliver(thread)) = self;
        thread
    }
}

/// Timers, earliest first; equal times: arrivals, then the others in the order in which they were set.
pub(super) type Timers = Wheel<Timer>;

/// No timers but the arrivals of these threads, in the order of their numbers.
pub(super) fn arrivals(times: impl Iterator<Item = Ns>) -> Timers {
    let mut timers = Wheel::new();
    times.enumerate().for_each(|(index, at)| timers.push(at, Timer::Arrive(ThreadId::new(index))));
    timers
}

#[cfg(test)]
mod tests {
    use super::{Calendar, Timer, arrivals};
    use crate::unit::{CpuId, Ns, ThreadId};

    #[test]
    fn the_calendar_gives_the_earliest_event_after_any_change() {
        let mut rng = crate::rng::Rng::new(3);
        for cpus in [1, 2, 3, 7, 100] {
            let (mut calendar, mut plain, mut now) = (Calendar::new(cpus), vec![Ns::MAX; cpus], Ns::ZERO);
            for _ in 0..2_000 {
                let cpu = rng.below(cpus);
                plain[cpu] = if rng.below(4) == 0 { Ns::MAX } else { now + Ns(rng.below(50) as u64) };
                calendar.set(CpuId::new(cpu), plain[cpu]);
                let first = *plain.iter().min().unwrap();
                if rng.below(3) == 0 && first < Ns::MAX {
                    let cpu = core::iter::from_fn(|| {
                        let at = calendar.first(|_| ());
                        Some(calendar.pop(at))
                    })
                    .flatten()
                    .next()
                    .unwrap();
                    now = core::mem::replace(&mut plain[cpu.index()], Ns::MAX);
                    assert_eq!(now, first);
                }
            }
        }
    }

    #[test]
    fn timers_come_in_order_and_arrivals_first() {
        let mut timers = arrivals([Ns(5), Ns(0), Ns(5)].into_iter());
        timers.push(Ns(5), Timer::Io(ThreadId(9)));
        timers.push(Ns(2), Timer::Io(ThreadId(8)));
        let order: Vec<_> = std::iter::from_fn(|| {
            timers.first(|_| ());
            timers.pop()
        })
        .collect();
        let (arrive, io) = (|t| Timer::Arrive(ThreadId(t)), |t| Timer::Io(ThreadId(t)));
        assert_eq!(order, [arrive(1), io(8), arrive(0), arrive(2), io(9)]);
        assert!(timers.is_empty());
    }
}
