//! Snapshots of a small cluster, of which one file is the input's, its checksum put right.
#![no_main]

use cluster::boot::{self, Attachment, Booted, Devices, Hardware, Payload, Start};
use cluster::interconnect::Wiring;
use cluster::interface::Timing;
use cluster::run::{Bounds, Cluster, Mark, Member, Recorder};
use cluster::snapshot::Snapshot;
use cluster::time::{Bandwidth, NetworkClock, Ps};
use fabric::NodeId;
use fabric::topology::Spec;
use fuzz::{Input, scratch, sealed};
use libfuzzer_sys::fuzz_target;
use machine::board::Board;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const PROGRAM: &[u8] = include_bytes!("../../guest/prebuilt/jacobi.elf");
const NODES: u32 = 2;

fn hardware() -> Hardware {
    Hardware {
        board: Board { memory_bytes: 16 << 20, ..Board::default() },
        clock_hz: 1_000_000_000,
        turn_cycles: 10_000,
        software_tlb: false,
        timing: None,
        seed: 7,
        translate: false,
        code_cache_bytes: 1 << 20,
        perf_map: false,
    }
}

fn devices(place: NodeId) -> Devices {
    let network = Attachment { node: place, connected: true, ..Attachment::default() };
    Devices { network, ..Devices::default() }
}

fn cluster(boot: impl Fn(NodeId) -> Booted, time_ns: u64) -> Cluster {
    let topology = Spec::parse_for("ring", Some(NODES)).unwrap().build().unwrap();
    let wiring = Wiring {
        topology,
        table: None,
        fabric: fabric::Config::default(),
        clock: NetworkClock::new(Bandwidth { bits_per_s: 10_000_000_000 }, 1),
        latency: Ps(1_000_000),
        router: Ps(0),
        faults: Vec::new(),
    };
    let member = |place: NodeId| Member {
        name: place.to_string(),
        booted: boot(place),
        timing: Timing::default(),
        crash_at: None,
    };
    let bounds = Bounds { time_ns: Some(time_ns), instructions: Some(20_000) };
    Cluster::joined((0..NODES).map(NodeId).map(member).collect(), wiring, 1, bounds).unwrap()
}

fn bare(place: NodeId) -> Booted {
    boot::bare(&hardware(), devices(place)).unwrap()
}

/// A cluster in the middle of a parallel program, saved.
fn saved() -> &'static Path {
    static SAVED: OnceLock<PathBuf> = OnceLock::new();
    SAVED.get_or_init(|| {
        let dir = scratch().join("saved");
        let booted = |place| {
            let arguments = "nodes=2 grid=16 iterations=20";
            let payload = Payload::Elf { file: PROGRAM, start: Some(Start::Supervisor), arguments };
            boot::boot(&hardware(), devices(place), payload).unwrap()
        };
        let mut cluster = cluster(booted, u64::MAX);
        cluster.prepare_snapshots();
        cluster.interrupt_at(Mark::Time { ns: 2_000_000 });
        cluster.run(&mut Recorder::default());
        cluster.snapshot(&dir, "a fuzz target", "schema = 1\n", &[]).unwrap();
        dir
    })
}

/// The files of a snapshot that an input may stand for, but for the manifest, which is number 0.
fn files() -> Vec<String> {
    let snapshot = Snapshot::open(saved()).unwrap();
    snapshot.manifest().sections.iter().map(|section| section.name.clone()).collect()
}

fn path_of(section: &str) -> PathBuf {
    let extension = if section == "config" { "toml" } else { "bin" };
    saved().join(format!("{section}.{extension}"))
}

fn body() -> String {
    let text = std::fs::read_to_string(saved().join("manifest.toml")).unwrap();
    text[..text.rfind("# blake3").unwrap()].to_owned()
}

fn seeds() -> Vec<Vec<u8>> {
    let contents = files().into_iter().map(|file| std::fs::read(path_of(&file)).unwrap());
    let all = std::iter::once(body().into_bytes()).chain(contents);
    (0u8..).zip(all).map(|(number, contents)| [&[number][..], &contents].concat()).collect()
}

/// The manifest as the snapshot needs it when the file of that section holds `bytes`.
fn manifest_with(section: &str, bytes: &[u8]) -> String {
    let mut manifest: toml::Table = body().parse().unwrap();
    let sections = manifest["section"].as_array_mut().unwrap();
    let entry = sections.iter_mut().find(|entry| entry["name"].as_str() == Some(section)).unwrap();
    entry["bytes"] = toml::Value::Integer(bytes.len().try_into().unwrap());
    entry["blake3"] = toml::Value::String(blake3::hash(bytes).to_hex().to_string());
    sealed::manifest(&manifest.to_string())
}

/// Opens the snapshot and goes on from it for a moment.
fn go_on() {
    let Ok(snapshot) = Snapshot::open(saved()) else { return };
    let _ = snapshot.config();
    let mut cluster = cluster(bare, 3_000_000);
    if cluster.restore_from(&snapshot).is_ok() {
        cluster.run(&mut Recorder::default());
    }
}

fuzz_target!(init: fuzz::seed(seeds()), |data: &[u8]| {
    let mut input = Input(data);
    let (number, bytes) = (usize::from(input.byte()), input.0);
    let manifest = saved().join("manifest.toml");
    let files = files();
    let whole = std::fs::read(&manifest).unwrap();
    match number.checked_sub(1).and_then(|number| files.get(number)) {
        None => {
            let body = String::from_utf8_lossy(bytes);
            std::fs::write(&manifest, sealed::manifest(&body)).unwrap();
            go_on();
        }
        Some(section) => {
            let path = path_of(section);
            let before = std::fs::read(&path).unwrap();
            std::fs::write(&manifest, manifest_with(section, bytes)).unwrap();
            std::fs::write(&path, bytes).unwrap();
            go_on();
            std::fs::write(&path, before).unwrap();
        }
    }
    std::fs::write(&manifest, whole).unwrap();
});
