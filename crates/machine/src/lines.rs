//! The wires between devices, interrupt controllers and harts.

use crate::state_fields;

/// Bits of `mip` that hardware drives.
pub mod mip {
    /// Supervisor software interrupt.
    pub const SSIP: u64 = 1 << 1;
    /// Virtual supervisor software interrupt.
    pub const VSSIP: u64 = 1 << 2;
    /// Machine software interrupt.
    pub const MSIP: u64 = 1 << 3;
    /// Supervisor timer interrupt.
    pub const STIP: u64 = 1 << 5;
    /// Virtual supervisor timer interrupt.
    pub const VSTIP: u64 = 1 << 6;
    /// Machine timer interrupt.
    pub const MTIP: u64 = 1 << 7;
    /// Supervisor external interrupt.
    pub const SEIP: u64 = 1 << 9;
    /// Virtual supervisor external interrupt.
    pub const VSEIP: u64 = 1 << 10;
    /// Machine external interrupt.
    pub const MEIP: u64 = 1 << 11;
    /// Supervisor guest external interrupt.
    pub const SGEIP: u64 = 1 << 12;
}

/// Levels that devices drive: interrupt sources into the PLIC, and bits of `mip` into each hart.
#[derive(Clone, Debug)]
pub struct Lines {
    /// Level of each PLIC source (bit n is source n; source 0 does not exist).
    pub sources: u128,
    /// Per hart: `MSIP`, `MTIP`, `MEIP`, `SEIP` as driven from outside the hart.
    pub level: Box<[u64]>,
    /// Per hart: `SSIP` was raised from outside (ACLINT SSWI, SBI); the hart takes it over into its own `mip`.
    pub raise_ssip: Box<[bool]>,
    /// Per hart: the tick of the node's timebase at which `MTIP` is due.
    pub mtimecmp: Box<[u64]>,
    /// What a guest that wrote `mtime` added to the node's timebase: the `time` CSR reads the sum (wrapping).
    pub mtime_offset: u64,
    /// Something above changed since the run loop last looked.
    pub changed: bool,
}

state_fields!(Lines { sources, level, raise_ssip, mtimecmp, mtime_offset, changed });

impl Lines {
    /// All wires low, no timer set.
    pub fn new(harts: usize) -> Lines {
        Lines {
            sources: 0,
            level: vec![0; harts].into(),
            raise_ssip: vec![false; harts].into(),
            mtimecmp: vec![u64::MAX; harts].into(),
            mtime_offset: 0,
            changed: false,
        }
    }

    /// Drives one bit of a hart's `mip`.
    pub fn set(&mut self, hart: usize, bit: u64, high: bool) {
        let Some(level) = self.level.get_mut(hart) else { return };
        let new = if high { *level | bit } else { *level & !bit };
        self.changed |= new != *level;
        *level = new;
    }

    /// Drives a PLIC source.
    pub fn set_source(&mut self, source: u32, high: bool) {
        let bit = 1u128 << (source & 127);
        let new = if high { self.sources | bit } else { self.sources & !bit };
        self.changed |= new != self.sources;
        self.sources = new;
    }
}
