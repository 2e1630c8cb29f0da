//! Snapshots from outside: a run that was saved and gone on with is the run that was never stopped.

mod common;

use common::{multivac, word};
use std::path::{Path, PathBuf};

/// Where a test's snapshots go; nothing is there yet.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn demo<'a>(words: &[&'a str]) -> Vec<&'a str> {
    ["run", "demo", "--json"].iter().chain(words).copied().collect()
}

/// The value of `--snapshot-at`.
fn at(when: &str, dir: &Path) -> String {
    format!("{when}={}", word(dir))
}

#[test]
fn a_restored_run_ends_as_the_one_never_stopped_under_either_engine() {
    for timing in ["flat", "modelled"] {
        let whole = multivac(&demo(&["--timing", timing])).digest();
        let (first, second) = (folder(&format!("{timing}-first")), folder(&format!("{timing}-second")));
        let (at_first, at_second) = (at("2ms", &first), at("4ms", &second));
        let saved = multivac(&demo(&["--timing", timing, "--snapshot-at", &at_first]));
        assert_eq!(saved.digest(), whole, "saving changes nothing: {saved:?}");
        let report = &saved.json()["snapshots"][0];
        assert_eq!(report["virtual_ns"].as_u64(), Some(2_000_000), "{report}");
        assert!(report["filled_bytes"].as_u64() < report["memory_bytes"].as_u64(), "{report}");

        let restore = |dir: &Path, words: &[&str]| {
            let all: Vec<&str> =
                ["run", "--json", "--restore", word(dir)].iter().chain(words).copied().collect();
            multivac(&all)
        };
        let again = restore(&first, &["--engine", "interp", "--snapshot-at", &at_second]);
        assert_eq!(again.digest(), whole, "{again:?}");
        assert_eq!(again.json()["restored_ns"].as_u64(), Some(2_000_000));
        let before = multivac(&["snapshot", word(&first), "--json"]);
        let counts =
            [&saved, &before, &again].map(|run| run.json()["instructions"].as_u64().expect("a count"));
        assert_eq!(counts[0], counts[1] + counts[2], "a report counts what its own run did");
        assert_eq!(restore(&second, &["--engine", "translate"]).digest(), whole);
        if timing == "flat" {
            assert_eq!(restore(&second, &["--lockstep", "1000"]).digest(), whole);
        }
        let shown = multivac(&["snapshot", word(&second)]);
        assert_eq!(shown.code, 0, "{shown:?}");
        assert!(shown.stdout.contains("the embedded demo") && shown.stdout.contains("0.004 s"), "{shown:?}");
    }
}

#[test]
fn a_run_cut_short_goes_on_from_where_it_was() {
    let whole = multivac(&demo(&[])).digest();
    let dir = folder("cut");
    let cut = multivac(&demo(&["--max-time", "3ms", "--snapshot-at", &at("exit", &dir)]));
    assert_eq!(cut.code, 124, "{cut:?}");
    let rest = multivac(&["run", "--json", "--restore", word(&dir)]);
    assert_eq!((rest.code, rest.digest()), (0, whole), "{rest:?}");
}

#[test]
fn a_snapshot_never_due_is_told_of() {
    let dir = folder("never");
    let run = multivac(&demo(&["--snapshot-at", &at("1h", &dir), "--snapshot-at", &at("ready", &dir)]));
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("was not made") && !dir.exists(), "{run:?}");
}

#[test]
fn what_cannot_be_is_refused_with_its_code() {
    let dir = folder("refused");
    assert_eq!(multivac(&demo(&["--snapshot-at", &at("1ms", &dir)])).code, 0);
    let check = |words: &[&str], code: i32, part: &str| {
        let run = multivac(words);
        assert_eq!(run.code, code, "{words:?}: {run:?}");
        assert!(run.stderr.contains(part), "no `{part}` for {words:?} in {}", run.stderr);
    };
    let name = word(&dir);
    check(&["run", "--restore", name, "--harts", "2"], 2, "cannot be used with");
    check(&["run", "demo", "--snapshot-at", "soon"], 2, "WHEN=DIR");
    check(&["run", "--restore", "nowhere"], 4, "it is not there");
    check(&["run", "--restore", env!("CARGO_MANIFEST_DIR")], 4, "is no snapshot");
    check(
        &["run", "demo", "--snapshot-at", &at("1ms", Path::new(env!("CARGO_MANIFEST_DIR")))],
        4,
        "left alone",
    );
    check(&["run", "demo", "--snapshot-at", "1ms=/proc/snap"], 5, "/proc");

    let harts = dir.join("n0/harts.bin");
    let mut bytes = std::fs::read(&harts).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&harts, &bytes).unwrap();
    check(&["run", "--restore", name], 4, "harts.bin is damaged: its checksum differs");
    check(&["snapshot", name], 4, "harts.bin is damaged");
    bytes.truncate(50);
    std::fs::write(&harts, &bytes).unwrap();
    check(&["run", "--restore", name], 4, "50 bytes instead of");
}
