//! What the tests across crates share: QEMU driven through its debugger's stub, random guest programs, and the
//! comparison of whole states after each instruction; and the same guests on both engines ([`twins`]).
//!
//! QEMU is a second implementation, not the specification: where the two differ and the specification allows
//! both, [`state::State::comparable`] says what is left out and why.

pub mod compare;
pub mod generate;
pub mod ours;
pub mod program;
pub mod qemu;
pub mod remote;
pub mod rng;
pub mod state;
#[cfg(target_arch = "x86_64")]
pub mod twins;
