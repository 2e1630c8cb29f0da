//! Guests that do everything wrong: two harts, each with a script of stores and loads drawn from a seed, over all
//! device registers, with rings of garbage that the one changes while the other has them served.
//!
//! The guest may die; this process may not, nor hoard memory. `MULTIVAC_HOSTILE_SECONDS` makes it try more seeds,
//! `MULTIVAC_SEED` says with which to begin.

use cluster::disk::{self, Mode};
use cluster::share::HostShare;
use isa::asm::Asm;
use isa::reg::Reg;
use machine::board;
use machine::dev::virtio::block::Block;
use machine::dev::virtio::console::{CONSOLE_PORT, CONTROL_PORT, Console};
use machine::dev::virtio::entropy::Entropy;
use machine::dev::virtio::mmio::Peripheral;
use machine::dev::virtio::net::Net;
use machine::dev::virtio::p9::P9;
use machine::interp::Interpreter;
use machine::node::{Config, Limits, Node};
use machine::ram::RAM_BASE;
use machine::random::Random;
use std::path::Path;
use std::time::{Duration, Instant};

const MEMORY_BYTES: u64 = 4 << 20;
const SCRIPTS: u64 = RAM_BASE + (1 << 20);
const SCRIPT_BYTES: u64 = 1 << 20;
const RINGS: u64 = RAM_BASE + (3 << 20);
const RING_BYTES: u64 = 0x4000;
/// Operations of a script.
const OPERATIONS: usize = 12_000;
/// Growth of this process that is too much; a node of its own takes its memory and little more.
const GROWTH_BYTES_MAX: u64 = 192 << 20;
/// Seconds tried when nothing else is asked for.
const SECONDS: u64 = 4;

/// Windows to storm: all devices but the one that switches the machine off, and what lies around them.
const WINDOWS: [(u64, u64); 7] = [
    (board::RTC.base, 0x1000),
    (board::CLINT.base, 0x1_0000),
    (board::PLIC.base, 0x60_1000),
    (board::UART.base, 0x100),
    (0x1000_1000, 0x9000),
    (0x3000_0000, 0x1000),
    (RAM_BASE + MEMORY_BYTES - 64, 128),
];

/// Registers of a virtio slot that bring a queue to work.
mod register {
    pub(super) const FEATURES: u64 = 0x20;
    pub(super) const FEATURES_SELECT: u64 = 0x24;
    pub(super) const QUEUE: u64 = 0x30;
    pub(super) const QUEUE_SIZE: u64 = 0x38;
    pub(super) const READY: u64 = 0x44;
    pub(super) const NOTIFY: u64 = 0x50;
    pub(super) const STATUS: u64 = 0x70;
    pub(super) const RINGS: [u64; 3] = [0x80, 0x90, 0xa0];
}

/// Executes a script: triples of operation, address and value; operation 0 ends it. What faults is stepped over.
fn interpreter() -> Vec<u8> {
    let mut asm = Asm::new(RAM_BASE);
    let (s0, t0, t1, t2, t3, a0) = (Reg::S0, Reg::T0, Reg::T1, Reg::T2, Reg::T3, Reg::A0);
    let handler = asm.label();
    asm.la(t0, handler).csrw(isa::csr::MTVEC, t0);
    asm.csrr(a0, isa::csr::MHARTID).li(s0, SCRIPTS).li(t1, SCRIPT_BYTES);
    asm.mul(t1, t1, a0).add(s0, s0, t1);
    let next = asm.here();
    asm.ld(t0, s0, 0).ld(t1, s0, 8).ld(t2, s0, 16).addi(s0, s0, 24);
    let end = asm.label();
    asm.beqz(t0, end);
    for operation in 1..=8u64 {
        let other = asm.label();
        asm.li(t3, operation).bne(t0, t3, other);
        match operation {
            1 => asm.sb(t2, t1, 0),
            2 => asm.sh(t2, t1, 0),
            3 => asm.sw(t2, t1, 0),
            4 => asm.sd(t2, t1, 0),
            5 => asm.lbu(t2, t1, 0),
            6 => asm.lhu(t2, t1, 0),
            7 => asm.lwu(t2, t1, 0),
            _ => asm.ld(t2, t1, 0),
        };
        asm.j(next);
        asm.place(other);
    }
    asm.j(next);
    asm.place(end);
    // Hart 0 waits, so that devices get to what they put off, and switches off.
    asm.li(t1, 20_000);
    let wait = asm.here();
    asm.addi(t1, t1, -1).bnez(t1, wait).li(t0, board::SYSCON.base).li(t1, 0x5555).sw(t1, t0, 0);
    let here = asm.here();
    asm.j(here);
    asm.align(4);
    asm.place(handler);
    asm.csrr(t0, isa::csr::MEPC).addi(t0, t0, 4).csrw(isa::csr::MEPC, t0).mret();
    asm.finish()
}

/// Draws scripts.
struct Attacker {
    random: Random,
    script: Vec<u8>,
}

impl Attacker {
    fn below(&mut self, bound: u64) -> u64 {
        self.random.draw() % bound
    }

    fn act(&mut self, operation: u64, address: u64, value: u64) {
        [operation, address, value].iter().for_each(|word| self.script.extend(word.to_le_bytes()));
    }

    fn any_address(&mut self) -> u64 {
        match self.below(8) {
            0 => self.random.draw(),
            1 => u64::MAX - self.below(4096),
            2 => RAM_BASE + MEMORY_BYTES - self.below(64),
            3 => 0x1000_0000 + self.below(0x1_0000),
            4 | 5 => RINGS + self.below(RING_BYTES),
            // Not over the scripts, so that the guest lives on for a while.
            _ => RINGS + RING_BYTES + self.below(0x8_0000),
        }
    }

    fn garbage_in_registers(&mut self) {
        let (base, bytes) = WINDOWS[usize::try_from(self.below(WINDOWS.len() as u64)).unwrap()];
        let (address, operation) = (base + self.below(bytes), 1 + self.below(8));
        let value = if self.below(2) == 0 { self.below(256) } else { self.random.draw() };
        self.act(operation, address, value);
        // Naturally aligned accesses get further.
        self.act(operation, address & !7, value);
    }

    fn garbage_in_rings(&mut self, words: u64) {
        for _ in 0..words {
            let at = RINGS + 8 * self.below(RING_BYTES / 8);
            let address = self.any_address();
            let length =
                [0, 1, 512, 4096, 1 << 20, u64::from(u32::MAX)][usize::try_from(self.below(6)).unwrap()];
            let value = match self.below(3) {
                0 => address,
                1 => length | self.below(8) << 32 | self.below(70) << 48,
                _ => self.random.draw() & 0x003f_003f_003f_003f,
            };
            self.act(4, at, value);
        }
    }

    fn serve_a_queue(&mut self) {
        let slot = 0x1000_1000 + 0x1000 * self.below(8);
        for status in [0, 3] {
            self.act(3, slot + register::STATUS, status);
        }
        let low = self.random.draw();
        for (select, features) in [(0, low), (1, 1)] {
            self.act(3, slot + register::FEATURES_SELECT, select);
            self.act(3, slot + register::FEATURES, features);
        }
        for status in [11, 15] {
            self.act(3, slot + register::STATUS, status);
        }
        for queue in 0..1 + self.below(4) {
            self.act(3, slot + register::QUEUE, queue);
            let size = if self.below(8) == 0 { self.random.draw() } else { 64 };
            self.act(3, slot + register::QUEUE_SIZE, size);
            for (part, ring) in register::RINGS.into_iter().enumerate() {
                let place = RINGS + queue * 0x1000 + 0x400 * part as u64;
                let place = if self.below(12) == 0 { self.any_address() } else { place };
                self.act(3, slot + ring, place & 0xffff_ffff);
                self.act(3, slot + ring + 4, place >> 32);
            }
            self.act(3, slot + register::READY, 1);
        }
        self.garbage_in_rings(40);
        for queue in 0..4 {
            // A chain that leads into itself, and a ring that says it is full.
            let cycle = 1 << 32 | self.below(64) << 48 | self.below(4096);
            self.act(4, RINGS + queue * 0x1000 + 8, cycle);
            let index = self.below(64) << 16;
            self.act(3, RINGS + queue * 0x1000 + 0x400, index);
            self.act(3, slot + register::NOTIFY, queue);
            self.garbage_in_rings(4);
            self.act(3, slot + register::NOTIFY, queue);
        }
    }
}

/// The script of a hart.
fn script(seed: u64, hart: u64) -> Vec<u8> {
    let mut attacker = Attacker { random: Random::new(seed, hart), script: Vec::new() };
    while attacker.script.len() < OPERATIONS * 24 {
        match attacker.below(4) {
            0 => attacker.garbage_in_registers(),
            1 => attacker.garbage_in_rings(8),
            _ => attacker.serve_a_queue(),
        }
    }
    attacker.script.extend([0; 24]);
    assert!(attacker.script.len() as u64 <= SCRIPT_BYTES);
    attacker.script
}

/// Runs the attack of a seed on a full board; the digest of what is left.
fn attack(seed: u64, disk: &Path, folder: &Path) -> blake3::Hash {
    let mut config = Config::default();
    config.board.memory_bytes = MEMORY_BYTES;
    config.board.harts = 2;
    config.slice_cycles = 500;
    let mut node = Node::new(&config, Box::new(Interpreter::new(2))).unwrap();
    let share = HostShare::open(folder, true).unwrap();
    for device in [
        Peripheral::Block(Block::new(disk::open(disk, Mode::Overlay).unwrap(), "disk")),
        Peripheral::Net(Net::new([2, 0, 0, 0, 0, 1], true)),
        Peripheral::Console(Console::new(80, 24)),
        Peripheral::Entropy(Entropy::new(Random::new(seed, 9))),
        Peripheral::P9(P9::new("share", Box::new(share), 0)),
    ] {
        node.bus.attach(device).unwrap();
    }
    node.bus.ram.write(RAM_BASE, &interpreter()).unwrap();
    for hart in 0..2 {
        node.bus.ram.write(SCRIPTS + hart * SCRIPT_BYTES, &script(seed, hart)).unwrap();
    }
    node.start_machine(RAM_BASE, 0, 0);
    for epoch in 1..=8u64 {
        let limits = Limits { instructions: 2_000_000, cycle: epoch * 200_000 };
        let _ = node.run(limits);
        if let Some(console) = node.bus.console() {
            // A far side that answers, as the run loop's does.
            for port in [CONSOLE_PORT, CONTROL_PORT] {
                let said = console.take_output(port);
                console.push_input(port, &said[..said.len().min(100)]);
            }
        }
        let _ = node.take_console();
        node.bus.settle();
    }
    let mut hasher = blake3::Hasher::new();
    node.digest(&mut |part| {
        hasher.update(part);
    });
    hasher.finalize()
}

/// Bytes of this process in the host's memory.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn no_guest_ends_or_swells_this_process() {
    let scratch = tempfile::tempdir().unwrap();
    let disk = scratch.path().join("disk.img");
    std::fs::write(&disk, vec![7; 1 << 20]).unwrap();
    let outside = scratch.path().join("outside");
    std::fs::write(&outside, "untouched").unwrap();
    let folder = scratch.path().join("folder");
    let fresh = || {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("file"), "contents").unwrap();
    };
    let first = setting("MULTIVAC_SEED", 0);
    let deadline = Instant::now() + Duration::from_secs(setting("MULTIVAC_HOSTILE_SECONDS", SECONDS));
    fresh();
    let digest = attack(first, &disk, &folder);
    fresh();
    assert_eq!(attack(first, &disk, &folder), digest, "seed {first} does something else each time");
    let before = resident_bytes();
    let mut seed = first;
    while Instant::now() < deadline {
        seed += 1;
        fresh();
        attack(seed, &disk, &folder);
        let now = resident_bytes();
        assert!(now < before + GROWTH_BYTES_MAX, "seed {seed}: {before} bytes have grown to {now}");
    }
    println!("seeds {first} to {seed}; {before} bytes resident before, {} after", resident_bytes());
    assert_eq!(std::fs::read(&disk).unwrap(), vec![7; 1 << 20], "the disk is an overlay");
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "untouched");
    assert!(seed > first, "not even one more seed in the time");
}
