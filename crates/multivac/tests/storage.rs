//! `--share` and `--disk` from outside, with a bare-metal program that drives both.

mod common;

use common::{Outcome, file, multivac, prebuilt, word};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(path.join("sub")).expect("a folder");
    for (name, text) in [("in.txt", "words from the host\n"), ("b", ""), ("a", "")] {
        std::fs::write(path.join(name), text).expect("a file");
    }
    path
}

fn run(more: &[&str]) -> Outcome {
    let program = prebuilt("storage");
    let words: Vec<&str> =
        ["run", "--json", "--elf", &program, "--max-time", "5s"].iter().chain(more).copied().collect();
    multivac(&words)
}

#[test]
fn a_shared_folder_is_read_and_written() {
    let shared = folder("shared");
    let flag = format!("{}:/mnt/host", word(&shared));
    let one = run(&["--share", &flag]);
    assert_eq!(one.code, 0, "{one:?}");
    let lines: Vec<&str> = one.stderr.lines().filter(|line| line.starts_with("folder:")).collect();
    let listed =
        ["folder:   .", "folder:   ..", "folder:   a", "folder:   b", "folder:   in.txt", "folder:   sub"];
    assert_eq!(lines[0], "folder: /mnt/host");
    let names: Vec<&str> = lines[1..7].iter().map(|line| line.trim_end_matches('/')).collect();
    assert_eq!(names, listed);
    assert_eq!(
        lines[7..],
        ["folder: in.txt has 20 bytes: words from the host", "folder: 20 bytes written to out.txt"]
    );
    assert_eq!(std::fs::read(shared.join("out.txt")).expect("written"), b"WORDS FROM THE HOST\n");
    // Another folder with the same contents is the same run, on the other engine too.
    let other = folder("shared-other");
    let flag = format!("{}:/mnt/host", word(&other));
    assert_eq!(run(&["--share", &flag, "--engine", "interp"]).digest(), one.digest());
    // A node run beside hears the replies, and writes nothing itself.
    std::fs::remove_file(other.join("out.txt")).expect("removed");
    let beside = run(&["--share", &flag, "--lockstep", "5000"]);
    assert_eq!((beside.code, beside.digest()), (0, one.digest()), "{beside:?}");
}

#[test]
fn a_read_only_folder_stays_as_it_is() {
    let shared = folder("ro");
    let flag = format!("{}:/mnt/host,ro", word(&shared));
    let one = run(&["--share", &flag]);
    assert_eq!(one.code, 0, "{one:?}");
    assert!(one.stderr.contains("folder: out.txt: error 30"), "{one:?}");
    assert!(!shared.join("out.txt").exists());
}

#[test]
fn a_share_is_replayed_without_its_folder() {
    let shared = folder("taped-share");
    let tape = shared.with_extension("tape");
    let flag = format!("{}:/mnt/host", word(&shared));
    let recorded = run(&["--share", &flag, "--record", word(&tape)]);
    assert_eq!(recorded.code, 0, "{recorded:?}");
    std::fs::remove_dir_all(&shared).expect("removed");
    for engine in ["interp", "translate"] {
        let replayed = multivac(&["run", "--json", "--replay", word(&tape), "--engine", engine]);
        assert_eq!((replayed.code, replayed.digest()), (0, recorded.digest()), "{engine}: {replayed:?}");
        assert!(replayed.stderr.contains("words from the host"), "{replayed:?}");
    }
    assert!(!shared.exists());
}

#[test]
fn a_share_that_cannot_be_is_refused() {
    let shared = folder("refused");
    let missing = format!("{}:/mnt/host", word(&shared.join("missing")));
    let plain = format!("{}:/mnt/host", word(&shared.join("in.txt")));
    for flag in [&missing, &plain] {
        let one = run(&["--share", flag]);
        assert_eq!(one.code, 5, "{one:?}");
        assert!(one.stderr.contains("cannot share the folder"), "{one:?}");
    }
    let one = run(&["--share", word(&shared)]);
    assert_eq!(one.code, 2, "{one:?}");
}

#[test]
fn what_is_written_to_a_writable_disk_is_there_in_the_next_run() {
    let mut bytes = vec![0; 4096];
    bytes[..5].copy_from_slice(b"hello");
    let disk = file("writable.img", bytes);
    let writable = format!("{},writable", word(&disk));
    for (flag, count) in [(writable.as_str(), 1), (&writable, 2), (word(&disk), 3), (word(&disk), 3)] {
        let one = run(&["--disk", flag]);
        assert_eq!(one.code, 0, "{one:?}");
        assert!(one.stderr.contains("sector 0 says `hello`"), "{one:?}");
        assert!(one.stderr.contains(&format!("disk: run {count} on it; written with status 0")), "{one:?}");
    }
}

#[test]
fn a_replay_never_takes_another_disk_for_the_recorded_one() {
    let disk = file("taped.img", vec![0; 4096]);
    let replay =
        |tape: &Path, flags: &[&str]| multivac(&[&["run", "--json", "--replay", word(tape)], flags].concat());
    // A small one that the run writes to is in the recording: what became of it does not matter, and it stays so.
    let tape = disk.with_extension("tape");
    let writable = format!("{},writable", word(&disk));
    let recorded = run(&["--disk", &writable, "--record", word(&tape)]);
    assert_eq!(std::fs::read(&disk).expect("a disk")[512], 1);
    for flags in [&["--engine", "interp"][..], &["--lockstep", "5000"]] {
        let replayed = replay(&tape, flags);
        assert_eq!((replayed.code, replayed.digest()), (0, recorded.digest()), "{replayed:?}");
    }
    assert_eq!(std::fs::read(&disk).expect("a disk")[512], 1);
    // One that it only reads must be as it was.
    let other = disk.with_extension("overlay.tape");
    let recorded = run(&["--disk", word(&disk), "--record", word(&other)]);
    assert_eq!(replay(&other, &[]).digest(), recorded.digest());
    std::fs::write(&disk, vec![1; 4096]).expect("changed");
    let replayed = replay(&other, &[]);
    assert_eq!(replayed.code, 3, "{replayed:?}");
    assert!(replayed.stderr.contains("taped.img is not as it was when the run was recorded"), "{replayed:?}");
    std::fs::remove_file(&disk).expect("removed");
    assert_eq!((replay(&tape, &[]).code, replay(&other, &[]).code), (0, 4));
}

#[test]
fn a_disk_in_use_is_refused_with_the_process_that_uses_it() {
    let disk = file("busy.img", vec![0; 1024]);
    let held = std::fs::File::open(&disk).expect("a disk");
    held.lock().expect("a lock");
    let one = run(&["--disk", &format!("{},writable", word(&disk))]);
    assert_eq!(one.code, 5, "{one:?}");
    assert!(one.stderr.contains(&format!("process {}", std::process::id())), "{one:?}");
}

/// A run that waits for a debugger before its first instruction, with all its files open.
struct Held {
    child: Child,
    stderr: BufReader<ChildStderr>,
    socket: PathBuf,
}

impl Held {
    fn start(name: &str, more: &[&str]) -> Held {
        Held::start_to(name, more, Path::new("/dev/null"))
    }

    /// As [`Held::start`], with the report in a file.
    fn start_to(name: &str, more: &[&str], report: &Path) -> Held {
        let socket = std::env::temp_dir().join(format!("multivac-{name}-{}", std::process::id()));
        let program = prebuilt("storage");
        let mut child = Command::new(env!("CARGO_BIN_EXE_multivac"))
            .args(["run", "--json", "--elf", &program, "--max-time", "5s", "--gdb", word(&socket)])
            .args(more)
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(report).expect("a report"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        while !line.contains("gdb is listened for") {
            line.clear();
            assert!(stderr.read_line(&mut line).expect("text") > 0, "the run ended too early");
        }
        Held { child, stderr, socket }
    }

    /// A debugger comes and goes, upon which the run goes on to its end: its exit code and what it said.
    fn finish(mut self) -> (Option<i32>, String) {
        let mut gdb = UnixStream::connect(&self.socket).expect("a debugger comes");
        gdb.write_all(b"$D#44").expect("it says that it goes");
        gdb.read_exact(&mut [0]).expect("it is heard");
        drop(gdb);
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).expect("text");
        (self.child.wait().expect("the run ends").code(), said)
    }
}

#[test]
fn a_folder_that_vanishes_under_a_run_is_told() {
    let shared = folder("vanishing");
    let held = Held::start("vanishing", &["--share", &format!("{}:/mnt/host", word(&shared))]);
    std::fs::remove_dir_all(&shared).expect("removed");
    let (code, said) = held.finish();
    assert_ne!(code, Some(0), "{said}");
    assert!(said.contains("was removed during the run; the guest got I/O errors"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_disk_that_the_host_fails_is_told() {
    let disk = file("failing.img", vec![0; 4096]);
    let held = Held::start("failing", &["--disk", word(&disk)]);
    std::fs::write(&disk, []).expect("cut short");
    let (code, said) = held.finish();
    assert_ne!(code, Some(0), "{said}");
    assert!(said.contains(&format!("note: the disk {}: ", word(&disk))), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn what_the_host_failed_of_a_disk_fails_again_in_a_replay() {
    for mode in ["overlay", "ro", "writable"] {
        let disk = file(&format!("failed-{mode}.img"), vec![0; 4096]);
        let tape = disk.with_extension("tape");
        let flag = format!("{},{mode}", word(&disk));
        let report = disk.with_extension("json");
        let held = Held::start_to("failed", &["--disk", &flag, "--record", word(&tape)], &report);
        std::fs::write(&disk, []).expect("cut short");
        let (code, said) = held.finish();
        assert!(code != Some(0) && said.contains("the guest got I/O errors"), "{said}");
        std::fs::write(&disk, vec![0; 4096]).expect("whole again");
        let recorded: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&report).expect("a report")).expect("JSON");
        for flags in [&["--engine", "interp"][..], &["--lockstep", "5000"]] {
            let words = ["run", "--json", "--replay", word(&tape)];
            let replayed = multivac(&[&words[..], flags].concat());
            assert_eq!(Some(replayed.code), code, "{mode}: {replayed:?}");
            assert_eq!(replayed.digest(), recorded["digest"], "{mode}: {replayed:?}");
            assert_eq!(replayed.json()["tape"], "replayed to the recorded digest");
            assert!(replayed.stderr.contains("the guest got I/O errors"), "{replayed:?}");
        }
    }
}

#[test]
fn of_two_runs_on_one_writable_disk_the_second_is_refused() {
    let disk = file("contended.img", vec![0; 4096]);
    let writable = format!("{},writable", word(&disk));
    let held = Held::start("contended", &["--disk", &writable]);
    for flag in [writable.as_str(), word(&disk)] {
        let second = run(&["--disk", flag]);
        assert_eq!(second.code, 5, "{second:?}");
        assert!(second.stderr.contains(&format!("process {}", held.child.id())), "{second:?}");
    }
    let (code, said) = held.finish();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(std::fs::read(&disk).expect("a disk")[512], 1, "the first run was not disturbed");
}

#[test]
fn nodes_that_write_to_one_folder_take_turns() {
    let shared = folder("common");
    let text = format!(
        "schema = 1\n[[node]]\ncount = 3\nmemory = \"16MiB\"\nelf = \"{}\"\nshare = [\"{}:/mnt/host\"]\n",
        prebuilt("storage"),
        word(&shared)
    );
    let config = file("common.toml", text);
    let digests: Vec<String> = ["1", "3"]
        .iter()
        .map(|threads| {
            let _ = std::fs::remove_file(shared.join("out.txt"));
            let words = ["run", "--json", word(&config), "--threads", threads, "--max-time", "1s"];
            let run = multivac(&words);
            assert_eq!(run.code, 0, "{run:?}");
            assert_eq!(run.stderr.matches("20 bytes written to out.txt").count(), 3, "{run:?}");
            run.digest()
        })
        .collect();
    assert_eq!(digests[0], digests[1]);
    // What all of them heard is replayed on the other engine and another number of threads, without the folder.
    let tape = shared.with_extension("tape");
    std::fs::remove_file(shared.join("out.txt")).expect("written");
    let recorded = multivac(&["run", "--json", word(&config), "--max-time", "1s", "--record", word(&tape)]);
    std::fs::remove_dir_all(&shared).expect("removed");
    let words = ["run", "--json", "--replay", word(&tape), "--engine", "interp", "--threads", "3"];
    let replayed = multivac(&words);
    assert_eq!((recorded.code, recorded.digest()), (0, digests[0].clone()), "{recorded:?}");
    assert_eq!((replayed.code, replayed.digest()), (0, digests[0].clone()), "{replayed:?}");
}
