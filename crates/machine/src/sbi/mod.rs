//! The built-in firmware: what a supervisor's `ecall` asks, turned into what the node is to do.
//!
//! [`decide`] is a pure function from the calling hart's registers and a [`View`] of the node to a [`Decision`];
//! the node carries the decision out. [`carry`] does the part that concerns only the bus.
//!
//! Source: RISC-V Supervisor Binary Interface Specification 2.0.

mod base;
pub mod carry;
mod console;
mod fence;
mod hsm;
mod legacy;
mod pmu;
mod reset;

use std::ops::Range;

/// Extension numbers, as `a7` holds them.
pub mod extension {
    /// Base.
    pub const BASE: u64 = 0x10;
    /// Timer.
    pub const TIME: u64 = 0x5449_4d45;
    /// Interrupts between harts.
    pub const IPI: u64 = 0x0073_5049;
    /// Remote fences.
    pub const RFENCE: u64 = 0x5246_4e43;
    /// Hart state management.
    pub const HSM: u64 = 0x0048_534d;
    /// System reset.
    pub const SRST: u64 = 0x5352_5354;
    /// Debug console.
    pub const DBCN: u64 = 0x4442_434e;
    /// Performance monitoring.
    pub const PMU: u64 = 0x0050_4d55;
    /// The last number of the legacy extensions, which begin at 0.
    pub const LEGACY_LAST: u64 = 8;
}

/// Why a call failed; the numbers are the specification's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
#[allow(missing_docs, reason = "the names are the specification's")]
pub enum SbiError {
    Failed = -1,
    NotSupported = -2,
    InvalidParam = -3,
    Denied = -4,
    InvalidAddress = -5,
    AlreadyAvailable = -6,
}

/// What a call puts into the caller's registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// Error in `a0`, value in `a1`.
    Pair(Result<u64, SbiError>),
    /// The legacy convention: `a0` alone, every other register kept.
    Legacy(u64),
}

impl Returned {
    /// What goes to `a0`.
    pub fn a0(self) -> u64 {
        match self {
            Returned::Pair(Ok(_)) => 0,
            Returned::Pair(Err(error)) => i64::from(error as i8).cast_unsigned(),
            Returned::Legacy(value) => value,
        }
    }

    /// What goes to `a1`, if it changes.
    pub fn a1(self) -> Option<u64> {
        match self {
            Returned::Pair(result) => Some(result.unwrap_or(0)),
            Returned::Legacy(_) => None,
        }
    }
}

/// Harts, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HartMask(pub u64);

impl HartMask {
    /// Whether hart `hart` is in it.
    pub fn contains(self, hart: usize) -> bool {
        hart < 64 && self.0 >> hart & 1 == 1
    }

    /// The harts in it, in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..64).filter(move |hart| self.contains(*hart))
    }
}

/// The states of hart state management; the numbers are the specification's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum HartState {
    /// Executing.
    Started = 0,
    /// Not executing until another hart starts it.
    Stopped = 1,
    /// Not executing until an interrupt resumes it.
    Suspended = 4,
}

/// Which translations a remote fence concerns; each is a no-op for page tables, which caches follow by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// `fence.i`.
    Instruction,
    /// `sfence.vma`, of one address space or all.
    Supervisor {
        /// The address space.
        asid: Option<u64>,
    },
    /// `hfence.gvma`, of one virtual machine or all.
    Guest {
        /// The virtual machine.
        vmid: Option<u64>,
    },
    /// `hfence.vvma` in the caller's virtual machine, of one address space or all.
    Virtual {
        /// The address space.
        asid: Option<u64>,
    },
}

/// How the system is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// Power off.
    Shutdown,
    /// Start again from power-on.
    ColdReboot,
    /// Start the processors again.
    WarmReboot,
}

/// What the node is to do for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing but returning.
    None,
    /// Set the calling hart's supervisor timer, which also takes a due timer interrupt back.
    SetTimer {
        /// The value of `time` at which it is due.
        deadline: u64,
    },
    /// Raise the supervisor software interrupt of these harts.
    SendIpi(HartMask),
    /// Clear the caller's supervisor software interrupt.
    ClearIpi,
    /// Carry out a fence on these harts.
    RemoteFence {
        /// Where.
        harts: HartMask,
        /// Which.
        fence: Fence,
        /// Addresses concerned; the whole space when none.
        range: Option<Range<u64>>,
    },
    /// Start a stopped hart in supervisor mode with its number in `a0`, `opaque` in `a1`, translation and
    /// interrupts off.
    Start {
        /// Which.
        hart: usize,
        /// Where, a physical address.
        address: u64,
        /// For `a1`.
        opaque: u64,
    },
    /// Stop the caller; it does not return.
    Stop,
    /// Suspend the caller until an interrupt is pending; it then returns, or, with `resume`, starts there as
    /// after [`Action::Start`].
    Suspend {
        /// Address and `a1` of a non-retentive suspension.
        resume: Option<(u64, u64)>,
    },
    /// End or restart the system; the call does not return.
    Reset {
        /// How.
        kind: Reset,
        /// Whether the caller gave a failure of the system as the reason.
        failure: bool,
    },
    /// Send bytes in memory to the console and return how many were taken.
    ConsoleWrite {
        /// Physical addresses, all in main memory.
        range: Range<u64>,
    },
    /// Take waiting input into memory and return how many bytes there were.
    ConsoleRead {
        /// Physical addresses, all in main memory.
        range: Range<u64>,
    },
    /// Send a byte to the console, waiting if it has no room.
    ConsolePut(u8),
    /// Return a byte of input in the legacy convention, or -1.
    ConsoleGet,
}

/// What the node is to do, and what the caller finds in its registers unless the action says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// To be done first.
    pub action: Action,
    /// To be written then.
    pub returned: Returned,
}

impl Decision {
    fn of(result: Result<(Action, u64), SbiError>) -> Decision {
        match result {
            Ok((action, value)) => Decision { action, returned: Returned::Pair(Ok(value)) },
            Err(error) => Decision { action: Action::None, returned: Returned::Pair(Err(error)) },
        }
    }

    fn legacy(action: Action, a0: u64) -> Decision {
        Decision { action, returned: Returned::Legacy(a0) }
    }
}

/// What the firmware may see of the node.
pub trait View {
    /// The state of every hart.
    fn harts(&self) -> &[HartState];
    /// The physical addresses of main memory.
    fn memory(&self) -> Range<u64>;
    /// Whether there is a console.
    fn console(&self) -> bool;
    /// Loads the double word at a virtual address as the caller would; `None` when it would trap.
    fn load_virtual(&self, address: u64) -> Option<u64>;
}

/// A call, as the caller's registers hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// `a7`.
    pub extension: u64,
    /// `a6`.
    pub function: u64,
    /// `a0` to `a5`.
    pub arguments: [u64; 6],
}

impl Call {
    /// The call in the integer registers `x`.
    pub fn from_registers(x: &[u64; 32]) -> Call {
        let mut arguments = [0; 6];
        arguments.copy_from_slice(&x[10..16]);
        Call { extension: x[17], function: x[16], arguments }
    }
}

/// Turns a call into what to do.
pub fn decide(call: &Call, view: &dyn View) -> Decision {
    if call.extension <= extension::LEGACY_LAST {
        return legacy::decide(call, view);
    }
    Decision::of(match call.extension {
        extension::BASE => base::decide(call, view).map(|value| (Action::None, value)),
        extension::TIME => time(call),
        extension::IPI => fence::send_ipi(call, view),
        extension::RFENCE => fence::remote(call, view),
        extension::HSM => hsm::decide(call, view),
        extension::SRST => reset::decide(call),
        extension::DBCN => console::decide(call, view),
        extension::PMU => pmu::decide(call),
        _ => Err(SbiError::NotSupported),
    })
}

fn time(call: &Call) -> Result<(Action, u64), SbiError> {
    match call.function {
        0 => Ok((Action::SetTimer { deadline: call.arguments[0] }, 0)),
        _ => Err(SbiError::NotSupported),
    }
}

/// The low half of a register: what a 32-bit parameter is.
fn word(register: u64) -> u32 {
    u32::try_from(register & u64::from(u32::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
