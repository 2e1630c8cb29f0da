//! The process is locked in by default: everything that a run does works all the same, and every thread of it is kept.

mod common;

use common::{Outcome, file, multivac, prebuilt, word};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Whether this host can lock a process in; `doctor` says so.
fn host_can() -> bool {
    let told = multivac(&["doctor", "--json"]);
    let report = told.json();
    let fine = |name: &str| {
        let mut findings = report.as_array().expect("findings").iter();
        findings.any(|finding| finding["name"] == name && finding["state"] == "ok")
    };
    let can = fine("landlock") && fine("seccomp");
    if !can {
        eprintln!("this host cannot lock a process in: passed over");
    }
    can
}

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

/// Runs it locked in and not, with the same digest.
#[track_caller]
fn check(words: &[&str], more: &[&str]) -> Outcome {
    let free = multivac(&[&["run", "--json", "--no-sandbox"], words].concat());
    assert_eq!(free.code, 0, "{free:?}");
    assert!(free.json()["sandbox"].is_null());
    let kept = multivac(&[&["run", "--json"], words, more].concat());
    assert_eq!((kept.code, kept.digest()), (0, free.digest()), "{kept:?}");
    if host_can() {
        assert_eq!(kept.json()["sandbox"]["missing"], serde_json::json!([]), "{kept:?}");
    }
    kept
}

#[test]
fn what_a_run_leaves_behind_is_written_from_inside() {
    let out = folder("outputs");
    let path = |name: &str| out.join(name).to_str().expect("a path").to_owned();
    let (tape, trace) = (path("run.mvr"), path("run.zst,count=100"));
    let (early, late) = (format!("1ms={}", path("early")), format!("exit={}", path("deep/late")));
    let (pcap, perfetto) = (path("run.pcapng"), path("run.pftrace"));
    check(&["demo"], &["--record", &tape]);
    check(&["demo"], &["--snapshot-at", &early, "--snapshot-at", &late]);
    check(&["demo"], &["--trace-instructions", &trace, "--perf-map"]);
    let cluster = ["heat", "--nodes=4", "--append=grid=24 tolerance=200000"];
    check(&cluster, &["--threads=3", "--pcap", &pcap, "--trace", &perfetto]);
    for name in
        ["run.mvr", "early/manifest.toml", "deep/late/manifest.toml", "run.zst", "run.pcapng", "run.pftrace"]
    {
        let bytes = std::fs::metadata(out.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")).len();
        assert!(bytes > 0, "{name} is empty");
    }
    let restored = multivac(&["run", "--json", "--restore", &path("early")]);
    let replayed = multivac(&["run", "--json", "--replay", &tape]);
    assert_eq!((restored.code, replayed.code), (0, 0), "{restored:?} {replayed:?}");
}

#[test]
fn folders_disks_and_both_engines_are_served_from_inside() {
    let shared = folder("inside");
    std::fs::write(shared.join("in.txt"), "words").expect("a file");
    let share = format!("{}:/mnt/host", word(&shared));
    let disk = file("inside.img", vec![0; 4096]);
    let writable = format!("{},writable", word(&disk));
    let program = prebuilt("storage");
    let words = ["--elf", &program, "--max-time=5s", "--share", &share, "--disk", &writable];
    let twice = multivac(&[&["run", "--json", "--lockstep=5000"][..], &words].concat());
    assert_eq!(twice.code, 2, "two nodes do not write to one disk: {twice:?}");
    let kept = multivac(&[&["run", "--json"][..], &words].concat());
    assert_eq!(kept.code, 0, "{kept:?}");
    check(&["demo"], &["--lockstep=100000"]);
    assert_eq!(std::fs::read(shared.join("out.txt")).expect("written"), b"WORDS");
    assert_eq!(std::fs::read(&disk).expect("a disk")[512], 1, "the guest counts its runs in sector 1");
}

#[test]
fn every_thread_of_a_run_is_kept() {
    if !host_can() {
        return;
    }
    let kept = |flags: &[&str]| {
        let socket = std::env::temp_dir().join(format!("multivac-kept-{}", std::process::id()));
        // The node waits for gdb before its first instruction.
        let mut run = Command::new(env!("CARGO_BIN_EXE_multivac"))
            .args(["run", "demo", "--gdb", word(&socket)])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let tasks = PathBuf::from(format!("/proc/{}/task", run.id()));
        let states = || {
            let tasks = std::fs::read_dir(&tasks).expect("threads").flatten();
            let texts: Vec<_> =
                tasks.flat_map(|task| std::fs::read_to_string(task.path().join("status"))).collect();
            let kept =
                texts.iter().filter(|text| text.contains("Seccomp:\t2") && text.contains("NoNewPrivs:\t1"));
            (texts.len(), kept.count())
        };
        let mut seen = (0, 0);
        for _ in 0..100 {
            std::thread::sleep(Duration::from_millis(50));
            seen = states();
            // The port's thread is the last that is made before the node waits.
            if socket.exists() && seen.0 > 1 {
                break;
            }
        }
        run.kill().expect("killed");
        run.wait().expect("ended");
        let _ = std::fs::remove_file(&socket);
        seen
    };
    let (threads, all) = kept(&[]);
    assert!(threads > 1 && threads == all, "{all} of {threads} threads are kept");
    assert_eq!(kept(&["--no-sandbox"]).1, 0);
}

#[test]
fn the_socket_for_gdb_is_removed_behind_the_run() {
    let socket = std::env::temp_dir().join(format!("multivac-left-{}", std::process::id()));
    let address = format!("{},nowait", word(&socket));
    check(&["demo"], &["--gdb", &address]);
    assert!(!socket.exists());
}
