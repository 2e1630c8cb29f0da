//! Every compressed half-word does what its expansion does, two bytes shorter.

use isa::{Form, Inst, decode};

use super::scene::{CODE, DATA, Outcome, Scene};

/// Registers such that every load and store stays in the data, and no two are alike.
fn prepare(scene: &mut Scene) {
    scene.hart().csr.mstatus |= 0x6000;
    let pattern: Vec<u8> = (0..1024u32).map(|i| i.wrapping_mul(151).to_le_bytes()[0]).collect();
    scene.put(DATA, &pattern);
    for register in 1..32u64 {
        let index = usize::try_from(register).expect("small");
        scene.hart().x[index] = DATA + 8 * register;
        scene.hart().f[index] = 0x4000_0000_0000_0000 | register << 40;
    }
}

type Seen = (Outcome, [u64; 32], [u64; 32], Vec<u8>);

fn look(scene: &mut Scene, inst: &Inst) -> Seen {
    prepare(scene);
    let outcome = scene.execute(inst);
    (outcome, scene.hart().x, scene.hart().f, scene.get(DATA, 1024))
}

#[test]
fn every_half_word() {
    let (mut short_scene, mut wide_scene) = (Scene::new(), Scene::new());
    let mut forms = std::collections::BTreeSet::new();
    for half in 0..=u16::MAX {
        if half & 3 == 3 {
            continue;
        }
        let Some(short) = decode(half.into()) else {
            short_scene.put(CODE, &half.to_le_bytes());
            short_scene.hart().pc = CODE;
            let outcome = short_scene.step();
            assert!(
                matches!(outcome, Outcome::Trapped(_, 2, tval) if tval == u64::from(half)),
                "{half:#06x}"
            );
            continue;
        };
        forms.extend(Form::of(half));
        let (ours, x, f, data) = look(&mut short_scene, &short);
        let (theirs, mut wide_x, wide_f, wide_data) = look(&mut wide_scene, &Inst { len: 4, ..short });
        match (ours, theirs) {
            (Outcome::Retired(at), Outcome::Retired(then)) if then == CODE + 4 && at != then => {
                assert_eq!(at, CODE + 2, "{half:#06x}");
            }
            _ => assert_eq!(ours, theirs, "{half:#06x}"),
        }
        if Form::of(half) == Some(Form::Jalr) {
            assert_eq!(wide_x[1], CODE + 4);
            wide_x[1] = CODE + 2;
        }
        assert_eq!((x, f, data), (wide_x, wide_f, wide_data), "{half:#06x}");
    }
    assert_eq!(forms.len(), Form::COUNT);
}
