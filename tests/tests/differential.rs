//! Random programs on our interpreter and on QEMU, compared after each instruction.
//!
//! `MULTIVAC_DIFFERENTIAL=N` runs N programs of each kind instead of a few; `MULTIVAC_SEED=S` starts at another.

use crosstest::compare::{Covered, compare};
use crosstest::generate::{hypervisor, paging, privileged, user};
use crosstest::program::Program;
use crosstest::qemu::Qemu;

/// Programs of each kind in an ordinary run.
const PROGRAMS: u64 = 3;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Compares programs of one kind; all that differ are reported.
fn check(kind: &str, make: impl Fn(u64) -> Program) {
    let mut qemu = match Qemu::start() {
        Ok(qemu) => qemu,
        Err(reason) => {
            eprintln!("{kind}: {reason}");
            return;
        }
    };
    let first = setting("MULTIVAC_SEED", 1);
    let mut total = Covered::default();
    let mut failures = Vec::new();
    for seed in first..first + setting("MULTIVAC_DIFFERENTIAL", PROGRAMS) {
        match compare(&mut qemu, &make(seed)) {
            Ok(covered) => total.add(covered),
            Err(difference) => failures.push(difference),
        }
    }
    eprintln!("{kind}: {total}");
    assert!(failures.is_empty(), "{} programs differ:\n{}", failures.len(), failures.join("\n"));
    assert!(total.steps > 0, "nothing was compared");
}

#[test]
fn any_instruction() {
    check("any", |seed| user::program(user::Mix::Any, seed));
}

#[test]
fn floating_point() {
    check("float", |seed| user::program(user::Mix::Float, seed));
}

#[test]
fn compressed_forms() {
    check("compressed", |seed| user::program(user::Mix::Compressed, seed));
}

#[test]
fn illegal_words() {
    check("illegal", |seed| user::program(user::Mix::Illegal, seed));
}

#[test]
fn privileged_registers_and_traps() {
    check("privileged", privileged::program);
}

#[test]
fn page_tables_and_protection() {
    check("paging", paging::program);
}

#[test]
fn hypervisor_extension() {
    check("hypervisor", hypervisor::program);
}
