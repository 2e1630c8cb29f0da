//! One hart: its registers, its control and status registers, and whether it runs.
//!
//! A [`Hart`] is plain state. What instructions do to it stands in the engine, what traps do to it in
//! [`crate::trap`] and [`crate::interrupt`], what its CSRs mean in [`crate::csr`].

use crate::csr::{environment, status};
use crate::mmu::pmp::Pmp;
use crate::mmu::software::SoftwareTlb;
use crate::mmu::{Access, Env, Request};
use crate::privilege::Privilege;
use crate::state::{Source, State, StateError};
use crate::state_fields;
use crate::stats::HartStats;

pub use isa::reg::{F_NAMES, X_NAMES};

/// Whether a hart executes, and if not, what wakes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Executing.
    Running,
    /// In WFI, until an enabled interrupt is pending.
    Waiting,
    /// Stopped by the SBI's hart state management, until another hart starts it.
    Stopped,
    /// Suspended by the SBI, until an enabled interrupt is pending; then as the resume point says.
    Suspended(Resume),
}

/// Where a suspended hart goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// After the call, with all registers kept.
    Retentive,
    /// At an address in supervisor mode, as if started anew.
    At {
        /// Physical address of the entry.
        entry: u64,
        /// Handed over in `a1`.
        opaque: u64,
    },
}

/// The physical address that LR reserved, or none.
///
/// Invariant: none is a word that no naturally aligned address is; 0 is an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Reservation {
    word: u64,
}

impl Reservation {
    /// No reservation.
    pub const NONE: Reservation = Reservation { word: u64::MAX };

    /// A reservation of the aligned physical address `pa`.
    pub fn of(pa: u64) -> Reservation {
        Reservation { word: pa }
    }
}

state_fields!(Reservation { word });

/// One hart.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Hart {
    /// Integer registers; `x[0]` is always 0.
    pub x: [u64; 32],
    /// Floating-point registers, single precision boxed in NaNs.
    pub f: [u64; 32],
    /// Address of the next instruction.
    pub pc: u64,
    /// Instructions retired since power-on.
    pub retired: u64,
    /// Cycles spent beyond one for each retired instruction: traps, and what modelled timing adds.
    pub extra_cycles: u64,
    /// Those of `extra_cycles` that modelled timing added.
    pub stall_cycles: u64,
    /// Privilege level.
    pub privilege: Privilege,
    /// Virtualization mode.
    pub virt: bool,
    /// Accrued floating-point exception flags (`fflags`).
    pub fflags: u8,
    /// Dynamic rounding mode (`frm`).
    pub frm: u8,
    /// The physical address reserved by LR.
    pub reservation: Reservation,
    /// Whether it executes.
    pub state: RunState,
    /// Number of this hart, from 0.
    pub id: usize,
    /// Control and status registers.
    pub csr: Csrs,
    /// Physical memory protection.
    pub pmp: Pmp,
    /// The software-managed TLB; empty on machines that walk page tables.
    pub tlb: SoftwareTlb,
    /// Counters for reports; not simulated state.
    pub stats: HartStats,
}

impl Hart {
    /// A hart after reset, stopped, in machine mode at address 0.
    pub fn new(id: usize) -> Hart {
        Hart {
            x: [0; 32],
            f: [0; 32],
            pc: 0,
            retired: 0,
            extra_cycles: 0,
            stall_cycles: 0,
            privilege: Privilege::Machine,
            virt: false,
            fflags: 0,
            frm: 0,
            reservation: Reservation::NONE,
            state: RunState::Stopped,
            id,
            csr: Csrs::default(),
            pmp: Pmp::default(),
            tlb: SoftwareTlb::new(0),
            stats: HartStats::default(),
        }
    }

    /// Cycles executed since power-on.
    #[inline]
    pub fn cycles(&self) -> u64 {
        self.retired.wrapping_add(self.extra_cycles)
    }

    /// Spends cycles that modelled timing adds.
    #[inline]
    pub fn stall(&mut self, cycles: u64) {
        self.extra_cycles = self.extra_cycles.wrapping_add(cycles);
        self.stall_cycles = self.stall_cycles.wrapping_add(cycles);
    }

    /// Traps taken and firmware calls made since power-on, each of which costs a cycle.
    pub fn diversions(&self) -> u64 {
        self.extra_cycles.wrapping_sub(self.stall_cycles)
    }

    /// An access of `bytes` at `va` by this hart as it stands: its mode, `SUM` and `MXR` of both levels.
    pub fn request(&self, va: u64, bytes: u64, access: Access) -> Request {
        Request {
            va,
            bytes,
            access,
            privilege: self.privilege,
            virt: self.virt,
            hlvx: false,
            sum: self.csr.mstatus & status::SUM != 0,
            mxr: self.csr.mstatus & status::MXR != 0,
            vs_sum: self.csr.vsstatus & status::SUM != 0,
            vs_mxr: self.csr.vsstatus & status::MXR != 0,
        }
    }

    /// Notes that a floating-point register or `fcsr` was written.
    #[inline]
    pub fn mark_float_dirty(&mut self) {
        self.csr.mstatus |= crate::csr::status::FS;
        if self.virt {
            self.csr.vsstatus |= crate::csr::status::FS;
        }
    }

    /// Puts the hart at the entry of a supervisor, as the SBI specification asks of a started hart.
    pub fn enter_supervisor(&mut self, entry: u64, opaque: u64) {
        self.privilege = Privilege::Supervisor;
        self.virt = false;
        self.csr.satp = 0;
        self.csr.mstatus &= !crate::csr::status::SIE;
        self.pc = entry;
        self.x[10] = self.id as u64;
        self.x[11] = opaque;
        self.reservation = Reservation::NONE;
        self.state = RunState::Running;
    }
}

impl State for RunState {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        let words = match *self {
            RunState::Running => [0, 0, 0],
            RunState::Waiting => [1, 0, 0],
            RunState::Stopped => [2, 0, 0],
            RunState::Suspended(Resume::Retentive) => [3, 0, 0],
            RunState::Suspended(Resume::At { entry, opaque }) => [4, entry, opaque],
        };
        words.iter().for_each(|word| word.save(sink));
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let offset = source.offset();
        let mut words = [0u64; 3];
        words.iter_mut().try_for_each(|word| word.restore(source))?;
        *self = match words {
            [0, 0, 0] => RunState::Running,
            [1, 0, 0] => RunState::Waiting,
            [2, 0, 0] => RunState::Stopped,
            [3, 0, 0] => RunState::Suspended(Resume::Retentive),
            [4, entry, opaque] => RunState::Suspended(Resume::At { entry, opaque }),
            _ => return Err(StateError::Invalid { offset }),
        };
        Ok(())
    }
}

impl State for Privilege {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        (*self as u8).save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let offset = source.offset();
        let mut bits = 0u8;
        bits.restore(source)?;
        *self = match bits {
            0 => Privilege::User,
            1 => Privilege::Supervisor,
            3 => Privilege::Machine,
            _ => return Err(StateError::Invalid { offset }),
        };
        Ok(())
    }
}

state_fields!(Hart {
    x,
    f,
    pc,
    retired,
    extra_cycles,
    stall_cycles,
    privilege,
    virt,
    fflags,
    frm,
    reservation,
    state,
    csr,
    pmp,
    tlb
});

impl Csrs {
    /// The registers that govern how addresses translate, with the physical memory protection `pmp`.
    pub fn translation_env<'a>(&self, pmp: &'a Pmp) -> Env<'a> {
        Env {
            satp: self.satp,
            vsatp: self.vsatp,
            hgatp: self.hgatp,
            menvcfg: self.menvcfg,
            henvcfg: environment::henvcfg(self),
            pmp,
        }
    }
}

macro_rules! csr_file {
    ($($(#[$doc:meta])* $name:ident = $reset:expr,)*) => {
        /// The control and status registers that are plain storage; views of them are made in [`crate::csr`].
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[repr(C)]
        pub struct Csrs {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Default for Csrs {
            fn default() -> Csrs {
                Csrs { $($name: $reset,)* }
            }
        }

        impl Csrs {
            /// The registers' names, in the order in which they are saved, a word each.
            pub const NAMES: &[&str] = &[$(stringify!($name),)*];
        }

        $crate::state_fields!(Csrs { $($name),* });
    };
}

csr_file! {
    /// Machine status, with `UXL` and `SXL` fixed at 64 bits.
    mstatus = crate::csr::status::RESET,
    /// Exceptions delegated to HS-mode.
    medeleg = 0,
    /// Interrupts delegated to HS-mode; the virtual supervisor's are always.
    mideleg = crate::csr::VS_LEVEL | crate::lines::mip::SGEIP,
    /// Interrupt enables of all levels.
    mie = 0,
    /// Pending bits that software wrote: `SSIP`, `STIP`, `SEIP`.
    mip = 0,
    /// Machine trap vector.
    mtvec = 0,
    /// Counters that S-mode may read.
    mcounteren = 0,
    /// Machine environment configuration.
    menvcfg = crate::csr::environment::RESET,
    /// Counters that stand still.
    mcountinhibit = 0,
    /// Machine scratch.
    mscratch = 0,
    /// Machine exception program counter.
    mepc = 0,
    /// Machine cause.
    mcause = 0,
    /// Machine trap value.
    mtval = 0,
    /// Machine trap value 2: a guest physical address shifted right by 2.
    mtval2 = 0,
    /// Machine trap instruction.
    mtinst = 0,
    /// Supervisor trap vector.
    stvec = 0,
    /// Counters that U-mode may read.
    scounteren = 0,
    /// Supervisor environment configuration.
    senvcfg = 0,
    /// Supervisor scratch.
    sscratch = 0,
    /// Supervisor exception program counter.
    sepc = 0,
    /// Supervisor cause.
    scause = 0,
    /// Supervisor trap value.
    stval = 0,
    /// Supervisor address translation and protection.
    satp = 0,
    /// Supervisor timer compare.
    stimecmp = u64::MAX,
    /// Hypervisor status, with `VSXL` fixed at 64 bits.
    hstatus = crate::csr::hypervisor::HSTATUS_RESET,
    /// Exceptions delegated to VS-mode.
    hedeleg = 0,
    /// Interrupts delegated to VS-mode.
    hideleg = 0,
    /// Counters that the virtual machine may read.
    hcounteren = 0,
    /// Virtual interrupts that the hypervisor raised.
    hvip = 0,
    /// Hypervisor trap value.
    htval = 0,
    /// Hypervisor trap instruction.
    htinst = 0,
    /// Guest address translation and protection.
    hgatp = 0,
    /// Hypervisor environment configuration.
    henvcfg = 0,
    /// Added to `time` in the virtual machine.
    htimedelta = 0,
    /// Virtual supervisor status.
    vsstatus = crate::csr::status::VS_RESET,
    /// Virtual supervisor trap vector.
    vstvec = 0,
    /// Virtual supervisor scratch.
    vsscratch = 0,
    /// Virtual supervisor exception program counter.
    vsepc = 0,
    /// Virtual supervisor cause.
    vscause = 0,
    /// Virtual supervisor trap value.
    vstval = 0,
    /// Virtual supervisor address translation and protection.
    vsatp = 0,
    /// Virtual supervisor timer compare.
    vstimecmp = u64::MAX,
    /// Difference between `mcycle` and the cycles executed.
    cycle_offset = 0,
    /// Difference between `minstret` and the instructions retired.
    instret_offset = 0,
}
