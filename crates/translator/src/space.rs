//! What translated code sees of one translation context: a TLB, a jump cache, and some words of state.
//!
//! Each hart has a few spaces, one for each context it was in lately; changing context changes the pointer in
//! `r15`. Nothing here is simulated state.

use crate::runtime::Run;
use machine::csr::status;
use machine::hart::Hart;
use machine::interp::Context;

/// Entries of the TLB for loads, and of the one for stores; direct-mapped by page number.
pub(crate) const TLB_ENTRIES: usize = 512;
/// Entries of the jump cache; direct-mapped by half-word address.
pub(crate) const JUMP_ENTRIES: usize = 1024;

/// A cached page: an access at `va` with `va & !0xfff == page` goes to host address `va + addend`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct TlbEntry {
    page: u64,
    addend: u64,
}

/// A block at guest address `va`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct JumpEntry {
    va: u64,
    code: u64,
}

/// No page and no block has this (odd) address.
const NOWHERE: u64 = 1;
const NO_PAGE: TlbEntry = TlbEntry { page: NOWHERE, addend: 0 };
const NO_BLOCK: JumpEntry = JumpEntry { va: NOWHERE, code: 0 };

/// Host MXCSR with all exceptions masked, none accrued, rounding to nearest.
pub(crate) const MXCSR_DEFAULT: u32 = 0x1f80;

/// One translation context of one hart.
#[repr(C)]
pub(crate) struct Space {
    /// The link slots: where each exit of each block goes.
    pub(crate) slots: *const u64,
    /// The present run of the engine.
    pub(crate) run: *mut Run,
    /// Added to a host address in main memory it gives the physical address.
    pub(crate) host_to_physical: u64,
    /// Rounding mode of the guest, and the exceptions accrued since it was last set.
    pub(crate) guest_mxcsr: u32,
    /// The host's own.
    pub(crate) host_mxcsr: u32,
    /// 1 when floating-point instructions may run in host code: on, dirty already, a rounding mode the host has.
    pub(crate) float_ready: u8,
    /// `frm`.
    pub(crate) frm: u8,
    pub(crate) read: [TlbEntry; TLB_ENTRIES],
    pub(crate) write: [TlbEntry; TLB_ENTRIES],
    pub(crate) jumps: [JumpEntry; JUMP_ENTRIES],
    context: Context,
    /// When it was last selected.
    pub(crate) used: u64,
    seen_mapping: u32,
    pub(crate) seen_watch: u64,
    seen_code: u64,
}

impl Space {
    pub(crate) fn new() -> Box<Space> {
        Box::new(Space {
            slots: std::ptr::null(),
            run: std::ptr::null_mut(),
            host_to_physical: 0,
            guest_mxcsr: MXCSR_DEFAULT,
            host_mxcsr: MXCSR_DEFAULT,
            float_ready: 0,
            frm: 0,
            read: [NO_PAGE; TLB_ENTRIES],
            write: [NO_PAGE; TLB_ENTRIES],
            jumps: [NO_BLOCK; JUMP_ENTRIES],
            context: Context::default(),
            used: 0,
            seen_mapping: 0,
            seen_watch: 0,
            seen_code: 0,
        })
    }

    /// Whether it serves `context`.
    pub(crate) fn serves(&self, context: &Context) -> bool {
        self.seen_mapping != 0 && self.context == *context
    }

    /// Takes over `context`, forgetting what it held.
    pub(crate) fn take(&mut self, context: Context) {
        self.context = context;
        self.seen_mapping = 0;
    }

    /// Forgets what went stale: `mapping` and `watch` are memory's generations, `code` the block store's.
    pub(crate) fn refresh(&mut self, mapping: u32, watch: u64, code: u64) {
        if self.seen_mapping != mapping {
            self.seen_mapping = mapping;
            self.read = [NO_PAGE; TLB_ENTRIES];
            self.write = [NO_PAGE; TLB_ENTRIES];
            self.jumps = [NO_BLOCK; JUMP_ENTRIES];
        }
        if self.seen_watch != watch {
            self.seen_watch = watch;
            self.write = [NO_PAGE; TLB_ENTRIES];
        }
        if self.seen_code != code {
            self.seen_code = code;
            self.jumps = [NO_BLOCK; JUMP_ENTRIES];
        }
    }

    /// Takes over the hart's floating-point mode.
    pub(crate) fn refresh_float(&mut self, hart: &Hart) {
        let dirty = |word: u64| word & status::FS == status::FS;
        let ready = dirty(hart.csr.mstatus) && (!hart.virt || dirty(hart.csr.vsstatus)) && hart.frm < 4;
        self.float_ready = u8::from(ready);
        self.frm = hart.frm;
        // RNE, RTZ, RDN, RUP in the host's coding.
        let rounding = [0u32, 3, 1, 2][usize::from(hart.frm & 3)];
        self.guest_mxcsr = MXCSR_DEFAULT | rounding << 13;
    }

    /// Moves the exceptions that host code accrued to the hart.
    pub(crate) fn settle_float(&mut self, hart: &mut Hart) {
        let accrued = self.guest_mxcsr & 0x3f;
        if accrued != 0 {
            let bit = |host: u32, guest: u8| ((accrued >> host & 1) as u8) << guest;
            hart.fflags |= bit(0, 4) | bit(2, 3) | bit(3, 2) | bit(4, 1) | bit(5, 0);
            self.guest_mxcsr &= !0x3f;
        }
    }

    /// Enters the page of `va`, whose byte lies at host address `host`.
    pub(crate) fn enter_read(&mut self, va: u64, host: u64) {
        self.read[tlb_index(va)] = TlbEntry { page: va & !0xfff, addend: host.wrapping_sub(va) };
    }

    /// As [`Space::enter_read`], for stores.
    pub(crate) fn enter_write(&mut self, va: u64, host: u64) {
        self.write[tlb_index(va)] = TlbEntry { page: va & !0xfff, addend: host.wrapping_sub(va) };
    }

    /// The code of the block at `va`, if the jump cache has it.
    pub(crate) fn jump(&self, va: u64) -> Option<u64> {
        let entry = self.jumps[jump_index(va)];
        (entry.va == va).then_some(entry.code)
    }

    /// Enters a block into the jump cache.
    pub(crate) fn enter_jump(&mut self, va: u64, code: u64) {
        self.jumps[jump_index(va)] = JumpEntry { va, code };
    }
}

fn tlb_index(va: u64) -> usize {
    (va >> 12) as usize & (TLB_ENTRIES - 1)
}

fn jump_index(va: u64) -> usize {
    (va >> 1) as usize & (JUMP_ENTRIES - 1)
}
