//! The tour of what a virtual machine is besides: state that can be saved, moved to another engine, and multiplied.

use super::{Entry, Shown};
use crate::exit::{Exit, Failure};
use cluster::snapshot::{self, Draft, Snapshot};
use isa::asm::Asm;
use isa::reg::Reg;
use machine::engine::Engine;
use machine::interp::Interpreter;
use machine::node::{Config, Limits, Node, Pause};
use machine::ram::{PAGE_SHIFT, RAM_BASE};
use std::fmt::Write as _;
use std::time::Instant;

/// A run saved in the middle.
pub(super) const SNAPSHOT: Entry = Entry {
    name: "snapshot",
    title: ("Snapshot of a virtual machine", "Istantanea di una macchina virtuale"),
    means: "a machine is its state: saved in the middle and gone on with under the other engine, it ends the same",
    file: "crates/cluster/src/snapshot/mod.rs",
    next: "`multivac run demo --snapshot-at 3ms=saved`, then `multivac run --restore saved --engine interp`",
    run: saved,
};

/// A node multiplied.
pub(super) const FORK: Entry = Entry {
    name: "fork",
    title: ("Fork of a virtual machine, copy on write", "Fork di una macchina virtuale, copia in scrittura"),
    means: "nodes begin on one frozen memory and copy only the pages that they write; the work before is done once",
    file: "crates/machine/src/node/fork.rs",
    next: "`cargo bench -p multivac-cluster --bench fork -- DIR` forks a booted Debian image 64 times",
    run: forked,
};

/// Numbers below this are sieved.
const NUMBERS: u64 = 2_000_000;
/// Where a byte for each of them stands: 1 for a composite one.
const SIEVE: u64 = RAM_BASE + 0x10_0000;
/// Where the answer goes.
const ANSWER: u64 = RAM_BASE + 0x8000;
/// How many primes there are below [`NUMBERS`].
const PRIMES: u64 = 148_933;
const FORKS: u64 = 16;
const MIB: f64 = 1048576.0;

/// Sieves; sleeps; then counts the primes that leave remainder `a0` by [`FORKS`].
fn program() -> Vec<u8> {
    let (base, number, limit, step, byte, sum) = (Reg::S0, Reg::S1, Reg::S2, Reg::T0, Reg::T1, Reg::T2);
    let mut asm = Asm::new(RAM_BASE);
    asm.li(base, SIEVE).li(limit, NUMBERS).li(number, 2);
    let (sieve, strike, next, rest) = (asm.here(), asm.label(), asm.label(), asm.label());
    asm.mul(step, number, number).bgeu(step, limit, rest);
    asm.add(byte, base, number).lbu(byte, byte, 0).bnez(byte, next);
    asm.place(strike).bgeu(step, limit, next);
    asm.add(byte, base, step).li(sum, 1).sb(sum, byte, 0).add(step, step, number).j(strike);
    asm.place(next).addi(number, number, 1).j(sieve);
    asm.place(rest).wfi();
    // Remainders 0 and 1 begin one round later: 0 and 1 are no primes.
    let (count, skip, done, counted) = (asm.label(), asm.label(), asm.label(), asm.label());
    asm.mv(number, Reg::A0).li(sum, 0).li(step, 2).bgeu(number, step, count).addi(
        number,
        number,
        i32::try_from(FORKS).unwrap_or(0),
    );
    asm.place(count).bgeu(number, limit, done);
    asm.add(byte, base, number).lbu(byte, byte, 0).bnez(byte, skip).addi(sum, sum, 1);
    asm.place(skip).li(step, FORKS).add(number, number, step).j(count);
    asm.place(done).li(base, ANSWER).sd(sum, base, 0).addi(sum, Reg::A0, 1).sd(sum, base, 8);
    asm.place(counted).wfi().j(counted);
    asm.finish()
}

fn engine(translate: bool) -> Box<dyn Engine> {
    #[cfg(target_arch = "x86_64")]
    if let Some(translator) =
        translate.then(|| translator::Translator::new(1, translator::Options::default()).ok()).flatten()
    {
        return Box::new(translator);
    }
    let _ = translate;
    Box::new(Interpreter::new(1))
}

/// A node with nothing in it.
fn bare(engine: Box<dyn Engine>) -> Result<Node, Failure> {
    let mut config = Config::default();
    config.board.memory_bytes = 4 << 20;
    Node::new(&config, engine).map_err(|error| Failure::new(Exit::Host, error, "try again with less load"))
}

fn loaded(translate: bool) -> Result<Node, Failure> {
    let mut node = bare(engine(translate))?;
    assert!(node.bus.ram.write(RAM_BASE, &program()).is_some(), "the program fits");
    node.start_supervisor(0, RAM_BASE, 0);
    Ok(node)
}

/// Runs until the program sleeps.
fn to_sleep(node: &mut Node) {
    let pause = node.run(Limits { instructions: u64::MAX, cycle: u64::MAX });
    assert_eq!(pause, Pause::Asleep, "the tour's program sleeps when it is done");
}

fn digest(node: &Node) -> String {
    let mut hasher = blake3::Hasher::new();
    node.digest(&mut |part| {
        hasher.update(part);
    });
    hasher.finalize().to_hex()[..16].to_owned()
}

fn saved() -> Result<Shown, Failure> {
    let mut whole = loaded(true)?;
    to_sleep(&mut whole);
    let total = whole.retired();

    let mut node = loaded(true)?;
    node.run(Limits { instructions: total / 2, cycle: u64::MAX });
    let path = crate::tour::scratch("snapshot");
    let refused = |error: snapshot::SnapshotError| Failure::new(Exit::Host, &error, error.help());
    let nodes = vec![("n0".to_owned(), &node)];
    let draft =
        Draft { what: "the tour", virtual_ns: 0, config: "", disks: &[], nodes, sections: Vec::new() };
    let started = Instant::now();
    let manifest = snapshot::write(&path, &draft).map_err(refused)?;
    let write_ms = started.elapsed().as_secs_f64() * 1e3;

    let mut picture = format!(
        "after {} of {total} instructions, in {} files:\n",
        node.retired(),
        manifest.sections.len() + 2
    );
    for section in manifest.sections.iter().filter(|section| section.name.starts_with("n0/")) {
        let _ = writeln!(
            picture,
            "  {:16} version {}  {:>8} bytes",
            section.name, section.version, section.bytes
        );
    }
    for memory in &manifest.memories {
        let _ = writeln!(
            picture,
            "  {:16} {:>19} bytes, {} of them not zero",
            format!("{}/memory", memory.node),
            memory.bytes,
            memory.filled_bytes
        );
    }
    let mut same = true;
    let mut line = |name: &str, node: &Node| {
        same &= digest(node) == digest(&whole);
        let _ = writeln!(picture, "digest {}  {name}", digest(node));
    };
    line("never stopped, translated", &whole);
    let started = Instant::now();
    for (name, translate) in [("restored, interpreted", false), ("restored, translated", true)] {
        let mut restored = bare(engine(translate))?;
        let snapshot = Snapshot::open(&path).map_err(refused)?;
        snapshot.restore_node("n0", &mut restored).map_err(refused)?;
        to_sleep(&mut restored);
        line(name, &restored);
    }
    let rest_ms = started.elapsed().as_secs_f64() * 1e3;
    let removed = std::fs::remove_dir_all(&path);
    removed.map_err(|error| {
        Failure::new(Exit::Host, format!("cannot remove {}: {error}", path.display()), "")
    })?;
    if !same {
        return Err(Failure::new(Exit::Divergence, format!("the runs differ:\n{picture}"), ""));
    }
    Ok(Shown { picture, measured: format!("written in {write_ms:.1} ms, both rests run in {rest_ms:.1} ms") })
}

fn forked() -> Result<Shown, Failure> {
    let mut parent = loaded(true)?;
    let started = Instant::now();
    to_sleep(&mut parent);
    let work_ms = started.elapsed().as_secs_f64() * 1e3;
    let refused =
        |error: machine::node::ForkError| Failure::new(Exit::Host, error, "try again with less load");
    let before = parent.bus.ram.bytes().to_vec();
    let started = Instant::now();
    let template = parent.freeze().map_err(refused)?;
    let mut nodes = Vec::new();
    for number in 0..FORKS {
        let mut node = bare(template.engine().unwrap_or_else(|| engine(true)))?;
        template.begin(&mut node).map_err(refused)?;
        // Who it is: the one thing that the parent could not know.
        node.harts[0].x[10] = number;
        node.harts[0].state = machine::hart::RunState::Running;
        nodes.push(node);
    }
    let fork_ms = started.elapsed().as_secs_f64() * 1e3;

    let mut picture = String::from("  node  primes with that remainder by 16      pages of its own\n");
    let (mut primes, mut copied) = (0, 0);
    for (number, node) in nodes.iter_mut().enumerate() {
        to_sleep(node);
        let answer = node.bus.ram.load(ANSWER, 8).unwrap_or(0);
        let page = 1 << PAGE_SHIFT;
        let own = node
            .bus
            .ram
            .bytes()
            .chunks(page)
            .zip(before.chunks(page))
            .filter(|(now, then)| now != then)
            .count();
        primes += answer;
        copied += own;
        let bar = "#".repeat(usize::try_from(answer / 800).unwrap_or(0));
        let _ = writeln!(picture, "  n{number:<4} {answer:>6} {bar:26} {own:>15}");
    }
    let _ = writeln!(picture, "  all   {primes:>6} primes below {NUMBERS}");
    if primes != PRIMES {
        return Err(Failure::new(Exit::Divergence, format!("{primes} primes instead of {PRIMES}"), ""));
    }
    let shared = template.shared_bytes() as f64 / MIB;
    Ok(Shown {
        picture,
        measured: format!(
            "sieved once in {work_ms:.1} ms; {FORKS} nodes forked in {fork_ms:.1} ms, sharing {shared:.1} MiB, with {copied} pages of their own"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restored_runs_have_one_digest() {
        let shown = saved().unwrap();
        let digests: Vec<&str> = shown
            .picture
            .lines()
            .filter_map(|line| line.strip_prefix("digest "))
            .map(|line| &line[..16])
            .collect();
        assert_eq!(digests.len(), 3, "{}", shown.picture);
        assert!(digests.iter().all(|digest| *digest == digests[0]));
    }

    #[test]
    fn forked_nodes_find_all_primes_between_them() {
        let shown = forked().unwrap();
        assert!(shown.picture.contains("148933 primes"), "{}", shown.picture);
        assert!(shown.measured.contains("with 16 pages of their own"), "{}", shown.measured);
    }
}
