//! How the interpreter reaches memory: a look in its translation cache, and on a miss the walk.

use super::blocks::{self, Block, BlockCache};
use super::cpu::{Cpu, NO_PAGE, Stop};
use super::tlb::Kind;
use crate::csr::{hypervisor, status};
use crate::engine::Exit;
use crate::hart::Hart;
use crate::mmu::{self, Access, Request, Translation};
use crate::privilege::Privilege;
use crate::ram::{PAGE_BYTES, PAGE_SHIFT, RAM_BASE};
use crate::trap::{Cause, Trap};

/// The privilege and virtualization mode as which an access is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mode {
    pub(super) privilege: Privilege,
    pub(super) virt: bool,
    pub(super) hlvx: bool,
}

impl Mode {
    /// As which loads and stores are made: `MPRV` lets machine mode act as another.
    pub(super) fn of_data(hart: &Hart) -> Mode {
        let status = hart.csr.mstatus;
        if hart.privilege == Privilege::Machine && status & status::MPRV != 0 {
            let privilege = Privilege::from_bits(status >> status::MPP_SHIFT);
            let virt = privilege != Privilege::Machine && status & status::MPV != 0;
            return Mode { privilege, virt, hlvx: false };
        }
        Mode { privilege: hart.privilege, virt: hart.virt, hlvx: false }
    }

    /// As which instructions are fetched.
    pub(super) fn of_fetch(hart: &Hart) -> Mode {
        Mode { privilege: hart.privilege, virt: hart.virt, hlvx: false }
    }

    /// As which hypervisor loads and stores are made.
    pub(super) fn of_guest(hart: &Hart, hlvx: bool) -> Mode {
        let supervisor = hart.csr.hstatus & hypervisor::SPVP != 0;
        let privilege = if supervisor { Privilege::Supervisor } else { Privilege::User };
        Mode { privilege, virt: true, hlvx }
    }

    /// The exception of an access at `va` that memory or a device refuses.
    pub(super) fn refused(self, cause: Cause, va: u64) -> Trap {
        Trap { gva: self.virt, ..Trap::new(cause, va) }
    }
}

/// A byte offset in memory as an index; the translation cache holds only offsets that are in memory.
#[inline(always)]
fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[inline(always)]
fn fits_page(va: u64, bytes: u64) -> bool {
    va & (PAGE_BYTES - 1) <= PAGE_BYTES - bytes
}

#[inline(always)]
fn widen<const N: usize>(bytes: [u8; N]) -> u64 {
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(&bytes);
    u64::from_le_bytes(wide)
}

#[inline(always)]
fn narrow<const N: usize>(value: u64) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&value.to_le_bytes()[..N]);
    bytes
}

impl Cpu<'_> {
    /// Loads `N` (1, 2, 4 or 8) bytes at `va`, zero-extended, if the translation is cached.
    #[inline(always)]
    pub(super) fn load_cached<const N: usize>(&mut self, va: u64) -> Option<u64> {
        let offset = self.tlb.look(Kind::Read, va).filter(|_| fits_page(va, N as u64))?;
        self.hart.stats.tlb_hits += 1;
        Some(widen(self.bus.ram.read_at::<N>(index(offset))))
    }

    /// Loads `N` (1, 2, 4 or 8) bytes at `va`, zero-extended.
    #[inline(always)]
    pub(super) fn load<const N: usize>(&mut self, va: u64) -> Result<u64, Trap> {
        match self.load_cached::<N>(va) {
            Some(value) => Ok(value),
            None => self.load_as(Mode::of_data(self.hart), va, N as u64, true),
        }
    }

    /// Stores the low `N` (1, 2, 4 or 8) bytes of `value` at `va` if the translation is cached; whether it was.
    #[inline(always)]
    pub(super) fn store_cached<const N: usize>(&mut self, va: u64, value: u64) -> bool {
        let Some(offset) = self.tlb.look(Kind::Write, va).filter(|_| fits_page(va, N as u64)) else {
            return false;
        };
        self.hart.stats.tlb_hits += 1;
        self.bus.ram.write_unmarked(index(offset), narrow::<N>(value));
        true
    }

    /// Stores the low `N` (1, 2, 4 or 8) bytes of `value` at `va`.
    #[inline(always)]
    pub(super) fn store<const N: usize>(&mut self, va: u64, value: u64) -> Result<(), Trap> {
        if self.store_cached::<N>(va, value) {
            return Ok(());
        }
        self.store_as(Mode::of_data(self.hart), va, &narrow::<N>(value), true)
    }

    /// Replaces the `N` (4 or 8) bytes at `va` by what `change` makes of them; the old value.
    pub(super) fn modify<const N: usize>(
        &mut self,
        va: u64,
        change: impl FnOnce(u64) -> u64,
    ) -> Result<u64, Trap> {
        let pa = self.atomic_address(va, N as u64, Access::Store)?;
        let old = self.bus.ram.load(pa, N as u64).unwrap_or(0);
        self.write_memory(pa, &narrow::<N>(change(old)));
        Ok(old)
    }

    /// The physical address of a naturally aligned word in main memory, for LR, SC and AMOs.
    pub(super) fn atomic_address(&mut self, va: u64, bytes: u64, access: Access) -> Result<u64, Trap> {
        let (misaligned, refused) = match access {
            Access::Load => (Cause::LoadMisaligned, Cause::LoadAccessFault),
            _ => (Cause::StoreMisaligned, Cause::StoreAccessFault),
        };
        let mode = Mode::of_data(self.hart);
        if va & (bytes - 1) != 0 {
            return Err(mode.refused(misaligned, va));
        }
        let pa = self.translate(mode, va, bytes, access, true)?.pa;
        self.charge_atomic();
        if self.bus.ram.contains(pa, bytes) { Ok(pa) } else { Err(mode.refused(refused, va)) }
    }

    /// Loads without the fast path; `cached` tells whether the translation may be kept for this mode.
    #[cold]
    pub(super) fn load_as(&mut self, mode: Mode, va: u64, bytes: u64, cached: bool) -> Result<u64, Trap> {
        if !fits_page(va, bytes) {
            return self.load_across(mode, va, bytes, cached);
        }
        let pa = self.translate(mode, va, bytes, Access::Load, cached)?.pa;
        if let Some(value) = self.bus.ram.load(pa, bytes) {
            return Ok(value);
        }
        self.bus.lines.changed = false;
        let mtime = self.clock.mtime(self.hart.cycles());
        let value = self.bus.load(pa, bytes.to_le_bytes()[0], mtime);
        if self.bus.lines.changed {
            self.stop = Stop::Exit(Exit::Recheck);
        }
        value.ok_or(mode.refused(Cause::LoadAccessFault, va))
    }

    /// Stores without the fast path; `cached` tells whether the translation may be kept for this mode.
    #[cold]
    pub(super) fn store_as(&mut self, mode: Mode, va: u64, data: &[u8], cached: bool) -> Result<(), Trap> {
        let bytes = data.len() as u64;
        if !fits_page(va, bytes) {
            return self.store_across(mode, va, data, cached);
        }
        let pa = self.translate(mode, va, bytes, Access::Store, cached)?.pa;
        if self.bus.ram.contains(pa, bytes) {
            self.write_memory(pa, data);
            return Ok(());
        }
        let mut value = [0; 8];
        value[..data.len()].copy_from_slice(data);
        let mtime = self.clock.mtime(self.hart.cycles());
        self.stop = Stop::Exit(Exit::Recheck);
        let stored = self.bus.store(pa, bytes.to_le_bytes()[0], u64::from_le_bytes(value), mtime);
        stored.ok_or(mode.refused(Cause::StoreAccessFault, va))
    }

    /// Stores to main memory, leaving the block if something cached went stale.
    pub(super) fn write_memory(&mut self, pa: u64, data: &[u8]) {
        if self.bus.ram.is_marked(pa) {
            self.stop = if self.bus.ram.is_watched(pa) { Stop::Exit(Exit::Recheck) } else { Stop::Refetch };
        }
        let written = self.bus.ram.write(pa, data);
        debug_assert!(written.is_some(), "the caller has looked that the address is in memory");
    }

    /// A load that crosses a page: both parts must be in main memory.
    fn load_across(&mut self, mode: Mode, va: u64, bytes: u64, cached: bool) -> Result<u64, Trap> {
        let [(first, length), (second, rest)] = self.split(mode, va, bytes, Access::Load, cached)?;
        let low = self.bus.ram.slice(first, length);
        let high = self.bus.ram.slice(second, rest);
        let (Some(low), Some(high)) = (low, high) else {
            return Err(mode.refused(Cause::LoadAccessFault, va));
        };
        let mut value = [0; 8];
        value[..low.len()].copy_from_slice(low);
        value[low.len()..low.len() + high.len()].copy_from_slice(high);
        Ok(u64::from_le_bytes(value))
    }

    /// A store that crosses a page: both parts must be in main memory, and either both are stored or none.
    fn store_across(&mut self, mode: Mode, va: u64, data: &[u8], cached: bool) -> Result<(), Trap> {
        let parts = self.split(mode, va, data.len() as u64, Access::Store, cached)?;
        let [(first, length), (second, rest)] = parts;
        if !self.bus.ram.contains(first, length) || !self.bus.ram.contains(second, rest) {
            return Err(mode.refused(Cause::StoreAccessFault, va));
        }
        let (low, high) = data.split_at(index(length));
        self.write_memory(first, low);
        self.write_memory(second, high);
        Ok(())
    }

    /// The two parts of an access that crosses a page: physical address and length of each.
    fn split(
        &mut self,
        mode: Mode,
        va: u64,
        bytes: u64,
        access: Access,
        cached: bool,
    ) -> Result<[(u64, u64); 2], Trap> {
        let length = PAGE_BYTES - (va & (PAGE_BYTES - 1));
        let first = self.translate(mode, va, length, access, cached)?.pa;
        let second = self.translate(mode, va.wrapping_add(length), bytes - length, access, cached)?.pa;
        Ok([(first, length), (second, bytes - length)])
    }

    /// Translates an access within a page, and charges for it if timing is modelled; `cached` tells whether the
    /// translation may be kept for this mode.
    pub(super) fn translate(
        &mut self,
        mode: Mode,
        va: u64,
        bytes: u64,
        access: Access,
        cached: bool,
    ) -> Result<Translation, Trap> {
        let translation = if self.timed {
            self.translate_charged(mode, va, bytes, access, cached)?
        } else {
            self.walk(mode, va, bytes, access, cached)?
        };
        if self.bus.debug.is_some() && access != Access::Manage {
            self.note_access(va, bytes, access == Access::Store);
        }
        Ok(translation)
    }

    /// Walks the page table for an access within a page, and keeps the outcome if it may be.
    pub(super) fn walk(
        &mut self,
        mode: Mode,
        va: u64,
        bytes: u64,
        access: Access,
        cached: bool,
    ) -> Result<Translation, Trap> {
        self.hart.stats.tlb_misses += 1;
        let env = self.hart.csr.translation_env(&self.hart.pmp);
        let request = Request {
            privilege: mode.privilege,
            virt: mode.virt,
            hlvx: mode.hlvx,
            ..self.hart.request(va, bytes, access)
        };
        // Modelled timing needs to know all of the walk.
        let walks = mode.privilege != Privilege::Machine && !mode.virt && !self.architecture.software_tlb;
        let near = cached && walks && !self.timed;
        let last_table = if near { self.tlb.last_table(va) } else { None };
        let quick =
            last_table.and_then(|table| mmu::translate_from(&env, &mut self.bus.ram, &request, table));
        let outcome = match quick {
            Some(translation) => Ok(translation),
            None if self.architecture.software_tlb => {
                self.hart.tlb.translate(&env, &mut self.bus.ram, &request)
            }
            None => mmu::translate(&env, &mut self.bus.ram, &request),
        };
        self.tlb.catch_up(&self.bus.ram);
        if self.bus.ram.has_stale_code() && self.stop == Stop::No {
            // The walk has set A or D in a page that holds code too.
            self.stop = Stop::Refetch;
        }
        let translation = outcome?;
        let steps = usize::from(translation.steps.first + translation.steps.second);
        self.hart.stats.walks[steps.min(15)] += 1;
        if cached && translation.shift >= PAGE_SHIFT && self.bus.ram.contains(translation.pa, bytes) {
            self.keep(va, access, &translation);
        }
        if near && let Some(table) = translation.last_table {
            self.tlb.enter_last_table(va, table);
        }
        Ok(translation)
    }

    /// The byte offset in memory of an access of `bytes` at `va`, within a page, that may be made there directly; `None`
    /// where it is to be interpreted.
    pub(super) fn data_offset(&mut self, kind: Kind, va: u64, bytes: u64) -> Option<u64> {
        if let Some(offset) = self.tlb.look(kind, va) {
            return Some(offset);
        }
        let access = if kind == Kind::Write { Access::Store } else { Access::Load };
        self.walk(Mode::of_data(self.hart), va, bytes, access, true).ok()?;
        self.tlb.look(kind, va)
    }

    fn keep(&mut self, va: u64, access: Access, translation: &Translation) {
        if access != Access::Fetch && self.bus.debug.as_ref().is_some_and(|points| points.sees_page(va)) {
            return;
        }
        let offset = translation.pa - RAM_BASE;
        match access {
            Access::Fetch => self.tlb.enter(Kind::Fetch, va, offset),
            Access::Load => self.tlb.enter(Kind::Read, va, offset),
            Access::Store if !self.bus.ram.is_marked(translation.pa) => {
                self.bus.ram.note_writer(translation.pa, va);
                self.tlb.enter(Kind::Write, va, offset);
            }
            Access::Store | Access::Manage => {}
        }
    }

    /// Brings the caches up to what happened since the last look.
    pub(super) fn synchronize(&mut self, blocks: &mut BlockCache) {
        self.page = NO_PAGE;
        if self.bus.ram.has_stale_code() {
            for page in self.bus.ram.take_stale_code() {
                blocks.remove_page(page);
            }
        }
        self.tlb.catch_up(&self.bus.ram);
        self.tlb.select(self.hart);
    }

    /// The block at `pc`; `None` when the instruction there could not be cached and was executed by itself.
    ///
    /// Errors: the exception of the fetch.
    #[inline]
    pub(super) fn fetch(&mut self, blocks: &mut BlockCache) -> Result<Option<Block>, Trap> {
        let pc = self.hart.pc;
        let (page, addend) = self.page;
        if pc & !(PAGE_BYTES - 1) == page
            && let Some(block) = blocks.look(pc.wrapping_add(addend))
        {
            self.hart.stats.tlb_hits += 1;
            return Ok(Some(block));
        }
        if let Some(offset) = self.tlb.look(Kind::Fetch, pc) {
            self.page = (pc & !(PAGE_BYTES - 1), offset.wrapping_sub(pc));
            if let Some(block) = blocks.look(offset) {
                self.hart.stats.tlb_hits += 1;
                return Ok(Some(block));
            }
        }
        self.fetch_slowly(pc, blocks)
    }

    #[cold]
    fn fetch_slowly(&mut self, pc: u64, blocks: &mut BlockCache) -> Result<Option<Block>, Trap> {
        self.page = NO_PAGE;
        let Some(offset) = self.find_code(pc)? else {
            self.execute_alone(pc)?;
            return Ok(None);
        };
        let found = blocks.look(offset).or_else(|| blocks.decode(offset, &mut self.bus.ram));
        self.tlb.catch_up(&self.bus.ram);
        if found.is_none() {
            self.execute_alone(pc)?;
        }
        Ok(found)
    }

    /// The byte offset in memory of the code at `pc`; `None` where protection divides the page.
    fn find_code(&mut self, pc: u64) -> Result<Option<u64>, Trap> {
        if let Some(offset) = self.tlb.look(Kind::Fetch, pc) {
            return Ok(Some(offset));
        }
        let translation = self.walk(Mode::of_fetch(self.hart), pc, 2, Access::Fetch, true)?;
        if !self.bus.ram.contains(translation.pa, 2) {
            return Err(Trap::new(Cause::InstructionAccessFault, pc));
        }
        Ok((translation.shift >= PAGE_SHIFT).then(|| translation.pa - RAM_BASE))
    }

    /// As [`Cpu::find_code`], a trap being `None` too.
    pub(super) fn code_offset(&mut self, va: u64) -> Option<u64> {
        self.find_code(va).ok().flatten()
    }

    /// Executes an instruction whose halves lie under different translations, fetching each on its own.
    fn execute_alone(&mut self, pc: u64) -> Result<(), Trap> {
        let low = self.fetch_half(pc)?;
        let high = if low & 3 == 3 { self.fetch_half(pc.wrapping_add(2))? } else { 0 };
        let decoded = blocks::decode(u32::from(low) | u32::from(high) << 16);
        self.step(&decoded);
        Ok(())
    }

    fn fetch_half(&mut self, va: u64) -> Result<u16, Trap> {
        if !self.timed
            && let Some(offset) = self.find_code(va)?
        {
            return Ok(u16::from_le_bytes(self.bus.ram.read_at(index(offset))));
        }
        let pa = self.walk(Mode::of_fetch(self.hart), va, 2, Access::Fetch, false)?.pa;
        if self.timed {
            self.charge_fetch(va, pa, 2);
        }
        let half = self.bus.ram.read(pa).map(u16::from_le_bytes);
        half.ok_or(Trap::new(Cause::InstructionAccessFault, va))
    }
}
