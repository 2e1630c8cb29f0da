//! A translated block as a person reads it: the guest's instructions and the host's.

use crate::store::Block;
use iced_x86::{Decoder, DecoderOptions, Formatter, NasmFormatter};
use std::fmt::Write;

/// The guest code of `block` and `code`, what it became.
pub(crate) fn block(block: &Block, code: &[u8]) -> String {
    let page = if block.place.relative { " of a page that is mapped at several addresses" } else { "" };
    let mut text = format!("guest block at {:#x}{page}\n", block.place.va);
    for (pc, inst) in block.guest.placed() {
        let _ = writeln!(text, "  {pc:16x}  {}", isa::disassemble(inst, pc));
    }
    let _ = writeln!(text, "host code at {:#x}, {} bytes", block.entry, code.len());
    let mut formatter = NasmFormatter::new();
    let mut line = String::new();
    for instruction in &mut Decoder::with_ip(64, code, block.entry, DecoderOptions::NONE) {
        line.clear();
        formatter.format(&instruction, &mut line);
        let _ = writeln!(text, "  {:16x}  {line}", instruction.ip());
    }
    text
}
