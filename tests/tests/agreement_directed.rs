//! The translator against the interpreter where a single place decides: an interrupt at each instruction of a block,
//! code that rewrites what comes next, one page at many addresses, more code than the cache holds.

#![cfg(target_arch = "x86_64")]

use crosstest::generate::body;
use crosstest::rng::Rng;
use crosstest::twins::{Setup, Twins};
use isa::asm::Asm;
use isa::csr as n;
use isa::pte::Pte;
use isa::reg::Reg;
use machine::hart::RunState;
use machine::node::{Node, Pause};
use machine::ram::RAM_BASE;
use std::collections::BTreeMap;

/// The handler, the guest's code, what the handler saves and records, and data.
const HANDLER: u64 = RAM_BASE;
const CODE: u64 = RAM_BASE + 0x2000;
const SAVED: u64 = RAM_BASE + 0x8000;
const SEEN: u64 = RAM_BASE + 0x9000;
const DATA: u64 = RAM_BASE + 0xa000;
const PAGE: u64 = 0x1000;
const MTIME: u64 = 0x0200_bff8;
const MTIMECMP: u64 = 0x0200_4000;

/// Marks in [`SEEN`] where a timer interrupt came and sets the next `period` ahead and up to 127 more; steps over what faults.
fn handler(period: i32) -> Vec<u8> {
    let mut a = Asm::new(HANDLER);
    let [t0, t1, t2] = [Reg::T0, Reg::T1, Reg::T2];
    let (interrupt, done) = (a.label(), a.label());
    a.csrrw(t0, n::MSCRATCH, t0).sd(t1, t0, 0).sd(t2, t0, 8);
    a.csrr(t1, n::MCAUSE).blt(t1, Reg::ZERO, interrupt);
    a.csrr(t1, n::MEPC).lhu(t2, t1, 0).andi(t2, t2, 3).addi(t2, t2, -3).sltiu(t2, t2, 1);
    a.slli(t2, t2, 1).add(t1, t1, t2).addi(t1, t1, 2).csrw(n::MEPC, t1);
    a.place(done).ld(t1, t0, 0).ld(t2, t0, 8).csrrw(t0, n::MSCRATCH, t0).mret();
    a.place(interrupt).csrr(t1, n::MEPC).li(t2, CODE).sub(t1, t1, t2).srli(t1, t1, 1).li(t2, SEEN);
    a.add(t1, t1, t2).addi(t2, Reg::ZERO, 1).sb(t2, t1, 0);
    a.ld(t2, t0, 16).li(t1, 0x5851_f42d_4c95_7f2d).mul(t2, t2, t1).addi(t2, t2, 1).sd(t2, t0, 16);
    a.srli(t2, t2, 57);
    a.li(t1, MTIME).ld(t1, t1, 0).add(t1, t1, t2).addi(t1, t1, period).li(t2, MTIMECMP).sd(t1, t2, 0).j(done);
    a.finish()
}

/// Twins with the handler and `code`, which starts in machine mode with floating point on.
fn twins(name: String, setup: &Setup, handler: &[u8], code: &[u8]) -> Twins {
    Twins::new(name, setup, &|node: &mut Node| {
        node.bus.ram.write(HANDLER, handler).expect("in RAM");
        node.bus.ram.write(CODE, code).expect("in RAM");
        let hart = &mut node.harts[0];
        (hart.pc, hart.state) = (CODE, RunState::Running);
        hart.csr.mtvec = HANDLER;
        hart.csr.mscratch = SAVED;
        hart.csr.mstatus |= 0x6000;
    })
}

/// Registers at random, `gp` and `tp` at data.
fn registers(a: &mut Asm, rng: &mut Rng) {
    a.li(Reg::GP, DATA).li(Reg::TP, DATA + 0x800);
    for number in 8..32 {
        a.li(Reg::new(number).expect("a register"), rng.integer());
    }
}

#[test]
fn interrupts_at_every_instruction() {
    for seed in 1..=24 {
        let mut rng = Rng::new(seed);
        let mut a = Asm::new(CODE);
        registers(&mut a, &mut rng);
        a.li(Reg::T0, MTIMECMP).sd(Reg::ZERO, Reg::T0, 0).li(Reg::T0, 1 << 7).csrw(n::MIE, Reg::T0);
        a.csrrsi(Reg::ZERO, n::MSTATUS, 8);
        let again = a.here();
        for _ in 0..20 + rng.below(30) {
            body::instruction(&mut rng, &mut a);
        }
        a.j(again);
        let loop_start = a.address(again);
        let code = a.finish();
        let handler = handler(53 + 2 * i32::try_from(seed).expect("small"));
        let mut twins = twins(format!("interrupts {seed}"), &Setup::default(), &handler, &code);
        // What the loop comes by in most rounds; what it seldom does, an interrupt seldom meets.
        let mut visits = BTreeMap::new();
        for _ in 0..4000 {
            twins.run(1);
            *visits.entry(twins.oracle.harts[0].pc).or_insert(0) += 1;
        }
        let mut met: Vec<u64> =
            visits.into_iter().filter(|(_, count)| *count >= 20).map(|(pc, _)| pc).collect();
        assert!(met.len() > 10, "seed {seed}: the loop is not run");
        let end = CODE + code.len() as u64;
        met.retain(|pc| (loop_start..end).contains(pc));
        while !met.is_empty() && twins.oracle.retired() < 400_000 {
            let stretch = 1 + rng.below(200);
            twins.run(stretch);
            let ram = &twins.oracle.bus.ram;
            met.retain(|pc| ram.load(SEEN + (pc - CODE) / 2, 1) != Some(1));
        }
        twins.compare_memory();
        assert!(met.is_empty(), "seed {seed}: never interrupted at {met:x?}");
    }
}

/// Each round stores `addi a0, a0, round` over an instruction `distance` ahead of the store.
#[test]
fn a_block_that_rewrites_itself() {
    for distance in 1..12u64 {
        for fence in [false, true] {
            let mut a = Asm::new(CODE);
            a.li(Reg::S0, 0).li(Reg::A0, 0);
            let again = a.here();
            let target = a.label();
            // Immediates lie in the upper twelve bits.
            a.addi(Reg::S0, Reg::S0, 1).andi(Reg::T0, Reg::S0, 0x7ff).slli(Reg::T0, Reg::T0, 20);
            a.li(Reg::T1, 0x0005_0513).add(Reg::T0, Reg::T0, Reg::T1).la(Reg::T2, target);
            a.sw(Reg::T0, Reg::T2, 0);
            if fence {
                a.fence_i();
            }
            for _ in 1..distance {
                a.xor(Reg::A1, Reg::A1, Reg::S0);
            }
            a.place(target).nop().add(Reg::A2, Reg::A2, Reg::A0).j(again);
            let code = a.finish();
            let name = format!("rewriting at {distance}, fence {fence}");
            let mut twins = twins(name, &Setup::default(), &handler(1), &code);
            let mut rng = Rng::new(distance);
            for _ in 0..60 {
                let stretch = 1 + rng.below(40);
                twins.run(stretch);
            }
            let [a0, rounds] = [10, 8].map(|x| twins.translated.harts[0].x[x]);
            assert!(rounds > 20 && a0 >= rounds * (rounds - 1) / 2, "{a0} after {rounds} rounds");
        }
    }
}

/// An instruction lies across two pages, and its second half is rewritten.
#[test]
fn an_instruction_across_pages() {
    let mut a = Asm::new(CODE);
    let across = CODE + PAGE - 2;
    a.li(Reg::S1, across + 2).li(Reg::S0, 0);
    let again = a.here();
    let body = a.label();
    a.addi(Reg::S0, Reg::S0, 1).andi(Reg::T0, Reg::S0, 0x7ff).slli(Reg::T0, Reg::T0, 4).addi(
        Reg::T0,
        Reg::T0,
        5,
    );
    a.sh(Reg::T0, Reg::S1, 0).j(body);
    a.org(across - 8);
    a.place(body).add(Reg::A1, Reg::A1, Reg::S0).add(Reg::A1, Reg::A1, Reg::A0);
    // `addi a0, a0, 0`, whose upper half is the immediate and the upper bits of the source.
    a.word(0x0005_0513).add(Reg::A2, Reg::A2, Reg::A0).j(again);
    let mut twins = twins("across pages".to_owned(), &Setup::default(), &handler(1), &a.finish());
    let mut rng = Rng::new(1);
    for _ in 0..200 {
        let stretch = 1 + rng.below(30);
        twins.run(stretch);
    }
    let [a0, rounds] = [10, 8].map(|x| twins.translated.harts[0].x[x]);
    assert!(rounds > 100 && a0 >= rounds * (rounds - 1) / 2, "{a0} after {rounds} rounds");
}

/// Code is copied on and on through memory and called where it lands; the cache holds a part of it.
#[test]
fn more_code_than_the_cache_holds() {
    let mut a = Asm::new(CODE);
    let (start, end, copy, called) = (a.label(), a.label(), a.label(), a.label());
    let t = [Reg::T0, Reg::T1, Reg::T2];
    a.li(Reg::S0, RAM_BASE + 0x10_0000);
    a.place(called).la(t[0], start).la(t[1], end).mv(Reg::S1, Reg::S0);
    a.place(copy).ld(t[2], t[0], 0).sd(t[2], Reg::S0, 0).addi(t[0], t[0], 8).addi(Reg::S0, Reg::S0, 8);
    a.bltu(t[0], t[1], copy).jalr(Reg::RA, Reg::S1, 0).j(called);
    a.align(8);
    a.place(start);
    let mut rng = Rng::new(3);
    for _ in 0..60 {
        let (rd, rs) = (10 + u8::try_from(rng.below(6)).expect("small"), 10);
        let (rd, rs) = (Reg::new(rd).expect("a register"), Reg::new(rs).expect("a register"));
        a.mul(rd, rd, rs).addi(rd, rd, 77).rol(rs, rs, rd);
    }
    a.ret().align(8);
    a.place(end);
    let setup = Setup { memory_bytes: 8 << 20, code_bytes: 1 << 20, ..Setup::default() };
    let mut twins = twins("flood".to_owned(), &setup, &handler(1), &a.finish());
    for _ in 0..3000 {
        let stretch = 1 + rng.below(1000);
        assert_eq!(twins.run(stretch), Pause::Instructions);
    }
    twins.compare_memory();
    assert!(twins.counter("evictions") > 0, "the cache was never full");
    assert!(twins.counter("code_bytes") <= 1 << 20, "the cache grew beyond its bound");
}

/// One page of code at a thousand addresses, called at each; now and then it is rewritten.
#[test]
fn one_page_at_a_thousand_addresses() {
    const TABLES: u64 = RAM_BASE + 0x10_0000;
    const FUNCTION: u64 = RAM_BASE + 0x20_0000;
    const ALIASES: u64 = 0x40_0000;
    const MAPPINGS: u64 = 1024;
    let all = Pte::V | Pte::R | Pte::W | Pte::X | Pte::A | Pte::D;
    let mut a = Asm::new(CODE);
    // In supervisor mode, with all memory open to it.
    for (csr, value) in [
        (n::PMPADDR0, (1 << 54) - 1),
        (n::PMPCFG0, 0x1f),
        (n::SATP, 8 << 60 | TABLES >> 12),
        (n::MSTATUS, 1 << 11 | 3 << 13),
    ] {
        a.li(Reg::T0, value).csrw(csr, Reg::T0);
    }
    let (there, call, again) = (a.label(), a.label(), a.label());
    a.la(Reg::T0, there).csrw(n::MEPC, Reg::T0).mret();
    a.place(there).li(Reg::S2, MAPPINGS).li(Reg::S4, FUNCTION).li(Reg::S5, 0x0005_0513);
    a.place(again).li(Reg::S0, ALIASES).li(Reg::S1, 0);
    a.place(call).jalr(Reg::RA, Reg::S0, 0).lui(Reg::T0, 1).add(Reg::S0, Reg::S0, Reg::T0);
    a.addi(Reg::S1, Reg::S1, 1).bltu(Reg::S1, Reg::S2, call);
    // The function adds one more from now on.
    a.lui(Reg::T0, 0x100).add(Reg::S5, Reg::S5, Reg::T0).sw(Reg::S5, Reg::S4, 0).j(again);
    let code = a.finish();
    let mut tables = vec![(TABLES, Pte::new((TABLES + PAGE) >> 12, Pte::V).0)];
    tables.push((TABLES + 16, Pte::new(RAM_BASE >> 12, all).0));
    for i in 0..MAPPINGS {
        let (leaf, index) = (ALIASES / PAGE + i, i % 512);
        let table = TABLES + (2 + i / 512) * PAGE;
        tables.push((TABLES + PAGE + 8 * (leaf / 512), Pte::new(table >> 12, Pte::V).0));
        tables.push((table + 8 * index, Pte::new(FUNCTION >> 12, all).0));
    }
    let mut twins = twins("a thousand mappings".to_owned(), &Setup::default(), &handler(1), &code);
    let function = [0x0005_0513u32, 0x0000_8067].map(u32::to_le_bytes).concat();
    twins.change(&|node| {
        node.bus.ram.write(FUNCTION, &function).expect("in RAM");
        for (at, word) in &tables {
            node.bus.ram.write(*at, &word.to_le_bytes()).expect("in RAM");
        }
    });
    let mut rng = Rng::new(4);
    while twins.oracle.retired() < 60_000 {
        let stretch = 1 + rng.below(500);
        twins.run(stretch);
    }
    twins.compare_memory();
    // Rounds 0, 1, 2 and so on add that much at each call.
    assert!(twins.translated.harts[0].x[10] > 6 * MAPPINGS, "{}", twins.translated.harts[0].x[10]);
}
