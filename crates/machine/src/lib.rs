//! One node of the multicomputer: a multi-hart RV64 machine.

pub mod board;
pub mod bus;
pub mod dev;
pub mod fdt;
pub mod lines;
pub mod mmu;
pub mod privilege;
pub mod ram;
pub mod sbi;
pub mod state;
pub mod trap;
