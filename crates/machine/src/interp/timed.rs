//! Execution under modelled timing: the same instructions, with each access and each fetched line charged.
//!
//! What is charged depends on simulated state alone: never on what the interpreter's own caches hold, nor on where
//! its blocks begin and end.

use super::blocks::Decoded;
use super::cpu::Cpu;
use super::memory::Mode;
use super::tlb::Kind;
use crate::mmu::mode::{self, Mode as Scheme};
use crate::mmu::{Access, Perms, Steps, Translation};
use crate::privilege::Privilege;
use crate::ram::{PAGE_SHIFT, RAM_BASE};
use crate::timing::{Fence, LINE_SHIFT, Space, Timing, Touch};
use crate::trap::Trap;
use isa::Inst;

impl Cpu<'_> {
    /// Executes a block from its start, for at most `budget` cycles, charging its fetches.
    pub(super) fn execute_charged(&mut self, code: &[Decoded], budget: u64) {
        let end = self.hart.cycles().wrapping_add(budget);
        let start = self.hart.pc;
        let Some(offset) = self.tlb.look(Kind::Fetch, start) else {
            debug_assert!(false, "a block's page stays in the translation cache while it executes");
            return;
        };
        for decoded in code {
            let pc = self.hart.pc;
            let pa = RAM_BASE + offset + pc.wrapping_sub(start);
            self.charge_fetch(pc, pa, u64::from(decoded.inst.len));
            if !self.step(decoded) || self.hart.cycles().wrapping_sub(end).cast_signed() >= 0 {
                return;
            }
        }
    }

    /// As [`Cpu::walk`], and charges for the walk if the modelled TLB does not spare it, and for the line.
    pub(super) fn translate_charged(
        &mut self,
        mode: Mode,
        va: u64,
        bytes: u64,
        access: Access,
        cached: bool,
    ) -> Result<Translation, Trap> {
        let (touch, kind) = match access {
            Access::Fetch => (Touch::Fetch, None),
            Access::Load => (Touch::Read, Some(Kind::Read)),
            Access::Store => (Touch::Write, Some(Kind::Write)),
            Access::Manage => (Touch::Read, None),
        };
        let missing = self.missing(mode, va, touch);
        let known = kind.filter(|_| cached && missing.is_none());
        let translation = match known.and_then(|kind| self.tlb.look_veiled(kind, va)) {
            Some(offset) => {
                self.hart.stats.tlb_hits += 1;
                in_memory(RAM_BASE + offset)
            }
            None => self.walk(mode, va, bytes, access, cached)?,
        };
        if let Some(space) = missing {
            self.charge_walk(space, va, touch, &translation);
        }
        if self.bus.ram.contains(translation.pa, bytes) {
            self.charge_touch(translation.pa, bytes, touch);
        }
        Ok(translation)
    }

    /// Charges for fetching `bytes` bytes at `va`, which lie at `pa`, unless the fetch buffer holds them.
    pub(super) fn charge_fetch(&mut self, va: u64, pa: u64, bytes: u64) {
        let id = self.hart.id;
        let last = pa + bytes - 1;
        if self.timing().is_some_and(|timing| timing.has_fetched(id, last)) {
            return;
        }
        let mode = Mode::of_fetch(self.hart);
        if let Some(space) = self.missing(mode, va, Touch::Fetch)
            && let Ok(translation) = self.walk(mode, va, 2, Access::Fetch, true)
        {
            self.charge_walk(space, va, Touch::Fetch, &translation);
        }
        let first_held = self.timing().is_some_and(|timing| timing.has_fetched(id, pa));
        let from = if first_held { last >> LINE_SHIFT << LINE_SHIFT } else { pa };
        self.charge_touch(from, last - from + 1, Touch::Fetch);
    }

    /// Charges the surcharge of an atomic.
    #[inline]
    pub(super) fn charge_atomic(&mut self) {
        if self.timed {
            let id = self.hart.id;
            let cycles = self.timing().map_or(0, |timing| timing.atomic(id));
            self.hart.stall(cycles);
        }
    }

    /// Has the model forget what `sfence.vma` or `hfence.vvma` names: `rs1` an address, `rs2` an address space.
    pub(super) fn charge_fence(&mut self, inst: &Inst, virt: bool) {
        let fence = Fence {
            virt: virt.then(|| mode::vmid(self.hart.csr.hgatp)),
            va: (inst.rs1 != 0).then(|| self.x(inst.rs1)),
            asid: (inst.rs2 != 0).then(|| low_half(self.x(inst.rs2))),
        };
        let id = self.hart.id;
        if let Some(timing) = self.timing() {
            timing.fence(id, fence);
        }
    }

    /// Has the model forget the virtual machine that `hfence.gvma` names.
    pub(super) fn charge_machine_fence(&mut self, inst: &Inst) {
        let vmid = (inst.rs2 != 0).then(|| low_half(self.x(inst.rs2)));
        let id = self.hart.id;
        if let Some(timing) = self.timing() {
            timing.fence_machine(id, vmid);
        }
    }

    /// Has the model forget fetched code.
    pub(super) fn charge_code_fence(&mut self) {
        let id = self.hart.id;
        if let Some(timing) = self.timing() {
            timing.fence_code(id);
        }
    }

    /// The address space of an access whose translation the modelled TLB does not hold; `None` when it does, or
    /// when no table is walked.
    fn missing(&mut self, mode: Mode, va: u64, touch: Touch) -> Option<Space> {
        let space = self.space(mode)?;
        let id = self.hart.id;
        let held = self.timing().is_none_or(|timing| timing.holds(id, space, va, touch));
        (!held).then_some(space)
    }

    fn charge_walk(&mut self, space: Space, va: u64, touch: Touch, translation: &Translation) {
        let id = self.hart.id;
        let steps = u64::from(translation.steps.first) + u64::from(translation.steps.second);
        let global = translation.global;
        let cycles = self.timing().map_or(0, |timing| timing.walked(id, space, va, touch, global, steps));
        self.hart.stall(cycles);
    }

    fn charge_touch(&mut self, pa: u64, bytes: u64, touch: Touch) {
        let id = self.hart.id;
        let cycles = self.timing().map_or(0, |timing| timing.touch(id, pa, bytes, touch));
        self.hart.stall(cycles);
    }

    fn timing(&mut self) -> Option<&mut Timing> {
        self.bus.timing.as_deref_mut()
    }

    /// The address space that accesses of `mode` are translated in; `None` when no table is walked.
    fn space(&self, mode: Mode) -> Option<Space> {
        let csr = &self.hart.csr;
        let walks = |register| mode::of(register).is_some_and(|scheme| scheme != Scheme::Bare);
        match (mode.privilege, mode.virt) {
            (_, true) if walks(csr.vsatp) || walks(csr.hgatp) => {
                Some(Space { asid: mode::asid(csr.vsatp), vmid: mode::vmid(csr.hgatp), virt: true })
            }
            (Privilege::Machine, false) | (_, true) => None,
            (_, false) => walks(csr.satp).then(|| Space { asid: mode::asid(csr.satp), vmid: 0, virt: false }),
        }
    }
}

/// What is left to say of a translation that the cache vouches for.
fn in_memory(pa: u64) -> Translation {
    let (gpa, global, steps) = (None, false, Steps::default());
    Translation { pa, shift: PAGE_SHIFT, perms: Perms::default(), global, gpa, steps, last_table: None }
}

fn low_half(value: u64) -> u16 {
    let [low, high, ..] = value.to_le_bytes();
    u16::from_le_bytes([low, high])
}
