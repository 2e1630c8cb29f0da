//! A hart's state as far as two machines can be held to the same.

use std::fmt::Write as _;

use isa::Op;
use isa::csr as n;
use isa::reg::{F_NAMES, X_NAMES};

/// Registers compared after each instruction.
///
/// Not `htinst`: QEMU writes it on traps that stay in the guest too, and lets nobody set it right. `mtinst` is
/// written by the same code.
pub const COMPARED: &[u16] = &[
    n::FFLAGS,
    n::FRM,
    n::MSTATUS,
    n::MTVEC,
    n::MEDELEG,
    n::MIDELEG,
    n::MIE,
    n::MIP,
    n::MSCRATCH,
    n::MEPC,
    n::MCAUSE,
    n::MTVAL,
    n::MTVAL2,
    n::MTINST,
    n::MCOUNTEREN,
    n::MENVCFG,
    n::STVEC,
    n::SSCRATCH,
    n::SEPC,
    n::SCAUSE,
    n::STVAL,
    n::SATP,
    n::SCOUNTEREN,
    n::SENVCFG,
    n::HSTATUS,
    n::HEDELEG,
    n::HIDELEG,
    n::HIE,
    n::HIP,
    n::HVIP,
    n::HTVAL,
    n::HGATP,
    n::HENVCFG,
    n::HCOUNTEREN,
    n::VSSTATUS,
    n::VSTVEC,
    n::VSSCRATCH,
    n::VSEPC,
    n::VSCAUSE,
    n::VSTVAL,
    n::VSATP,
    n::PMPCFG0,
    n::PMPADDR0,
    n::PMPADDR0 + 1,
    n::PMPADDR0 + 2,
    n::PMPADDR0 + 3,
    n::PMPADDR0 + 4,
];

/// Supervisor registers whose storage QEMU exchanges with the guest's while a guest runs, each with the guest's.
const EXCHANGED: &[(u16, u16)] = &[
    (n::STVEC, n::VSTVEC),
    (n::SSCRATCH, n::VSSCRATCH),
    (n::SEPC, n::VSEPC),
    (n::SCAUSE, n::VSCAUSE),
    (n::STVAL, n::VSTVAL),
    (n::SATP, n::VSATP),
];

const VS_INTERRUPTS: u64 = 0x444;
const SD: u64 = 1 << 63;
const GVA: u64 = 1 << 38;
const HSTATUS_GVA: u64 = 1 << 6;

/// The registers of a hart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// Program counter.
    pub pc: u64,
    /// Privilege: 0 user, 1 supervisor, 3 machine.
    pub privilege: u64,
    /// Virtualization mode; `None` where the machine does not tell.
    pub virt: Option<bool>,
    /// Integer registers.
    pub x: [u64; 32],
    /// Floating-point registers.
    pub f: [u64; 32],
    /// Registers of [`COMPARED`], in that order; `None` where the machine does not show one just now.
    pub csr: Vec<Option<u64>>,
}

impl State {
    /// The value of a register of [`COMPARED`], 0 if it is not shown.
    ///
    /// Panics: for another.
    #[must_use]
    pub fn csr(&self, number: u16) -> u64 {
        self.csr[COMPARED.iter().position(|&c| c == number).expect("a compared register")].unwrap_or(0)
    }

    fn set(&mut self, number: u16, value: u64) {
        let index = COMPARED.iter().position(|&c| c == number).expect("a compared register");
        self.csr[index] = Some(value);
    }

    /// This state, ours, as QEMU shows it to its debugger after `executed`, and which of QEMU's registers are to be
    /// set right so that a tolerated difference does not spread.
    ///
    /// While a guest runs, QEMU keeps the guest's registers under the supervisor's names and the supervisor's
    /// nowhere that its debugger sees; both are compared in full once the guest is left.
    #[must_use]
    pub fn as_qemu_shows(&self, theirs: &State, executed: Option<Op>) -> (State, Vec<(u16, u64)>) {
        let mut shown = self.clone();
        shown.virt = None;
        // It shows bits of `mip` in `hvip`, and does not sum up the guest's status in SD.
        let foreign = theirs.csr(n::HVIP) & !VS_INTERRUPTS;
        shown.set(n::HVIP, self.csr(n::HVIP) | foreign);
        shown.set(n::VSSTATUS, self.csr(n::VSSTATUS) & !SD | theirs.csr(n::VSSTATUS) & SD);
        if self.virt == Some(true) {
            for &(supervisor, guest) in EXCHANGED {
                shown.set(supervisor, self.csr(guest));
                shown.set(guest, theirs.csr(guest));
            }
            shown.set(n::VSSTATUS, theirs.csr(n::VSSTATUS));
            shown.set(n::MSTATUS, theirs.csr(n::MSTATUS));
        }
        let mut corrections = Vec::new();
        let mut tolerate = |shown: &mut State, register: u16, mask: u64| {
            let (ours, other) = (shown.csr(register), theirs.csr(register));
            if (ours ^ other) & mask != 0 {
                corrections.push((register, other & !mask | ours & mask));
                shown.set(register, ours & !mask | other & mask);
            }
        };
        // It describes the instruction to the handler where we make use of the leave to write 0, and leaves a
        // guest physical address behind for the next trap.
        for register in [n::MTINST, n::MTVAL2, n::HTVAL] {
            if self.csr(register) == 0 {
                tolerate(&mut shown, register, u64::MAX);
            }
        }
        // It sets GVA for machine mode by the mode that trapped, not by what is in `mtval`.
        tolerate(&mut shown, n::MSTATUS, GVA);
        // It writes the hypervisor's trap value on a trap that stays in the guest.
        if self.virt == Some(true) {
            tolerate(&mut shown, n::HTVAL, u64::MAX);
        }
        // It clears GVA of `hstatus` on a trap that stays in the guest, and on a breakpoint that leaves it.
        if self.virt == Some(true) || executed == Some(Op::Ebreak) {
            tolerate(&mut shown, n::HSTATUS, HSTATUS_GVA);
        }
        // An illegal return or cache-block operation leaves the bits of an earlier instruction in the trap value.
        let forgets = [Op::Mret, Op::Sret, Op::CboZero, Op::CboClean, Op::CboFlush, Op::CboInval];
        if executed.is_some_and(|op| forgets.contains(&op)) {
            tolerate(&mut shown, n::MTVAL, u64::MAX);
            tolerate(&mut shown, n::STVAL, u64::MAX);
        }
        (shown, corrections)
    }

    /// The last trap of each level and the translation in force, for reports.
    #[must_use]
    pub fn summary(&self) -> String {
        [
            n::MCAUSE,
            n::MTVAL,
            n::MTVAL2,
            n::SCAUSE,
            n::STVAL,
            n::MSTATUS,
            n::HSTATUS,
            n::SATP,
            n::VSATP,
            n::HGATP,
            n::MEDELEG,
            n::MIP,
            n::MIE,
        ]
        .map(|csr| format!("{} {:#x}", n::name(csr), self.csr(csr)))
        .join(", ")
    }

    /// The differences to `other`, a line each; empty if there is none.
    #[must_use]
    pub fn differences(&self, other: &State) -> String {
        let mut out = String::new();
        let mut line = |name: &str, a: u64, b: u64| {
            if a != b {
                let _ = writeln!(out, "  {name:12} ours {a:#018x}  qemu {b:#018x}");
            }
        };
        line("pc", self.pc, other.pc);
        line("privilege", self.privilege, other.privilege);
        for i in 0..32 {
            line(X_NAMES[i], self.x[i], other.x[i]);
            line(F_NAMES[i], self.f[i], other.f[i]);
        }
        for (i, &number) in COMPARED.iter().enumerate() {
            if let (Some(ours), Some(theirs)) = (self.csr[i], other.csr[i]) {
                line(&n::name(number).to_string(), ours, theirs);
            }
        }
        out
    }
}
