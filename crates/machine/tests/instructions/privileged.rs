//! Who may execute what: each privileged instruction in each mode under each control that bears on it.

use isa::csr as n;
use isa::{Inst, Op, encode};

use super::scene::{CODE, DATA, Mode, Outcome, Scene};
use Mode::{M, S, U, VS, VU};

/// What becomes of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// It retires.
    Retires,
    /// An illegal instruction.
    Illegal,
    /// A virtual instruction, which only the hypervisor should see.
    Virtual,
}
use Fate::{Illegal, Retires, Virtual};

const TVM: u64 = 1 << 20;
const TW: u64 = 1 << 21;
const TSR: u64 = 1 << 22;
const FS: u64 = 3 << 13;
const HU: u64 = 1 << 9;
const VTVM: u64 = 1 << 20;
const VTW: u64 = 1 << 21;
const VTSR: u64 = 1 << 22;
const CBIE: u64 = 3 << 4;
const CBCFE: u64 = 1 << 6;
const CBZE: u64 = 1 << 7;
const STCE: u64 = 1 << 63;

/// Registers set before, beyond what a scene has.
type Given = &'static [(u16, u64)];

fn check(mode: Mode, given: Given, inst: &Inst, fate: Fate) {
    let mut scene = Scene::new();
    for &(csr, value) in given {
        scene.set_csr(csr, value);
    }
    scene.hart().x[8] = DATA;
    scene.enter(mode);
    let raw = u64::from(encode(inst));
    let outcome = scene.execute(inst);
    let what = format!("{:?} in {mode:?} with {given:x?}: {outcome:x?}", inst.op);
    match fate {
        Retires => assert!(matches!(outcome, Outcome::Retired(_)), "{what}"),
        Illegal => assert_eq!(outcome, Outcome::Trapped(M, 2, raw), "{what}"),
        Virtual => assert_eq!(outcome, Outcome::Trapped(M, 22, raw), "{what}"),
    }
}

/// The fates in M, S, U, VS and VU.
fn check_modes(given: Given, inst: &Inst, fates: [Fate; 5]) {
    for (mode, fate) in [M, S, U, VS, VU].into_iter().zip(fates) {
        check(mode, given, inst, fate);
    }
}

fn plain(op: Op) -> Inst {
    Inst::of(op)
}

#[test]
fn returns() {
    check_modes(&[], &plain(Op::Mret), [Retires, Illegal, Illegal, Illegal, Illegal]);
    check_modes(&[], &plain(Op::Sret), [Retires, Retires, Illegal, Retires, Virtual]);
    check_modes(&[(n::MSTATUS, TSR)], &plain(Op::Sret), [Retires, Illegal, Illegal, Retires, Virtual]);
    check_modes(&[(n::HSTATUS, VTSR)], &plain(Op::Sret), [Retires, Retires, Illegal, Virtual, Virtual]);
}

#[test]
fn waiting() {
    check_modes(&[], &plain(Op::Wfi), [Retires, Retires, Illegal, Retires, Virtual]);
    check_modes(&[(n::MSTATUS, TW)], &plain(Op::Wfi), [Retires, Illegal, Illegal, Illegal, Illegal]);
    check_modes(&[(n::HSTATUS, VTW)], &plain(Op::Wfi), [Retires, Retires, Illegal, Virtual, Virtual]);
}

#[test]
fn fences_of_address_translation() {
    for op in [Op::SfenceVma, Op::SinvalVma] {
        check_modes(&[], &plain(op), [Retires, Retires, Illegal, Retires, Virtual]);
        check_modes(&[(n::MSTATUS, TVM)], &plain(op), [Retires, Illegal, Illegal, Retires, Virtual]);
        check_modes(&[(n::HSTATUS, VTVM)], &plain(op), [Retires, Retires, Illegal, Virtual, Virtual]);
    }
    for op in [Op::SfenceWInval, Op::SfenceInvalIr] {
        for given in [&[] as Given, &[(n::MSTATUS, TVM)], &[(n::HSTATUS, VTVM)]] {
            check_modes(given, &plain(op), [Retires, Retires, Illegal, Retires, Virtual]);
        }
    }
    for op in [Op::HfenceVvma, Op::HinvalVvma] {
        for given in [&[] as Given, &[(n::MSTATUS, TVM)]] {
            check_modes(given, &plain(op), [Retires, Retires, Illegal, Virtual, Virtual]);
        }
    }
    for op in [Op::HfenceGvma, Op::HinvalGvma] {
        check_modes(&[], &plain(op), [Retires, Retires, Illegal, Virtual, Virtual]);
        check_modes(&[(n::MSTATUS, TVM)], &plain(op), [Retires, Illegal, Illegal, Virtual, Virtual]);
    }
}

#[test]
fn guest_loads_and_stores() {
    for op in Op::ALL {
        let load = op.format() == isa::Format::HLoad;
        if load || op.format() == isa::Format::HStore {
            let inst =
                if load { Inst { rd: 9, rs1: 8, ..plain(op) } } else { Inst { rs1: 8, rs2: 9, ..plain(op) } };
            check_modes(&[], &inst, [Retires, Retires, Illegal, Virtual, Virtual]);
            check_modes(&[(n::HSTATUS, HU)], &inst, [Retires, Retires, Retires, Virtual, Virtual]);
        }
    }
}

#[test]
fn cache_block_operations() {
    for (op, field) in
        [(Op::CboInval, CBIE), (Op::CboClean, CBCFE), (Op::CboFlush, CBCFE), (Op::CboZero, CBZE)]
    {
        let inst = Inst { rs1: 8, ..plain(op) };
        let given = |csrs: &'static [u16]| -> Given {
            csrs.iter().map(|&csr| (csr, field)).collect::<Vec<_>>().leak()
        };
        check_modes(&[], &inst, [Retires, Illegal, Illegal, Illegal, Illegal]);
        check_modes(given(&[n::MENVCFG]), &inst, [Retires, Retires, Illegal, Virtual, Virtual]);
        check_modes(given(&[n::MENVCFG, n::SENVCFG]), &inst, [Retires, Retires, Retires, Virtual, Virtual]);
        check_modes(given(&[n::MENVCFG, n::HENVCFG]), &inst, [Retires, Retires, Illegal, Retires, Virtual]);
        check_modes(given(&[n::MENVCFG, n::HENVCFG, n::SENVCFG]), &inst, [Retires; 5]);
    }
}

fn read(csr: u16) -> Inst {
    Inst { rd: 9, imm: csr.into(), ..plain(Op::Csrrs) }
}

fn write(csr: u16) -> Inst {
    Inst { rs1: 8, imm: csr.into(), ..plain(Op::Csrrw) }
}

#[test]
fn registers_by_level() {
    check_modes(&[], &read(n::MSCRATCH), [Retires, Illegal, Illegal, Illegal, Illegal]);
    check_modes(&[], &read(n::SSCRATCH), [Retires, Retires, Illegal, Retires, Virtual]);
    check_modes(&[], &read(n::HSTATUS), [Retires, Retires, Illegal, Virtual, Virtual]);
    check_modes(&[], &read(n::VSSCRATCH), [Retires, Retires, Illegal, Virtual, Virtual]);
    check_modes(&[], &write(n::HGEIP), [Illegal; 5]);
    for absent in [0x004, 0x1ff, 0x2ff, 0x345, 0x6ff, 0x7ff, 0xdff, 0xfff] {
        check_modes(&[], &read(absent), [Illegal; 5]);
    }
}

#[test]
fn the_address_space() {
    for inst in [read(n::SATP), write(n::SATP)] {
        check_modes(&[], &inst, [Retires, Retires, Illegal, Retires, Virtual]);
        check_modes(&[(n::HSTATUS, VTVM)], &inst, [Retires, Retires, Illegal, Virtual, Virtual]);
        check(S, &[(n::MSTATUS, TVM)], &inst, Illegal);
        check(VS, &[(n::MSTATUS, TVM)], &inst, Retires);
    }
    check_modes(&[], &read(n::HGATP), [Retires, Retires, Illegal, Virtual, Virtual]);
    check(S, &[(n::MSTATUS, TVM)], &read(n::HGATP), Illegal);
}

#[test]
fn counters() {
    for (csr, bit) in [(n::CYCLE, 1u64), (n::TIME, 2), (n::INSTRET, 4), (n::HPMCOUNTER3, 8)] {
        let inst = read(csr);
        let given = |csrs: &[u16]| -> Given { csrs.iter().map(|&csr| (csr, bit)).collect::<Vec<_>>().leak() };
        let (m, s, h) = (n::MCOUNTEREN, n::SCOUNTEREN, n::HCOUNTEREN);
        check_modes(&[], &inst, [Retires, Illegal, Illegal, Illegal, Illegal]);
        check_modes(given(&[m]), &inst, [Retires, Retires, Illegal, Virtual, Virtual]);
        check_modes(given(&[m, s]), &inst, [Retires, Retires, Retires, Virtual, Virtual]);
        check_modes(given(&[m, h]), &inst, [Retires, Retires, Illegal, Retires, Virtual]);
        check_modes(given(&[m, s, h]), &inst, [Retires; 5]);
        check_modes(given(&[s, h]), &inst, [Retires, Illegal, Illegal, Illegal, Illegal]);
    }
}

#[test]
fn the_supervisors_timer() {
    let (own, guests) = (read(n::STIMECMP), read(n::VSTIMECMP));
    check_modes(&[], &own, [Retires, Illegal, Illegal, Illegal, Illegal]);
    check_modes(&[], &guests, [Retires, Illegal, Illegal, Illegal, Illegal]);
    let on: Given = &[(n::MENVCFG, STCE), (n::MCOUNTEREN, 2)];
    check_modes(on, &own, [Retires, Retires, Illegal, Virtual, Virtual]);
    check_modes(on, &guests, [Retires, Retires, Illegal, Virtual, Virtual]);
    let both: Given = &[(n::MENVCFG, STCE), (n::HENVCFG, STCE), (n::MCOUNTEREN, 2), (n::HCOUNTEREN, 2)];
    check_modes(both, &own, [Retires, Retires, Illegal, Retires, Virtual]);
}

#[test]
fn floating_point_state() {
    check_modes(&[], &read(n::FCSR), [Illegal; 5]);
    check_modes(&[(n::MSTATUS, FS)], &read(n::FCSR), [Retires, Retires, Retires, Illegal, Illegal]);
    check_modes(&[(n::VSSTATUS, FS)], &read(n::FCSR), [Illegal; 5]);
    check_modes(&[(n::MSTATUS, FS), (n::VSSTATUS, FS)], &read(n::FCSR), [Retires; 5]);
}

#[test]
fn what_no_mode_executes() {
    for word in [0u32, 0xffff_ffff, 0x0000_4033 | 0x0200_0000 | 0x8000_0000, 0x0000_2073 | 0x4, 0xc000_1073] {
        for mode in [M, S, U, VS, VU] {
            let mut scene = Scene::new();
            scene.put(CODE, &word.to_le_bytes());
            scene.enter(mode);
            let Outcome::Trapped(M, 2, value) = scene.step() else { panic!("{word:#x} in {mode:?}") };
            assert_eq!(value, if word & 3 == 3 { word.into() } else { u64::from(word & 0xffff) });
        }
    }
}
