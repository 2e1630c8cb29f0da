//! Memory management: from a virtual address to a physical one, or to the trap that says why not.
//!
//! [`translate`] walks the page tables afresh at each call and holds no cache: the engines cache what it
//! returns, and [`crate::ram::Ram`] tells them when to forget. One file a concept: [`mode`] (the registers),
//! [`pte`] (what an entry says), [`walk`] (one stage and two), [`pmp`] (protection of physical memory),
//! [`trace`] (the same walk, shown step by step), [`software`] (the TLB that system software fills, in place of
//! the walk).

pub mod memory;
pub mod mode;
pub mod pmp;
pub mod pte;
pub mod software;
pub mod trace;
mod walk;

use crate::privilege::Privilege;
use crate::trap::{Cause, Trap};
use memory::TableMemory;
use pmp::Pmp;
use walk::{Fault, Walker};

pub use isa::pte::PHYSICAL_BITS;
pub use mode::{hgatp_write, satp_write};

/// What an instruction does at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Fetches an instruction.
    Fetch,
    /// Loads (LR too).
    Load,
    /// Stores (SC, AMOs and `cbo.zero` too).
    Store,
    /// Manages a cache block (`cbo.inval`, `cbo.clean`, `cbo.flush`): allowed where a load is, refused with
    /// the exceptions of a store, sets no D bit.
    Manage,
}

/// What may be done to a range of addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Perms {
    /// Loads.
    pub read: bool,
    /// Stores.
    pub write: bool,
    /// Fetches.
    pub execute: bool,
}

impl Perms {
    /// Everything.
    pub const ALL: Perms = Perms { read: true, write: true, execute: true };

    /// Whether `access` is among them.
    pub fn allow(self, access: Access) -> bool {
        match access {
            Access::Fetch => self.execute,
            // Writable always implies readable, in page tables and in PMP.
            Access::Load | Access::Manage => self.read,
            Access::Store => self.write,
        }
    }

    /// What both allow.
    #[must_use]
    pub fn and(self, other: Perms) -> Perms {
        Perms {
            read: self.read && other.read,
            write: self.write && other.write,
            execute: self.execute && other.execute,
        }
    }
}

/// An access to translate, with the state of the hart that bears on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The virtual address.
    pub va: u64,
    /// Length of the access; it does not cross a page.
    pub bytes: u64,
    /// What is done there.
    pub access: Access,
    /// The effective privilege, after `MPRV`, `SPVP`; machine mode is not translated, only checked by PMP.
    pub privilege: Privilege,
    /// Whether both stages apply (V is 1, or a hypervisor load or store).
    pub virt: bool,
    /// An `HLVX`: a load that needs execute permission in place of read.
    pub hlvx: bool,
    /// `sstatus.SUM` of HS.
    pub sum: bool,
    /// `sstatus.MXR` of HS: it bears on both stages.
    pub mxr: bool,
    /// `vsstatus.SUM`.
    pub vs_sum: bool,
    /// `vsstatus.MXR`: it bears on the first stage.
    pub vs_mxr: bool,
}

impl Request {
    /// An access by the supervisor without virtualization, `SUM` and `MXR` clear.
    pub const fn supervisor(va: u64, bytes: u64, access: Access) -> Request {
        Request {
            va,
            bytes,
            access,
            privilege: Privilege::Supervisor,
            virt: false,
            hlvx: false,
            sum: false,
            mxr: false,
            vs_sum: false,
            vs_mxr: false,
        }
    }
}

/// The registers of the hart that govern translation.
#[derive(Clone, Copy, Debug)]
pub struct Env<'a> {
    /// First stage without virtualization.
    pub satp: u64,
    /// First stage with virtualization.
    pub vsatp: u64,
    /// Second stage.
    pub hgatp: u64,
    /// `ADUE` and `PBMTE` for `satp` and `hgatp`.
    pub menvcfg: u64,
    /// `ADUE` and `PBMTE` for `vsatp`.
    pub henvcfg: u64,
    /// Protection of physical memory.
    pub pmp: &'a Pmp,
}

/// `menvcfg.ADUE`, `henvcfg.ADUE`: hardware sets A and D bits.
pub const ENVCFG_ADUE: u64 = 1 << 61;
/// `menvcfg.PBMTE`, `henvcfg.PBMTE`: the PBMT bits are defined.
pub const ENVCFG_PBMTE: u64 = 1 << 62;

/// How many page-table entries a walk read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// In the table of `satp` or `vsatp`.
    pub first: u8,
    /// In the table of `hgatp`, those on behalf of the first stage's entries included.
    pub second: u8,
}

/// Where an access goes, and what else may go there without another walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    /// The physical address of the request's address.
    pub pa: u64,
    /// Logarithm of the size of the aligned block around the address over which the mapping and `perms` are
    /// the same; below 12 when PMP divides the page. A NAPOT entry gives 16, trusting its 15 siblings to be alike;
    /// an engine that caches by 4-KiB page need not trust.
    pub shift: u32,
    /// What the same privilege, virtualization mode, SUM and MXR may do in the block as things stand; stores
    /// only where D is set already. For an `HLVX`, `read` stands for this kind of load.
    pub perms: Perms,
    /// Whether the first stage maps the address alike in every address space.
    pub global: bool,
    /// The guest physical address, when both stages apply.
    pub gpa: Option<u64>,
    /// The walk's length.
    pub steps: Steps,
    /// Where the table lies whose entry maps the page, if it is one of the last level and no second stage applies.
    pub last_table: Option<u64>,
}

/// Walks the page tables for `request`, setting A and D bits where `ADUE` says so.
///
/// Errors: the page fault, guest-page fault or access fault that the access takes. `tinst` is the
/// pseudoinstruction for a fault on a first-stage entry, else 0 (the engine may put the transformed
/// instruction there).
/// Source: RISC-V Privileged Architecture, "Virtual Address Translation Process", "Two-Stage Address
/// Translation".
pub fn translate<M: TableMemory>(
    env: &Env<'_>,
    memory: &mut M,
    request: &Request,
) -> Result<Translation, Trap> {
    walk::run(&mut Walker::new(env, memory, &mut walk::Silent), request)
        .map_err(|fault| trap_of(fault, request))
}

/// The end of the walk for `request` from `table` on, the table of the last level that [`Translation::last_table`]
/// named for an address in the same 2 MiB of the same address space; `None` where the whole walk is needed: for faults,
/// and where A or D is to be set.
pub fn translate_from<M: TableMemory>(
    env: &Env<'_>,
    memory: &mut M,
    request: &Request,
    table: u64,
) -> Option<Translation> {
    walk::run_last(&mut Walker::new(env, memory, &mut walk::Silent), request, table)
}

/// What one stage checks an access against.
#[derive(Clone, Copy, Debug)]
struct Want {
    access: Access,
    user: bool,
    sum: bool,
    mxr: bool,
    /// A load that needs X instead of R.
    execute_to_read: bool,
}

impl Want {
    fn of(request: &Request) -> Want {
        Want {
            access: request.access,
            user: request.privilege == Privilege::User,
            sum: request.sum,
            mxr: request.mxr,
            execute_to_read: request.hlvx,
        }
    }
}

/// The exception that `fault` is to the program that asked for `request`.
fn trap_of(fault: Fault, request: &Request) -> Trap {
    let mut trap = Trap::new(Cause::LoadPageFault, request.va);
    trap.gva = request.virt;
    trap.cause = match (&fault, request.access) {
        (Fault::Page, Access::Fetch) => Cause::InstructionPageFault,
        (Fault::Page, Access::Load) => Cause::LoadPageFault,
        (Fault::Page, Access::Store | Access::Manage) => Cause::StorePageFault,
        (Fault::Access, Access::Fetch) => Cause::InstructionAccessFault,
        (Fault::Access, Access::Load) => Cause::LoadAccessFault,
        (Fault::Access, Access::Store | Access::Manage) => Cause::StoreAccessFault,
        (Fault::Guest { .. }, Access::Fetch) => Cause::InstructionGuestPageFault,
        (Fault::Guest { .. }, Access::Load) => Cause::LoadGuestPageFault,
        (Fault::Guest { .. }, Access::Store | Access::Manage) => Cause::StoreGuestPageFault,
    };
    if let Fault::Guest { gpa, pseudoinstruction } = fault {
        trap.tval2 = gpa >> 2;
        trap.tinst = pseudoinstruction;
    }
    trap
}

#[cfg(test)]
mod tests;
