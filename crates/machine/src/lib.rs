//! One node of the multicomputer: a multi-hart RV64 machine.

pub mod board;
pub mod bus;
pub mod clock;
pub mod core;
pub mod csr;
pub mod delivery;
pub mod dev;
pub mod engine;
pub mod fdt;
pub mod firmware;
pub mod fp;
pub mod hart;
pub mod interp;
pub mod interrupt;
pub mod lines;
pub mod load;
pub mod mmu;
pub mod node;
pub mod privilege;
pub mod ram;
pub mod random;
pub mod sbi;
pub mod state;
pub mod stats;
pub mod timing;
pub mod trap;
