//! Programs of a hypervisor and its guest: two-stage translation, guest accesses, virtual interrupts and traps.

use isa::csr as n;
use isa::pte::{Mode, Pte};
use isa::reg::Reg;

use super::Frame;
use super::frame::{ADDRESS, NEVER_DELEGATED};
use super::paging::{OPEN, RETURNS, TABLES, TEST, TEST_PAGES};
use super::privileged::alias_of;
use super::tables::{Tables, random_flags};
use crate::program::{BASE, DATA, Program};

/// Where the second stage's tables lie; its root is aligned to its four pages.
const GUEST_TABLES: u64 = BASE + 0x18_0000;
/// Guest physical pages with random entries.
const GUEST_TEST: u64 = 0x11_0000_0000;
const PAGE: u64 = 0x1000;
const VISITS: usize = 5;
const VISIT_LENGTH: usize = 12;

/// Program number `seed`.
#[must_use]
pub fn program(seed: u64) -> Program {
    let mut frame = Frame::new(format!("hypervisor {seed}"), seed ^ 0x6879_0000);
    frame.place(RETURNS, 0x0000_8067u32.to_le_bytes().repeat(1024));
    frame.hypervisor = true;
    frame.open_memory();
    let (first, second) = frame.two_stages();
    let handler = frame.supervisor_handler();
    frame.asm.la(ADDRESS, handler).csrw(n::VSTVEC, ADDRESS);
    for _ in 0..VISITS {
        frame.random_controls();
        frame.random_guest_controls(first, second);
        let accesses = frame.rng.below(6);
        for _ in 0..accesses {
            frame.random_access(true);
        }
        // What the accesses may have changed and the program needs.
        let delegated = frame.rng.any() & 0xf0_b3ff & !NEVER_DELEGATED;
        frame.asm.li(ADDRESS, delegated).csrw(n::MEDELEG, ADDRESS);
        let virt = !frame.rng.one_in(4);
        let mode = frame.rng.pick(&[0, 1, 1, 3]);
        if mode == 3 {
            frame.guest_accesses();
            continue;
        }
        let paged = virt && frame.stage_one_on;
        frame.visit(mode, virt, if paged { alias_of(mode) } else { 0 });
        for _ in 0..VISIT_LENGTH {
            frame.random_in_guest();
        }
        frame.return_to_machine();
    }
    frame.finish()
}

impl Frame {
    /// Builds both stages; the values for `vsatp` and `hgatp`.
    fn two_stages(&mut self) -> (u64, u64) {
        let mode = self.rng.pick(&[Mode::Sv39, Mode::Sv39, Mode::Sv48, Mode::Sv57]);
        let mut first = Tables::new(mode, false, TABLES);
        self.map_program(&mut first, Pte::U);
        let (data, returns) =
            if self.rng.one_in(2) { (DATA, RETURNS) } else { (GUEST_TEST, GUEST_TEST + 0x3000) };
        self.map_random(&mut first, data, returns);
        let (root, bytes) = first.bytes();
        self.place(root, bytes);

        let mode = self.rng.pick(&[Mode::Sv39, Mode::Sv39, Mode::Sv48, Mode::Sv57]);
        let mut second = Tables::new(mode, true, GUEST_TABLES);
        // Code, data and the first stage's tables, of which some are absent or unmarked; none lacks D or W, which
        // QEMU does not look at when it marks an entry of the first stage.
        for page in (BASE..BASE + 0x18_0000).step_by(0x1000) {
            let table = page > TABLES + 4 * PAGE;
            let drop = if table && self.rng.one_in(8) { self.rng.pick(&[Pte::A, Pte::V]) } else { 0 };
            second.map(page, page, (OPEN | Pte::U) & !drop, 0);
        }
        for i in 0..4 {
            let executable = i == 3;
            let flags = random_flags(&mut self.rng, executable) | if self.rng.one_in(4) { 0 } else { Pte::U };
            second.map(GUEST_TEST + i * PAGE, DATA + i * PAGE, flags, 0);
        }
        for i in 0..TEST_PAGES / 4 {
            let flags = random_flags(&mut self.rng, false) | Pte::U;
            second.map(TEST + i * PAGE, DATA + self.rng.below(3) * PAGE, flags, 0);
        }
        let (root, bytes) = second.bytes();
        self.place(root, bytes);
        (first.register(), second.register())
    }

    /// Random delegation, traps and translation of the guest.
    fn random_guest_controls(&mut self, first: u64, second: u64) {
        self.stage_one_on = !self.rng.one_in(3);
        let vsatp = if self.stage_one_on { first } else { 0 };
        let hgatp = if self.rng.one_in(4) { 0 } else { second };
        // HU, SPVP, VTVM, VTW and VTSR at random.
        let hstatus = self.rng.any() & 0x70_0300 | 2 << 32;
        // Outside the guest QEMU looks into `menvcfg` for both stages, so that the two are the same here.
        let translation = self.rng.any() & 3 << 61;
        self.asm.li(ADDRESS, 3 << 61).csrc(n::MENVCFG, ADDRESS);
        self.asm.li(ADDRESS, translation).csrs(n::MENVCFG, ADDRESS);
        for (csr, value) in [
            (n::VSATP, vsatp),
            (n::HGATP, hgatp),
            (n::HSTATUS, hstatus),
            (n::HEDELEG, self.rng.any() & 0xb1ff & !NEVER_DELEGATED),
            (n::HIDELEG, self.rng.any() & 0x444),
            (n::HCOUNTEREN, self.rng.any() & 7),
            (n::HENVCFG, self.rng.any() & 0xd1 | translation),
            (n::HVIP, self.rng.any() & self.guest_interrupt),
            (n::VSSTATUS, self.rng.any() & 0xc_0122 | 0x6000 | 2 << 32),
        ] {
            self.asm.li(ADDRESS, value).csrw(csr, ADDRESS);
        }
        let enables = self.rng.any() & (self.supervisor_interrupt | self.guest_interrupt);
        self.asm.li(ADDRESS, enables).csrs(n::MIE, ADDRESS);
        self.asm.hfence_gvma(Reg::ZERO, Reg::ZERO).hfence_vvma(Reg::ZERO, Reg::ZERO);
        self.point();
    }

    fn random_in_guest(&mut self) {
        match self.rng.below(16) {
            0 | 1 => self.random_system(),
            2 => self.random_alu(),
            3 => self.illegal_word(),
            4 => self.guest_fence(),
            5..=7 => self.random_access(true),
            8 => {
                let target = self.fetch_address();
                self.wild_jump(target);
            }
            9 | 10 => self.guest_access(),
            _ => self.access_at_random(),
        }
    }

    fn guest_accesses(&mut self) {
        for _ in 0..VISIT_LENGTH / 2 {
            self.guest_access();
        }
    }

    /// A hypervisor's load or store at a guest's address; not `hlvx`, whose faults QEMU reports as those of fetches.
    fn guest_access(&mut self) {
        let address =
            if self.rng.one_in(4) { GUEST_TEST + self.rng.below(0x4000) } else { self.test_address() };
        self.asm.li(ADDRESS, address);
        let (rd, rs) = (self.destination(), self.destination());
        match self.rng.below(11) {
            0 => self.asm.hlv_b(rd, ADDRESS),
            1 => self.asm.hlv_bu(rd, ADDRESS),
            2 => self.asm.hlv_h(rd, ADDRESS),
            3 => self.asm.hlv_hu(rd, ADDRESS),
            4 => self.asm.hlv_w(rd, ADDRESS),
            5 => self.asm.hlv_wu(rd, ADDRESS),
            6 => self.asm.hlv_d(rd, ADDRESS),
            7 => self.asm.hsv_b(rs, ADDRESS),
            8 => self.asm.hsv_h(rs, ADDRESS),
            9 => self.asm.hsv_w(rs, ADDRESS),
            _ => self.asm.hsv_d(rs, ADDRESS),
        };
        self.point();
    }

    fn guest_fence(&mut self) {
        match self.rng.below(6) {
            0 => self.asm.hfence_vvma(Reg::ZERO, Reg::ZERO),
            1 => self.asm.hfence_gvma(Reg::ZERO, Reg::ZERO),
            2 => self.asm.hinval_vvma(Reg::ZERO, Reg::ZERO),
            3 => self.asm.hinval_gvma(Reg::ZERO, Reg::ZERO),
            4 => self.asm.sinval_vma(Reg::ZERO, Reg::ZERO),
            _ => self.asm.sfence_vma(Reg::ZERO, Reg::ZERO),
        };
    }
}
