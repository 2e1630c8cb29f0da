//! The translator against the interpreter: whole states compared at random instruction counts.
//!
//! `MULTIVAC_AGREEMENT=N` runs N guests of each kind instead of a few; `MULTIVAC_SEED=S` starts at another;
//! `MULTIVAC_STRETCH=1` compares after each instruction, which finds the place of a difference.

#![cfg(target_arch = "x86_64")]

use crosstest::generate::storm::{self, Storm};
use crosstest::generate::{hypervisor, paging, privileged, user};
use crosstest::program::{Program, RAM_BYTES};
use crosstest::rng::Rng;
use crosstest::twins::{Setup, Twins};
use machine::hart::RunState;
use machine::node::{Node, Pause};

/// Instructions after which a guest that goes on for ever is left.
const STORM_INSTRUCTIONS: u64 = 12_000;
/// The same of one pass through a program; it ends sooner unless it runs wild.
const PASS_INSTRUCTIONS: u64 = 6_000;
/// How often a program is passed through, so that its code is met warm.
const PASSES: u64 = 4;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// The seeds to run, `default` many.
fn seeds(default: u64) -> std::ops::Range<u64> {
    let first = setting("MULTIVAC_SEED", 1);
    first..first + setting("MULTIVAC_AGREEMENT", default)
}

fn write(node: &mut Node, memory: &[(u64, Vec<u8>)]) {
    for (address, bytes) in memory {
        node.bus.ram.write(*address, bytes).expect("guests lie in RAM");
    }
}

/// Instructions to the next comparison: at first often a single one, so that blocks are left at every place.
fn stretch(rng: &mut Rng, done: u64) -> u64 {
    let fixed = setting("MULTIVAC_STRETCH", 0);
    match rng.below(3) {
        _ if fixed > 0 => fixed,
        0 if done < 2000 => 1,
        1 => 1 + rng.below(20),
        _ => 1 + rng.below(300),
    }
}

/// Passes through a program of the comparison with QEMU, each time from other registers.
fn check_program(program: &Program) {
    let mut rng = Rng::new(0x7ee5);
    let setup = Setup { memory_bytes: RAM_BYTES, ..Setup::default() };
    let mut twins = Twins::new(program.name.clone(), &setup, &|node| write(node, &program.memory));
    for pass in 0..PASSES {
        let mut again = program.clone();
        if pass > 0 {
            // The registers that address memory keep their values.
            for number in (1..32).filter(|number| ![2, 9, 25, 26, 27].contains(number)) {
                again.x[number] = rng.integer();
            }
            again.f.iter_mut().for_each(|value| *value = rng.float());
        }
        twins.change(&|node| {
            let hart = &mut node.harts[0];
            hart.state = RunState::Running;
            hart.privilege = machine::privilege::Privilege::Machine;
            hart.virt = false;
            (hart.pc, hart.x, hart.f) = (program.entry, again.x, again.f);
            hart.csr.mstatus = (hart.csr.mstatus | 0x6000) & !0x2_000a;
        });
        let mut done = 0;
        while done < PASS_INSTRUCTIONS && twins.oracle.harts[0].pc != program.end {
            let step = stretch(&mut rng, done);
            done += step;
            if twins.run(step) != Pause::Instructions {
                break;
            }
        }
    }
    twins.compare_memory();
}

fn check_storm(name: &str, storm: Storm, seed: u64) {
    let guest = storm::guest(storm, seed);
    let mut rng = Rng::new(seed);
    let setup =
        Setup { harts: storm.harts, slice_cycles: rng.pick(&[1, 7, 50, 400, 2000]), ..Setup::default() };
    let mut twins = Twins::new(format!("{name} {seed}"), &setup, &|node| {
        write(node, &guest.memory);
        for (hart, entry) in node.harts.iter_mut().zip(&guest.entries) {
            (hart.pc, hart.state) = (*entry, RunState::Running);
        }
    });
    let mut done = 0;
    while done < STORM_INSTRUCTIONS * storm.harts as u64 {
        let step = stretch(&mut rng, done);
        done += step;
        if twins.run(step) != Pause::Instructions {
            break;
        }
    }
    twins.compare_memory();
}

const CALM: Storm = Storm { harts: 1, code: false, pages: false, stages: false, timer: false };

#[test]
fn any_instruction() {
    seeds(30).for_each(|seed| check_program(&user::program(user::Mix::Any, seed)));
}

#[test]
fn floating_point() {
    seeds(40).for_each(|seed| check_program(&user::program(user::Mix::Float, seed)));
}

#[test]
fn compressed_forms() {
    seeds(30).for_each(|seed| check_program(&user::program(user::Mix::Compressed, seed)));
}

#[test]
fn illegal_words() {
    seeds(20).for_each(|seed| check_program(&user::program(user::Mix::Illegal, seed)));
}

#[test]
fn privileged_registers_and_traps() {
    seeds(40).for_each(|seed| check_program(&privileged::program(seed)));
}

#[test]
fn page_tables_and_protection() {
    seeds(60).for_each(|seed| check_program(&paging::program(seed)));
}

#[test]
fn hypervisor_extension() {
    seeds(60).for_each(|seed| check_program(&hypervisor::program(seed)));
}

#[test]
fn functions_under_a_timer() {
    let storm = Storm { timer: true, ..CALM };
    seeds(20).for_each(|seed| check_storm("timer", storm, seed));
}

#[test]
fn code_rewritten_while_it_runs() {
    let storm = Storm { code: true, ..CALM };
    seeds(60).for_each(|seed| check_storm("code", storm, seed));
}

#[test]
fn page_tables_edited_while_in_use() {
    let storm = Storm { pages: true, ..CALM };
    seeds(60).for_each(|seed| check_storm("pages", storm, seed));
    let storm = Storm { pages: true, code: true, timer: true, ..CALM };
    seeds(40).for_each(|seed| check_storm("pages and code", storm, seed));
}

#[test]
fn both_stages_edited_while_in_use() {
    let storm = Storm { pages: true, code: true, stages: true, ..CALM };
    seeds(60).for_each(|seed| check_storm("stages", storm, seed));
}

#[test]
fn harts_that_interfere() {
    for (harts, stages) in [(2, false), (4, false), (3, true)] {
        let storm = Storm { harts, code: true, pages: true, stages, timer: true };
        seeds(15).for_each(|seed| check_storm("harts", storm, seed));
    }
}
