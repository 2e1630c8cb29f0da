//! Address translation against an independent model, over random page tables, registers and accesses.
//!
//! [`world`] makes the tables, [`model`] is the specification written down a second time, in another style. Each
//! case is one number, which a failure prints.

mod model;
mod world;

use machine::mmu::trace::walk_trace;
use machine::mmu::{Access, Request, translate};
use model::{Answer, Model};
use proptest::prelude::*;
use std::collections::BTreeMap;
use world::{Dice, POOL_BYTES, World};

const REQUESTS_PER_WORLD: usize = 40;

/// Runs one world's requests; what they came to, counted by name.
fn run(seed: u64, seen: &mut BTreeMap<String, u32>) {
    let mut dice = Dice::new(seed);
    let mut world = World::new(&mut dice);
    let mut ram = world.ram();
    for number in 0..REQUESTS_PER_WORLD {
        let request = world.request(&mut dice);
        let context = format!("seed {seed}, request {number}: {request:x?} in {world:x?}");

        let before = ram.bytes().to_vec();
        let traced = walk_trace(&world.env(), &ram, &request);
        assert_eq!(ram.bytes(), before, "a trace changes nothing; {context}");
        let actual = translate(&world.env(), &mut ram, &request);
        assert_eq!(traced.result, actual, "the trace arrives elsewhere; {context}");

        let mut model = Model::new(&world);
        let expected = model.translate(&request);
        world.words = model.words;
        assert_eq!(ram.bytes(), world.bytes(), "memory after the walk; {context}");
        *seen.entry(expected.name(&request)).or_default() += 1;
        match (actual, expected) {
            (Ok(got), Answer::At { pa, gpa, reads }) => {
                let steps = (got.steps.first, got.steps.second);
                assert_eq!((got.pa, got.gpa, steps), (pa, gpa, reads), "{context}");
                check_promises(&world, &request, &got, &mut dice, &context);
            }
            (Err(trap), Answer::Trap { cause, tval2, tinst }) => {
                let got = (trap.cause as u64, trap.tval, trap.gva, trap.tval2, trap.tinst);
                assert_eq!(got, (cause, request.va, request.virt, tval2, tinst), "{context}");
            }
            (actual, expected) => panic!("{actual:x?} but the model says {expected:x?}; {context}"),
        }
    }
}

/// What a translation promises of its block: the same offset and the same permissions at every address of it,
/// and accesses that the permissions include leave memory as it is.
fn check_promises(
    world: &World,
    request: &Request,
    got: &machine::mmu::Translation,
    dice: &mut Dice,
    context: &str,
) {
    // A NAPOT block speaks for siblings that the random tables do not make alike.
    let shift = got.shift.min(12);
    for _ in 0..3 {
        let offset = dice.below(1 << shift);
        let va = request.va >> shift << shift | offset;
        for access in [Access::Fetch, Access::Load, Access::Store] {
            if request.hlvx && access != Access::Load {
                continue;
            }
            let probe = Request { va, bytes: 1, access, ..*request };
            let mut model = Model::new(world);
            let answer = model.translate(&probe);
            let silent = model.words == world.words;
            let mapped = matches!(answer, Answer::At { pa, .. }
                if pa == (got.pa >> shift << shift | offset));
            let allowed = matches!(answer, Answer::At { .. }) && silent;
            assert_eq!(got.perms.allow(access), allowed, "{access:?} at {va:#x} of {got:x?}; {context}");
            assert!(mapped || !allowed, "{va:#x} is elsewhere than {got:x?} says; {context}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn translation_is_the_models(seed in any::<u64>()) {
        run(seed, &mut BTreeMap::new());
    }
}

#[test]
fn the_random_worlds_reach_every_outcome() {
    let mut seen = BTreeMap::new();
    (0..800).for_each(|seed| run(seed, &mut seen));
    let mut wanted = Vec::new();
    for access in ["Fetch", "Load", "Store", "Manage"] {
        for outcome in ["one stage", "two stages", "page fault", "access fault", "guest page fault"] {
            wanted.push(format!("{access}: {outcome}"));
        }
        wanted.push(format!("{access}: guest page fault on a first-stage read"));
    }
    wanted.push("Store: guest page fault on a first-stage update".into());
    for outcome in wanted {
        assert!(seen.get(&outcome).copied().unwrap_or(0) >= 5, "{outcome}: {seen:#?}");
    }
    assert_eq!(POOL_BYTES % 0x4000, 0, "a second-stage root is aligned to 16 KiB");
}
