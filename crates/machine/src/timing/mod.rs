//! Modelled timing: what memory costs beyond the cycle that every instruction takes.
//!
//! Flat timing counts one cycle an instruction. Modelled timing adds, deterministically, the steps of page walks
//! that a TLB would not have spared ([`tlb`]), misses of private caches and the traffic that keeps them coherent
//! ([`cache`]), and a surcharge for atomics. It makes visible what affinity, TLB reach and lock contention cost;
//! it is no model of one particular core: no pipeline, no second-level cache of limited size, no bandwidth.
//!
//! Invariant: the model only counts. It is simulated state (in digests and snapshots, since it decides time), and
//! a node without it does everything the same at other times.

mod assoc;
mod cache;
mod tlb;

pub use tlb::{Fence, Space};

use crate::state_fields;
use cache::{Caches, CodeCache};
use tlb::Tlb;

/// Logarithm of the bytes in a cache line.
pub const LINE_SHIFT: u32 = 6;

/// Shape of a set-associative array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Sets; at least 1.
    pub sets: usize,
    /// Places in a set; at least 1.
    pub ways: usize,
}

/// What things cost, and how large they are.
///
/// The defaults have the shape of a small in-order RV64 core with private first-level caches over a shared second
/// level, such as SiFive's U74 (32 KiB, 8 ways for data and 4 for code, lines of 64 bytes, some 12 cycles more to
/// the shared level; its manual gives 40 fully associative TLB entries, taken here as 64 in 4 ways). A transfer
/// from another core's cache is taken as three such trips, and an atomic's surcharge as a pipeline refill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// Each of the two TLBs (fetches, data).
    pub tlb: Geometry,
    /// The data cache.
    pub data: Geometry,
    /// The instruction cache.
    pub code: Geometry,
    /// For each page-table entry that a walk reads.
    pub walk_step_cycles: u64,
    /// For a line from the shared level.
    pub miss_cycles: u64,
    /// For a line that another hart had modified.
    pub transfer_cycles: u64,
    /// For taking a shared line away from others.
    pub upgrade_cycles: u64,
    /// For each LR, SC and AMO.
    pub atomic_cycles: u64,
}

impl Default for Costs {
    fn default() -> Costs {
        Costs {
            tlb: Geometry { sets: 16, ways: 4 },
            data: Geometry { sets: 64, ways: 8 },
            code: Geometry { sets: 128, ways: 4 },
            walk_step_cycles: 12,
            miss_cycles: 12,
            transfer_cycles: 36,
            upgrade_cycles: 12,
            atomic_cycles: 4,
        }
    }
}

/// How memory is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// An instruction fetch.
    Fetch,
    /// A load.
    Read,
    /// A store.
    Write,
}

/// What a hart has been charged for; for reports, not simulated state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charges {
    /// Accesses whose translation was held.
    pub tlb_hits: u64,
    /// Accesses whose translation was not.
    pub tlb_misses: u64,
    /// Page-table entries read for those.
    pub walk_steps: u64,
    /// Accesses to cached lines.
    pub cache_hits: u64,
    /// Lines from the shared level.
    pub cache_misses: u64,
    /// Lines from other harts.
    pub transfers: u64,
    /// Lines taken away from other harts.
    pub upgrades: u64,
    /// Cycles added in all.
    pub cycles: u64,
}

/// The private hardware of one hart.
#[derive(Clone, Debug)]
struct Private {
    fetch_tlb: Tlb,
    data_tlb: Tlb,
    code: CodeCache,
    /// The line that the last instruction came from; the fetch buffer holds it.
    fetched: u64,
    charges: Charges,
}

state_fields!(Private { fetch_tlb, data_tlb, code, fetched });

/// The model of a node.
#[derive(Clone, Debug)]
pub struct Timing {
    costs: Costs,
    harts: Box<[Private]>,
    data: Caches,
}

state_fields!(Timing { harts, data });

/// No line: physical addresses are shorter.
const NO_LINE: u64 = u64::MAX;

impl Timing {
    /// The model of a node of `harts` harts, everything empty.
    pub fn new(harts: usize, costs: Costs) -> Timing {
        let private = Private {
            fetch_tlb: Tlb::new(costs.tlb),
            data_tlb: Tlb::new(costs.tlb),
            code: CodeCache::new(costs.code),
            fetched: NO_LINE,
            charges: Charges::default(),
        };
        Timing { costs, harts: vec![private; harts].into(), data: Caches::new(harts, costs.data) }
    }

    /// What things cost.
    pub fn costs(&self) -> &Costs {
        &self.costs
    }

    /// What `hart` has been charged for since power-on.
    pub fn charges(&self, hart: usize) -> &Charges {
        &self.harts[hart].charges
    }

    /// Whether `hart` holds the translation of `va`.
    pub fn holds(&mut self, hart: usize, space: Space, va: u64, touch: Touch) -> bool {
        let private = &mut self.harts[hart];
        let hit = private.tlb(touch).look_up(space, va);
        private.charges.tlb_hits += u64::from(hit);
        hit
    }

    /// `hart` has walked `steps` entries for the translation of `va`, and holds it now; the cycles that it took.
    pub fn walked(
        &mut self,
        hart: usize,
        space: Space,
        va: u64,
        touch: Touch,
        global: bool,
        steps: u64,
    ) -> u64 {
        let private = &mut self.harts[hart];
        private.tlb(touch).fill(space, va, global);
        private.charges.tlb_misses += 1;
        private.charges.walk_steps += steps;
        let cycles = steps * self.costs.walk_step_cycles;
        private.charges.cycles += cycles;
        cycles
    }

    /// `hart` touches `bytes` bytes at physical address `pa`; the cycles that the caches add.
    pub fn touch(&mut self, hart: usize, pa: u64, bytes: u64, touch: Touch) -> u64 {
        let last = pa.wrapping_add(bytes.max(1) - 1) >> LINE_SHIFT;
        (pa >> LINE_SHIFT..=last).map(|line| self.touch_line(hart, line, touch)).sum()
    }

    fn touch_line(&mut self, hart: usize, line: u64, touch: Touch) -> u64 {
        let found = match touch {
            Touch::Fetch => {
                self.harts[hart].fetched = line;
                self.harts[hart].code.fetch(line)
            }
            Touch::Read => self.data.read(hart, line),
            Touch::Write => self.data.write(hart, line),
        };
        let charges = &mut self.harts[hart].charges;
        match found {
            cache::Found::Hit => charges.cache_hits += 1,
            cache::Found::Upgrade => charges.upgrades += 1,
            cache::Found::Miss => charges.cache_misses += 1,
            cache::Found::Transfer => charges.transfers += 1,
        }
        let cycles = found.cycles(&self.costs);
        charges.cycles += cycles;
        cycles
    }

    /// Whether the instruction at `pa` comes from the line of the one before.
    #[inline]
    pub fn has_fetched(&self, hart: usize, pa: u64) -> bool {
        self.harts[hart].fetched == pa >> LINE_SHIFT
    }

    /// The surcharge of an atomic.
    pub fn atomic(&mut self, hart: usize) -> u64 {
        self.harts[hart].charges.cycles += self.costs.atomic_cycles;
        self.costs.atomic_cycles
    }

    /// `hart` forgets translations.
    pub fn fence(&mut self, hart: usize, fence: Fence) {
        let private = &mut self.harts[hart];
        private.fetch_tlb.fence(fence);
        private.data_tlb.fence(fence);
        private.fetched = NO_LINE;
    }

    /// `hart` forgets translations of one virtual machine, or of all.
    pub fn fence_machine(&mut self, hart: usize, vmid: Option<u16>) {
        let private = &mut self.harts[hart];
        private.fetch_tlb.forget_machine(vmid);
        private.data_tlb.forget_machine(vmid);
        private.fetched = NO_LINE;
    }

    /// `hart` forgets fetched code (`fence.i`).
    pub fn fence_code(&mut self, hart: usize) {
        self.harts[hart].code.clear();
        self.harts[hart].fetched = NO_LINE;
    }
}

impl Private {
    fn tlb(&mut self, touch: Touch) -> &mut Tlb {
        match touch {
            Touch::Fetch => &mut self.fetch_tlb,
            Touch::Read | Touch::Write => &mut self.data_tlb,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Source, State};

    const HOME: Space = Space { asid: 1, vmid: 0, virt: false };

    #[test]
    fn an_access_across_lines_pays_for_both() {
        let mut timing = Timing::new(1, Costs::default());
        let miss = Costs::default().miss_cycles;
        assert_eq!(timing.touch(0, 0x8000_003c, 8, Touch::Read), 2 * miss);
        assert_eq!(timing.touch(0, 0x8000_003c, 8, Touch::Read), 0);
        assert_eq!(timing.touch(0, 0x8000_0040, 8, Touch::Write), 0, "exclusive lines are written freely");
    }

    #[test]
    fn walks_are_paid_once_until_a_fence() {
        let mut timing = Timing::new(2, Costs::default());
        assert!(!timing.holds(0, HOME, 0x1000, Touch::Read));
        assert_eq!(timing.walked(0, HOME, 0x1000, Touch::Read, false, 4), 48);
        assert!(timing.holds(0, HOME, 0x1ff8, Touch::Write));
        assert!(!timing.holds(0, HOME, 0x1000, Touch::Fetch), "fetches have a TLB of their own");
        assert!(!timing.holds(1, HOME, 0x1000, Touch::Read), "and so has each hart");
        timing.fence(0, Fence::ALL);
        assert!(!timing.holds(0, HOME, 0x1000, Touch::Read));
        assert_eq!(timing.charges(0).cycles, 48);
    }

    #[test]
    fn the_state_is_saved_and_restored() {
        let mut timing = Timing::new(2, Costs::default());
        timing.touch(0, 0x8000_0000, 8, Touch::Write);
        timing.touch(1, 0x8000_0100, 8, Touch::Fetch);
        timing.walked(1, HOME, 0x1000, Touch::Read, true, 3);
        let mut bytes = Vec::new();
        timing.save(&mut |part| bytes.extend_from_slice(part));
        let mut copy = Timing::new(2, Costs::default());
        copy.restore(&mut Source::new(&bytes)).unwrap();
        assert!(copy.holds(1, HOME, 0x1000, Touch::Read) && copy.has_fetched(1, 0x8000_0100));
        assert_eq!(copy.touch(1, 0x8000_0000, 8, Touch::Write), Costs::default().transfer_cycles);
    }
}
