//! Loads and stores of every width at every alignment, across pages, and where there is nothing.

use isa::{Inst, Op};

use super::scene::{CODE, DATA, Mode, Outcome, Scene};

/// Operation, width in bytes, and whether it sign-extends.
const LOADS: &[(Op, usize, bool)] = &[
    (Op::Lb, 1, true),
    (Op::Lh, 2, true),
    (Op::Lw, 4, true),
    (Op::Ld, 8, true),
    (Op::Lbu, 1, false),
    (Op::Lhu, 2, false),
    (Op::Lwu, 4, false),
];
const STORES: &[(Op, usize)] = &[(Op::Sb, 1), (Op::Sh, 2), (Op::Sw, 4), (Op::Sd, 8)];
/// A page boundary with data on both sides.
const BOUNDARY: u64 = DATA + 0x1000;

fn pattern() -> Vec<u8> {
    (0..64u8).map(|i| i.wrapping_mul(0x4d).wrapping_add(0x83)).collect()
}

#[test]
fn loads_of_every_width_at_every_alignment() {
    let mut scene = Scene::new();
    let bytes = pattern();
    scene.put(BOUNDARY - 32, &bytes);
    for &(op, width, signed) in LOADS {
        for offset in 0..48 {
            let mut value =
                bytes[offset..offset + width].iter().rev().fold(0u64, |v, &b| v << 8 | u64::from(b));
            if signed && bytes[offset + width - 1] >= 0x80 && width < 8 {
                value |= u64::MAX << (8 * width);
            }
            let va = BOUNDARY - 32 + offset as u64;
            for imm in [0, -2048, 2047] {
                scene.hart().x[8] = va.wrapping_add_signed(-i64::from(imm));
                let outcome = scene.execute(&Inst { rd: 9, rs1: 8, imm, ..Inst::of(op) });
                assert_eq!(outcome, Outcome::Retired(CODE + 4), "{op:?}");
                assert_eq!(scene.hart().x[9], value, "{op:?} at {va:#x}");
            }
        }
    }
}

#[test]
fn stores_of_every_width_write_that_much_and_no_more() {
    for &(op, width) in STORES {
        for offset in 0..48 {
            let mut scene = Scene::new();
            let mut expected = pattern();
            scene.put(BOUNDARY - 32, &expected);
            let value = 0x1122_3344_5566_7788u64;
            expected[offset..offset + width].copy_from_slice(&value.to_le_bytes()[..width]);
            (scene.hart().x[8], scene.hart().x[9]) = (BOUNDARY - 32 + offset as u64, value);
            let outcome = scene.execute(&Inst { rs1: 8, rs2: 9, ..Inst::of(op) });
            assert_eq!(outcome, Outcome::Retired(CODE + 4));
            assert_eq!(scene.get(BOUNDARY - 32, 64), expected, "{op:?} at {offset}");
        }
    }
}

#[test]
fn where_there_is_nothing_the_access_faults_and_nothing_changes() {
    for va in [0u64, 0x100, 0x5000_0000, u64::MAX - 7] {
        for &(op, _, _) in LOADS {
            let mut scene = Scene::new();
            (scene.hart().x[8], scene.hart().x[9]) = (va, 1234);
            let outcome = scene.execute(&Inst { rd: 9, rs1: 8, ..Inst::of(op) });
            assert_eq!(outcome, Outcome::Trapped(Mode::M, 5, va), "{op:?}");
            assert_eq!((scene.hart().x[9], scene.hart().csr.mepc), (1234, CODE));
        }
        for &(op, _) in STORES {
            let mut scene = Scene::new();
            scene.hart().x[8] = va;
            let outcome = scene.execute(&Inst { rs1: 8, rs2: 9, ..Inst::of(op) });
            assert_eq!(outcome, Outcome::Trapped(Mode::M, 7, va), "{op:?}");
        }
    }
}

#[test]
fn fetches_fault_at_the_target() {
    let mut scene = Scene::new();
    scene.hart().pc = 0x5000_0000;
    assert_eq!(scene.step(), Outcome::Trapped(Mode::M, 1, 0x5000_0000));
    assert_eq!(scene.hart().csr.mepc, 0x5000_0000);
}

#[test]
fn cache_block_zero_clears_its_block() {
    let mut scene = Scene::new();
    scene.put(DATA - 64, &[0xff; 192]);
    scene.hart().x[8] = DATA + 37;
    assert_eq!(scene.execute(&Inst { rs1: 8, ..Inst::of(Op::CboZero) }), Outcome::Retired(CODE + 4));
    assert_eq!(scene.get(DATA - 64, 192), [[0xff; 64], [0; 64], [0xff; 64]].concat());
    for op in [Op::CboClean, Op::CboFlush, Op::CboInval] {
        assert_eq!(scene.execute(&Inst { rs1: 8, ..Inst::of(op) }), Outcome::Retired(CODE + 4));
    }
}
