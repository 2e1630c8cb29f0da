//! Physical memory protection: which physical addresses each privilege level may touch.
//!
//! 64 entries are architectural; the first [`Pmp::ENTRIES`] exist, the rest read zero and ignore writes, as on
//! QEMU's `virt` board. The grain is 4 bytes, so NA4 exists and every bit of `pmpaddr` is kept.
//!
//! Invariant: `ranges` and `active` are derived from the registers; only the registers are simulated state.

use super::{Access, PHYSICAL_BITS, Perms};
use crate::privilege::Privilege;
use crate::state::{Source, State, StateError};

const READ: u8 = 1 << 0;
const WRITE: u8 = 1 << 1;
const EXECUTE: u8 = 1 << 2;
const LOCKED: u8 = 1 << 7;
const RESERVED: u8 = 0b0110_0000;
/// Bits of an address that `pmpaddr` holds, as address >> 2.
const ADDRESS_MASK: u64 = (1 << (PHYSICAL_BITS - 2)) - 1;

/// How an entry's address registers name a range (`pmpcfg.A`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matching {
    Off,
    TopOfRange,
    Word,
    PowerOfTwo,
}

impl Matching {
    fn of(config: u8) -> Matching {
        match config >> 3 & 3 {
            0 => Matching::Off,
            1 => Matching::TopOfRange,
            2 => Matching::Word,
            _ => Matching::PowerOfTwo,
        }
    }
}

/// A half-open range of physical addresses; empty when `low >= high`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Range {
    low: u64,
    high: u64,
}

/// The PMP registers of a hart.
///
/// Source: RISC-V Privileged Architecture, "Physical Memory Protection".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pmp {
    config: [u8; Pmp::ENTRIES],
    address: [u64; Pmp::ENTRIES],
    ranges: [Range; Pmp::ENTRIES],
    /// From the first entry that is not off to one past the last.
    active: (usize, usize),
}

impl Default for Pmp {
    fn default() -> Pmp {
        Pmp::new()
    }
}

impl Pmp {
    /// Entries that exist.
    pub const ENTRIES: usize = 16;

    /// The reset state: every entry off and unlocked, so only M-mode can access memory.
    pub fn new() -> Pmp {
        Pmp {
            config: [0; Pmp::ENTRIES],
            address: [0; Pmp::ENTRIES],
            ranges: [Range::default(); Pmp::ENTRIES],
            active: (0, 0),
        }
    }

    /// What firmware leaves for an S-mode kernel: the last entry allows everything, unlocked.
    pub fn open() -> Pmp {
        let mut pmp = Pmp::new();
        pmp.config[Pmp::ENTRIES - 1] = READ | WRITE | EXECUTE | 3 << 3;
        pmp.address[Pmp::ENTRIES - 1] = ADDRESS_MASK;
        pmp.derive();
        pmp
    }

    /// The registers as words, for digests: the configuration bytes, then the addresses.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        self.config.iter().map(|config| u64::from(*config)).chain(self.address)
    }

    /// Reads the CSR `pmpcfgN` for an even `N`.
    pub fn read_cfg(&self, register: usize) -> u64 {
        let mut bytes = [0; 8];
        for (byte, entry) in bytes.iter_mut().zip(register * 4..) {
            *byte = self.config.get(entry).copied().unwrap_or(0);
        }
        u64::from_le_bytes(bytes)
    }

    /// Writes the CSR `pmpcfgN` for an even `N`; true when something changed (cached translations are void).
    ///
    /// Locked entries keep their byte; the reserved combination of W without R becomes neither.
    pub fn write_cfg(&mut self, register: usize, value: u64) -> bool {
        let before = self.config;
        for (byte, entry) in value.to_le_bytes().into_iter().zip(register * 4..) {
            let Some(config) = self.config.get_mut(entry) else { break };
            if *config & LOCKED == 0 {
                *config = legal(byte);
            }
        }
        self.derive();
        before != self.config
    }

    /// Reads the CSR `pmpaddrN`.
    pub fn read_addr(&self, register: usize) -> u64 {
        self.address.get(register).copied().unwrap_or(0)
    }

    /// Writes the CSR `pmpaddrN`; true when something changed (cached translations are void).
    ///
    /// Ignored when the entry is locked, or the next one is locked and takes this one as its lower bound.
    pub fn write_addr(&mut self, register: usize, value: u64) -> bool {
        let locked = |entry: usize| self.config.get(entry).is_some_and(|config| config & LOCKED != 0);
        let bounds_locked = locked(register + 1)
            && self.config.get(register + 1).is_some_and(|c| Matching::of(*c) == Matching::TopOfRange);
        if register >= Pmp::ENTRIES || locked(register) || bounds_locked {
            return false;
        }
        let changed = self.address[register] != value & ADDRESS_MASK;
        self.address[register] = value & ADDRESS_MASK;
        self.derive();
        changed
    }

    /// Whether `privilege` may access `bytes` at `pa`.
    ///
    /// The first entry that matches any byte decides, and denies when it does not match all of them.
    pub fn allows(&self, pa: u64, bytes: u64, access: Access, privilege: Privilege) -> bool {
        let end = pa.saturating_add(bytes);
        for entry in self.active.0..self.active.1 {
            let range = self.ranges[entry];
            if range.low < end && pa < range.high && range.low < range.high {
                let whole = range.low <= pa && end <= range.high;
                return whole && self.perms_of(entry, privilege).allow(access);
            }
        }
        privilege == Privilege::Machine
    }

    /// The largest aligned block around `pa`, at most `1 << shift_max` bytes, over which one entry (or none)
    /// decides, and what it allows there.
    ///
    /// Units: the block is given as the logarithm of its size in bytes.
    pub fn uniform(&self, pa: u64, shift_max: u32, privilege: Privilege) -> (u32, Perms) {
        let mut shift = shift_max.min(PHYSICAL_BITS);
        for entry in self.active.0..self.active.1 {
            let range = self.ranges[entry];
            if range.low >= range.high {
                continue;
            }
            loop {
                let low = pa >> shift << shift;
                let high = low + (1 << shift);
                if high <= range.low || range.high <= low {
                    break;
                }
                if range.low <= low && high <= range.high {
                    return (shift, self.perms_of(entry, privilege));
                }
                // Bounds are multiples of 4, so this ends at 2 at the latest.
                shift -= 1;
            }
        }
        let all = privilege == Privilege::Machine;
        (shift, Perms { read: all, write: all, execute: all })
    }

    fn perms_of(&self, entry: usize, privilege: Privilege) -> Perms {
        let config = self.config[entry];
        let all = privilege == Privilege::Machine && config & LOCKED == 0;
        Perms {
            read: all || config & READ != 0,
            write: all || config & WRITE != 0,
            execute: all || config & EXECUTE != 0,
        }
    }

    fn derive(&mut self) {
        self.active = (0, 0);
        for entry in 0..Pmp::ENTRIES {
            let address = self.address[entry];
            let previous = if entry == 0 { 0 } else { self.address[entry - 1] };
            let matching = Matching::of(self.config[entry]);
            self.ranges[entry] = match matching {
                Matching::Off => Range::default(),
                Matching::TopOfRange => Range { low: previous << 2, high: address << 2 },
                Matching::Word => Range { low: address << 2, high: (address << 2) + 4 },
                Matching::PowerOfTwo => {
                    let ones = address.trailing_ones();
                    let low = address >> ones << ones << 2;
                    Range { low, high: low + (8 << ones) }
                }
            };
            if matching != Matching::Off {
                let first = if self.active.1 == 0 { entry } else { self.active.0 };
                self.active = (first, entry + 1);
            }
        }
    }
}

impl State for Pmp {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.config.save(sink);
        self.address.save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.config.restore(source)?;
        self.address.restore(source)?;
        self.config.iter_mut().for_each(|config| *config = legal(*config));
        self.address.iter_mut().for_each(|address| *address &= ADDRESS_MASK);
        self.derive();
        Ok(())
    }
}

fn legal(config: u8) -> u8 {
    let config = config & !RESERVED;
    if config & (READ | WRITE) == WRITE { config & !WRITE } else { config }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Privilege = Privilege::Supervisor;
    const M: Privilege = Privilege::Machine;
    const NAPOT: u8 = 3 << 3;
    const NA4: u8 = 2 << 3;
    const TOR: u8 = 1 << 3;

    /// A PMP whose first entries are (configuration, address >> 2).
    fn pmp(entries: &[(u8, u64)]) -> Pmp {
        let mut pmp = Pmp::new();
        for (index, &(_, address)) in entries.iter().enumerate() {
            pmp.write_addr(index, address);
        }
        for (index, &(config, _)) in entries.iter().enumerate() {
            let register = index / 8 * 2;
            let value = pmp.read_cfg(register) | u64::from(config) << (index % 8 * 8);
            pmp.write_cfg(register, value);
        }
        pmp
    }

    #[test]
    fn reset_allows_machine_mode_only() {
        let pmp = Pmp::new();
        assert!(pmp.allows(0x8000_0000, 8, Access::Store, M));
        assert!(!pmp.allows(0x8000_0000, 8, Access::Load, S));
        assert!(Pmp::open().allows(0x8000_0000, 8, Access::Fetch, Privilege::User));
        assert_eq!(Pmp::open().uniform(0x1234, 56, S).0, 56);
    }

    #[test]
    fn the_first_match_decides_and_a_partial_match_denies() {
        let pmp = pmp(&[(NA4 | READ, 0x1000 >> 2), (NAPOT | READ | WRITE, 0x1000 >> 2 | 0x1ff)]);
        let cases: &[(u64, u64, Access, bool)] = &[
            (0x1000, 4, Access::Load, true),
            (0x1000, 4, Access::Store, false),
            (0x1000, 8, Access::Load, false),
            (0x1004, 4, Access::Store, true),
            (0x1ffc, 8, Access::Load, false),
            (0x2000, 1, Access::Load, false),
            (0x1004, 2, Access::Fetch, false),
        ];
        for &(pa, bytes, access, allowed) in cases {
            assert_eq!(pmp.allows(pa, bytes, access, S), allowed, "{pa:#x} {bytes} {access:?}");
        }
        assert!(pmp.allows(0x1000, 4, Access::Store, M), "an unlocked entry does not bind M-mode");
        assert!(!pmp.allows(0x0ffe, 4, Access::Load, M), "but a partial match does");
    }

    #[test]
    fn locks_hold_the_entry_and_the_bound_below_it() {
        let mut pmp = pmp(&[(0, 0x2000 >> 2), (TOR | READ | LOCKED, 0x3000 >> 2)]);
        assert!(!pmp.write_addr(0, 0), "the lower bound of a locked range");
        assert!(!pmp.write_addr(1, 0));
        assert!(!pmp.write_cfg(0, 0));
        assert!(pmp.allows(0x2ff8, 8, Access::Load, M));
        assert!(!pmp.allows(0x2ff8, 8, Access::Store, M), "a locked entry binds M-mode");
        assert!(pmp.write_cfg(0, 0xff), "the unlocked neighbour can still change");
        assert_eq!(pmp.read_cfg(0) & 0xff, 0x9f, "reserved bits read zero");
    }

    #[test]
    fn writes_are_legalized() {
        let mut pmp = Pmp::new();
        pmp.write_cfg(0, 0x0202_0202_0202_0202);
        assert_eq!(pmp.read_cfg(0), 0, "W without R is reserved");
        pmp.write_addr(0, u64::MAX);
        assert_eq!(pmp.read_addr(0), ADDRESS_MASK);
        assert!(!pmp.write_addr(16, 1) && !pmp.write_cfg(4, 0x1f));
        assert_eq!((pmp.read_addr(63), pmp.read_cfg(14)), (0, 0));
    }

    #[test]
    fn restoring_derives_the_ranges_again() {
        let pmp = pmp(&[(NA4, 0x8000_0800 >> 2), (NAPOT | 7 | LOCKED, ADDRESS_MASK)]);
        let mut bytes = Vec::new();
        pmp.save(&mut |part| bytes.extend_from_slice(part));
        let mut copy = Pmp::new();
        copy.restore(&mut Source::new(&bytes)).unwrap();
        assert_eq!(copy, pmp);
        assert!(!copy.allows(0x8000_0800, 4, Access::Load, S));
    }

    #[test]
    fn an_empty_range_matches_nothing() {
        let pmp = pmp(&[(0, 0x3000 >> 2), (TOR | READ, 0x3000 >> 2), (NAPOT | 7, ADDRESS_MASK)]);
        assert!(pmp.allows(0x2ffc, 8, Access::Store, S));
        assert_eq!(pmp.uniform(0x3000, 12, S), (12, Perms { read: true, write: true, execute: true }));
    }

    #[test]
    fn uniform_blocks_stop_at_bounds() {
        let pmp = pmp(&[(NA4, 0x8000_0800 >> 2), (NAPOT | 7, ADDRESS_MASK)]);
        assert_eq!(pmp.uniform(0x8000_0800, 30, S).0, 2);
        assert_eq!(pmp.uniform(0x8000_0804, 30, S).0, 2);
        assert_eq!(pmp.uniform(0x8000_0000, 30, S).0, 11);
        assert_eq!(pmp.uniform(0x8000_1000, 30, S).0, 12);
        assert_eq!(pmp.uniform(0x4000_0000, 30, S).0, 30);
    }
}
