//! Snapshots of a small cluster, of which one file is the input's, its checksum put right.
#![no_main]

#[path = "../../crates/cluster/tests/small/mod.rs"]
mod small;

use cluster::boot::Booted;
use cluster::run::{Bounds, Cluster, Mark, Recorder};
use cluster::snapshot::Snapshot;
use fabric::{Level, NodeId};
use fuzz::{Input, scratch, sealed};
use libfuzzer_sys::fuzz_target;
use small::Small;
use std::path::PathBuf;
use std::sync::OnceLock;

/// As small as the program can be, since each input has to be hashed, read and run.
const SMALL: Small = Small { nodes: 2, memory_bytes: 8 << 20, words: "grid=16 iterations=200" };
/// When it is saved.
const SAVED_NS: u64 = 1_000_000;
/// How long it goes on.
const ON: Bounds = Bounds { time_ns: Some(2 * SAVED_NS), instructions: Some(5_000) };

fn cluster(bounds: Bounds, node: impl Fn(NodeId) -> Booted) -> Cluster {
    // By the flit an input takes more than ten times as long.
    let fabric = fabric::Config { level: Level::Packet, ..fabric::Config::default() };
    SMALL.cluster(SMALL.wiring("ring", fabric), bounds, node)
}

/// A cluster in the middle of a parallel program, saved.
struct Saved {
    dir: PathBuf,
    /// The text of its manifest without the last line.
    body: String,
    manifest: String,
    /// Its sections, which an input may stand for, with what they hold; the manifest is number 0.
    sections: Vec<(String, Vec<u8>)>,
}

impl Saved {
    fn path(&self, section: &str) -> PathBuf {
        let extension = if section == "config" { "toml" } else { "bin" };
        self.dir.join(format!("{section}.{extension}"))
    }

    /// The manifest as the snapshot needs it when the file of that section holds `bytes`.
    fn manifest_with(&self, section: &str, bytes: &[u8]) -> String {
        let mut manifest: toml::Table = self.body.parse().unwrap();
        let sections = manifest["section"].as_array_mut().unwrap();
        let entry = sections.iter_mut().find(|entry| entry["name"].as_str() == Some(section)).unwrap();
        entry["bytes"] = toml::Value::Integer(bytes.len().try_into().unwrap());
        entry["blake3"] = toml::Value::String(blake3::hash(bytes).to_hex().to_string());
        sealed::manifest(&manifest.to_string())
    }

    fn write_manifest(&self, text: &str) {
        std::fs::write(self.dir.join("manifest.toml"), text).unwrap();
    }
}

fn saved() -> &'static Saved {
    static SAVED: OnceLock<Saved> = OnceLock::new();
    SAVED.get_or_init(|| {
        let dir = scratch().join("saved");
        let mut cluster = cluster(Bounds::default(), |place| SMALL.booted(place, false));
        cluster.prepare_snapshots();
        cluster.interrupt_at(Mark::Time { ns: SAVED_NS });
        cluster.run(&mut Recorder::default());
        cluster.snapshot(&dir, "a fuzz target", "schema = 1\n", &[]).unwrap();
        let manifest = std::fs::read_to_string(dir.join("manifest.toml")).unwrap();
        let body = manifest[..manifest.rfind("# blake3").unwrap()].to_owned();
        let mut saved = Saved { dir, body, manifest, sections: Vec::new() };
        let snapshot = Snapshot::open(&saved.dir).unwrap();
        let names = snapshot.manifest().sections.iter().map(|section| section.name.clone());
        saved.sections =
            names.map(|name| (name.clone(), std::fs::read(saved.path(&name)).unwrap())).collect();
        saved
    })
}

fn seeds() -> Vec<Vec<u8>> {
    let sections = saved().sections.iter().map(|(_, bytes)| bytes.as_slice());
    let all = std::iter::once(saved().body.as_bytes()).chain(sections);
    (0u8..).zip(all).map(|(number, contents)| [&[number], contents].concat()).collect()
}

/// Opens the snapshot and goes on from it for a moment.
fn go_on(saved: &Saved) {
    let Ok(snapshot) = Snapshot::open(&saved.dir) else { return };
    let _ = snapshot.config();
    let mut cluster = cluster(ON, |place| SMALL.bare(place, false));
    if cluster.restore_from(&snapshot).is_ok() {
        cluster.run(&mut Recorder::default());
    }
}

fuzz_target!(init: fuzz::seed(seeds()), |data: &[u8]| {
    let saved = saved();
    let mut input = Input(data);
    let (number, bytes) = (usize::from(input.byte()), input.0);
    match number.checked_sub(1).and_then(|number| saved.sections.get(number)) {
        None => {
            saved.write_manifest(&sealed::manifest(&String::from_utf8_lossy(bytes)));
            go_on(saved);
        }
        Some((section, before)) => {
            let path = saved.path(section);
            saved.write_manifest(&saved.manifest_with(section, bytes));
            std::fs::write(&path, bytes).unwrap();
            go_on(saved);
            std::fs::write(&path, before).unwrap();
        }
    }
    saved.write_manifest(&saved.manifest);
});
