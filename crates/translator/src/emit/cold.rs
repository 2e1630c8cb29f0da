//! Code behind a unit's hot path: what happens rarely, and the ways out.

use super::operands::Registers;
use super::{Emitted, Emitter, Range};
use crate::abi::RAX;
use crate::block::ALONE;
use crate::lower;
use crate::space::Space;
use crate::store::Stub;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, dynasm};
use std::mem::offset_of;

/// Code that stands behind the unit's hot path; `dirty` are the floating-point registers that differ from memory.
#[derive(Clone, Copy)]
pub(super) enum Cold {
    /// Has the interpreter execute the instruction of a site, then goes on at `resume`.
    Fallback { label: DynamicLabel, site: u32, resume: DynamicLabel },
    /// As `Fallback`, but leaves for the next instruction: what the block relies on does not hold.
    FallbackOnce { label: DynamicLabel, site: u32, next: u64, refund: u32, dirty: Registers },
    /// Leaves for `target`, giving back `refund` instructions that were charged.
    Exit { label: DynamicLabel, target: u64, refund: u32, dirty: Registers },
    /// Leaves because the budget does not cover the `count` instructions of the block at `target`.
    Short { label: DynamicLabel, target: u64, count: u32, dirty: Registers },
    /// Leaves because slot `slot` is not linked.
    Stub { label: DynamicLabel, slot: u32 },
    /// Leaves for code that makes the accesses of a group one by one, when it is not all in the page it begins in; has
    /// the interpreter execute the first of them when that page is not cached, then looks the group up again and goes
    /// on at `resume`, or leaves for the next instruction.
    Group {
        label: DynamicLabel,
        site: u32,
        resume: DynamicLabel,
        base: u8,
        range: Range,
        here: u64,
        next: u64,
        refund: u32,
        dirty: Registers,
    },
    /// Makes the NaN in a register the canonical one.
    Canonical { label: DynamicLabel, resume: DynamicLabel, xmm: u8, double: bool },
}

impl Emitter<'_> {
    /// Emits what was put off, and gives the unit.
    pub(super) fn finish(mut self) -> Option<Emitted> {
        self.in_rax = None;
        self.known = [None; 32];
        // Exits may add stubs, so that the list grows while it is emitted.
        let mut next = 0;
        while next < self.cold.len() {
            let cold = self.cold[next];
            self.cold(cold);
            next += 1;
        }
        if let Some(label) = self.interlude {
            dynasm!(self.ops ; .arch x64 ; =>label);
            self.emit_interlude();
        }
        let relative = self.is_relative();
        let stub = |&(label, target): &(DynamicLabel, u64)| {
            let offset = self.ops.labels().resolve_dynamic(label).ok()?;
            Some(Stub { address: (self.target.address + offset.0) as u64, target, relative })
        };
        let stubs = self.stubs.iter().map(stub).collect::<Option<Vec<Stub>>>()?;
        Some(Emitted { sites: self.sites, stubs, prologue: self.prologue, code: self.ops.finalize().ok()? })
    }

    fn cold(&mut self, cold: Cold) {
        match cold {
            Cold::Fallback { label, site, resume } => {
                dynasm!(self.ops ; .arch x64 ; =>label);
                self.interpret(site);
                dynasm!(self.ops ; .arch x64 ; jmp =>resume);
            }
            Cold::FallbackOnce { label, site, next, refund, dirty } => {
                dynasm!(self.ops ; .arch x64 ; =>label);
                self.interpret(site);
                self.leave_to(next, refund, dirty);
            }
            Cold::Short { label, target, count, dirty } => {
                dynasm!(self.ops ; .arch x64 ; =>label ; add r14, BYTE count as i8);
                self.unsettle(dirty);
                self.address(RAX, target);
                dynasm!(self.ops ; .arch x64 ; jmp extern self.target.trampoline.short);
            }
            Cold::Exit { label, target, refund, dirty } => {
                dynasm!(self.ops ; .arch x64 ; =>label);
                self.leave_to(target, refund, dirty);
            }
            Cold::Stub { label, slot } => dynasm!(self.ops
                ; .arch x64
                ; =>label
                ; mov eax, slot as i32
                ; jmp extern self.target.trampoline.exit
            ),
            Cold::Group { label, site, resume, base, range, here, next, refund, dirty } => {
                let miss = self.ops.new_dynamic_label();
                dynasm!(self.ops ; .arch x64 ; =>label);
                // One access at a time, from this one on, when it is not that the page is not cached.
                if self.is_near(here) {
                    let (label, target) = (self.ops.new_dynamic_label(), here | ALONE);
                    self.cold.push(Cold::Exit { label, target, refund: refund + 1, dirty });
                    lower::if_begins_in_cached_page(self, base, range, label);
                }
                self.interpret(site);
                lower::look_up(self, base, range, miss);
                dynasm!(self.ops ; .arch x64 ; jmp =>resume ; =>miss);
                self.leave_to(next, refund, dirty);
            }
            Cold::Canonical { label, resume, xmm, double } => {
                let double_nan = offset_of!(Space, float.nan_double) as i32;
                let single_nan = offset_of!(Space, float.nan_single) as i32;
                let nan = if double { double_nan } else { single_nan };
                dynasm!(self.ops ; .arch x64 ; =>label ; vmovsd Rx(xmm), [r15 + nan] ; jmp =>resume);
            }
        }
    }

    /// Has the interpreter execute the instruction of `site`.
    fn interpret(&mut self, site: u32) {
        dynasm!(self.ops ; .arch x64 ; mov eax, site as i32);
        if self.homes.are_usual() {
            dynasm!(self.ops ; .arch x64 ; call extern self.target.trampoline.fallback);
            return;
        }
        let label = match self.interlude {
            Some(label) => label,
            None => self.ops.new_dynamic_label(),
        };
        self.interlude = Some(label);
        dynasm!(self.ops ; .arch x64 ; call =>label);
    }
}
