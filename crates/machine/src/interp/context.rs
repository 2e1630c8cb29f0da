//! What the translation of an address depends on besides the tables: the context that caches keep entries for.

use crate::changes::Owner;
use crate::csr::status;
use crate::hart::Hart;
use crate::mmu::mode;
use crate::privilege::Privilege;
use crate::ram::{PAGE_SHIFT, RAM_BASE, Ram};

/// What a walk's outcome depends on besides the address and the kind of access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    satp: u64,
    vsatp: u64,
    hgatp: u64,
    flags: u64,
}

impl Context {
    /// A context in which no hart is.
    pub(super) const NONE: Context = Context { satp: 0, vsatp: 0, hgatp: 0, flags: u64::MAX };

    /// The context in which the hart loads, stores and fetches now.
    pub fn of(hart: &Hart) -> Context {
        let csr = &hart.csr;
        let flags = hart.privilege as u64 | u64::from(hart.virt) << 2;
        match (hart.privilege, hart.virt) {
            (Privilege::Machine, _) if csr.mstatus & status::MPRV != 0 => {
                let machine = status::MPRV | status::MPP | status::MPV | status::SUM | status::MXR;
                let guest = (csr.vsstatus & (status::SUM | status::MXR)) << 8;
                let flags = flags | csr.mstatus & machine | guest;
                Context { satp: csr.satp, vsatp: csr.vsatp, hgatp: csr.hgatp, flags }
            }
            (Privilege::Machine, _) => Context { flags, ..Context::default() },
            (_, false) => Context {
                satp: csr.satp,
                flags: flags | csr.mstatus & (status::SUM | status::MXR),
                ..Context::default()
            },
            (_, true) => Context {
                satp: 0,
                vsatp: csr.vsatp,
                hgatp: csr.hgatp,
                flags: flags | csr.mstatus & status::MXR | (csr.vsstatus & (status::SUM | status::MXR)) << 8,
            },
        }
    }

    /// The address of the root table that `satp` names.
    pub fn root_address(&self) -> u64 {
        mode::root_address(self.satp)
    }

    /// The page (from the start of memory) of the root table that `satp` names.
    pub fn root(&self) -> u64 {
        (self.root_address() >> PAGE_SHIFT).wrapping_sub(RAM_BASE >> PAGE_SHIFT)
    }

    /// Whether both are of a supervisor that translates in the same mode, and differ in the root table and the
    /// identifier of the address space at most.
    pub fn is_kin(&self, other: &Context) -> bool {
        let mode = self.satp >> MODE_SHIFT;
        let supervisor = Privilege::Supervisor as u64;
        let alike = Context { satp: other.satp, ..*self } == *other && mode == other.satp >> MODE_SHIFT;
        alike && mode != 0 && self.flags & PRIVILEGE == supervisor
    }

    /// Marks the root table as read by a walk: what is cached for this context is derived from it.
    pub fn mark_root(&self, ram: &mut Ram) {
        let Some(mode) = mode::of(self.satp).filter(|mode| mode.levels() > 0) else { return };
        let shift = PAGE_SHIFT + isa::pte::LEVEL_BITS * (mode.levels() - 1);
        ram.mark_table(self.root_address(), Owner::new(0, shift, mode.address_bits()));
    }
}

/// Where the mode stands in `satp`.
const MODE_SHIFT: u32 = 60;
/// Privilege and virtualization in [`Context::flags`].
const PRIVILEGE: u64 = 0b111;
