//! Control and status registers as instructions see them: who may access which, views, legal values.
//!
//! [`access`] decides whether the current mode may touch a register and which register the number means in
//! virtualization mode; [`read`] and [`write`] then cannot fail.

pub mod access;
pub mod counters;
pub mod environment;
pub mod hypervisor;
mod read;
pub mod status;
mod write;

pub use crate::lines::mip;
pub use access::{access, exists};
pub use read::read;
pub use write::write;

/// Interrupts of the virtual supervisor.
pub const VS_LEVEL: u64 = mip::VSSIP | mip::VSTIP | mip::VSEIP;
/// Interrupts of the supervisor.
pub const S_LEVEL: u64 = mip::SSIP | mip::STIP | mip::SEIP;
/// Interrupts of the machine level.
pub const M_LEVEL: u64 = mip::MSIP | mip::MTIP | mip::MEIP;

/// What else a write to a register may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that an engine caches.
    None,
    /// How addresses translate: the address space or the permissions in force.
    Translation,
    /// Whether interrupts are let in at all; pending ones and timers are as they were.
    Enables,
    /// Which interrupts are pending or enabled, or when a timer is due.
    Interrupts,
    /// Both.
    Both,
}
