//! Jumps and branches.

use isa::{Inst, Op};

use super::integer::EDGES;
use super::scene::{CODE, Outcome, Scene};

type Comparison = fn(u64, u64) -> bool;

#[test]
fn branches_go_where_their_comparison_says() {
    let comparisons: [(Op, Comparison); 6] = [
        (Op::Beq, |a, b| a == b),
        (Op::Bne, |a, b| a != b),
        (Op::Blt, |a, b| i128::from(a.cast_signed()) < i128::from(b.cast_signed())),
        (Op::Bge, |a, b| i128::from(a.cast_signed()) >= i128::from(b.cast_signed())),
        (Op::Bltu, |a, b| a < b),
        (Op::Bgeu, |a, b| a >= b),
    ];
    let mut scene = Scene::new();
    for (op, taken) in comparisons {
        for &a in EDGES {
            for &b in EDGES {
                for imm in [-4096, -2, 2, 6, 4094] {
                    (scene.hart().x[5], scene.hart().x[6]) = (a, b);
                    let outcome = scene.execute(&Inst { rs1: 5, rs2: 6, imm, ..Inst::of(op) });
                    let offset = if taken(a, b) { i64::from(imm) } else { 4 };
                    let target = CODE.wrapping_add_signed(offset);
                    assert_eq!(outcome, Outcome::Retired(target), "{op:?} {a:#x} {b:#x} {imm}");
                }
            }
        }
    }
}

#[test]
fn jumps_link_and_drop_the_lowest_bit() {
    for imm in [-0x10_0000, -2, 2, 4, 0xf_fffe] {
        for rd in [0u8, 1, 5] {
            let mut scene = Scene::new();
            let outcome = scene.execute(&Inst { rd, imm, ..Inst::of(Op::Jal) });
            assert_eq!(outcome, Outcome::Retired(CODE.wrapping_add_signed(imm.into())));
            assert_eq!(scene.hart().x[usize::from(rd)], if rd == 0 { 0 } else { CODE + 4 });
        }
    }
    for (base, imm, target) in [
        (CODE, 0, CODE),
        (CODE + 0x100, 1, CODE + 0x100),
        (CODE + 1, 0, CODE),
        (CODE, -2048, CODE - 2048),
        (CODE, 2047, CODE + 2046),
        (u64::MAX, 3, 2),
    ] {
        // The link register may be the base: the target is taken first.
        for rd in [1u8, 7] {
            let mut scene = Scene::new();
            scene.hart().x[7] = base;
            let outcome = scene.execute(&Inst { rd, rs1: 7, imm, ..Inst::of(Op::Jalr) });
            assert_eq!(outcome, Outcome::Retired(target), "{base:#x} {imm}");
            assert_eq!(scene.hart().x[usize::from(rd)], CODE + 4);
        }
    }
}

#[test]
fn an_instruction_may_lie_across_two_pages() {
    let mut scene = Scene::new();
    let at = CODE + 0xffe;
    scene.put(at, &isa::encode(&Inst { rd: 5, imm: 77, ..Inst::NOP }).to_le_bytes());
    scene.hart().pc = at;
    assert_eq!(scene.step(), Outcome::Retired(at + 4));
    assert_eq!(scene.hart().x[5], 77);
}
