//! Writing registers.

use super::access::{PMPADDR63, PMPCFG14};
use super::{Effect, S_LEVEL, VS_LEVEL, counters, environment, hypervisor, mip, status};
use crate::core::Core;
use crate::mmu;
use isa::csr as n;

/// Exceptions that M-mode may delegate: all but its own `ecall`.
const MEDELEG: u64 = 0x00f0_b7ff;
/// Exceptions that HS-mode may delegate further: none that concern the guest's second stage.
const HEDELEG: u64 = 0x0000_b1ff;
/// Custom exceptions of the software-managed TLB.
const TLB_MISSES: u64 = 0x0b00_0000;
const COUNTERS: u64 = 0xffff_ffff;
/// Status bits that decide how addresses translate.
const TRANSLATING: u64 = status::MPRV | status::SUM | status::MXR | status::MPP | status::MPV;

/// Stores `value` in register `number`, which [`super::access`] has let through, as far as it is legal.
pub fn write(core: &mut Core<'_>, number: u16, value: u64) -> Effect {
    let hart = &mut *core.hart;
    let csr = &mut hart.csr;
    match number {
        n::FFLAGS | n::FRM | n::FCSR => return write_float(core, number, value),
        n::MCYCLE => counters::write_cycle(hart, value),
        n::MINSTRET => counters::write_instret(hart, value),
        n::MCOUNTINHIBIT => counters::write_inhibit(hart, value),

        n::SSTATUS => return write_status(&mut csr.mstatus, status::sstatus_write, value),
        n::VSSTATUS => return write_status(&mut csr.vsstatus, status::sstatus_write, value),
        n::MSTATUS => return write_status(&mut csr.mstatus, status::mstatus_write, value),
        n::HSTATUS => {
            csr.hstatus = hypervisor::hstatus_write(csr.hstatus, value);
            return Effect::Translation;
        }
        n::SATP | n::VSATP | n::HGATP => return write_atp(core, number, value),
        n::PMPCFG0..=PMPCFG14 => {
            hart.pmp.write_cfg(usize::from(number - n::PMPCFG0), value);
            core.bus.ram.drop_translations();
            return Effect::Translation;
        }
        n::PMPADDR0..=PMPADDR63 => {
            hart.pmp.write_addr(usize::from(number - n::PMPADDR0), value);
            core.bus.ram.drop_translations();
            return Effect::Translation;
        }
        n::MENVCFG => {
            csr.menvcfg = environment::menvcfg_write(csr.menvcfg, value);
            core.bus.ram.drop_translations();
            return Effect::Both;
        }
        n::HENVCFG => {
            csr.henvcfg = environment::henvcfg_write(csr.henvcfg, value, csr.menvcfg);
            core.bus.ram.drop_translations();
            return Effect::Both;
        }
        n::SENVCFG => csr.senvcfg = environment::senvcfg_write(csr.senvcfg, value),

        n::SIE
        | n::SIP
        | n::VSIE
        | n::VSIP
        | n::HIE
        | n::HIP
        | n::HVIP
        | n::MIE
        | n::MIP
        | n::MIDELEG
        | n::HIDELEG
        | n::STIMECMP
        | n::VSTIMECMP
        | n::HTIMEDELTA => {
            write_interrupts(core, number, value);
            return Effect::Interrupts;
        }

        n::STVEC => csr.stvec = vector(csr.stvec, value),
        n::VSTVEC => csr.vstvec = vector(csr.vstvec, value),
        n::MTVEC => csr.mtvec = vector(csr.mtvec, value),
        n::SEPC => csr.sepc = value & !1,
        n::VSEPC => csr.vsepc = value & !1,
        n::MEPC => csr.mepc = value & !1,
        n::SSCRATCH => csr.sscratch = value,
        n::VSSCRATCH => csr.vsscratch = value,
        n::MSCRATCH => csr.mscratch = value,
        n::SCAUSE => csr.scause = value,
        n::VSCAUSE => csr.vscause = value,
        n::MCAUSE => csr.mcause = value,
        n::STVAL => csr.stval = value,
        n::VSTVAL => csr.vstval = value,
        n::MTVAL => csr.mtval = value,
        n::HTVAL => csr.htval = value,
        n::MTVAL2 => csr.mtval2 = value,
        n::HTINST => csr.htinst = value,
        n::MTINST => csr.mtinst = value,
        n::SCOUNTEREN => csr.scounteren = value & COUNTERS,
        n::HCOUNTEREN => csr.hcounteren = value & COUNTERS,
        n::MCOUNTEREN => csr.mcounteren = value & COUNTERS,
        n::MEDELEG => {
            let custom = if core.architecture.software_tlb { TLB_MISSES } else { 0 };
            csr.medeleg = value & (MEDELEG | custom);
        }
        n::HEDELEG => csr.hedeleg = value & HEDELEG,
        n::STLBVPN..=n::STLBSIZE => return write_tlb(core, number, value),
        // `misa`, event counters, `hgeie`: writable in name, fixed in fact.
        _ => {}
    }
    Effect::None
}

fn write_tlb(core: &mut Core<'_>, number: u16, value: u64) -> Effect {
    if !core.hart.tlb.write(number, value) {
        return Effect::None;
    }
    core.bus.ram.drop_translations();
    Effect::Translation
}

fn write_float(core: &mut Core<'_>, number: u16, value: u64) -> Effect {
    let hart = &mut *core.hart;
    let low = value.to_le_bytes()[0];
    match number {
        n::FFLAGS => hart.fflags = low & 31,
        n::FRM => hart.frm = low & 7,
        _ => {
            hart.fflags = low & 31;
            hart.frm = low >> 5;
        }
    }
    hart.mark_float_dirty();
    Effect::None
}

fn write_status(stored: &mut u64, legalize: fn(u64, u64) -> u64, value: u64) -> Effect {
    let old = *stored;
    *stored = legalize(old, value);
    let changed = old ^ *stored;
    match (changed & TRANSLATING != 0, changed & (status::SIE | status::MIE) != 0) {
        (false, false) => Effect::None,
        (true, false) => Effect::Translation,
        (false, true) => Effect::Enables,
        (true, true) => Effect::Both,
    }
}

fn write_atp(core: &mut Core<'_>, number: u16, value: u64) -> Effect {
    let software = core.architecture.software_tlb;
    let hart = &mut *core.hart;
    let csr = &mut hart.csr;
    let stored = match number {
        n::SATP => &mut csr.satp,
        n::VSATP => &mut csr.vsatp,
        _ => &mut csr.hgatp,
    };
    let legalize = match (number, software) {
        (n::SATP, true) => mmu::mode::software_satp_write,
        (_, true) => |old, _| old,
        (n::HGATP, false) => mmu::hgatp_write,
        (_, false) => mmu::satp_write,
    };
    let old = std::mem::replace(stored, legalize(*stored, value));
    if *stored == old {
        return Effect::None;
    }
    hart.stats.context_switches += u64::from(number != n::HGATP);
    Effect::Translation
}

fn write_interrupts(core: &mut Core<'_>, number: u16, value: u64) {
    let csr = &mut core.hart.csr;
    let put = |target: &mut u64, mask: u64, value: u64| *target = (*target & !mask) | (value & mask);
    match number {
        n::SIE => put(&mut csr.mie, csr.mideleg & S_LEVEL, value),
        n::SIP => put(&mut csr.mip, csr.mideleg & mip::SSIP, value),
        n::VSIE => hypervisor::vsie_write(core, value),
        n::VSIP => hypervisor::vsip_write(core, value),
        n::HIE => put(&mut csr.mie, VS_LEVEL | mip::SGEIP, value),
        n::HIP => put(&mut csr.hvip, mip::VSSIP, value),
        n::HVIP => put(&mut csr.hvip, VS_LEVEL, value),
        n::MIE => put(&mut csr.mie, super::M_LEVEL | S_LEVEL | VS_LEVEL | mip::SGEIP, value),
        n::MIP => {
            let timer = if csr.menvcfg & environment::STCE == 0 { mip::STIP } else { 0 };
            put(&mut csr.mip, mip::SSIP | mip::SEIP | timer, value);
            put(&mut csr.hvip, mip::VSSIP, value);
        }
        n::MIDELEG => put(&mut csr.mideleg, S_LEVEL, value),
        n::HIDELEG => csr.hideleg = value & VS_LEVEL,
        n::STIMECMP => csr.stimecmp = value,
        n::VSTIMECMP => csr.vstimecmp = value,
        _ => csr.htimedelta = value,
    }
}

/// A trap vector after software wrote `value`: direct or vectored; a reserved mode leaves the old.
fn vector(old: u64, value: u64) -> u64 {
    if value & 2 != 0 { old } else { value }
}
