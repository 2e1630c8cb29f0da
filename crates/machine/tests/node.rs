//! Whole programs on whole nodes.

use isa::asm::Asm;
use isa::csr;
use isa::reg::Reg;
use machine::hart::RunState;
use machine::interp::Interpreter;
use machine::node::{Config, Halt, Limits, Node, Pause};
use machine::ram::RAM_BASE;

const ZERO: Reg = Reg::ZERO;
const A0: Reg = Reg::A0;
const A1: Reg = Reg::A1;
const A2: Reg = Reg::A2;
const A4: Reg = Reg::A4;
const T0: Reg = Reg::T0;
const T1: Reg = Reg::T1;
const T2: Reg = Reg::T2;
const T6: Reg = Reg::T6;
const FREE: Limits = Limits { instructions: u64::MAX, cycle: u64::MAX };
const TOHOST: u64 = RAM_BASE + 0x1000;

/// A node of `harts` harts, all in machine mode at the program that `write` assembles.
fn node(harts: usize, write: impl FnOnce(&mut Asm)) -> Node {
    let mut config = Config::default();
    config.board.harts = harts;
    config.board.memory_bytes = 1 << 20;
    let mut asm = Asm::new(RAM_BASE);
    write(&mut asm);
    let mut node = Node::new(&config, Box::new(Interpreter::new(harts))).unwrap();
    node.bus.ram.write(RAM_BASE, &asm.finish()).unwrap();
    node.watch_tohost(TOHOST);
    for hart in &mut node.harts {
        hart.pc = RAM_BASE;
        hart.state = RunState::Running;
    }
    node
}

fn report(asm: &mut Asm, value: Reg) {
    asm.li(T6, TOHOST);
    asm.sd(value, T6, 0);
    let here = asm.here();
    asm.j(here);
}

#[test]
fn a_loop_computes_and_reports() {
    let mut node = node(1, |asm| {
        asm.li(A0, 0).li(A1, 100);
        let again = asm.here();
        asm.add(A0, A0, A1).addi(A1, A1, -1).bnez(A1, again);
        report(asm, A0);
    });
    assert_eq!(node.run(FREE), Pause::Halted(Halt::ToHost(5050)));
}

#[test]
fn stopping_anywhere_changes_nothing() {
    let program = |asm: &mut Asm| {
        asm.li(A0, 0).li(A1, 3000);
        let again = asm.here();
        asm.add(A0, A0, A1).addi(A1, A1, -1).bnez(A1, again);
        report(asm, A0);
    };
    let digest = |node: &Node| {
        let mut hash = blake3::Hasher::new();
        node.digest(&mut |bytes| {
            hash.update(bytes);
        });
        hash.finalize()
    };
    let mut whole = node(3, program);
    assert_eq!(whole.run(FREE), Pause::Halted(Halt::ToHost(4_501_500)));
    let mut pieces = node(3, program);
    let mut at = 0;
    while pieces.run(Limits { instructions: at, ..FREE }) == Pause::Instructions {
        assert_eq!(pieces.retired(), at);
        at += 97;
    }
    assert_eq!(digest(&pieces), digest(&whole));
}

#[test]
fn a_trap_loop_at_unmapped_memory_ends_at_the_limit() {
    let mut node = node(1, |asm| {
        asm.csrw(csr::MTVEC, ZERO);
        asm.ebreak();
    });
    assert_eq!(node.run(Limits { instructions: 100_000, ..FREE }), Pause::Instructions);
    assert!(node.harts[0].stats.exceptions[1] > 90_000);
}

#[test]
fn harts_asleep_with_nothing_due_are_noticed() {
    let mut node = node(2, |asm| {
        let here = asm.here();
        asm.wfi().j(here);
    });
    assert_eq!(node.run(FREE), Pause::Asleep);
}

#[test]
fn a_timer_wakes_at_its_tick() {
    let mut node = node(1, |asm| {
        asm.li(T0, 0x0200_4000).li(T1, 12_345).sd(T1, T0, 0);
        asm.li(T0, 1 << 7).csrw(csr::MIE, T0).wfi();
        asm.csrr(A0, csr::TIME);
        report(asm, A0);
    });
    assert_eq!(node.run(FREE), Pause::Halted(Halt::ToHost(12_345)));
}

#[test]
fn a_machine_timer_interrupts_at_its_tick_within_a_turn() {
    let mut node = node(1, |asm| {
        let handler = asm.label();
        asm.la(T0, handler).csrw(csr::MTVEC, T0);
        asm.li(T0, 0x0200_4000).li(T1, 12_345).sd(T1, T0, 0);
        asm.li(T0, 1 << 7).csrw(csr::MIE, T0).li(T0, 8).csrw(csr::MSTATUS, T0);
        let spin = asm.here();
        asm.j(spin);
        asm.align(4).place(handler).csrr(A0, csr::TIME);
        report(asm, A0);
    });
    assert_eq!(node.run(FREE), Pause::Halted(Halt::ToHost(12_345)));
}

#[test]
fn a_written_mtime_is_what_time_reads_and_timers_follow() {
    let mut node = node(1, |asm| {
        let handler = asm.label();
        asm.la(T0, handler).csrw(csr::MTVEC, T0);
        asm.li(T0, 0x0200_bff8).li(T1, 1_000_000).sd(T1, T0, 0);
        asm.li(T0, 0x0200_4000).li(T1, 1_000_500).sd(T1, T0, 0);
        asm.li(T0, 1 << 7).csrw(csr::MIE, T0).li(T0, 8).csrw(csr::MSTATUS, T0);
        asm.wfi();
        let spin = asm.here();
        asm.j(spin);
        asm.align(4).place(handler).csrr(A0, csr::TIME);
        report(asm, A0);
    });
    assert_eq!(node.run(FREE), Pause::Halted(Halt::ToHost(1_000_500)));
}

#[test]
fn code_written_over_is_fetched_anew_without_a_fence() {
    let mut node = node(1, |asm| {
        let patch = asm.label();
        // addi a0, zero, 7
        asm.li(T0, 0x0070_0513).la(T1, patch).sw(T0, T1, 0);
        asm.place(patch).addi(A0, ZERO, 1);
        report(asm, A0);
    });
    assert_eq!(node.run(FREE), Pause::Halted(Halt::ToHost(7)));
}

#[test]
fn time_never_goes_back_as_a_token_passes_between_harts() {
    let harts = 4;
    let mut node = node(harts, |asm| {
        // a1: the token's word (hart that holds it, time it was handed over); a2: this hart.
        let (mine, bad) = (asm.label(), asm.label());
        asm.li(A1, RAM_BASE + 0x2000).csrr(A2, csr::MHARTID).li(A4, 2000);
        let wait = asm.here();
        asm.lw(T0, A1, 0).beq(T0, A2, mine).j(wait);
        asm.place(mine).ld(T1, A1, 8).csrr(T2, csr::TIME).bltu(T2, T1, bad);
        asm.sd(T2, A1, 8).addi(T0, A2, 1).andi(T0, T0, 3).sw(T0, A1, 0);
        asm.addi(A4, A4, -1).bnez(A4, wait);
        asm.li(A0, 1);
        report(asm, A0);
        asm.place(bad).li(A0, 99);
        report(asm, A0);
    });
    assert_eq!(node.run(FREE), Pause::Halted(Halt::ToHost(1)));
}
