//! Random page tables that mostly make sense, so that walks go deep and fail late.
//!
//! A pool of pages at the start of memory holds the tables of both stages and the data. Each table page has a
//! role, a stage and a level, and its entries mostly point to a page of the next role. The last level of the
//! second stage maps guest page n to pool page n modulo the pool, so that first-stage pointers can be aimed.

use machine::mmu::pmp::Pmp;
use machine::mmu::{Access, Env, Request};
use machine::privilege::Privilege;
use machine::ram::{RAM_BASE, Ram};

pub(crate) const PAGES: u64 = 32;
pub(crate) const POOL_BYTES: u64 = PAGES * 4096;
const ENTRIES: u64 = 512;
/// First page of the second stage's tables below its root (pages 0 to 3), by level.
const SECOND: u64 = 4;
/// First page of the first stage's tables: two a level.
const FIRST: u64 = 8;
const BASE_PAGE: u64 = RAM_BASE >> 12;

/// A deterministic source of choices (splitmix64).
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.word() % bound
    }

    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

/// Memory and registers.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) words: Vec<u64>,
    pub(crate) satp: u64,
    pub(crate) vsatp: u64,
    pub(crate) hgatp: u64,
    pub(crate) menvcfg: u64,
    pub(crate) henvcfg: u64,
    pub(crate) pmp_config: [u8; 16],
    pub(crate) pmp_address: [u64; 16],
    pub(crate) pmp: Pmp,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("satp", &self.satp)
            .field("vsatp", &self.vsatp)
            .field("hgatp", &self.hgatp)
            .field("menvcfg", &self.menvcfg)
            .field("henvcfg", &self.henvcfg)
            .field("pmp_config", &self.pmp_config)
            .field("pmp_address", &self.pmp_address)
            .finish_non_exhaustive()
    }
}

impl World {
    pub(crate) fn new(dice: &mut Dice) -> World {
        let modes = [0u64, 8, 8, 9, 9, 10, 10];
        let (satp_mode, vsatp_mode, hgatp_mode) = (dice.of(&modes), dice.of(&modes), dice.of(&modes));
        // One root page serves `satp` and `vsatp`; it is of the role that fits either.
        let root = |mode: u64| FIRST + 2 * mode.saturating_sub(6);
        let hgatp_level = hgatp_mode.saturating_sub(6);
        let mut words = Vec::new();
        for page in 0..PAGES {
            for index in 0..ENTRIES {
                words.push(entry(dice, page, index, hgatp_level));
            }
        }
        let guest_root = root(vsatp_mode) + PAGES * dice.below(3) + dice.of(&[0, BASE_PAGE]);
        let mut world = World {
            words,
            satp: satp_mode << 60 | dice.below(1 << 16) << 44 | (BASE_PAGE + root(satp_mode)),
            vsatp: vsatp_mode << 60 | dice.below(1 << 16) << 44 | guest_root,
            hgatp: hgatp_mode << 60 | dice.below(1 << 14) << 44 | BASE_PAGE,
            menvcfg: dice.of(&[0b11, 0b11, 0b01, 0b10, 0b00]) << 61,
            henvcfg: dice.of(&[0b11, 0b11, 0b01, 0b10, 0b00]) << 61,
            pmp_config: [0; 16],
            pmp_address: [0; 16],
            pmp: Pmp::new(),
        };
        world.protect(dice);
        world
    }

    /// Memory as the machine has it.
    pub(crate) fn ram(&self) -> Ram {
        let mut ram = Ram::new(POOL_BYTES).unwrap();
        ram.write(RAM_BASE, &self.bytes()).unwrap();
        ram
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    pub(crate) fn env(&self) -> Env<'_> {
        Env {
            satp: self.satp,
            vsatp: self.vsatp,
            hgatp: self.hgatp,
            menvcfg: self.menvcfg,
            henvcfg: self.henvcfg,
            pmp: &self.pmp,
        }
    }

    /// A few random PMP entries over the pool, usually none, then usually one that opens everything.
    fn protect(&mut self, dice: &mut Dice) {
        let holes = if dice.percent(70) { 0 } else { dice.below(4) };
        for entry in 0..usize::try_from(holes).unwrap() {
            let address = (RAM_BASE + dice.below(POOL_BYTES)) >> 2;
            let ones = dice.below(14);
            self.pmp_address[entry] = if dice.percent(50) { address | ((1 << ones) - 1) } else { address };
            let permissions = dice.of(&[0u8, 1, 3, 4, 5, 7]);
            let locked = if dice.percent(30) { 0x80 } else { 0 };
            self.pmp_config[entry] = permissions | dice.of(&[0u8, 1, 2, 3]) << 3 | locked;
        }
        if dice.percent(97) {
            (self.pmp_config[15], self.pmp_address[15]) = (0x1f, (1 << 54) - 1);
        }
        for entry in 0..16 {
            self.pmp.write_addr(entry, self.pmp_address[entry]);
        }
        for (register, bytes) in [0, 2].into_iter().zip(self.pmp_config.chunks(8)) {
            self.pmp.write_cfg(register, u64::from_le_bytes(bytes.try_into().unwrap()));
        }
    }

    /// An access, mostly to a canonical address.
    pub(crate) fn request(&self, dice: &mut Dice) -> Request {
        let virt = dice.percent(60);
        let access = dice.of(&[Access::Fetch, Access::Load, Access::Load, Access::Store, Access::Manage]);
        let bytes = dice.of(&[1, 2, 4, 8]);
        let mode = (if virt { self.vsatp } else { self.satp }) >> 60;
        let bits = match mode {
            0 => 0,
            mode => 12 + 9 * (mode - 5),
        };
        let mut va = dice.word() & !(bytes - 1);
        if bits == 0 {
            va = dice.of(&[RAM_BASE, 0, 1 << 41, (1 << 41) - 4096, 1 << 56]) | (va % POOL_BYTES);
        } else if dice.percent(96) {
            let unused = 64 - bits;
            va = (va << unused).cast_signed().wrapping_shr(u32::try_from(unused).unwrap()).cast_unsigned();
        }
        let privileges = [Privilege::Supervisor, Privilege::Supervisor, Privilege::User, Privilege::User];
        let privilege = if !virt && dice.percent(3) { Privilege::Machine } else { dice.of(&privileges) };
        Request {
            va,
            bytes,
            access,
            privilege,
            virt,
            hlvx: virt && access == Access::Load && dice.percent(20),
            sum: dice.percent(50),
            mxr: dice.percent(40),
            vs_sum: dice.percent(50),
            vs_mxr: dice.percent(40),
        }
    }
}

/// A random entry for slot `index` of pool page `page`.
fn entry(dice: &mut Dice, page: u64, index: u64, hgatp_level: u64) -> u64 {
    let (level, second) = match page {
        0..SECOND => (hgatp_level, true),
        SECOND..FIRST => (page - SECOND, true),
        _ if page < FIRST + 10 => ((page - FIRST) / 2, false),
        _ => return dice.word(),
    };
    let pointer = level > 0 && dice.percent(90);
    let mut entry = if pointer {
        let target = if second { SECOND + level - 1 } else { FIRST + 2 * (level - 1) + dice.below(2) };
        // As a guest physical address any alias modulo the pool serves; as a physical one only memory does.
        let alias = if second || dice.percent(75) { BASE_PAGE } else { PAGES * dice.below(4) };
        (alias + target) << 10 | 1 | dice.below(4) << 8
    } else {
        leaf(dice, level, index, second)
    };
    if dice.percent(2) {
        entry ^= 1 << dice.below(64);
    }
    entry
}

fn leaf(dice: &mut Dice, level: u64, index: u64, second: bool) -> u64 {
    let frame = match level {
        0 if second => BASE_PAGE + index % PAGES,
        0 => dice.of(&[BASE_PAGE, 0]) + dice.below(PAGES),
        _ if dice.percent(10) => dice.below(1 << 44),
        1 | 2 => BASE_PAGE,
        _ => 0,
    };
    let mut flags = u64::from(dice.percent(98));
    flags |= dice.of(&[7u64, 7, 7, 7, 5, 3, 1, 4, 2, 6]) << 1;
    flags |= u64::from(dice.percent(if second { 95 } else { 50 })) << 4;
    flags |= u64::from(dice.percent(10)) << 5;
    flags |= u64::from(dice.percent(80)) << 6;
    flags |= u64::from(dice.percent(60)) << 7;
    if dice.percent(4) {
        flags |= dice.below(4) << 61;
    }
    let napot = dice.percent(6);
    let frame = if napot && dice.percent(85) { frame & !0xf | 8 } else { frame };
    frame << 10 | flags | u64::from(napot) << 63
}
