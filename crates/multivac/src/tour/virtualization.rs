//! The tour of virtualization: the type-2 hypervisor that runs every guest here.

mod isolation;
mod replay;

use super::{Entry, Shown, snapshots};
use crate::exit::{Exit, Failure};
use isa::asm::Asm;
use isa::reg::Reg;
use machine::engine::Engine;
use machine::interp::Interpreter;
use machine::node::{Config, Limits, Node};
use machine::ram::RAM_BASE;
use std::time::Instant;

/// The chapter's concepts.
pub(super) const ENTRIES: &[Entry] =
    &[BINARY_TRANSLATION, isolation::ISOLATION, replay::REPLAY, snapshots::SNAPSHOT, snapshots::FORK];

const BINARY_TRANSLATION: Entry = Entry {
    name: "binary-translation",
    title: ("Binary translation (hypervisor of type 2)", "Traduzione binaria (hypervisor di tipo 2)"),
    means: "a basic block is translated once into host code, kept in a cache, and then runs at the host's speed",
    file: "crates/translator/src/emit/mod.rs",
    next: "`multivac run demo --engine interp` and `multivac run demo` print the same digest; `--lockstep 1000` compares them",
    run: binary_translation,
};

/// Instructions that each engine executes to be timed.
const INSTRUCTIONS: u64 = 20_000_000;

fn binary_translation() -> Result<Shown, Failure> {
    let mut translated = looping(engine()?)?;
    let mut interpreted = looping(Box::new(Interpreter::new(1)))?;
    let (fast, slow) = (seconds(&mut translated), seconds(&mut interpreted));
    let same = translated.harts[0].x == interpreted.harts[0].x;
    let explained = translated.explain(translated.harts[0].pc);
    let Some(picture) = explained.filter(|_| same) else {
        return Err(Failure::new(Exit::Divergence, "the engines differ on the tour's own loop", ""));
    };
    let measured = format!(
        "{} million instructions: translated in {:.1} ms, interpreted in {:.1} ms, {:.1} times as long",
        INSTRUCTIONS / 1_000_000,
        fast * 1e3,
        slow * 1e3,
        slow / fast
    );
    Ok(Shown { picture, measured })
}

#[cfg(target_arch = "x86_64")]
fn engine() -> Result<Box<dyn Engine>, Failure> {
    let translator = translator::Translator::new(1, translator::Options::default());
    match translator {
        Ok(engine) => Ok(Box::new(engine)),
        Err(refused) => Err(Failure::new(Exit::Host, refused, "the interpreter runs everything here")),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn engine() -> Result<Box<dyn Engine>, Failure> {
    Err(Failure::new(Exit::Host, "this host is no x86-64", "the interpreter runs everything here"))
}

/// A node in an endless loop that sums, shifts and stores.
fn looping(engine: Box<dyn Engine>) -> Result<Node, Failure> {
    let mut config = Config::default();
    config.board.memory_bytes = 1 << 20;
    let mut node = Node::new(&config, engine)
        .map_err(|error| Failure::new(Exit::Host, error, "try again with less load"))?;
    let mut asm = Asm::new(RAM_BASE);
    asm.li(Reg::A0, 0).li(Reg::A1, RAM_BASE + 0x1000);
    let again = asm.here();
    asm.ld(Reg::A2, Reg::A1, 0).add(Reg::A0, Reg::A0, Reg::A2).slli(Reg::A3, Reg::A0, 3);
    asm.xor(Reg::A0, Reg::A0, Reg::A3).addi(Reg::A0, Reg::A0, 1).sd(Reg::A0, Reg::A1, 0).j(again);
    let program = asm.finish();
    assert!(node.bus.ram.write(RAM_BASE, &program).is_some(), "the program fits");
    node.start_supervisor(0, RAM_BASE, 0);
    Ok(node)
}

fn seconds(node: &mut Node) -> f64 {
    let start = Instant::now();
    node.run(Limits { instructions: INSTRUCTIONS, cycle: u64::MAX });
    start.elapsed().as_secs_f64()
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn the_block_is_shown_in_both_languages() {
        let shown = binary_translation().unwrap();
        for part in ["guest block at", "slli a3,a0,", "host code at", "shl"] {
            assert!(shown.picture.contains(part), "{part} is missing:\n{}", shown.picture);
        }
    }
}
