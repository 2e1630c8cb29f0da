//! Debugging a node: gdb's remote protocol, the trace of instructions, symbols and back traces.
//!
//! Invariant: looking changes nothing. A run that is stopped, stepped or recorded has the digest of one that is
//! not; only what a person writes through the debugger changes it.

pub mod gdb;
pub mod symbols;
pub mod trace;
pub mod unwind;
