//! Programs of loads, stores and fetches through page tables and physical memory protection, from all modes.

use isa::csr as n;
use isa::pte::{Mode, Pte};
use isa::reg::{FReg, Reg};

use super::Frame;
use super::frame::{ADDRESS, EVERYTHING};
use super::privileged::alias_of;
use super::tables::{Tables, random_flags};
use crate::program::{BASE, DATA, Program};

/// Where the tables lie.
pub(super) const TABLES: u64 = BASE + 0x10_0000;
/// Virtual pages with random entries, at an address where no board has anything.
pub(super) const TEST: u64 = 0x10_0000_0000;
/// How many there are.
pub(super) const TEST_PAGES: u64 = 32;
/// Large pages with random entries.
pub(super) const TEST_LARGE: u64 = TEST + 0x1000_0000;
/// How many there are.
const TEST_LARGE_PAGES: u64 = 8;
/// The page that consists of returns, which alone is executable among the random ones.
pub(super) const RETURNS: u64 = DATA + 0x3000;
const RETURN: u32 = 0x0000_8067;
const PAGE: u64 = 0x1000;
/// All that makes an access succeed in supervisor mode.
pub(super) const OPEN: u64 = Pte::V | Pte::R | Pte::W | Pte::X | Pte::A | Pte::D;
const VISITS: usize = 5;
const VISIT_LENGTH: usize = 10;

/// Program number `seed`.
#[must_use]
pub fn program(seed: u64) -> Program {
    let mut frame = Frame::new(format!("paging {seed}"), seed ^ 0x7a61_0000);
    frame.place(RETURNS, RETURN.to_le_bytes().repeat(1024));
    let mode = frame.rng.pick(&[Mode::Sv39, Mode::Sv39, Mode::Sv48, Mode::Sv57]);
    let mut tables = Tables::new(mode, false, TABLES);
    frame.map_program(&mut tables, Pte::U);
    frame.map_random(&mut tables, DATA, RETURNS);
    let (root, bytes) = tables.bytes();
    frame.place(root, bytes);
    frame.protect();
    frame.asm.li(ADDRESS, tables.register()).csrw(n::SATP, ADDRESS);
    for _ in 0..VISITS {
        frame.random_controls();
        let adue = u64::from(frame.rng.one_in(2)) << 61 | u64::from(frame.rng.one_in(2)) << 62;
        frame.asm.li(ADDRESS, adue).csrs(n::MENVCFG, ADDRESS);
        let level = frame.rng.pick(&[0, 1, 1, 3]);
        if level == 3 {
            for _ in 0..VISIT_LENGTH / 2 {
                frame.modified_privilege_access();
            }
            continue;
        }
        frame.visit(level, false, alias_of(level));
        for _ in 0..VISIT_LENGTH {
            match frame.rng.below(12) {
                0 => frame.random_system(),
                1 | 2 => {
                    let target = frame.fetch_address();
                    frame.wild_jump(target);
                }
                3 => drop(frame.asm.sfence_vma(Reg::ZERO, Reg::ZERO)),
                _ => frame.access_at_random(),
            }
        }
        frame.return_to_machine();
    }
    frame.finish()
}

impl Frame {
    /// Maps code and data to themselves for the supervisor, and at the alias for the user.
    pub(super) fn map_program(&mut self, tables: &mut Tables, user: u64) {
        for page in (BASE..RETURNS + PAGE).step_by(0x1000) {
            let flags = if page == RETURNS { OPEN & !Pte::W } else { OPEN };
            tables.map(page, page, flags, 0);
            tables.map(page + super::frame::USER_ALIAS, page, flags | user, 0);
        }
    }

    /// Random entries to the pages at `data`, of which the one at `returns` is the only executable.
    pub(super) fn map_random(&mut self, tables: &mut Tables, data: u64, returns: u64) {
        for i in 0..TEST_PAGES {
            let executable = self.rng.one_in(3);
            let flags = random_flags(&mut self.rng, executable);
            let pa = if executable { returns } else { data + self.rng.below(3) * PAGE };
            tables.map(TEST + i * PAGE, pa, flags, 0);
        }
        // A range of 64 KiB whose frame number says so, and one that says it wrongly.
        for i in 0..16 {
            let frame = (data >> 12) & !15 | if i < 12 { 8 } else { 4 };
            let flags = OPEN & !Pte::X & !Pte::W | Pte::N | if i % 2 == 0 { Pte::U } else { 0 };
            tables.map(TEST + (TEST_PAGES + i) * PAGE, frame << 12, flags, 0);
        }
        for i in 0..TEST_LARGE_PAGES {
            let flags = random_flags(&mut self.rng, false);
            let misaligned = if self.rng.one_in(3) { PAGE } else { 0 };
            let va = TEST_LARGE + (i << 21);
            // The large page holds code and tables too: what it maps writable is only looked at.
            tables.map(va, (data & !0x1f_ffff) + misaligned, flags & !Pte::W, 1);
        }
    }

    /// Random protection of parts of the data; everything else is open.
    pub(super) fn protect(&mut self) {
        let mut config = 0x1fu64 << 32;
        self.asm.li(ADDRESS, EVERYTHING).csrw(n::PMPADDR0 + 4, ADDRESS);
        for entry in 0..4u16 {
            let start = DATA + self.rng.below(0x3000);
            let ones = self.rng.below(9);
            let address = (start >> 2) & !((1 << ones) - 1) | ((1u64 << ones) - 1) >> 1;
            self.asm.li(ADDRESS, address).csrw(n::PMPADDR0 + entry, ADDRESS);
            // Off, top of range (with the entry before as its bottom), four bytes, power of two.
            let kind = self.rng.pick(&[0u64, 0, 2, 3, 3]);
            let lock = u64::from(self.rng.one_in(8)) << 7;
            // Writable without readable is reserved.
            let permissions = self.rng.pick(&[0u64, 1, 3, 3, 4, 5, 7]);
            config |= (lock | kind << 3 | permissions) << (8 * entry);
        }
        if self.rng.one_in(2) {
            config &= !0xffff_ffff;
        }
        self.asm.li(ADDRESS, config).csrw(n::PMPCFG0, ADDRESS);
        self.point();
    }

    /// A virtual address in the random pages, or an impossible one.
    pub(super) fn test_address(&mut self) -> u64 {
        let low = if self.rng.one_in(6) { 0xffd } else { self.rng.below(0xff8) & !7 };
        match self.rng.below(12) {
            0 => 1 << self.rng.pick(&[38u64, 39, 47, 48, 56, 57, 63]) | TEST | low,
            1 | 2 => {
                let inside = DATA & 0x1f_ffff;
                TEST_LARGE + (self.rng.below(TEST_LARGE_PAGES) << 21) + inside + low
            }
            3 => TEST + (TEST_PAGES + self.rng.below(16)) * PAGE + low,
            4 => self.data_address(),
            _ => TEST + self.rng.below(TEST_PAGES) * PAGE + low,
        }
    }

    /// An address in the random pages, of which only those of returns are executable, or an impossible one.
    pub(super) fn fetch_address(&mut self) -> u64 {
        let at = TEST + self.rng.below(TEST_PAGES + 16) * PAGE + (self.rng.below(PAGE) & !3);
        if self.rng.one_in(8) { at | 1 << 63 } else { at }
    }

    /// A load or store at a random address.
    pub(super) fn access_at_random(&mut self) {
        let address = self.test_address();
        self.asm.li(ADDRESS, address);
        self.access_here();
        self.point();
    }

    /// A load or store at [`ADDRESS`].
    fn access_here(&mut self) {
        let (rd, rs) = (self.destination(), self.destination());
        // No atomics: QEMU loads first, marks the page for that, and reports what refuses the load.
        match self.rng.below(12) {
            0 => self.asm.lb(rd, ADDRESS, 0),
            1 => self.asm.lhu(rd, ADDRESS, 0),
            2 => self.asm.lw(rd, ADDRESS, 0),
            3 | 4 => self.asm.ld(rd, ADDRESS, 0),
            5 => self.asm.sb(rs, ADDRESS, 0),
            6 => self.asm.sh(rs, ADDRESS, 0),
            7 => self.asm.sw(rs, ADDRESS, 0),
            8 => self.asm.sd(rs, ADDRESS, 0),
            // Not `sc`: without a reservation QEMU does not look at the address.
            9 => self.asm.lr_d(rd, ADDRESS),
            10 => self.asm.fld(FReg::FA0, ADDRESS, 0),
            _ => self.asm.fsd(FReg::FA1, ADDRESS, 0),
        };
    }

    /// Accesses from machine mode with the privilege of another.
    fn modified_privilege_access(&mut self) {
        let address = self.test_address();
        let as_mode = self.rng.pick(&[0u64, 1, 3]);
        self.asm.li(ADDRESS, 3 << 11).csrc(n::MSTATUS, ADDRESS);
        self.asm.li(ADDRESS, as_mode << 11 | 1 << 17).csrs(n::MSTATUS, ADDRESS);
        self.asm.li(ADDRESS, address);
        self.access_here();
        self.asm.li(ADDRESS, 1 << 17).csrc(n::MSTATUS, ADDRESS);
        self.point();
    }
}
