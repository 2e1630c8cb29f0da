//! The examples of clusters: those of bare nodes run, and the others are read. What Debian nodes do in theirs,
//! `.ci/soak` sees.

mod common;

use common::multivac;
use std::path::{Path, PathBuf};

/// Those that run here, with their exit codes.
const BARE: [(&str, i32); 7] = [
    ("hello", 0),
    ("demo", 0),
    ("lossy", 0),
    ("partition", 0),
    ("crash", 6),
    ("switching", 0),
    ("ring-vs-torus", 0),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

#[test]
fn bare_nodes_do_what_the_comments_say() {
    for (name, code) in BARE {
        let run = multivac(&["run", common::word(&folder().join(format!("{name}.toml"))), "--json"]);
        assert_eq!(run.code, code, "{name}: {run:?}");
        let (lost, corrupted) = (&run.json()["network"]["dropped"], &run.json()["network"]["corrupted"]);
        let (lost, corrupted) = (lost.as_u64().unwrap_or(0), corrupted.as_u64().unwrap_or(0));
        assert_eq!(lost > 0, ["lossy", "partition", "crash"].contains(&name), "{name}: {lost} lost");
        assert_eq!(corrupted > 0, name == "lossy", "{name}: {corrupted} damaged");
    }
}

#[test]
fn every_example_begins_with_a_comment_and_is_read() {
    let entries =
        std::fs::read_dir(folder()).expect("the examples").map(|entry| entry.expect("an entry").path());
    let files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    assert!(
        files.len() > BARE.len()
            && BARE.iter().all(|(name, _)| folder().join(format!("{name}.toml")).exists())
    );
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a file");
        assert!(text.starts_with("# "), "{} says nothing of itself", file.display());
        let checked = multivac(&["check", common::word(&file)]);
        assert_eq!(checked.code, 0, "{checked:?}");
    }
}
