//! The ways out of a unit that its code takes.

use super::Emitter;
use super::cold::Cold;
use super::operands::Registers;
use crate::abi::RAX;
use crate::space::{JUMP_MASK, JumpEntry, Space, jump_index};
use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler, dynasm};
use machine::ram::{PAGE_BYTES, PAGE_SHIFT};
use std::mem::offset_of;

/// Puts into `rcx` how far into the jump cache the block at the address in `rax` has its place.
pub(super) fn jump_place(ops: &mut VecAssembler<X64Relocation>) {
    dynasm!(ops ; .arch x64 ; mov ecx, eax ; shl ecx, 3 ; and ecx, JUMP_MASK);
}

impl Emitter<'_> {
    /// A label that leaves for `target` after the present instruction.
    pub(crate) fn exit_label(&mut self, target: u64) -> DynamicLabel {
        let refund = self.behind();
        if let Some(index) = self.inside(target)
            && refund == 0
        {
            return self.labels[index];
        }
        let label = self.ops.new_dynamic_label();
        self.cold.push(Cold::Exit { label, target, refund, dirty: self.dirty });
        label
    }

    /// Leaves for `target` after the present instruction.
    pub(crate) fn leave(&mut self, target: u64) {
        let refund = self.behind();
        self.leave_to(target, refund, self.dirty);
    }

    /// The block of this loop that begins at `target`.
    fn inside(&self, target: u64) -> Option<usize> {
        self.unit.blocks.iter().position(|block| block.va == target).filter(|_| self.unit.loops)
    }

    pub(super) fn leave_to(&mut self, target: u64, refund: u32, dirty: Registers) {
        if refund != 0 {
            dynasm!(self.ops ; .arch x64 ; add r14, BYTE refund as i8);
        }
        if let Some(index) = self.inside(target) {
            // The next block follows by itself; no cold path comes before the last block.
            if refund != 0 || index != self.block + 1 {
                let label = self.labels[index];
                dynasm!(self.ops ; .arch x64 ; jmp =>label);
            }
            return;
        }
        self.unsettle(dirty);
        if self.is_near(target) {
            let slot = self.target.first_slot + self.stubs.len() as u32;
            let label = self.ops.new_dynamic_label();
            self.stubs.push((label, target));
            self.cold.push(Cold::Stub { label, slot });
            self.jump_through(slot);
        } else {
            self.leave_page(target);
        }
    }

    /// Whether the code at `target` lies where it does as long as this unit's own does, and is relative if that is.
    pub(super) fn is_near(&self, target: u64) -> bool {
        // An instruction at the end may go on in another page.
        target >> PAGE_SHIFT == self.unit.page() && target % PAGE_BYTES != PAGE_BYTES - 2
    }

    /// Jumps to where link slot `slot` says: `jmp [rip + ...]`.
    fn jump_through(&mut self, slot: u32) {
        const LENGTH: usize = 6;
        let next = self.target.address + self.ops.offset().0 + LENGTH;
        let place = self.target.slots + slot as usize * size_of::<u64>();
        let distance = place.wrapping_sub(next).cast_signed() as i32;
        dynasm!(self.ops ; .arch x64 ; .bytes [0xffu8, 0x25] ; .i32 distance);
    }

    /// Leaves for `target` in another page, if the jump cache has it in its place.
    fn leave_page(&mut self, target: u64) {
        if self.unit.relative {
            self.address(RAX, target);
            return self.look_for_block();
        }
        let entry = (offset_of!(Space, jumps) + jump_index(target) * size_of::<JumpEntry>()) as i32;
        self.constant(RAX, target);
        dynasm!(self.ops
            ; .arch x64
            ; cmp rax, [r15 + entry]
            ; jne extern self.target.trampoline.lookup
            ; jmp QWORD [r15 + entry + 8]
        );
    }

    /// Leaves for the address in `rax`, after the last instruction of the block.
    pub(crate) fn leave_indirect(&mut self) {
        self.unsettle(self.dirty);
        self.look_for_block();
    }

    /// Goes to the block at the address in `rax`, if the jump cache has it.
    fn look_for_block(&mut self) {
        let jumps = offset_of!(Space, jumps) as i32;
        let code = jumps + 8;
        jump_place(&mut self.ops);
        dynasm!(self.ops
            ; .arch x64
            ; cmp rax, [r15 + rcx + jumps]
            ; jne extern self.target.trampoline.lookup
            ; jmp QWORD [r15 + rcx + code]
        );
    }
}
