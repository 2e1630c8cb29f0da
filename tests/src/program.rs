//! A guest program for both machines, with the registers that it starts with.

/// Where RAM begins, and programs with it.
pub const BASE: u64 = 0x8000_0000;
/// RAM that programs may use.
pub const RAM_BYTES: u64 = 16 << 20;
/// Random bytes for loads and stores; its page is also mapped by the programs with page tables.
pub const DATA: u64 = BASE + 0x2_0000;
/// Size of the data.
pub const DATA_BYTES: u64 = 0x4000;

/// A program and its start.
#[derive(Clone)]
pub struct Program {
    /// How to make it again.
    pub name: String,
    /// Pieces of memory by address.
    pub memory: Vec<(u64, Vec<u8>)>,
    /// Memory compared at the end: address and length.
    pub compared: Vec<(u64, u64)>,
    /// First instruction, in machine mode.
    pub entry: u64,
    /// The program is over when it comes here.
    pub end: u64,
    /// Integer registers at the start.
    pub x: [u64; 32],
    /// Floating-point registers at the start.
    pub f: [u64; 32],
}
