//! Reading registers.

use super::access::{PMPADDR63, PMPCFG14};
use super::{VS_LEVEL, counters, environment, hypervisor, mip, status};
use crate::core::Core;
use crate::interrupt;
use isa::csr as n;

/// `misa`: RV64 with A, C, D, F, H, I, M, S, U.
const MISA: u64 = (2 << 62) | letters(b"ACDFHIMSU");

const fn letters(names: &[u8]) -> u64 {
    let mut bits = 0;
    let mut i = 0;
    while i < names.len() {
        bits |= 1 << (names[i] - b'A');
        i += 1;
    }
    bits
}

/// The value of register `number`, which [`super::access`] has let through.
pub fn read(core: &Core<'_>, number: u16) -> u64 {
    let hart = &*core.hart;
    let csr = &hart.csr;
    match number {
        n::FFLAGS => u64::from(hart.fflags),
        n::FRM => u64::from(hart.frm),
        n::FCSR => u64::from(hart.frm) << 5 | u64::from(hart.fflags),
        n::CYCLE | n::MCYCLE => counters::cycle(hart),
        n::TIME => counters::time(core),
        n::INSTRET | n::MINSTRET => counters::instret(hart),

        n::SSTATUS => status::sstatus_read(csr.mstatus),
        n::SIE => csr.mie & csr.mideleg & super::S_LEVEL,
        n::SIP => interrupt::mip(core) & csr.mideleg & super::S_LEVEL,
        n::STVEC => csr.stvec,
        n::SCOUNTEREN => csr.scounteren,
        n::SENVCFG => csr.senvcfg,
        n::SSCRATCH => csr.sscratch,
        n::SEPC => csr.sepc,
        n::SCAUSE => csr.scause,
        n::STVAL => csr.stval,
        n::STIMECMP => csr.stimecmp,
        n::SATP => csr.satp,

        n::HSTATUS => csr.hstatus,
        n::HEDELEG => csr.hedeleg,
        n::HIDELEG => csr.hideleg,
        n::HIE => csr.mie & (VS_LEVEL | mip::SGEIP),
        n::HIP => interrupt::mip(core) & (VS_LEVEL | mip::SGEIP),
        n::HVIP => csr.hvip,
        n::HCOUNTEREN => csr.hcounteren,
        n::HTVAL => csr.htval,
        n::HTINST => csr.htinst,
        n::HGATP => csr.hgatp,
        n::HENVCFG => environment::henvcfg(&hart.csr),
        n::HTIMEDELTA => csr.htimedelta,

        n::VSSTATUS => status::sstatus_read(csr.vsstatus),
        n::VSIE => hypervisor::vs_view(core, csr.mie),
        n::VSIP => hypervisor::vs_view(core, interrupt::mip(core)),
        n::VSTVEC => csr.vstvec,
        n::VSSCRATCH => csr.vsscratch,
        n::VSEPC => csr.vsepc,
        n::VSCAUSE => csr.vscause,
        n::VSTVAL => csr.vstval,
        n::VSTIMECMP => csr.vstimecmp,
        n::VSATP => csr.vsatp,

        n::MHARTID => hart.id as u64,
        n::MSTATUS => status::mstatus_read(csr.mstatus),
        n::MISA => MISA,
        n::MEDELEG => csr.medeleg,
        n::MIDELEG => csr.mideleg,
        n::MIE => csr.mie,
        n::MIP => interrupt::mip(core),
        n::MTVEC => csr.mtvec,
        n::MCOUNTEREN => csr.mcounteren,
        n::MENVCFG => csr.menvcfg,
        n::MCOUNTINHIBIT => csr.mcountinhibit,
        n::MSCRATCH => csr.mscratch,
        n::MEPC => csr.mepc,
        n::MCAUSE => csr.mcause,
        n::MTVAL => csr.mtval,
        n::MTINST => csr.mtinst,
        n::MTVAL2 => csr.mtval2,
        n::PMPCFG0..=PMPCFG14 => hart.pmp.read_cfg(usize::from(number - n::PMPCFG0)),
        n::PMPADDR0..=PMPADDR63 => hart.pmp.read_addr(usize::from(number - n::PMPADDR0)),
        n::STLBVPN..=n::STLBSIZE => hart.tlb.read(number),
        // Event counters, identification, guest external interrupts: present, and 0.
        _ => 0,
    }
}
