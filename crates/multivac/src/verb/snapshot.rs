//! `multivac snapshot`: what a snapshot is of, and whether it is whole.

use crate::config::units::write_bytes;
use crate::exit::{Exit, Failure};
use crate::session::snapshot_failure;
use cluster::snapshot::{Manifest, Snapshot};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::PathBuf;

/// Flags of `multivac snapshot`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The snapshot's directory, as `multivac run --snapshot-at WHEN=DIR` made it.
    dir: PathBuf,
    /// Answer with one JSON document.
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Carries the verb out.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let snapshot = Snapshot::open(&self.dir).map_err(|error| snapshot_failure(&error))?;
        snapshot.verify().map_err(|error| snapshot_failure(&error))?;
        let manifest = snapshot.manifest();
        let text = if self.json { format!("{}\n", document(manifest)) } else { lines(manifest) };
        // A closed standard output is the reader's choice.
        let _ = std::io::stdout().write_all(text.as_bytes());
        Ok(Exit::Ok)
    }
}

fn lines(manifest: &Manifest) -> String {
    let mut out = format!("of       {}\n", manifest.what);
    let mut line = |name: &str, text: String| out.push_str(&format!("{name:8} {text}\n"));
    let ms = manifest.virtual_ns / 1_000_000;
    line("at", format!("{}.{:03} s virtual, {} instructions", ms / 1000, ms % 1000, manifest.instructions));
    for memory in &manifest.memories {
        let (filled, all) = (write_bytes(memory.filled_bytes), write_bytes(memory.bytes));
        line(&memory.node, format!("{filled} of {all} of memory"));
    }
    for disk in &manifest.disks {
        line("disk", format!("{}, {}", disk.file, write_bytes(disk.bytes)));
    }
    line("made by", format!("multivac {}, format {}", manifest.program, manifest.format));
    line("files", format!("{}, all whole", manifest.sections.len() + manifest.memories.len() + 1));
    out
}

fn document(manifest: &Manifest) -> Value {
    json!({
        "what": manifest.what,
        "virtual_ns": manifest.virtual_ns,
        "instructions": manifest.instructions,
        "program": manifest.program,
        "format": manifest.format,
        "nodes": manifest.memories.iter().map(|memory| json!({
            "name": memory.node,
            "memory_bytes": memory.bytes,
            "filled_bytes": memory.filled_bytes,
        })).collect::<Vec<_>>(),
        "disks": manifest.disks.iter().map(|disk| json!({
            "file": disk.file,
            "bytes": disk.bytes,
        })).collect::<Vec<_>>(),
    })
}
