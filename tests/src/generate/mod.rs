//! Random programs.
//!
//! A program is a prologue, trap handlers that step over what faulted, and random instructions. Registers that
//! the handlers and the addressing rely on are read by random instructions but never written:
//! see [`Frame::RESERVED`].

pub mod body;
mod frame;
pub mod hypervisor;
mod instructions;
pub mod paging;
pub mod privileged;
pub mod storm;
mod tables;
pub mod user;

pub use frame::{Frame, USER_ALIAS};
