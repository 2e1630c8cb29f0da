//! Guests that pull the ground from under a translator: code rewritten, page tables edited and harts interfering,
//! all while they run, with a fence or without.
//!
//! Each hart loops over actions of its own ([`Action`]) in supervisor or user mode; functions, data and tables are
//! everybody's. Traps go to a handler in machine mode, which goes on behind the instruction, or in a function at the
//! caller. Such a guest may run wild: what counts is that it does so alike on both engines.

use isa::asm::Asm;
use isa::csr as n;
use isa::pte::{Mode, Pte};
use isa::reg::Reg;
use isa::{Inst, Op};

use super::body;
use super::tables::Tables;
use crate::program::BASE;
use crate::rng::Rng;

/// Space for each hart's own code.
const MAIN_BYTES: u64 = 0x1_0000;
const HANDLER: u64 = BASE + 4 * MAIN_BYTES;
/// The handler's memory for each hart: registers, period, the timer's address.
const SAVED: u64 = HANDLER + 0x1000;
/// Pages of functions, and what there are of them.
const FUNCTIONS: u64 = BASE + 0x10_0000;
const DATA: u64 = BASE + 0x11_0000;
const PAGES: u64 = 4;
/// Tables: two first stages, and the second.
const TABLES: [u64; 2] = [BASE + 0x20_0000, BASE + 0x24_0000];
const SECOND: u64 = BASE + 0x28_0000;
/// Virtual pages that show functions, and those that show data.
const CODE_ALIASES: u64 = 0x1_0000_0000;
const DATA_ALIASES: u64 = 0x1_1000_0000;
/// Guest physical pages behind both, where there are two stages.
const GUEST_PAGES: u64 = 0x2_0000_0000;
const ALIASES: u64 = 16;
/// User mode sees everything that much higher.
const USER_ALIAS: u64 = 1 << 30;
const PAGE: u64 = 0x1000;
/// Where functions begin in a page; the last runs into the next page, an instruction across the border.
const STARTS: [u64; 4] = [0, 0x400, 0x800, 0xfd2];
/// Instructions of a function before its return.
const FUNCTION_LENGTH: u64 = 14;
const ALL: u64 = Pte::V | Pte::R | Pte::W | Pte::X | Pte::A | Pte::D;
const MTIMECMP: u64 = 0x0200_4000;
const MTIME: u64 = 0x0200_bff8;

/// What a storm is made of.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    /// 1 to 4.
    pub harts: usize,
    /// Functions are rewritten.
    pub code: bool,
    /// Page tables are edited.
    pub pages: bool,
    /// Under two stages of translation, both edited.
    pub stages: bool,
    /// A timer interrupts every so many cycles.
    pub timer: bool,
}

/// A guest: pieces of memory, and where each hart starts in machine mode.
pub struct Guest {
    /// Pieces of memory by address.
    pub memory: Vec<(u64, Vec<u8>)>,
    /// First instruction of each hart.
    pub entries: Vec<u64>,
}

/// What is needed to write a hart's actions.
struct Making {
    rng: Rng,
    asm: Asm,
    storm: Storm,
    /// Addresses of entries that may be edited.
    entries: Vec<u64>,
    /// Values for `satp` or `vsatp`.
    roots: [u64; 2],
}

/// Guest number `seed` of `storm`.
#[must_use]
pub fn guest(storm: Storm, seed: u64) -> Guest {
    let mut rng = Rng::new(seed ^ 0x5707_4000);
    let mut memory = vec![
        (FUNCTIONS, functions(&mut rng)),
        (DATA, (0..PAGES * PAGE / 8).flat_map(|_| rng.integer().to_le_bytes()).collect()),
        (HANDLER, handler()),
    ];
    let mut entries = Vec::new();
    let mut roots = [0; 2];
    for (root, place) in roots.iter_mut().zip(TABLES) {
        let mut tables = Tables::new(Mode::Sv39, false, place);
        first_stage(&mut tables, &mut rng, storm.stages, &mut entries);
        *root = tables.register();
        memory.push(tables.bytes());
    }
    let mut second = Tables::new(Mode::Sv39, true, SECOND);
    second.map(BASE, BASE, ALL | Pte::U, 2);
    for i in 0..ALIASES {
        let va = GUEST_PAGES + i * PAGE;
        let page = rng.below(PAGES) * PAGE + if rng.one_in(2) { FUNCTIONS } else { DATA };
        second.map(va, page, ALL | Pte::U, 0);
        if storm.stages {
            entries.push(second.entry(va, 0));
        }
    }
    memory.push(second.bytes());
    let mut starts = Vec::new();
    for hart in 0..storm.harts as u64 {
        let place = SAVED + hart * 64;
        let period = if storm.timer { 20 + rng.below(300) } else { 1 << 40 };
        memory
            .push((place + 16, [period, MTIMECMP + 8 * hart].iter().flat_map(|w| w.to_le_bytes()).collect()));
        let asm = Asm::new(BASE + hart * MAIN_BYTES);
        let mut making = Making { rng: Rng::new(rng.any()), asm, storm, entries: entries.clone(), roots };
        starts.push(making.asm.pc());
        making.prologue(place, second.register());
        making.body();
        let code = making.asm.finish();
        assert!(code.len() as u64 <= MAIN_BYTES, "a hart's code reaches into the next one's");
        memory.push((BASE + hart * MAIN_BYTES, code));
    }
    Guest { memory, entries: starts }
}

/// Pages of functions; each is a few random instructions and a return.
fn functions(rng: &mut Rng) -> Vec<u8> {
    let mut asm = Asm::new(FUNCTIONS);
    for page in 0..PAGES {
        for start in STARTS {
            let at = FUNCTIONS + page * PAGE + start;
            if asm.pc() < at {
                asm.org(at);
            }
            for _ in 0..FUNCTION_LENGTH {
                body::instruction(rng, &mut asm);
            }
            asm.ret();
        }
    }
    let mut bytes = asm.finish();
    bytes.resize(usize::try_from((PAGES + 1) * PAGE).expect("small"), 0);
    bytes
}

/// All of memory at its own address for the supervisor and higher for the user, and the aliases.
fn first_stage(tables: &mut Tables, rng: &mut Rng, stages: bool, entries: &mut Vec<u64>) {
    tables.map(BASE, BASE, ALL, 2);
    tables.map(BASE + USER_ALIAS, BASE, ALL | Pte::U, 2);
    for (aliases, shown) in [(CODE_ALIASES, FUNCTIONS), (DATA_ALIASES, DATA)] {
        for i in 0..ALIASES {
            let va = aliases + i * PAGE;
            let page = if stages {
                GUEST_PAGES + rng.below(ALIASES) * PAGE
            } else if rng.one_in(4) {
                FUNCTIONS + rng.below(PAGES) * PAGE
            } else {
                shown + rng.below(PAGES) * PAGE
            };
            let user = if rng.one_in(4) { Pte::U } else { 0 };
            tables.map(va, page, ALL | user, 0);
            entries.push(tables.entry(va, 0));
        }
    }
}

/// The handler in machine mode, for all harts; `mscratch` points at the hart's [`SAVED`].
fn handler() -> Vec<u8> {
    let mut a = Asm::new(HANDLER);
    let [t0, t1, t2] = [Reg::T0, Reg::T1, Reg::T2];
    let (interrupt, call, main, done) = (a.label(), a.label(), a.label(), a.label());
    a.csrrw(t0, n::MSCRATCH, t0).sd(t1, t0, 0).sd(t2, t0, 8);
    a.csrr(t1, n::MCAUSE).blt(t1, Reg::ZERO, interrupt);
    // 8, 9 and 10 are calls.
    a.addi(t1, t1, -8).addi(t2, Reg::ZERO, 3).bltu(t1, t2, call);
    a.csrr(t2, n::MEPC).li(t1, USER_ALIAS).andn(t1, t2, t1).li(t2, BASE).sub(t1, t1, t2);
    a.li(t2, 4 * MAIN_BYTES).bltu(t1, t2, main);
    a.csrw(n::MEPC, Reg::RA).j(done);
    a.place(main).csrr(t1, n::MEPC).addi(t1, t1, 4).csrw(n::MEPC, t1);
    a.place(done).ld(t1, t0, 0).ld(t2, t0, 8).csrrw(t0, n::MSCRATCH, t0).mret();
    // A call goes on in the other of supervisor and user mode.
    a.place(call).li(t1, 1 << 11).csrr(t2, n::MSTATUS).xor(t1, t1, t2).csrw(n::MSTATUS, t1);
    a.li(t1, USER_ALIAS).csrr(t2, n::MEPC).xor(t1, t1, t2).addi(t1, t1, 4).csrw(n::MEPC, t1).j(done);
    a.place(interrupt).li(t1, MTIME).ld(t1, t1, 0).ld(t2, t0, 16).add(t1, t1, t2);
    a.ld(t2, t0, 24).sd(t1, t2, 0).j(done);
    a.finish()
}

impl Making {
    /// From reset to the body in supervisor mode.
    fn prologue(&mut self, saved: u64, hgatp: u64) {
        let t0 = Reg::T0;
        let [root, _] = self.roots;
        let translation = self.rng.any() & 3 << 61;
        let satp = if self.storm.stages { n::VSATP } else { n::SATP };
        let virt = if self.storm.stages { 1 << 39 } else { 0 };
        let writes = [
            (n::MTVEC, HANDLER),
            (n::MSCRATCH, saved),
            (n::PMPADDR0, (1 << 54) - 1),
            (n::PMPCFG0, 0x1f),
            (n::MCOUNTEREN, 7),
            (n::SCOUNTEREN, 7),
            (n::HCOUNTEREN, 7),
            (n::MENVCFG, translation | 0xf0),
            (n::HENVCFG, translation | 0xf0),
            (n::HGATP, if self.storm.stages { hgatp } else { 0 }),
            (satp, root),
            (n::VSSTATUS, 3 << 13),
            (n::MIE, if self.storm.timer { 1 << 7 } else { 0 }),
            (n::MSTATUS, 1 << 11 | 3 << 13 | virt | 1 << 7),
        ];
        for (csr, value) in writes {
            self.asm.li(t0, value).csrw(csr, t0);
        }
        if self.storm.timer {
            let hart = (saved - SAVED) / 64;
            self.asm.li(t0, MTIMECMP + 8 * hart).sd(Reg::ZERO, t0, 0);
        }
        let there = self.asm.label();
        self.asm.la(t0, there).csrw(n::MEPC, t0);
        self.asm.li(Reg::GP, DATA + 0x800).li(Reg::TP, DATA_ALIASES + self.rng.below(ALIASES) * PAGE);
        for number in 8..32u8 {
            let value = self.rng.integer();
            self.asm.li(Reg::new(number).expect("a register"), value);
        }
        for number in 0..32u8 {
            let value = self.rng.float();
            self.asm.li(t0, value).fmv_d_x(isa::reg::FReg::new(number).expect("a register"), t0);
        }
        self.asm.mret();
        self.asm.place(there);
    }

    /// A loop over random actions.
    fn body(&mut self) {
        let again = self.asm.here();
        for _ in 0..40 + self.rng.below(60) {
            match self.rng.below(24) {
                0..=6 => self.call(),
                7..=9 if self.storm.code => self.rewrite(),
                10..=12 if self.storm.pages => self.edit_entry(),
                13 if self.storm.pages => self.switch_root(),
                14 if self.storm.pages => self.fence(),
                15 => self.shared_counter(),
                16 if self.rng.one_in(3) => drop(self.asm.ecall()),
                17 => self.switch_float(),
                18 | 19 => self.access(),
                20 if self.storm.code => drop(self.asm.fence_i()),
                _ => {
                    for _ in 0..self.rng.below(6) {
                        body::instruction_of_four(&mut self.rng, &mut self.asm);
                    }
                }
            }
        }
        self.asm.j(again);
    }

    /// An address among the functions, through an alias or not, and what it is an offset to.
    fn function_address(&mut self, offset: u64) -> u64 {
        match self.rng.below(5) {
            0 => FUNCTIONS + self.rng.below(PAGES) * PAGE + offset,
            1 => FUNCTIONS + USER_ALIAS + self.rng.below(PAGES) * PAGE + offset,
            _ => CODE_ALIASES + self.rng.below(ALIASES) * PAGE + offset,
        }
    }

    /// Calls a function; sometimes at the second half of its first instruction.
    fn call(&mut self) {
        let start = self.rng.pick(&STARTS) + if self.rng.one_in(10) { 2 } else { 0 };
        let at = self.function_address(start);
        self.asm.li(Reg::T1, at).jalr(Reg::RA, Reg::T1, 0);
    }

    /// Stores an instruction over one of a function.
    fn rewrite(&mut self) {
        let start = self.rng.pick(&STARTS);
        let offset = (start + 2 * self.rng.below(2 * FUNCTION_LENGTH)) & (PAGE - 1);
        let at = if self.rng.one_in(3) {
            DATA_ALIASES + self.rng.below(ALIASES) * PAGE + offset
        } else {
            self.function_address(offset)
        };
        let word = match self.rng.below(12) {
            0 => 0x0000_8067,
            1 => self.rng.word(),
            _ => isa::encode(&body::any(&mut self.rng)),
        };
        self.asm.li(Reg::T1, u64::from(word)).li(Reg::T2, at);
        match self.rng.below(4) {
            0 => self.asm.sh(Reg::T1, Reg::T2, 0),
            1 => self.asm.andi(Reg::T2, Reg::T2, -4).amoswap_w(Reg::T1, Reg::T1, Reg::T2),
            _ => self.asm.sw(Reg::T1, Reg::T2, 0),
        };
        if self.rng.one_in(3) {
            self.asm.fence_i();
        }
        if self.rng.one_in(3) {
            let entry = self.function_address(start);
            self.asm.li(Reg::T1, entry).jalr(Reg::RA, Reg::T1, 0);
        }
    }

    /// Changes an entry of some table, with or without a fence.
    fn edit_entry(&mut self) {
        let entry = self.rng.pick(&self.entries);
        let (t1, t2) = (Reg::T1, Reg::T2);
        self.asm.li(t2, entry);
        match self.rng.below(8) {
            0 => drop(self.asm.li(t1, !Pte::A).amoand_d(t1, t1, t2)),
            1 => drop(self.asm.li(t1, !Pte::D).amoand_d(t1, t1, t2)),
            2 => drop(self.asm.li(t1, Pte::A | Pte::D).amoor_d(t1, t1, t2)),
            3 => {
                let bit = self.rng.pick(&[Pte::V, Pte::R, Pte::W, Pte::X, Pte::U]);
                self.asm.ld(t1, t2, 0).xori(t1, t1, i32::try_from(bit).expect("a low bit")).sd(t1, t2, 0);
            }
            4 => {
                // All permissions again.
                let bits = i32::try_from(ALL).expect("low bits");
                self.asm.ld(t1, t2, 0).ori(t1, t1, bits).sd(t1, t2, 0);
            }
            _ => {
                let second = entry >= SECOND;
                let page = if self.storm.stages && !second {
                    GUEST_PAGES + self.rng.below(ALIASES) * PAGE
                } else {
                    self.rng.below(PAGES) * PAGE + if self.rng.one_in(2) { FUNCTIONS } else { DATA }
                };
                let user = if second || self.rng.one_in(4) { Pte::U } else { 0 };
                self.asm.li(t1, Pte::new(page >> 12, ALL | user).0).sd(t1, t2, 0);
            }
        }
        if self.rng.one_in(3) {
            self.fence();
        }
    }

    fn switch_root(&mut self) {
        let root = self.rng.pick(&self.roots) | self.rng.below(2) << 44;
        self.asm.li(Reg::T1, root).csrw(n::SATP, Reg::T1);
        if self.rng.one_in(2) {
            self.fence();
        }
    }

    fn fence(&mut self) {
        let (address, space) = self.rng.pick(&[(false, false), (true, false), (false, true), (true, true)]);
        let at = CODE_ALIASES + self.rng.below(ALIASES) * PAGE;
        self.asm.li(Reg::T1, at).li(Reg::T2, self.rng.below(2));
        let rs1 = if address { Reg::T1 } else { Reg::ZERO };
        let rs2 = if space { Reg::T2 } else { Reg::ZERO };
        self.asm.sfence_vma(rs1, rs2);
    }

    /// A counter that all harts advance, with `lr` and `sc` tried once.
    fn shared_counter(&mut self) {
        let at = DATA + 8 * self.rng.below(16);
        let (t1, t2) = (Reg::T1, Reg::T2);
        self.asm.li(t2, at).lr_d(t1, t2).addi(t1, t1, 1);
        if self.rng.one_in(3) {
            body::instruction_of_four(&mut self.rng, &mut self.asm);
        }
        self.asm.sc_d(t1, t1, t2).amoadd_d(Reg::S2, t1, t2);
    }

    /// Another rounding mode, exceptions cleared, the unit clean or off.
    fn switch_float(&mut self) {
        let value = self.rng.below(256);
        self.asm.li(Reg::T1, value);
        match self.rng.below(6) {
            0 => self.asm.csrw(n::FCSR, Reg::T1),
            1 => self.asm.csrw(n::FFLAGS, Reg::T1),
            2 | 3 => self.asm.csrrwi(Reg::S3, n::FRM, u8::try_from(value % 5).expect("small")),
            4 => self.asm.csrr(Reg::S4, n::FCSR),
            _ => {
                let status = self.rng.pick(&[1 << 13, 2 << 13, 3 << 13, 0]);
                self.asm.li(Reg::T1, 3 << 13).csrc(n::SSTATUS, Reg::T1);
                self.asm.li(Reg::T1, status).csrs(n::SSTATUS, Reg::T1);
                self.asm.li(Reg::T1, 3 << 13).csrs(n::SSTATUS, Reg::T1)
            }
        };
    }

    /// A load or store through an alias, sometimes across two, after a change of SUM and MXR.
    fn access(&mut self) {
        let low = if self.rng.one_in(6) { 0xffd } else { self.rng.below(0xff8) & !7 };
        let at = self.rng.pick(&[DATA_ALIASES, DATA_ALIASES, CODE_ALIASES]) + self.rng.below(ALIASES) * PAGE;
        if self.rng.one_in(3) {
            let bits = self.rng.any() & 0xc_0000;
            self.asm
                .li(Reg::T1, 0xc_0000)
                .csrc(n::SSTATUS, Reg::T1)
                .li(Reg::T1, bits)
                .csrs(n::SSTATUS, Reg::T1);
        }
        self.asm.li(Reg::T2, at + low);
        let op =
            self.rng.pick(&[Op::Ld, Op::Lw, Op::Lhu, Op::Sd, Op::Sb, Op::Sw, Op::Fld, Op::Fsd, Op::AmoaddD]);
        let inst = Inst { rd: 18, rs1: Reg::T2.number(), rs2: 10, ..Inst::of(op) };
        let inst = isa::decode(isa::encode(&inst)).expect("an instruction of the table");
        for _ in 0..1 + self.rng.below(3) {
            self.asm.inst(inst);
        }
    }
}
