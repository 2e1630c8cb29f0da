//! What translated code sees of one translation context: a TLB, a jump cache, and some words of state.
//!
//! Each hart has a few spaces, one for each context it was in lately; changing context changes the pointer in
//! `r15`. Nothing here is simulated state.

use crate::float_constants::FloatConstants;
use crate::held::{Held, LowPlaces, REGION_SHIFT};
use crate::removed::{Removed, Seen};
use crate::runtime::{self, Run};
use machine::changes::Change;
use machine::csr::{environment, status};
use machine::hart::Hart;
use machine::interp::Context;
use machine::privilege::Privilege;
use machine::ram::{PAGE_BYTES, PAGE_SHIFT, RAM_BASE, Ram};

/// Entries of the TLB for loads, and of the one for stores; direct-mapped by page number.
pub(crate) const TLB_ENTRIES: usize = 1 << TLB_BITS;
const TLB_BITS: u32 = 12;
/// Entries of the jump cache; a block's place goes by its half-word address, and what it displaces moves to the place
/// beside, whose number differs in bit 0.
pub(crate) const JUMP_ENTRIES: usize = 4096;
/// What is left of eight times an address where its block's place in the jump cache lies, in bytes.
pub(crate) const JUMP_MASK: i32 = ((JUMP_ENTRIES - 1) * size_of::<JumpEntry>()) as i32;
/// How often the jump cache is searched for a page before it is cleared as a whole, at one look.
const JUMP_SCANS: u32 = 4;

/// A cached page: an access at `va` with `va | 0xfff == last` goes to host address `va + addend`. All zeros is none.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct TlbEntry {
    last: u64,
    addend: u64,
}

impl TlbEntry {
    /// Whether it is of the lower half of the addresses, or none.
    fn is_low(&self) -> bool {
        self.last >> 63 == 0
    }

    /// The last address of its page; 0 when it is none.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }
}

/// A block at guest address `va`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct JumpEntry {
    va: u64,
    code: u64,
}

/// Set in the last address of a page.
pub(crate) const LAST: u64 = PAGE_BYTES - 1;
const NO_PAGE: TlbEntry = TlbEntry { last: 0, addend: 0 };
/// What is in place `index` of the jump cache when no block is: an address that is looked up elsewhere.
const fn no_block(index: usize) -> JumpEntry {
    JumpEntry { va: if index < 2 { 4 } else { 0 }, code: 0 }
}

/// Host MXCSR with all exceptions masked, none accrued, rounding to nearest.
pub(crate) const MXCSR_DEFAULT: u32 = 0x1f80;

/// One translation context of one hart.
#[repr(C)]
pub(crate) struct Space {
    /// The present run of the engine.
    pub(crate) run: *mut Run,
    /// The stack pointer of translated code, for leaving it from within calls.
    pub(crate) stack: u64,
    /// Virtual address of the page that relative code was last entered in, of no meaning to other code.
    pub(crate) page: u64,
    /// Added to a host address in main memory it gives the physical address.
    pub(crate) host_to_physical: u64,
    /// Rounding mode of the guest, and the exceptions accrued since it was last set.
    pub(crate) guest_mxcsr: u32,
    /// The host's own.
    pub(crate) host_mxcsr: u32,
    /// 1 when floating-point instructions may run in host code: on, dirty already, a rounding mode the host has.
    pub(crate) float_ready: u8,
    /// 1 when floating-point registers may be read, dirty or not; behind `float_ready`, which is cleared along with it.
    pub(crate) float_on: u8,
    /// `frm`.
    pub(crate) frm: u8,
    /// 1 in supervisor mode, not virtualized, with `satp` within reach.
    pub(crate) supervisor: u8,
    /// 1 when `cbo.zero` is allowed.
    pub(crate) zero_ready: u8,
    /// The bit of `sstatus` that lets interrupts in, when one is pending that it would let in; else 0.
    pub(crate) unrest: u32,
    /// What floating-point code refers to.
    pub(crate) float: FloatConstants,
    pub(crate) read: [TlbEntry; TLB_ENTRIES],
    pub(crate) write: [TlbEntry; TLB_ENTRIES],
    pub(crate) jumps: [JumpEntry; JUMP_ENTRIES],
    context: Context,
    /// When it was last selected.
    pub(crate) used: u64,
    /// [`Ram::changes`] when last looked at; 0 when it serves no context.
    seen: u64,
    seen_blocks: Seen,
    low: LowPlaces,
    held_read: Held,
    held_write: Held,
    /// For each half of the address space a bit for each page number, modulo their number, that the jump cache may
    /// hold a block of.
    jump_pages: [[u64; 8]; 2],
}

impl Space {
    /// A space that serves no context yet.
    pub(crate) fn new() -> Box<Space> {
        let mut space = runtime::zeroed_space();
        space.guest_mxcsr = MXCSR_DEFAULT;
        space.host_mxcsr = MXCSR_DEFAULT;
        space.float = FloatConstants::USUAL;
        space.jumps[..2].fill(no_block(0));
        space
    }

    /// Whether it serves `context`.
    pub(crate) fn serves(&self, context: &Context) -> bool {
        self.seen != 0 && self.context == *context
    }

    /// The context that it serves, or served last.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Whether it serves a context of a supervisor that differs from `context` in the root table alone.
    pub(crate) fn is_kin(&self, context: &Context) -> bool {
        self.seen != 0 && self.context.is_kin(context)
    }

    /// Serves `context` from now on, in which the upper half of the addresses is mapped alike.
    pub(crate) fn move_to(&mut self, context: Context) {
        self.context = context;
        for (entries, held) in
            [(&mut self.read, &mut self.held_read), (&mut self.write, &mut self.held_write)]
        {
            let mut drop_low = |entry: &mut TlbEntry| {
                if entry.is_low() {
                    held.replace(entry, NO_PAGE);
                }
            };
            match self.low.places() {
                Some(places) => places.iter().for_each(|place| drop_low(&mut entries[usize::from(*place)])),
                None => entries.iter_mut().for_each(drop_low),
            }
        }
        self.low.clear();
        if self.jump_pages[0] != [0; 8] {
            self.clear_jumps();
        }
    }

    /// Takes over `context`, forgetting what it held.
    pub(crate) fn take(&mut self, context: Context) {
        self.context = context;
        self.seen = 0;
    }

    /// Forgets what went stale: by what happened in memory, or because blocks were removed.
    #[inline]
    pub(crate) fn refresh(&mut self, ram: &Ram, removed: &Removed) {
        if self.seen != ram.changes() {
            self.drop_changed(ram);
        }
        if self.seen_blocks != removed.seen() {
            self.drop_removed(removed);
        }
    }

    #[cold]
    #[inline(never)]
    fn drop_removed(&mut self, removed: &Removed) {
        let seen = std::mem::replace(&mut self.seen_blocks, removed.seen());
        match removed.since(seen) {
            None => self.clear_jumps(),
            Some(addresses) => {
                for &va in addresses {
                    self.drop_jump(va);
                }
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn drop_changed(&mut self, ram: &Ram) {
        let seen = std::mem::replace(&mut self.seen, ram.changes());
        let Some(changes) = ram.changes_since(seen) else {
            return self.clear();
        };
        let mut scans_left = JUMP_SCANS;
        for change in changes {
            match change {
                Change::Unmapped { va, shift, code } => {
                    self.unmap(va, shift);
                    if code {
                        self.drop_jumps(va, shift, &mut scans_left);
                    }
                }
                Change::Root { page } if u64::from(page) == self.context.root() => self.clear(),
                Change::Root { .. } => {}
                Change::Watched { page, low_vpn: Some(low) } => {
                    let index = tlb_index(u64::from(low) << PAGE_SHIFT);
                    self.withdraw(page, index..index + 1);
                }
                Change::Watched { page, low_vpn: None } => self.withdraw(page, 0..TLB_ENTRIES),
            }
        }
    }

    fn clear(&mut self) {
        self.read.fill(NO_PAGE);
        self.write.fill(NO_PAGE);
        (self.held_read, self.held_write) = (Held::default(), Held::default());
        self.low.clear();
        self.clear_jumps();
    }

    fn unmap(&mut self, va: u64, shift: u32) {
        // The range is aligned to its size.
        let pages = 1usize << (shift - PAGE_SHIFT).min(TLB_BITS);
        let first = tlb_index(va) & !(pages - 1);
        for (entries, held) in
            [(&mut self.read, &mut self.held_read), (&mut self.write, &mut self.held_write)]
        {
            if shift >= REGION_SHIFT && !held.may_hold(va, shift) {
                continue;
            }
            for entry in &mut entries[first..first + pages] {
                if entry.last >> shift == va >> shift {
                    held.replace(entry, NO_PAGE);
                }
            }
        }
    }

    /// Drops the blocks in a range of addresses from the jump cache, or all once it has been searched often.
    fn drop_jumps(&mut self, va: u64, shift: u32, scans_left: &mut u32) {
        let (half, word, bit) = jump_page(va);
        let pages = &mut self.jump_pages[half];
        if shift != PAGE_SHIFT {
            if *pages != [0; 8] {
                self.clear_jumps();
            }
            return;
        }
        if pages[word] & bit == 0 {
            return;
        }
        if *scans_left == 0 {
            return self.clear_jumps();
        }
        *scans_left -= 1;
        let first = jump_index(va);
        for index in first..first + (1 << (PAGE_SHIFT - 1)) {
            if self.jumps[index].va >> PAGE_SHIFT == va >> PAGE_SHIFT {
                self.jumps[index] = no_block(index);
            }
        }
        // One that begins in the page before may reach into this one.
        self.drop_jump(va.wrapping_sub(2));
    }

    /// Drops the block at `va` from the jump cache.
    fn drop_jump(&mut self, va: u64) {
        let place = jump_index(va);
        for index in [place, place ^ 1] {
            if self.jumps[index].va == va {
                self.jumps[index] = no_block(index);
            }
        }
    }

    /// Drops the permission to store to page `page` of memory from the entries `among`.
    fn withdraw(&mut self, page: u32, among: std::ops::Range<usize>) {
        let host = (u64::from(page) << PAGE_SHIFT).wrapping_add(RAM_BASE).wrapping_sub(self.host_to_physical);
        let last = host | LAST;
        for entry in &mut self.write[among] {
            if entry.last.wrapping_add(entry.addend) == last {
                self.held_write.replace(entry, NO_PAGE);
            }
        }
    }

    #[inline(never)]
    fn clear_jumps(&mut self) {
        if self.jump_pages != [[0; 8]; 2] {
            self.jump_pages = [[0; 8]; 2];
            self.jumps.fill(no_block(2));
            self.jumps[..2].fill(no_block(0));
        }
    }

    /// Takes over the hart's privilege and floating-point mode.
    pub(crate) fn refresh_mode(&mut self, hart: &Hart) {
        let supervisor = hart.privilege == Privilege::Supervisor && !hart.virt;
        self.supervisor = u8::from(supervisor && hart.csr.mstatus & status::TVM == 0);
        self.zero_ready = u8::from(environment::may_use_cbo(hart, environment::CBZE).is_ok());
        let on = |word: u64| word & status::FS != 0;
        self.float_on = u8::from(on(hart.csr.mstatus) && (!hart.virt || on(hart.csr.vsstatus)));
        let dirty = |word: u64| word & status::FS == status::FS;
        let ready = dirty(hart.csr.mstatus) && (!hart.virt || dirty(hart.csr.vsstatus)) && hart.frm < 4;
        self.float_ready = u8::from(ready);
        self.frm = hart.frm;
        // RNE, RTZ, RDN, RUP in the host's coding, two bits each.
        let rounding = 0b10_01_11_00u32 >> (2 * (hart.frm & 3)) & 3;
        self.guest_mxcsr = MXCSR_DEFAULT | rounding << 13;
    }

    /// Takes note of whether an interrupt is pending.
    pub(crate) fn note_unrest(&mut self, pending: bool) {
        self.unrest = if pending { status::SIE as u32 } else { 0 };
    }

    /// Moves the exceptions that host code accrued to the hart.
    pub(crate) fn settle_float(&mut self, hart: &mut Hart) {
        let accrued = self.guest_mxcsr & 0x3f;
        if accrued != 0 {
            hart.fflags |= self.float.flags[accrued as usize];
            self.guest_mxcsr &= !0x3f;
        }
    }

    /// The address that stands in code as `address`, which is of the code running or just left.
    pub(crate) fn address(&self, address: u64, relative: bool) -> u64 {
        if relative { address.wrapping_add(self.page) } else { address }
    }

    /// Enters the page of `va`, whose byte lies at host address `host`.
    pub(crate) fn enter_read(&mut self, va: u64, host: u64) {
        let entry = TlbEntry { last: va | LAST, addend: host.wrapping_sub(va) };
        self.held_read.replace(&mut self.read[tlb_index(va)], entry);
        self.low.note(va);
    }

    /// As [`Space::enter_read`], for stores.
    pub(crate) fn enter_write(&mut self, va: u64, host: u64) {
        let entry = TlbEntry { last: va | LAST, addend: host.wrapping_sub(va) };
        self.held_write.replace(&mut self.write[tlb_index(va)], entry);
        self.low.note(va);
    }

    /// The code of the block at `va`, if the jump cache has it.
    pub(crate) fn jump(&self, va: u64) -> Option<u64> {
        let place = jump_index(va);
        let entries = [self.jumps[place], self.jumps[place ^ 1]];
        entries.iter().find(|entry| entry.va == va).map(|entry| entry.code)
    }

    /// Enters a block into the jump cache.
    pub(crate) fn enter_jump(&mut self, va: u64, code: u64) {
        self.drop_jump(va);
        let place = jump_index(va);
        let displaced = std::mem::replace(&mut self.jumps[place], JumpEntry { va, code });
        if displaced.code != 0 {
            self.jumps[place ^ 1] = displaced;
        }
        // Its first instruction may reach into the next page.
        for va in [va, va.wrapping_add(2)] {
            let (half, word, bit) = jump_page(va);
            self.jump_pages[half][word] |= bit;
        }
    }
}

/// Where in a TLB the page of `va` stands.
pub(crate) fn tlb_index(va: u64) -> usize {
    (va >> 12) as usize & (TLB_ENTRIES - 1)
}

/// Where in the jump cache a block at `va` stands.
pub(crate) fn jump_index(va: u64) -> usize {
    (va >> 1) as usize & (JUMP_ENTRIES - 1)
}

/// The half, word and bit of [`Space::jump_pages`] for the page of `va`.
fn jump_page(va: u64) -> (usize, usize, u64) {
    let page = va >> PAGE_SHIFT;
    ((va >> 63) as usize, (page >> 6) as usize & 7, 1 << (page & 63))
}
