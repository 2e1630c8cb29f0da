//! One hart together with what it reaches while its turn runs: the view that instructions work on.

use crate::bus::Bus;
use crate::clock::Clock;
use crate::hart::Hart;

/// What differs between nodes in the architecture that software sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// The node's firmware is Multivac's own SBI, so that a supervisor's `ecall` leaves the engine.
    pub builtin_sbi: bool,
    /// Translation misses trap to system software instead of walking tables.
    pub software_tlb: bool,
}

/// A hart in its turn.
pub struct Core<'a> {
    /// The hart.
    pub hart: &'a mut Hart,
    /// Memory, devices and wires.
    pub bus: &'a mut Bus,
    /// Virtual time.
    pub clock: &'a Clock,
    /// The node's variant of the architecture.
    pub architecture: Architecture,
}

impl Core<'_> {
    /// The node's timebase now, as devices and [`crate::lines::Lines::mtimecmp`] count it.
    pub fn mtime(&self) -> u64 {
        self.clock.mtime(self.hart.cycles())
    }

    /// What `mtime` and `time` read now: the timebase, and what a guest added by writing `mtime`.
    pub fn time(&self) -> u64 {
        self.mtime().wrapping_add(self.bus.lines.mtime_offset)
    }
}
