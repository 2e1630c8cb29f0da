//! Programs of CSR accesses, traps, returns and interrupts in all modes, without address translation.

use isa::Op;
use isa::csr as n;
use isa::reg::Reg;

use super::Frame;
use super::frame::{ADDRESS, EVERYTHING, NEVER_DELEGATED, REQUEST, TO_MACHINE, USER_ALIAS};
use crate::program::Program;

/// Visits of a lower mode in a program.
const VISITS: usize = 5;
/// Instructions in a visit.
const VISIT_LENGTH: usize = 12;

/// Registers that may be written with anything.
const PLAIN: &[u16] = &[
    n::FFLAGS,
    n::FRM,
    n::FCSR,
    n::SSCRATCH,
    n::SCAUSE,
    n::STVAL,
    n::MSCRATCH,
    n::MCAUSE,
    n::MTVAL,
    n::MHARTID,
    n::MCONFIGPTR,
];
/// Registers of the hypervisor extension that may be written with anything.
const HYPERVISOR: &[u16] = &[n::HTVAL, n::HGEIE, n::HGEIP, n::MTVAL2, n::VSSCRATCH, n::VSCAUSE, n::VSTVAL];
/// SD, the floating-point unit, MXR, SUM, and the interrupt stack of the supervisor; user mode has 64 bits.
const SSTATUS: u64 = 1 << 63 | 0xc_6122;
/// QEMU has 16 of the counters of events, which the bits then follow.
const COUNTERS: u64 = 0x7_ffff;
/// FIOM, CBIE up to 1 (QEMU keeps the reserved 2), CBCFE, CBZE; what governs translation changes elsewhere.
const ENVCFG: u64 = 0xd1;
/// TVM and TSR of `mstatus`, which QEMU extends to the guest.
const HOST_TRAPS: u64 = 1 << 20 | 1 << 22;
/// Interrupts that either machine has; QEMU keeps higher bits too.
const INTERRUPTS: u64 = 0x1fff;
/// Registers written only within a mask, each with what is always set: QEMU takes modes of 32 bits or another byte
/// order where we have none, keeps the lowest bit of return addresses and delegates calls from machine mode; MPRV
/// would lead the handlers' loads astray, and the timer's enable changes with time.
const MASKED: &[(u16, u64, u64)] = &[
    (n::MSTATUS, SSTATUS | 0x70_1888, 2 << 32),
    (n::SSTATUS, SSTATUS, 2 << 32),
    (n::MEPC, !1, 0),
    (n::SEPC, !1, 0),
    (n::MIE, INTERRUPTS, 0),
    (n::SIE, INTERRUPTS, 0),
    (n::MIDELEG, INTERRUPTS, 0),
    (n::MEDELEG, 0xf0_b7ff & !NEVER_DELEGATED, 0),
    (n::MENVCFG, ENVCFG, 0),
    (n::MCOUNTEREN, COUNTERS, 0),
    (n::SCOUNTEREN, COUNTERS, 0),
    (n::SENVCFG, ENVCFG, 0),
];
/// The same of the hypervisor extension.
const MASKED_HYPERVISOR: &[(u16, u64, u64)] = &[
    (n::VSSTATUS, SSTATUS, 2 << 32),
    (n::HSTATUS, 0x70_03c0, 2 << 32),
    (n::HENVCFG, ENVCFG, 0),
    (n::HCOUNTEREN, COUNTERS, 0),
    (n::VSEPC, !1, 0),
    (n::HIE, INTERRUPTS, 0),
    (n::VSIE, 0x222, 0),
    (n::HIDELEG, INTERRUPTS, 0),
    (n::HEDELEG, 0xb1ff & !NEVER_DELEGATED, 0),
];
/// Registers whose values differ between the machines (they count, or time moves them): only access is compared.
const COUNTING: &[u16] =
    &[n::CYCLE, n::TIME, n::INSTRET, n::HPMCOUNTER3, n::MCYCLE, n::MINSTRET, n::STIMECMP, n::VSTIMECMP];
/// Numbers without a register.
const ABSENT: &[u16] = &[0x004, 0x0ff, 0x101, 0x1ff, 0x2ff, 0x307, 0x345, 0x5ff, 0x6ff, 0x7ff, 0xdff, 0xfff];

/// Program number `seed`.
#[must_use]
pub fn program(seed: u64) -> Program {
    let mut frame = Frame::new(format!("privileged {seed}"), seed ^ 0x5001_0000);
    frame.open_memory();
    for _ in 0..VISITS {
        let accesses = frame.rng.below(8);
        for _ in 0..accesses {
            frame.random_access(false);
        }
        frame.random_controls();
        let mode = frame.rng.pick(&[0, 1, 1]);
        frame.visit(mode, false, 0);
        for _ in 0..VISIT_LENGTH {
            match frame.rng.below(10) {
                0 | 1 => frame.random_system(),
                2 => frame.random_alu(),
                3 => frame.illegal_word(),
                _ => frame.random_access(false),
            }
        }
        frame.return_to_machine();
    }
    frame.finish()
}

impl Frame {
    /// Lets the lower modes at all memory.
    pub(super) fn open_memory(&mut self) {
        self.asm.li(ADDRESS, EVERYTHING).csrw(n::PMPADDR0, ADDRESS);
        self.asm.li(ADDRESS, 0x1f).csrw(n::PMPCFG0, ADDRESS);
        self.point();
    }

    /// A random access to a random register.
    pub(super) fn random_access(&mut self, hypervisor: bool) {
        let rd = self.destination();
        match self.rng.below(14) {
            0 => {
                let csr = self.rng.pick(COUNTING);
                self.asm.csrr(Reg::ZERO, csr);
            }
            1 => {
                let csr = self.rng.pick(ABSENT);
                self.access(rd, csr);
            }
            2 => {
                let guest = hypervisor && self.rng.one_in(2);
                let bits = if guest { self.guest_interrupt } else { self.supervisor_interrupt };
                // QEMU shows bits of `mip` in `hvip`.
                let (csr, rd) = match (guest, self.rng.below(3)) {
                    (false, 0) => (n::SIP, rd),
                    (false, _) => (n::MIP, rd),
                    (true, 0) => (n::HIP, rd),
                    (true, 1) => (n::HVIP, Reg::ZERO),
                    (true, _) => (n::VSIP, rd),
                };
                // The guest sees its interrupts under the supervisor's numbers.
                let bits = if csr == n::VSIP { bits >> 1 } else { bits };
                // Written whole, `mip` takes more with it in QEMU than its writable bits.
                self.asm.li(ADDRESS, bits);
                if self.rng.one_in(2) {
                    self.asm.csrrs(rd, csr, ADDRESS);
                } else {
                    self.asm.csrrc(rd, csr, ADDRESS);
                }
                self.point();
            }
            3 => {
                let row = self.rng.pick(MASKED);
                self.masked_access(rd, row);
            }
            4 | 5 if hypervisor => {
                let row = self.rng.pick(MASKED_HYPERVISOR);
                self.masked_access(rd, row);
            }
            6..=9 if hypervisor => {
                let csr = self.rng.pick(HYPERVISOR);
                self.access(rd, csr);
            }
            _ => {
                let csr = self.rng.pick(PLAIN);
                self.access(rd, csr);
            }
        }
    }

    fn access(&mut self, rd: Reg, csr: u16) {
        let rs1 = if self.rng.one_in(3) { Reg::ZERO } else { self.destination() };
        let zimm = rs1.number();
        match self.rng.below(6) {
            0 => self.asm.csrrw(rd, csr, rs1),
            1 => self.asm.csrrs(rd, csr, rs1),
            2 => self.asm.csrrc(rd, csr, rs1),
            3 => self.asm.csrrwi(rd, csr, zimm),
            4 => self.asm.csrrsi(rd, csr, zimm),
            _ => self.asm.csrrci(rd, csr, zimm),
        };
    }

    fn masked_access(&mut self, rd: Reg, (csr, mask, set): (u16, u64, u64)) {
        let mut value = self.rng.integer() & mask;
        if self.hypervisor && csr == n::MSTATUS {
            value &= !HOST_TRAPS;
        }
        // QEMU does not show SD there.
        let rd = if csr == n::VSSTATUS { Reg::ZERO } else { rd };
        // Bits that a write of `menvcfg` clears QEMU loses in `henvcfg`.
        let kept = u64::from(self.hypervisor && csr == n::MENVCFG);
        match self.rng.below(3).max(kept) {
            0 => self.asm.li(ADDRESS, value | set).csrrw(rd, csr, ADDRESS),
            1 => self.asm.li(ADDRESS, value).csrrs(rd, csr, ADDRESS),
            _ => self.asm.li(ADDRESS, value).csrrc(rd, csr, ADDRESS),
        };
        self.point();
    }

    /// Random traps, delegations and enables before a visit.
    pub(super) fn random_controls(&mut self) {
        let mut controls = self.rng.any();
        // A supervisor whose handler can neither return nor see that it cannot would never end.
        let delegated = self.rng.any() & 0xb3ff & !NEVER_DELEGATED;
        if delegated & 1 << 2 != 0 {
            controls &= !(1 << 22);
        }
        if self.hypervisor {
            controls &= !HOST_TRAPS;
        }
        // TVM, TW, TSR, SUM, MXR and the interrupt stack at random, the floating-point unit mostly on.
        let random = 0x007c_01aa & controls | if controls >> 60 == 0 { 0 } else { 0x6000 };
        self.asm.li(ADDRESS, 0x007c_61aa).csrc(n::MSTATUS, ADDRESS);
        self.asm.li(ADDRESS, random).csrs(n::MSTATUS, ADDRESS);
        self.asm.li(ADDRESS, delegated).csrw(n::MEDELEG, ADDRESS);
        // What `menvcfg` withholds QEMU clears in `henvcfg` for good, where we hide it.
        self.asm.li(ADDRESS, 3 << 61).csrc(n::HENVCFG, ADDRESS);
        for (csr, mask) in [
            (n::MIDELEG, 0x222),
            (n::MCOUNTEREN, 7),
            (n::SCOUNTEREN, 7),
            (n::MENVCFG, 0xd1),
            (n::SENVCFG, 0xd1),
            (n::MIE, self.supervisor_interrupt),
        ] {
            let value = self.rng.any() & mask;
            self.asm.li(ADDRESS, value).csrw(csr, ADDRESS);
        }
        let pending = self.rng.any() & self.supervisor_interrupt;
        self.asm.li(ADDRESS, self.supervisor_interrupt).csrc(n::MIP, ADDRESS);
        self.asm.li(ADDRESS, pending).csrs(n::MIP, ADDRESS);
        self.point();
    }

    /// Goes to `mode` (0 user, 1 supervisor), in a guest if `virt`, at the code's alias at distance `alias`.
    pub(super) fn visit(&mut self, mode: u64, virt: bool, alias: u64) {
        self.in_guest_user = virt && mode == 0;
        self.asm.li(REQUEST, 0);
        self.asm.li(ADDRESS, 3 << 11 | 1 << 39).csrc(n::MSTATUS, ADDRESS);
        self.asm.li(ADDRESS, mode << 11 | u64::from(virt) << 39).csrs(n::MSTATUS, ADDRESS);
        let there = self.asm.label();
        let (t6, resume) = (Reg::T6, super::frame::RESUME);
        self.asm.la(ADDRESS, there).li(t6, alias).add(ADDRESS, ADDRESS, t6);
        let end = self.asm.label();
        self.visit_end = Some(end);
        self.asm.la(resume, end).csrw(n::MEPC, ADDRESS).mret();
        self.asm.place(there);
        self.point();
    }

    /// Goes on in machine mode, whatever the mode was, at the code's own addresses.
    pub(super) fn return_to_machine(&mut self) {
        self.in_guest_user = false;
        if let Some(end) = self.visit_end.take() {
            self.asm.place(end);
        }
        self.asm.li(REQUEST, TO_MACHINE);
        Self::trap_to_machine(&mut self.asm, ADDRESS);
        self.asm.li(REQUEST, 0);
        self.point();
    }

    /// A random system instruction other than an access.
    pub(super) fn random_system(&mut self) {
        match self.rng.below(8) {
            0 | 1 => drop(self.asm.ecall()),
            2 => drop(self.asm.ebreak()),
            3 => drop(self.asm.sfence_vma(Reg::ZERO, Reg::ZERO)),
            4 if !self.hypervisor => self.return_to_next(Op::Mret, n::MEPC, n::MSTATUS, 0x1800),
            5 if !self.in_guest_user => self.return_to_next(Op::Sret, n::SEPC, n::SSTATUS, 0x100),
            6 => drop(self.asm.hfence_gvma(Reg::ZERO, Reg::ZERO)),
            _ => drop(self.asm.fence_i()),
        };
    }

    /// `mret` or `sret` to the instruction behind, if it is allowed here at all, to a random mode.
    fn return_to_next(&mut self, op: Op, epc: u16, status: u16, previous: u64) {
        let there = self.asm.label();
        // A return to user mode might be one to the guest's.
        let to = if self.hypervisor { previous } else { self.rng.any() & previous };
        self.asm.li(ADDRESS, previous).csrc(status, ADDRESS).li(ADDRESS, to).csrs(status, ADDRESS);
        self.asm.la(ADDRESS, there);
        self.asm.csrw(epc, ADDRESS);
        if op == Op::Mret {
            self.asm.mret();
        } else {
            self.asm.sret();
        }
        self.asm.place(there);
        self.point();
    }
}

/// The alias at which `mode` sees the code where there are page tables.
pub(super) fn alias_of(mode: u64) -> u64 {
    if mode == 0 { USER_ALIAS } else { 0 }
}
