//! The RV64 instruction set as one declarative table, with everything derived from it.
//!
//! [`for_each_instruction!`] lists every 32-bit instruction once and [`for_each_compressed!`] every 16-bit
//! form; decoder, encoder, disassembler, assembler (feature `asm`) and the interpreter's dispatch are expansions
//! of those lists. [`csr`] does the same for control and status registers, [`pte`] for page-table entries.
//!
//! Invariant: for every word that [`decode`] accepts, `encode(&decode(word)?)` is that word again.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "asm")]
extern crate alloc;

#[cfg(feature = "asm")]
pub mod asm;
mod compressed;
mod compressed_table;
pub mod csr;
mod decode;
mod disasm;
mod extension;
mod format;
mod op;
pub mod pte;
pub mod reg;
mod table;

pub use compressed::{Form, compress};
pub use decode::{decode, encode};
pub use disasm::{Disassembly, disassemble};
pub use extension::Extension;
pub use format::{Fields, Format, Immediate, Slot, Small};
pub use op::{Inst, Op};
