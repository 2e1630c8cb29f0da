//! Memory management on whole nodes: the software-managed TLB, and what modelled timing charges.

use isa::asm::Asm;
use isa::csr;
use isa::pte::Pte;
use isa::reg::Reg;
use machine::core::Architecture;
use machine::hart::RunState;
use machine::interp::Interpreter;
use machine::mmu::mode::SOFTWARE_MODE;
use machine::mmu::pmp::Pmp;
use machine::node::{Config, Halt, Limits, Node, Pause};
use machine::privilege::Privilege;
use machine::ram::RAM_BASE;
use machine::timing::{Costs, Touch};

const A0: Reg = Reg::A0;
const A1: Reg = Reg::A1;
const A2: Reg = Reg::A2;
const T0: Reg = Reg::T0;
const T1: Reg = Reg::T1;
const T2: Reg = Reg::T2;
const T6: Reg = Reg::T6;
const FREE: Limits = Limits { instructions: u64::MAX, cycle: u64::MAX };
const TOHOST: u64 = RAM_BASE + 0x1000;
const TABLES: u64 = RAM_BASE + 0x8000;
const DATA: u64 = RAM_BASE + 0x2_0000;
const FULL: u64 = Pte::V | Pte::R | Pte::W | Pte::X | Pte::A | Pte::D;

/// A node whose harts stand in machine mode at the program that `write` assembles.
fn node(harts: usize, software_tlb: bool, write: impl FnOnce(&mut Asm)) -> Node {
    let mut config = Config::default();
    config.board.harts = harts;
    config.board.memory_bytes = 1 << 20;
    config.slice_cycles = 300;
    config.architecture = Architecture { software_tlb, ..config.architecture };
    let mut asm = Asm::new(RAM_BASE);
    write(&mut asm);
    let mut node = Node::new(&config, Box::new(Interpreter::new(harts))).unwrap();
    node.bus.ram.write(RAM_BASE, &asm.finish()).unwrap();
    node.watch_tohost(TOHOST);
    for hart in &mut node.harts {
        hart.pc = RAM_BASE;
        hart.state = RunState::Running;
        hart.pmp = Pmp::open();
    }
    node
}

/// Puts all harts in supervisor mode under an Sv48 table that maps the first 64 pages of memory to themselves.
fn translated(mut node: Node) -> Node {
    let mut put = |at: u64, entry: u64| node.bus.ram.write(at, &entry.to_le_bytes()).unwrap();
    for level in 0..3 {
        let index = if level == 1 { 2 } else { 0 };
        put(TABLES + level * 0x1000 + index * 8, (TABLES + (level + 1) * 0x1000) >> 12 << 10 | Pte::V);
    }
    for page in 0..64 {
        put(TABLES + 0x3000 + page * 8, (RAM_BASE + page * 0x1000) >> 12 << 10 | FULL);
    }
    for hart in &mut node.harts {
        hart.privilege = Privilege::Supervisor;
        hart.csr.satp = 9 << 60 | TABLES >> 12;
    }
    node
}

fn report(asm: &mut Asm, value: Reg) {
    asm.li(T6, TOHOST);
    asm.sd(value, T6, 0);
    let here = asm.here();
    asm.j(here);
}

/// Each hart adds to its word `stride` bytes from its neighbour's, 200 times; hart 0 waits for all and reports.
fn counters(stride: u64) -> impl FnOnce(&mut Asm) {
    move |asm| {
        asm.li(T0, DATA).li(T1, stride).mul(T1, T1, A0).add(T0, T0, T1).li(A1, 200).li(A2, 1);
        let again = asm.here();
        asm.amoadd_d(T2, A2, T0).addi(A1, A1, -1).bnez(A1, again);
        asm.li(T0, DATA + 0x800).amoadd_d(T2, A2, T0);
        let rest = asm.here();
        asm.bnez(A0, rest).ld(T1, T0, 0).li(T2, 2).bne(T1, T2, rest);
        report(asm, T1);
    }
}

fn counting(stride: u64) -> Node {
    let mut node = translated(node(2, false, counters(stride)));
    (0..).zip(&mut node.harts).for_each(|(id, hart)| hart.x[10] = id);
    node
}

fn digest(node: &Node) -> blake3::Hash {
    let mut hash = blake3::Hasher::new();
    node.digest(&mut |bytes| {
        hash.update(bytes);
    });
    hash.finalize()
}

#[test]
fn modelled_timing_only_takes_longer() {
    let mut flat = translated(node(1, false, |asm| {
        asm.li(T0, DATA).li(A1, 40);
        let again = asm.here();
        asm.sd(A1, T0, 0).ld(T1, T0, 0).add(A0, A0, T1).li(T2, 0x400).add(T0, T0, T2);
        asm.addi(A1, A1, -1).bnez(A1, again);
        report(asm, A0);
    }));
    let bytes = flat.bus.ram.bytes().to_vec();
    let mut modelled = node(1, false, |_| ());
    modelled.bus.ram.write(RAM_BASE, &bytes).unwrap();
    modelled = translated(modelled);
    modelled.use_timing(Costs::default());
    for node in [&mut flat, &mut modelled] {
        assert_eq!(node.run(FREE), Pause::Halted(Halt::ToHost(820)));
    }
    assert_eq!(flat.bus.ram.bytes(), modelled.bus.ram.bytes());
    assert_eq!(flat.harts[0].x, modelled.harts[0].x);
    assert_eq!(flat.retired(), modelled.retired());
    let charges = *modelled.bus.timing.as_ref().unwrap().charges(0);
    // Ten data pages, the page of `tohost`, and the code's page once in the other TLB: four steps each.
    assert_eq!((charges.tlb_misses, charges.walk_steps), (12, 48));
    assert_eq!(modelled.harts[0].cycles() - flat.harts[0].cycles(), charges.cycles);
    assert_eq!(modelled.harts[0].stall_cycles, charges.cycles);
}

#[test]
fn stopping_anywhere_changes_nothing_under_modelled_timing() {
    let mut whole = counting(8);
    whole.use_timing(Costs::default());
    assert_eq!(whole.run(FREE), Pause::Halted(Halt::ToHost(2)));
    let mut pieces = counting(8);
    pieces.use_timing(Costs::default());
    let mut at = 0;
    while pieces.run(Limits { instructions: at, ..FREE }) == Pause::Instructions {
        at += 13;
    }
    assert_eq!(digest(&pieces), digest(&whole));
}

#[test]
fn a_shared_line_costs_transfers_and_a_private_one_does_not() {
    let run = |stride| {
        let mut node = counting(stride);
        node.use_timing(Costs::default());
        assert_eq!(node.run(FREE), Pause::Halted(Halt::ToHost(2)));
        let timing = node.bus.timing.as_ref().unwrap();
        (timing.charges(0).transfers + timing.charges(1).transfers, node.harts[0].stall_cycles)
    };
    let (apart, apart_cycles) = run(64);
    let (shared, shared_cycles) = run(8);
    assert!(shared > apart + 4, "{shared} transfers against {apart}");
    assert!(shared_cycles > apart_cycles);
}

#[test]
fn a_fence_makes_the_next_access_walk_again() {
    let mut node = translated(node(1, false, |asm| {
        asm.li(T0, DATA).ld(T1, T0, 0).ld(T1, T0, 8);
        asm.sfence_vma(Reg::ZERO, Reg::ZERO);
        asm.ld(T1, T0, 0).fence_i().li(A0, 1);
        report(asm, A0);
    }));
    node.use_timing(Costs::default());
    assert_eq!(node.run(FREE), Pause::Halted(Halt::ToHost(1)));
    let timing = node.bus.timing.as_mut().unwrap();
    // DATA twice, the code's page twice, `tohost`.
    assert_eq!(timing.charges(0).tlb_misses, 5);
    assert_eq!(timing.touch(0, DATA, 8, Touch::Read), 0);
}

/// A handler in machine mode that maps the missing page to the data page, counting in `a2`.
fn refill(asm: &mut Asm) {
    asm.li(T6, DATA >> 12 << 10 | FULL).csrw(csr::STLBPTE, T6);
    asm.li(T6, 2).csrw(csr::STLBCMD, T6).addi(A2, A2, 1).mret();
}

#[test]
fn software_fills_its_tlb_on_a_miss_and_the_access_is_tried_again() {
    let entries = 8;
    let mut node = node(1, true, |asm| {
        let (handler, user) = (asm.label(), asm.label());
        asm.la(T0, handler).csrw(csr::MTVEC, T0);
        // Entry 0, wired: the program itself, as a global gigabyte.
        asm.li(T0, RAM_BASE >> 12).csrw(csr::STLBVPN, T0).li(T0, 2).csrw(csr::STLBSIZE, T0);
        asm.li(T0, RAM_BASE >> 12 << 10 | FULL | Pte::G).csrw(csr::STLBPTE, T0);
        asm.li(T0, 1).csrw(csr::STLBWIRED, T0).csrw(csr::STLBCMD, T0);
        asm.li(T0, SOFTWARE_MODE << 60 | 5 << 44).csrw(csr::SATP, T0);
        asm.la(T0, user).csrw(csr::MEPC, T0);
        asm.li(T0, 1 << 11).csrw(csr::MSTATUS, T0).mret();
        asm.place(user);
        // Twelve pages through seven entries, twice: every access misses.
        asm.li(A0, 0).li(A1, 24).li(T1, 0x4000_0000);
        let again = asm.here();
        asm.ld(T2, T1, 0).add(A0, A0, T2).li(T0, 0x1000).add(T1, T1, T0);
        let same = asm.label();
        asm.li(T0, 0x4000_c000).bne(T1, T0, same).li(T1, 0x4000_0000).place(same);
        asm.addi(A1, A1, -1).bnez(A1, again);
        report(asm, A0);
        asm.align(4).place(handler);
        refill(asm);
    });
    node.resize_software_tlb(entries);
    node.bus.ram.write(DATA, &3u64.to_le_bytes()).unwrap();
    assert_eq!(node.run(FREE), Pause::Halted(Halt::ToHost(72)));
    let hart = &node.harts[0];
    assert_eq!((hart.x[12], hart.stats.exceptions[25]), (24, 24));
    assert!(hart.tlb.entries().iter().skip(1).all(|entry| entry.asid == 5 && entry.pte & Pte::V != 0));
}

#[test]
fn the_tlb_registers_exist_only_where_the_tlb_does() {
    let mut node = node(1, false, |asm| {
        let handler = asm.label();
        asm.la(T0, handler).csrw(csr::MTVEC, T0).li(A0, 1);
        asm.csrw(csr::STLBCMD, A0);
        report(asm, A0);
        asm.align(4).place(handler).csrr(A0, csr::MCAUSE);
        report(asm, A0);
    });
    assert_eq!(node.run(FREE), Pause::Halted(Halt::ToHost(2)));
}
