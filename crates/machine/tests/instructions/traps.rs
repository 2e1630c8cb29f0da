//! Traps: where they go, what they leave behind, and the way back.

use isa::csr as n;
use isa::{Inst, Op};

use super::scene::{CODE, Mode, Outcome, Scene, VECTOR_M, VECTOR_S, VECTOR_VS};
use Mode::{M, S, U, VS, VU};

const SIE: u64 = 1 << 1;
const MIE: u64 = 1 << 3;
const SPIE: u64 = 1 << 5;
const MPIE: u64 = 1 << 7;
const SPP: u64 = 1 << 8;
const MPP: u64 = 3 << 11;
const MPP_S: u64 = 1 << 11;
const MPRV: u64 = 1 << 17;
const GVA: u64 = 1 << 38;
const MPV: u64 = 1 << 39;
const HGVA: u64 = 1 << 6;
const SPV: u64 = 1 << 7;
const SPVP: u64 = 1 << 8;

#[test]
fn calls_say_where_they_come_from() {
    for (mode, cause) in [(M, 11), (S, 9), (U, 8), (VS, 10), (VU, 8)] {
        let mut scene = Scene::new();
        scene.enter(mode);
        assert_eq!(scene.execute(&Inst::of(Op::Ecall)), Outcome::Trapped(M, cause, 0), "{mode:?}");
        assert_eq!(scene.csr(n::MEPC), CODE);
    }
}

#[test]
fn breakpoints_show_their_address() {
    let mut scene = Scene::new();
    assert_eq!(scene.execute(&Inst::of(Op::Ebreak)), Outcome::Trapped(M, 3, CODE));
    scene.enter(VS);
    assert_eq!(scene.execute(&Inst::of(Op::Ebreak)), Outcome::Trapped(M, 3, CODE));
    assert_eq!(scene.csr(n::MSTATUS) & GVA, GVA, "a guest's virtual address");
}

/// An illegal instruction in each mode, with and without delegation.
#[test]
fn delegation() {
    for (mode, medeleg, hedeleg, target) in [
        (M, true, true, M),
        (S, false, true, M),
        (S, true, true, S),
        (U, false, false, M),
        (U, true, false, S),
        (VS, false, true, M),
        (VS, true, false, S),
        (VS, true, true, VS),
        (VU, true, false, S),
        (VU, true, true, VS),
    ] {
        let mut scene = Scene::new();
        scene.set_csr(n::MEDELEG, u64::from(medeleg) << 2);
        scene.set_csr(n::HEDELEG, u64::from(hedeleg) << 2);
        scene.enter(mode);
        let outcome = scene.execute(&Inst { imm: 0x7ff, ..Inst::of(Op::Csrrs) });
        assert_eq!(outcome, Outcome::Trapped(target, 2, 0x7ff0_2073), "{mode:?} {medeleg} {hedeleg}");
        assert_eq!(scene.mode(), target);
    }
}

#[test]
fn the_interrupt_stack_of_machine_mode() {
    for (mode, before, after) in [
        (M, MIE, MPIE | MPP),
        (M, MPIE, MPP),
        (S, MIE | MPIE, MPIE | MPP_S),
        (U, 0, 0),
        (U, MIE, MPIE),
        (VS, MIE, MPIE | MPP_S | MPV),
        (VU, MPIE, MPV),
    ] {
        let mut scene = Scene::new();
        scene.hart().csr.mstatus |= before;
        scene.enter(mode);
        scene.execute(&Inst::of(Op::Ecall));
        let status = scene.csr(n::MSTATUS);
        assert_eq!(status & (MIE | MPIE | MPP | MPV), after, "{mode:?} {before:#x}");
        assert_eq!(status & GVA, 0);
    }
}

#[test]
fn the_interrupt_stack_of_the_supervisor() {
    for (mode, before, status, hypervisor) in [
        (S, SIE, SPIE | SPP, 0),
        (U, SIE, SPIE, 0),
        (U, SPIE, 0, 0),
        (VS, SIE, SPIE | SPP, SPV | SPVP),
        (VU, 0, 0, SPV),
    ] {
        let mut scene = Scene::new();
        scene.set_csr(n::MEDELEG, 1 << 3);
        scene.hart().csr.mstatus |= before;
        scene.enter(mode);
        scene.execute(&Inst::of(Op::Ebreak));
        assert_eq!(scene.mode(), S);
        assert_eq!(scene.csr(n::SSTATUS) & (SIE | SPIE | SPP), status, "{mode:?}");
        // The breakpoint's address is the guest's.
        let gva = if matches!(mode, VS | VU) { HGVA } else { 0 };
        assert_eq!(scene.csr(n::HSTATUS) & (SPV | SPVP | HGVA), hypervisor | gva, "{mode:?}");
    }
}

#[test]
fn a_guest_takes_its_own_traps_in_its_own_registers() {
    let mut scene = Scene::new();
    scene.set_csr(n::MEDELEG, 1 << 8);
    scene.set_csr(n::HEDELEG, 1 << 8);
    scene.hart().csr.vsstatus |= SIE;
    let (sstatus, hstatus) = (scene.csr(n::SSTATUS), scene.csr(n::HSTATUS));
    scene.enter(VU);
    assert_eq!(scene.execute(&Inst::of(Op::Ecall)), Outcome::Trapped(VS, 8, 0));
    assert_eq!((scene.hart().pc, scene.csr(n::VSEPC)), (VECTOR_VS, CODE));
    assert_eq!(scene.csr(n::VSSTATUS) & (SIE | SPIE | SPP), SPIE);
    assert_eq!((scene.csr(n::SSTATUS), scene.csr(n::HSTATUS), scene.csr(n::SEPC)), (sstatus, hstatus, 0));
}

#[test]
fn mret_goes_back_and_leaves_user_mode_behind() {
    for (before, mode, after) in [
        (MPP | MPIE | MPRV, M, MIE | MPIE | MPRV),
        (MPP_S | MPIE | MPRV, S, MIE | MPIE),
        (MPRV, U, MPIE),
        (MPP_S | MPV, VS, MPIE),
        (MPV | MPIE, VU, MPIE | MIE),
        // Machine mode is never virtualized.
        (MPP | MPV, M, MPIE),
    ] {
        let mut scene = Scene::new();
        scene.hart().csr.mstatus |= before;
        scene.set_csr(n::MEPC, CODE + 0x40);
        assert_eq!(scene.execute(&Inst::of(Op::Mret)), Outcome::Retired(CODE + 0x40));
        assert_eq!(scene.mode(), mode, "{before:#x}");
        assert_eq!(scene.csr(n::MSTATUS) & (MIE | MPIE | MPP | MPV | MPRV), after, "{before:#x}");
    }
}

#[test]
fn sret_goes_back_to_the_guest_if_it_came_from_there() {
    for (from, status, hypervisor, mode) in [
        (S, SPP | SPIE, 0, S),
        (S, SPIE, 0, U),
        (S, SPP, SPV, VS),
        (S, 0, SPV, VU),
        (M, SPP, SPV, VS),
        (M, 0, 0, U),
    ] {
        let mut scene = Scene::new();
        scene.hart().csr.mstatus |= status | MPRV;
        scene.hart().csr.hstatus |= hypervisor;
        scene.set_csr(n::SEPC, CODE + 0x80);
        scene.enter(from);
        assert_eq!(scene.execute(&Inst::of(Op::Sret)), Outcome::Retired(CODE + 0x80));
        assert_eq!(scene.mode(), mode);
        let after = scene.csr(n::MSTATUS);
        let enabled = if status & SPIE != 0 { SIE } else { 0 };
        assert_eq!(after & (SIE | SPIE | SPP | MPRV), enabled | SPIE, "{from:?} {status:#x}");
        assert_eq!(scene.csr(n::HSTATUS) & SPV, 0);
    }
    let mut scene = Scene::new();
    scene.hart().csr.vsstatus |= SPIE;
    scene.set_csr(n::VSEPC, CODE + 0xc0);
    scene.enter(VS);
    assert_eq!(scene.execute(&Inst::of(Op::Sret)), Outcome::Retired(CODE + 0xc0));
    assert_eq!((scene.mode(), scene.csr(n::VSSTATUS) & (SIE | SPIE)), (VU, SIE | SPIE));
}

/// Pending and enabled interrupts, and which one is taken where.
#[test]
fn interrupts_by_priority_level_and_delegation() {
    const SEI: u64 = 1 << 9;
    const STI: u64 = 1 << 5;
    const SSI: u64 = 1 << 1;
    const VSEI: u64 = 1 << 10;
    const VSTI: u64 = 1 << 6;
    const VSSI: u64 = 1 << 2;
    for (mode, pending, mideleg, hideleg, enable, taken) in [
        (S, SSI, 0, 0, 0, Some((M, 1))),
        (M, SSI, 0, 0, 0, None),
        (M, SSI, 0, 0, MIE, Some((M, 1))),
        (M, SSI, SSI, 0, MIE | SIE, None),
        (S, SSI, SSI, 0, 0, None),
        (S, SSI, SSI, 0, SIE, Some((S, 1))),
        (U, SSI, SSI, 0, 0, Some((S, 1))),
        (S, SEI | STI | SSI, SEI | STI | SSI, 0, SIE, Some((S, 9))),
        (S, STI | SSI, STI | SSI, 0, SIE, Some((S, 1))),
        (S, STI | SSI, STI, 0, SIE, Some((M, 1))),
        (S, SSI | VSEI, SSI, 0, SIE, Some((S, 1))),
        (S, STI | VSSI, STI, 0, SIE, Some((S, 5))),
        (S, VSEI, 0, VSEI, SIE, None),
        (S, VSEI, 0, 0, SIE, Some((S, 10))),
        (VS, SSI, SSI, 0, 0, Some((S, 1))),
        (VS, VSTI, 0, 0, 0, Some((S, 6))),
        (VS, VSTI, 0, VSTI, 0, None),
        (VU, VSTI, 0, VSTI, 0, Some((VS, 5))),
        (VU, VSEI | VSTI | VSSI, 0, VSEI | VSTI | VSSI, 0, Some((VS, 9))),
        (VU, VSTI | VSSI, 0, VSTI | VSSI, 0, Some((VS, 1))),
    ] {
        let mut scene = Scene::new();
        scene.set_csr(n::MIDELEG, mideleg);
        scene.set_csr(n::HIDELEG, hideleg);
        scene.set_csr(n::MIP, pending & 0x222);
        scene.set_csr(n::HVIP, pending & 0x444);
        scene.set_csr(n::MIE, pending);
        scene.hart().csr.mstatus |= enable;
        scene.enter(mode);
        let outcome = scene.execute(&Inst::NOP);
        let what = format!("{mode:?} {pending:#x} {mideleg:#x} {hideleg:#x} {enable:#x}");
        match taken {
            None => assert_eq!(outcome, Outcome::Retired(CODE + 4), "{what}"),
            Some((target, code)) => {
                assert_eq!(outcome, Outcome::Trapped(target, 1 << 63 | code, 0), "{what}");
            }
        }
    }
}

#[test]
fn vectored_handlers_are_entered_by_interrupt_number() {
    let mut scene = Scene::new();
    scene.set_csr(n::MTVEC, VECTOR_M | 1);
    scene.set_csr(n::MIP, 1 << 5);
    scene.set_csr(n::MIE, 1 << 5);
    scene.enter(U);
    scene.node.step(0);
    assert_eq!(scene.hart().pc, VECTOR_M + 4 * 5);
    scene.set_csr(n::MIE, 0);
    assert_eq!(scene.execute(&Inst::of(Op::Ecall)), Outcome::Trapped(M, 11, 0), "exceptions go to the base");

    let mut scene = Scene::new();
    scene.set_csr(n::VSTVEC, VECTOR_VS | 1);
    scene.set_csr(n::HIDELEG, 0x444);
    scene.set_csr(n::HVIP, 1 << 10);
    scene.set_csr(n::MIE, 1 << 10);
    scene.enter(VU);
    scene.node.step(0);
    assert_eq!(scene.hart().pc, VECTOR_VS + 4 * 9, "under the supervisor's number");
}

#[test]
fn a_trap_costs_a_cycle_and_retires_nothing() {
    let mut scene = Scene::new();
    scene.execute(&Inst::of(Op::Ecall));
    let hart = scene.hart();
    assert_eq!((hart.retired, hart.cycles()), (0, 1));
    scene.execute(&Inst::NOP);
    assert_eq!((scene.hart().retired, scene.hart().cycles()), (1, 2));
    assert_eq!(VECTOR_S & 3, 0);
}
