//! Scheduling, allocation and load-balancing policies as pure decisions.
//!
//! A policy is told what happened and answers what to do; whoever asks (the simulator in [`sim`], or a hypervisor)
//! carries it out. Policies know no clock, no thread and no I/O, allocate only when they are built, and need no
//! standard library. The `sim` feature adds a deterministic workload simulator, its configuration files and its
//! drawings, and with them `std`.
#![cfg_attr(not(feature = "sim"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc as heap;

pub mod alloc;
pub mod balance;
pub mod rng;
pub mod sched;
#[cfg(feature = "sim")]
pub mod sim;
pub mod unit;
