//! What the machine charges, with where each default comes from.

use crate::unit::Ns;

/// Costs in virtual time, and the machine's shape. All may be zero.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// Saving one thread and loading another. 1.5 us: a Linux thread switch measured by ping-pong between two threads pinned to
    /// one core is 1.1 to 2.4 us on current x86 machines; 3.8 us on a 2 GHz Xeon of 2007 (Li, Ding, Shen, "Quantifying the cost
    /// of context switch", ExpCS 2007).
    pub context_switch: Ns,
    /// Loading one KiB of a working set into a cold cache. 100 ns: sixteen 64-byte lines at about 80 ns from memory with a
    /// dozen misses in flight, 10 GB/s.
    pub reload_per_kib: Ns,
    /// From one CPU to another that idles: send, deliver, leave the idle loop. 1 us: the order measured for x86 inter-processor
    /// interrupts.
    pub ipi: Ns,
    /// Holding the lock of a ready structure for one decision, without contention. 100 ns: a few misses on its lines.
    pub queue_lock: Ns,
    /// What each CPU that waits for that lock adds to its hand-over. 50 ns: one cache-line transfer; that it grows linearly with
    /// the waiters is the finding of Boyd-Wickizer, Kaashoek, Morris, Zeldovich, "Non-scalable locks are dangerous", OLS 2012.
    pub queue_line: Ns,
    /// A message between two threads, from send until it can be received. 1 us.
    pub message: Ns,
    /// A message between two nodes of a multicomputer. 50 us: a small packet through two kernels and a switch.
    pub node_message: Ns,
    /// Moving one KiB of a thread's memory to another node. 8 us: 1 Gbit/s.
    pub node_move_per_kib: Ns,
    /// The cache of a CPU, in KiB. 1 MiB: a private second-level cache.
    pub cache_kib: u64,
}

impl Default for Costs {
    fn default() -> Costs {
        Costs {
            context_switch: Ns(1_500),
            reload_per_kib: Ns(100),
            ipi: Ns(1_000),
            queue_lock: Ns(100),
            queue_line: Ns(50),
            message: Ns(1_000),
            node_message: Ns(50_000),
            node_move_per_kib: Ns(8_000),
            cache_kib: 1024,
        }
    }
}

impl Costs {
    /// Nothing costs anything: for comparison with theory.
    #[must_use]
    pub fn free() -> Costs {
        Costs {
            context_switch: Ns::ZERO,
            reload_per_kib: Ns::ZERO,
            ipi: Ns::ZERO,
            queue_lock: Ns::ZERO,
            queue_line: Ns::ZERO,
            message: Ns::ZERO,
            node_message: Ns::ZERO,
            node_move_per_kib: Ns::ZERO,
            cache_kib: 1024,
        }
    }

    /// How much of a working set is gone after others brought `brought_kib` into the cache: in proportion, as with random
    /// replacement.
    pub(super) fn displaced_kib(&self, working_set_kib: u64, brought_kib: u64) -> u64 {
        let brought = brought_kib.min(self.cache_kib.max(1));
        (u128::from(working_set_kib) * u128::from(brought) / u128::from(self.cache_kib.max(1)))
            .try_into()
            .unwrap_or(u64::MAX)
    }
}
