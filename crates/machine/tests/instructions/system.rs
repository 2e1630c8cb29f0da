//! Zicsr: what is read, what is written, and when nothing is.

use isa::csr as n;
use isa::reg::Reg;
use isa::{Inst, Op};

use super::scene::{CODE, Mode, Outcome, Scene};

const OLD: u64 = 0xaaaa_5555_0f0f_00ff;

#[test]
fn accesses_read_the_old_value_and_write_the_new_one() {
    for (op, operand, new) in [
        (Op::Csrrw, 0x1234_5678, 0x1234_5678),
        (Op::Csrrs, 0xf0, OLD | 0xf0),
        (Op::Csrrc, 0xff, OLD & !0xff),
        (Op::Csrrwi, 21, 21),
        (Op::Csrrsi, 31, OLD | 31),
        (Op::Csrrci, 31, OLD & !31),
    ] {
        for rd in [0u8, 9] {
            let mut scene = Scene::new();
            scene.set_csr(n::MSCRATCH, OLD);
            let immediate = op.format() == isa::Format::CsrImm;
            scene.hart().x[8] = operand;
            let rs1 = if immediate { u8::try_from(operand).expect("five bits") } else { 8 };
            let inst = Inst { rd, rs1, imm: n::MSCRATCH.into(), ..Inst::of(op) };
            assert_eq!(scene.execute(&inst), Outcome::Retired(CODE + 4));
            assert_eq!(scene.csr(n::MSCRATCH), new, "{op:?}");
            assert_eq!(scene.hart().x[usize::from(rd)], if rd == 0 { 0 } else { OLD }, "{op:?}");
        }
    }
}

#[test]
fn the_source_may_be_the_destination() {
    let mut scene = Scene::new();
    scene.set_csr(n::MSCRATCH, OLD);
    scene.hart().x[8] = 0xf000;
    scene.execute(&Inst { rd: 8, rs1: 8, imm: n::MSCRATCH.into(), ..Inst::of(Op::Csrrs) });
    assert_eq!((scene.hart().x[8], scene.csr(n::MSCRATCH)), (OLD, OLD | 0xf000));
}

#[test]
fn a_read_only_register_may_be_read_by_any_access_that_does_not_write() {
    for (op, source, allowed) in [
        (Op::Csrrs, 0, true),
        (Op::Csrrc, 0, true),
        (Op::Csrrsi, 0, true),
        (Op::Csrrci, 0, true),
        (Op::Csrrw, 0, false),
        (Op::Csrrwi, 0, false),
        // A source register that holds 0 is a write all the same.
        (Op::Csrrs, 8, false),
        (Op::Csrrci, 1, false),
    ] {
        for csr in [n::MVENDORID, n::MHARTID, n::CYCLE, n::HGEIP] {
            let mut scene = Scene::new();
            let inst = Inst { rd: 9, rs1: source, imm: csr.into(), ..Inst::of(op) };
            let outcome = scene.execute(&inst);
            let illegal = Outcome::Trapped(Mode::M, 2, isa::encode(&inst).into());
            assert_eq!(
                outcome,
                if allowed { Outcome::Retired(CODE + 4) } else { illegal },
                "{op:?} {csr:#x}"
            );
        }
    }
}

/// Value written in machine mode, value read back.
#[test]
fn fields_take_legal_values_only() {
    const ALL: u64 = u64::MAX;
    for (csr, written, read) in [
        (n::MEPC, ALL, !1),
        (n::SEPC, 0x1003, 0x1002),
        (n::FFLAGS, ALL, 31),
        (n::FRM, ALL, 7),
        (n::FCSR, ALL, 255),
        (n::MHARTID, 0, 0),
        (n::MTVEC, 0x8000_0001, 0x8000_0001),
        (n::STVEC, 0x8000_0000, 0x8000_0000),
        (n::SATP, 8 << 60 | 0xffff << 44 | 5, 8 << 60 | 0xffff << 44 | 5),
        (n::SATP, 9 << 60 | 5, 9 << 60 | 5),
        (n::SATP, 10 << 60 | 5, 10 << 60 | 5),
        (n::HEDELEG, 1 << 9 | 1 << 10 | 1 << 11 | 0xf << 20, 0),
        (n::HGEIE, ALL, 0),
        (n::SSCRATCH, ALL, ALL),
        (n::MSCRATCH, OLD, OLD),
        (n::MIP, 1 << 7 | 1 << 11 | 1 << 3, 0),
        (n::HVIP, ALL, 0x444),
    ] {
        let mut scene = Scene::new();
        scene.set_csr(csr, written);
        assert_eq!(scene.csr(csr), read, "{}", n::name(csr));
    }
    let mut scene = Scene::new();
    scene.set_csr(n::SATP, 8 << 60 | 7);
    scene.set_csr(n::SATP, 3 << 60 | 5);
    assert_eq!(scene.csr(n::SATP), 8 << 60 | 7, "a write of a reserved mode has no effect");
}

#[test]
fn views_show_their_part_of_a_register() {
    let mut scene = Scene::new();
    scene.set_csr(n::MSTATUS, 0x6000 | 1 << 18 | 1 << 1 | 1 << 3);
    let sstatus = scene.csr(n::SSTATUS);
    assert_eq!(sstatus & 0x6000, 0x6000);
    assert_eq!((sstatus >> 18 & 1, sstatus >> 1 & 1, sstatus >> 3 & 1, sstatus >> 63), (1, 1, 0, 1));
    scene.set_csr(n::SSTATUS, 0);
    assert_eq!(scene.csr(n::MSTATUS) & (0x6000 | 1 << 18 | 1 << 3), 1 << 3, "and writes no other");

    scene.set_csr(n::MIDELEG, 0x222);
    scene.set_csr(n::MIE, 0xaaa);
    assert_eq!(scene.csr(n::SIE), 0x222);
    scene.set_csr(n::SIE, 0x020);
    assert_eq!(scene.csr(n::MIE), 0x8a8 | 0x020 & 0x222);
    scene.set_csr(n::MIDELEG, 0);
    assert_eq!(scene.csr(n::SIE), 0, "what is not delegated is not seen");

    scene.set_csr(n::HVIP, 0x444);
    scene.set_csr(n::HIDELEG, 0x444);
    assert_eq!((scene.csr(n::MIP), scene.csr(n::HIP), scene.csr(n::VSIP)), (0x444, 0x444, 0x222));
    scene.set_csr(n::FCSR, 0xe5);
    assert_eq!((scene.csr(n::FRM), scene.csr(n::FFLAGS)), (7, 5));
}

#[test]
fn a_written_counter_is_what_the_next_instruction_reads() {
    for csr in [n::MCYCLE, n::MINSTRET] {
        let mut scene = Scene::new();
        scene.run(|a| {
            a.li(Reg::A0, 1000).csrw(csr, Reg::A0).csrr(Reg::A1, csr).nop().csrr(Reg::A2, csr);
        });
        assert_eq!(scene.hart().x[11], 1000, "{}", n::name(csr));
        assert_eq!(scene.hart().x[12], 1002, "{}", n::name(csr));
    }
}

#[test]
fn a_trap_counts_as_a_cycle_and_not_as_an_instruction() {
    let mut scene = Scene::new();
    let (cycles, retired) = (scene.csr(n::MCYCLE), scene.csr(n::MINSTRET));
    scene.execute(&Inst::of(Op::Ecall));
    assert_eq!((scene.csr(n::MCYCLE) - cycles, scene.csr(n::MINSTRET) - retired), (1, 0));
}

#[test]
fn inhibited_counters_stand_still() {
    for (csr, bit) in [(n::MCYCLE, 1), (n::MINSTRET, 4)] {
        let mut scene = Scene::new();
        scene.run(|a| {
            a.li(Reg::A0, bit).csrw(n::MCOUNTINHIBIT, Reg::A0).csrr(Reg::A1, csr).nop().nop();
            a.csrr(Reg::A2, csr).csrw(n::MCOUNTINHIBIT, Reg::ZERO).nop().csrr(Reg::A3, csr);
        });
        let hart = scene.hart();
        assert_eq!(hart.x[11], hart.x[12], "{}", n::name(csr));
        assert!(hart.x[13] > hart.x[12] && hart.x[13] <= hart.x[12] + 2, "{}", n::name(csr));
    }
}

#[test]
fn event_counters_are_there_and_read_zero() {
    let mut scene = Scene::new();
    for i in 0..29 {
        for first in [n::MHPMCOUNTER3, n::MHPMEVENT3] {
            scene.hart().x[8] = u64::MAX;
            let write = Inst { rs1: 8, imm: (first + i).into(), ..Inst::of(Op::Csrrw) };
            assert_eq!(scene.execute(&write), Outcome::Retired(CODE + 4));
            assert_eq!(scene.csr(first + i), 0);
        }
        let read = Inst { rd: 9, imm: (n::HPMCOUNTER3 + i).into(), ..Inst::of(Op::Csrrs) };
        assert_eq!(scene.execute(&read), Outcome::Retired(CODE + 4));
        assert_eq!(scene.hart().x[9], 0);
    }
}
