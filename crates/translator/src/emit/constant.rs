//! What a block knows its registers to hold.

use super::Emitter;
use super::operands::x_written;
use isa::{Inst, Op};

/// What the instruction at `pc`, if that is known, writes to its destination, as far as that follows from what registers
/// hold.
pub(super) fn result(inst: &Inst, pc: Option<u64>, known: &[Option<u64>; 32]) -> Option<u64> {
    let immediate = i64::from(inst.imm).cast_unsigned();
    let source = || known[usize::from(inst.rs1)];
    let word = |value: u64| i64::from(value as u32 as i32).cast_unsigned();
    match inst.op {
        Op::Lui => Some(immediate),
        Op::Auipc => Some(pc?.wrapping_add(immediate)),
        Op::Addi => Some(source()?.wrapping_add(immediate)),
        Op::Addiw => Some(word(source()?.wrapping_add(immediate))),
        Op::Ori => Some(source()? | immediate),
        Op::Slli => Some(source()? << (inst.imm & 63)),
        Op::Srli => Some(source()? >> (inst.imm & 63)),
        Op::Add => Some(source()?.wrapping_add(known[usize::from(inst.rs2)]?)),
        _ => None,
    }
}

impl Emitter<'_> {
    /// The address of the present instruction, if it is the same wherever the page is mapped.
    pub(super) fn fixed_pc(&self) -> Option<u64> {
        Some(self.pc).filter(|_| !self.unit.relative)
    }

    /// Emits an instruction that makes `register` hold `value`.
    pub(super) fn known_result(&mut self, inst: &Inst, register: u8, value: u64) {
        if self.is_overwritten(inst, register, value) {
            return;
        }
        let d = self.destination(register);
        self.constant(d, value);
        self.put(register, d);
    }

    /// Whether the following instruction makes a constant of `value` in the same register.
    fn is_overwritten(&self, inst: &Inst, register: u8, value: u64) -> bool {
        let Some(following) = self.following() else { return false };
        let mut known = self.known;
        known[usize::from(register)] = Some(value);
        let next = self.fixed_pc().map(|pc| pc.wrapping_add(u64::from(inst.len)));
        x_written(following) == Some(register) && result(following, next, &known).is_some()
    }
}
