//! The sections of a configuration file, applied over what is configured so far.

use super::read::{Found, Problems, Reader};
use super::{
    Boot, Config, Disk, Elf, EngineKind, Entry, Group, Kernel, Mmu, Node, On, SCHEMA, Tape, Timing, devices,
    fault, network, nodes, output, units,
};
use crate::diag::Problem;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// Least memory of a node.
pub(crate) const MEMORY_MIN: u64 = 4 << 20;
/// Most memory of a node.
pub(crate) const MEMORY_MAX: u64 = 1 << 40;
/// Bounds of a clock rate.
const CLOCK_HZ: std::ops::RangeInclusive<u64> = 10_000_000..=100_000_000_000;
/// Bounds of a turn.
const TURN_CYCLES: std::ops::RangeInclusive<u64> = 1..=10_000_000;

/// Where the text comes from.
pub(super) enum Source<'a> {
    /// A file: it says its schema, and names files relative to its folder.
    File {
        /// The folder of the file.
        folder: &'a Path,
    },
    /// A `--set`: one key.
    Set,
}

impl Source<'_> {
    /// The file that `text` names.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        match self {
            Source::File { folder } => folder.join(text),
            Source::Set => PathBuf::from(text),
        }
    }
}

/// Applies a text; gives what is wrong with it.
pub(super) fn apply(config: &mut Config, text: &str, source: &Source<'_>) -> Vec<Problem> {
    let problems = Problems::default();
    match DeTable::parse(text) {
        Err(error) => problems.add(error.span().unwrap_or(0..0), error.message(), ""),
        Ok(table) => {
            let top = Reader::new("", table.get_ref(), &problems);
            whole(config, &top, source, text.len(), &problems);
            top.finish();
        }
    }
    problems.into_vec()
}

fn whole(config: &mut Config, top: &Reader<'_>, source: &Source<'_>, end: usize, problems: &Problems) {
    match top.get("schema") {
        Some(found) => {
            if let Some(version) = found.integer(0..=u64::MAX)
                && version != SCHEMA
            {
                found.problem(
                    format!("schema {version} is not known"),
                    format!("this version reads schema {SCHEMA}"),
                );
            }
        }
        None if matches!(source, Source::File { .. }) => {
            problems.add(
                0..end.min(1),
                "the file does not say its schema",
                format!("begin it with `schema = {SCHEMA}`"),
            );
        }
        None => {}
    }
    if let Some(reader) = top.get("cluster").and_then(|found| found.table("cluster")) {
        cluster(config, &reader);
        reader.finish();
    }
    if let Some(found) = top.get("node") {
        groups(config, &found, source);
    }
    let folder = match source {
        Source::File { folder } => Some(*folder),
        Source::Set => None,
    };
    if let Some(reader) = top.get("network").and_then(|found| found.table("network")) {
        network::network(&mut config.network, &reader, folder);
        if let Some(found) = reader.get("topology") {
            network::check_topology(config, &found);
        }
        reader.finish();
    }
    if let Some(found) = top.get("fault") {
        config.faults = fault::faults(config, &found);
    }
    if let Some(reader) = top.get("run").and_then(|found| found.table("run")) {
        run(config, &reader, source);
        reader.finish();
    }
    if let Some(reader) = top.get("output").and_then(|found| found.table("output")) {
        output::output(config, &reader, source);
        reader.finish();
    }
}

/// Reads the groups of nodes: those of a file stand for all, and a `--set` changes every group.
fn groups(config: &mut Config, found: &Found<'_>, source: &Source<'_>) {
    let tables = found.tables("node");
    let Source::File { .. } = source else {
        for (found, reader) in tables {
            for group in &mut config.groups {
                nodes::group(group, &reader);
                node(&mut group.node, &found, &reader, source);
            }
            reader.finish();
        }
        return;
    };
    let mut places = Vec::new();
    config.groups.clear();
    for (found, reader) in tables {
        let mut group = Group::default();
        nodes::group(&mut group, &reader);
        node(&mut group.node, &found, &reader, source);
        reader.finish();
        config.groups.push(group);
        places.push(found);
    }
    if config.groups.is_empty() {
        config.groups.push(Group::default());
    }
    nodes::check_names(config, &places);
    if let Some(place) = places.first() {
        nodes::check_memory(config, place);
    }
}

fn cluster(config: &mut Config, reader: &Reader<'_>) {
    if let Some(name) = reader.get("name").and_then(|found| found.string()) {
        name.clone_into(&mut config.name);
    }
    if let Some(seed) = reader.get("seed").and_then(|found| found.integer(0..=u64::MAX)) {
        config.seed = seed;
    }
}

fn node(node: &mut Node, group: &Found<'_>, reader: &Reader<'_>, source: &Source<'_>) {
    nodes::fork(node, reader);
    if let Some(harts) =
        reader.get("harts").and_then(|found| found.integer(1..=machine::board::HARTS_MAX as u64))
    {
        node.harts = usize::try_from(harts).unwrap_or(machine::board::HARTS_MAX);
    }
    if let Some(found) = reader.get("memory")
        && let Some(bytes) = found.quantity(units::bytes)
    {
        match memory(bytes) {
            Ok(bytes) => node.memory_bytes = bytes,
            Err(help) => {
                found.problem(format!("a node cannot have a memory of {}", units::write_bytes(bytes)), help)
            }
        }
    }
    let bounded = |key, parse, bounds: std::ops::RangeInclusive<u64>, write: fn(u64) -> String| {
        let found = reader.get(key)?;
        let value = found.quantity(parse)?;
        if bounds.contains(&value) {
            return Some(value);
        }
        let range = format!("it may be {} to {}", write(*bounds.start()), write(*bounds.end()));
        found.problem(format!("`{key}` cannot be {}", write(value)), range);
        None
    };
    if let Some(hz) = bounded("clock", units::hertz, CLOCK_HZ, units::write_hz) {
        node.clock_hz = hz;
    }
    if let Some(cycles) = bounded("turn", units::count, TURN_CYCLES, |cycles| format!("{cycles} cycles")) {
        node.turn_cycles = cycles;
    }
    if let Some(mmu) = reader.get("mmu").and_then(|found| found.word(&MMU)) {
        node.mmu = mmu;
    }
    if let Some(timing) = reader.get("timing").and_then(|found| found.word(&TIMING)) {
        node.timing = timing;
    }
    if let Some(seconds) = reader.get("rtc").and_then(|found| found.integer(0..=1 << 40)) {
        node.rtc_s = seconds;
    }
    if let Some(disks) = reader.get("disk").and_then(|found| Some((found, found.strings()?))) {
        let (found, texts) = disks;
        node.disks.clear();
        for text in texts {
            match devices::disk(text) {
                Ok(disk) => node.disks.push(Disk { file: source.path(&disk.file.to_string_lossy()), ..disk }),
                Err(help) => found.problem(format!("`{text}` is not a disk"), help),
            }
        }
    }
    devices::shares(node, reader, source);
    nodes::interfaces(&mut node.interfaces, reader);
    boot(node, group, reader, source);
    devices::init_of(node, reader);
}

/// What boots: an image, a kernel, a program; at most one.
fn boot(node: &mut Node, group: &Found<'_>, reader: &Reader<'_>, source: &Source<'_>) {
    let text = |key| reader.get(key).and_then(|found| found.string());
    let path = |key| text(key).map(|text| source.path(text));
    let (image, kernel, initrd, append, bios) =
        (text("image"), path("kernel"), path("initrd"), text("append"), path("bios"));
    let (elf, signature) = (path("elf"), path("signature"));
    let entry = reader.get("entry").and_then(|found| found.word(&ENTRY));
    let program = reader.get("program").and_then(|found| found.word(&PROGRAM));
    let has_kernel = kernel.is_some() || bios.is_some();
    if [image.is_some(), has_kernel, elf.is_some(), program.is_some()].iter().filter(|given| **given).count()
        > 1
    {
        group.problem(
            "a node boots an image, a kernel, an ELF program or an embedded one, and this one names several",
            "keep one of them",
        );
        return;
    }
    if let Some(image) = image {
        let (name, append) = (image.to_owned(), append.unwrap_or_default().to_owned());
        node.boot = Boot::Image { name, append, init: None };
    } else if has_kernel {
        node.boot =
            Boot::Kernel(Kernel { kernel, initrd, append: append.unwrap_or_default().to_owned(), bios });
    } else if let Some(file) = elf {
        let append = append.unwrap_or_default().to_owned();
        node.boot = Boot::Elf(Elf { file, entry, signature, append });
    } else if let Some(program) = program {
        node.boot = match program {
            Program::Demo => Boot::Demo,
            Program::Jacobi => Boot::Jacobi { append: append.unwrap_or_default().to_owned() },
        };
    } else {
        more(node, group, [initrd, signature], append, entry);
    }
}

/// Keys that change what was named before, by the file or an earlier `--set`.
fn more(
    node: &mut Node,
    group: &Found<'_>,
    files: [Option<PathBuf>; 2],
    append: Option<&str>,
    entry: Option<Entry>,
) {
    let [initrd, signature] = files;
    match &mut node.boot {
        Boot::Kernel(kernel) => {
            kernel.initrd = initrd.or(kernel.initrd.take());
            if let Some(append) = append {
                append.clone_into(&mut kernel.append);
            }
        }
        Boot::Elf(elf) => {
            elf.entry = entry.or(elf.entry);
            elf.signature = signature.or(elf.signature.take());
            if let Some(append) = append {
                append.clone_into(&mut elf.append);
            }
        }
        Boot::Jacobi { append: words } if initrd.is_none() && append.is_some() => {
            append.unwrap_or_default().clone_into(words);
        }
        Boot::Image { append: words, .. } if initrd.is_none() && append.is_some() => {
            append.unwrap_or_default().clone_into(words);
        }
        Boot::Image { .. } | Boot::Demo | Boot::Jacobi { .. } => {
            if initrd.is_some() || append.is_some() {
                group.problem(
                    "`initrd` and `append` are for what is named beside them, and that takes none",
                    "add `kernel = \"FILE\"`",
                );
            }
            if signature.is_some() || entry.is_some() {
                group.problem(
                    "`entry` and `signature` are for an `elf`, and none is named",
                    "add `elf = \"FILE\"`",
                );
            }
        }
    }
}

fn run(config: &mut Config, reader: &Reader<'_>, source: &Source<'_>) {
    if let Some(found) = reader.get("on")
        && let Some(name) = found.string()
    {
        if name == "all" {
            config.run.on = On::All;
        } else if let Err(help) = config.place_of(name) {
            found.problem(format!("there is no node `{name}`"), help);
        } else {
            config.run.on = On::Node(name.to_owned());
        }
    } else if config.place_of("n0").is_err()
        && let (On::Node(node), Some(first)) = (&mut config.run.on, config.groups.first())
        && let Some(name) = &first.name
    {
        *node = if first.count() == 1 { name.clone() } else { format!("{name}0") };
    }
    nodes::console(config, reader);
    if let Some(survives) = reader.get("on_failure").and_then(|found| found.word(&ON_FAILURE)) {
        config.run.survives = survives;
    }
    if let Some(command) = reader.get("command").and_then(|found| found.strings()) {
        config.run.command = command.into_iter().map(str::to_owned).collect();
    }
    if let Some(ns) = reader.get("max_time").and_then(|found| found.quantity(units::nanoseconds)) {
        config.run.max_time_ns = Some(ns);
    }
    if let Some(count) = reader.get("max_instructions").and_then(|found| found.quantity(units::count)) {
        config.run.max_instructions = Some(count);
    }
    if let Some(found) = reader.get("engine")
        && let Some(engine) = found.word(&ENGINE)
    {
        config.run.engine = engine;
    }
    if let Some(found) = reader.get("code_cache")
        && let Some(bytes) = found.quantity(units::bytes)
    {
        match code_cache(bytes) {
            Ok(bytes) => config.run.code_cache_bytes = bytes,
            Err(hint) => found.problem("no size for a code cache", hint),
        }
    }
    tape(config, reader, source);
}

/// Where what comes from outside is written, or read.
fn tape(config: &mut Config, reader: &Reader<'_>, source: &Source<'_>) {
    let path = |key| Some((reader.get(key)?, source.path(reader.get(key)?.string()?)));
    let (record, replay) = (path("record"), path("replay"));
    match (record, replay) {
        (Some(_), Some((found, _))) => {
            found.problem("a run is recorded or replayed, not both", "keep one of them");
        }
        (Some((_, path)), None) => config.run.tape = Tape::Record(path),
        (None, Some((_, path))) => config.run.tape = Tape::Replay(path),
        (None, None) => {}
    }
}

/// A program that is embedded in this binary.
#[derive(Clone, Copy)]
enum Program {
    Demo,
    Jacobi,
}

/// The words of `program`.
const PROGRAM: [(&str, Program); 2] = [("demo", Program::Demo), ("jacobi", Program::Jacobi)];
/// The words of `on_failure`: whether the others go on.
pub(super) const ON_FAILURE: [(&str, bool); 2] = [("end", false), ("go-on", true)];
/// The words of `mmu`.
pub(super) const MMU: [(&str, Mmu); 2] = [("hardware", Mmu::Hardware), ("software", Mmu::Software)];
/// The words of `timing`.
pub(super) const TIMING: [(&str, Timing); 2] = [("flat", Timing::Flat), ("modelled", Timing::Modelled)];
/// The words of `entry`.
pub(super) const ENTRY: [(&str, Entry); 2] = [("m", Entry::M), ("s", Entry::S)];
/// The words of `engine`.
pub(super) const ENGINE: [(&str, EngineKind); 2] =
    [("interp", EngineKind::Interp), ("translate", EngineKind::Translate)];

/// A size of the code cache within bounds; otherwise what to write instead.
pub(crate) fn code_cache(bytes: u64) -> Result<u64, String> {
    if !(CODE_CACHE_MIN..=CODE_CACHE_MAX).contains(&bytes) {
        let (min, max) = (units::write_bytes(CODE_CACHE_MIN), units::write_bytes(CODE_CACHE_MAX));
        return Err(format!("it takes {min} to {max}"));
    }
    Ok(bytes)
}

/// Smallest code cache.
const CODE_CACHE_MIN: u64 = 1 << 20;
/// Largest code cache.
const CODE_CACHE_MAX: u64 = 1 << 30;

/// A size of memory within bounds, as a whole number of pages; otherwise what to write instead.
pub(crate) fn memory(bytes: u64) -> Result<u64, String> {
    if bytes < MEMORY_MIN {
        let hint = if bytes >= 4 { format!("; did you mean `{bytes}MiB`?") } else { String::new() };
        return Err(format!("it takes at least {}{hint}", units::write_bytes(MEMORY_MIN)));
    }
    if bytes > MEMORY_MAX {
        return Err(format!("it takes at most {}", units::write_bytes(MEMORY_MAX)));
    }
    Ok(bytes.next_multiple_of(4096))
}
