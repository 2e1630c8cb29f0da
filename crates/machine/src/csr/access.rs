//! Who may access which register.

use super::{counters, environment, hypervisor, status};
use crate::core::{Architecture, Core};
use crate::privilege::Privilege;
use crate::trap::Trap;
use isa::csr as n;

/// Last of the event counters that a user reads.
const HPMCOUNTER31: u16 = n::HPMCOUNTER3 + 28;
/// Last of the machine's event counters.
const MHPMCOUNTER31: u16 = n::MHPMCOUNTER3 + 28;
/// Last of the event selectors.
const MHPMEVENT31: u16 = n::MHPMEVENT3 + 28;
/// Last of the protection addresses.
pub(super) const PMPADDR63: u16 = n::PMPADDR0 + 63;
/// Last of the protection configurations; on RV64 only even numbers exist.
pub(super) const PMPCFG14: u16 = n::PMPCFG0 + 14;

/// Why a register is out of reach, before the instruction's bits are attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// An illegal instruction.
    Illegal,
    /// A virtual instruction: the hypervisor may emulate it.
    Virtual,
}

impl Denied {
    /// The exception for the instruction `raw`.
    pub fn trap(self, raw: u32) -> Trap {
        match self {
            Denied::Illegal => Trap::illegal(raw),
            Denied::Virtual => Trap::virtual_instruction(raw),
        }
    }

    /// `Virtual` in virtualization mode, else `Illegal`.
    pub fn by_mode(virt: bool) -> Denied {
        if virt { Denied::Virtual } else { Denied::Illegal }
    }
}

/// Decides whether the current mode may access register `number`, for writing too if `write`.
///
/// The result is the register that the number means: in virtualization mode the supervisor's numbers mean the
/// virtual supervisor's registers.
///
/// Errors: [`Denied`].
/// Source: RISC-V Privileged Architecture, "CSR Address Mapping Conventions", "Virtual-Instruction Exception".
pub fn access(core: &Core<'_>, number: u16, write: bool) -> Result<u16, Denied> {
    if !exists(core.architecture, number) {
        return Err(Denied::Illegal);
    }
    if write && number >> 10 == 3 {
        return Err(Denied::Illegal);
    }
    let hart = &*core.hart;
    let needs = (number >> 8) & 3;
    let allowed = match (hart.privilege, hart.virt) {
        (Privilege::Machine, _) => true,
        (Privilege::Supervisor, false) => needs <= 2,
        (Privilege::Supervisor, true) => needs <= 1,
        (Privilege::User, _) => needs == 0,
    };
    if !allowed {
        // In virtualization mode a register that HS-mode could access is the hypervisor's to emulate.
        let withheld = matches!(number, n::STIMECMP | n::VSTIMECMP) && !environment::has_stimecmp(hart);
        return Err(if hart.virt && needs <= 2 && !withheld { Denied::Virtual } else { Denied::Illegal });
    }
    specific(core, number)?;
    Ok(if hart.virt { guest_alias(number) } else { number })
}

/// Rules that depend on more than the number.
fn specific(core: &Core<'_>, number: u16) -> Result<(), Denied> {
    let hart = &*core.hart;
    let supervisor = hart.privilege == Privilege::Supervisor;
    match number {
        n::FFLAGS | n::FRM | n::FCSR => {
            let off = |word: u64| word & status::FS == 0;
            if off(hart.csr.mstatus) || (hart.virt && off(hart.csr.vsstatus)) {
                return Err(Denied::Illegal);
            }
            Ok(())
        }
        n::CYCLE..=HPMCOUNTER31 => counters::may_read(hart, number),
        n::SATP if supervisor && hart.virt && hart.csr.hstatus & hypervisor::VTVM != 0 => {
            Err(Denied::Virtual)
        }
        n::SATP | n::HGATP if supervisor && !hart.virt && hart.csr.mstatus & status::TVM != 0 => {
            Err(Denied::Illegal)
        }
        n::STIMECMP | n::VSTIMECMP if hart.privilege != Privilege::Machine => {
            environment::may_use_stimecmp(hart, number == n::STIMECMP)
        }
        n::STLBVPN..=n::STLBSIZE if hart.virt => Err(Denied::Virtual),
        _ => Ok(()),
    }
}

/// The virtual supervisor's register behind a supervisor's number.
fn guest_alias(number: u16) -> u16 {
    match number {
        n::SSTATUS => n::VSSTATUS,
        n::SIE => n::VSIE,
        n::STVEC => n::VSTVEC,
        n::SSCRATCH => n::VSSCRATCH,
        n::SEPC => n::VSEPC,
        n::SCAUSE => n::VSCAUSE,
        n::STVAL => n::VSTVAL,
        n::SIP => n::VSIP,
        n::STIMECMP => n::VSTIMECMP,
        n::SATP => n::VSATP,
        other => other,
    }
}

/// Whether this machine has the register.
pub fn exists(architecture: Architecture, number: u16) -> bool {
    match number {
        n::FFLAGS..=n::FCSR
        | n::CYCLE..=HPMCOUNTER31
        | n::SSTATUS
        | n::SIE..=n::SCOUNTEREN
        | n::SENVCFG
        | n::SSCRATCH..=n::SIP
        | n::STIMECMP
        | n::SATP
        | n::HSTATUS
        | n::HEDELEG..=n::HGEIE
        | n::HENVCFG
        | n::HTVAL..=n::HVIP
        | n::HTINST
        | n::HGATP
        | n::HGEIP
        | n::VSSTATUS
        | n::VSIE
        | n::VSTVEC
        | n::VSSCRATCH..=n::VSIP
        | n::VSTIMECMP
        | n::VSATP
        | n::MVENDORID..=n::MCONFIGPTR
        | n::MSTATUS..=n::MCOUNTEREN
        | n::MENVCFG
        | n::MCOUNTINHIBIT
        | n::MHPMEVENT3..=MHPMEVENT31
        | n::MSCRATCH..=n::MIP
        | n::MTINST
        | n::MTVAL2
        | n::PMPADDR0..=PMPADDR63
        | n::MCYCLE
        | n::MINSTRET..=MHPMCOUNTER31 => true,
        n::PMPCFG0..=PMPCFG14 => number.is_multiple_of(2),
        n::STLBVPN..=n::STLBSIZE => architecture.software_tlb,
        _ => false,
    }
}
