//! `--record` and `--replay` from outside: the same digest, and what is refused.

mod common;

use common::{Outcome, TOHOST, elf, file, multivac, typed, typed_to, word};
use isa::reg::Reg;
use std::path::{Path, PathBuf};

/// A slow clock: the program polls its port.
const SLOWLY: [&str; 2] = ["--set", "node.clock=40MHz"];

/// Computes for some milliseconds, says `>`, then echoes what comes on the serial port until a `q`; a register mixes the times at which it came.
fn echo() -> Vec<u8> {
    const UART: u64 = 0x1000_0000;
    const LINE_STATUS: i32 = 5;
    elf(&[("tohost", TOHOST)], |asm| {
        asm.li(Reg::T0, 120_000);
        let spin = asm.here();
        asm.addi(Reg::T0, Reg::T0, -1).bnez(Reg::T0, spin);
        asm.li(Reg::A0, UART).li(Reg::A1, u64::from(b'q')).li(Reg::S0, 0);
        asm.li(Reg::T1, u64::from(b'>')).sb(Reg::T1, Reg::A0, 0);
        let next = asm.here();
        asm.lbu(Reg::T0, Reg::A0, LINE_STATUS).andi(Reg::T0, Reg::T0, 1).beqz(Reg::T0, next);
        asm.lbu(Reg::T1, Reg::A0, 0).csrr(Reg::T2, 0xc01).xor(Reg::S0, Reg::S0, Reg::T2);
        asm.sb(Reg::T1, Reg::A0, 0).bne(Reg::T1, Reg::A1, next);
        asm.li(Reg::A3, TOHOST).li(Reg::A4, 1).sd(Reg::A4, Reg::A3, 0);
        let here = asm.here();
        asm.j(here);
    })
}

/// A recording of a typed run, made once for each test.
fn recorded(name: &str) -> (PathBuf, PathBuf, Outcome) {
    let program = file(&format!("{name}.elf"), echo());
    let tape = program.with_extension("tape");
    let words = ["run", "--json", "--elf", word(&program), SLOWLY[0], SLOWLY[1], "--record", word(&tape)];
    let run = typed(&words, &["ab", "c", "dq"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains(">abcdq"), "{run:?}");
    (program, tape, run)
}

fn replay(tape: &Path, more: &[&str]) -> Outcome {
    let words: Vec<&str> = ["run", "--json", "--replay", word(tape)].iter().chain(more).copied().collect();
    multivac(&words)
}

#[test]
fn a_replay_has_the_recorded_digest_on_either_engine() {
    let (_, tape, run) = recorded("same");
    let again = run.json()["replay"].as_str().expect("a command").to_owned();
    assert_eq!(again, format!("multivac run --replay {}", word(&tape)));
    for engine in ["interp", "translate"] {
        let replayed = replay(&tape, &["--engine", engine]);
        assert_eq!(replayed.code, 0, "{replayed:?}");
        assert_eq!(replayed.digest(), run.digest(), "{engine}");
        assert!(replayed.stderr.contains(">abcdq"), "{replayed:?}");
        assert_eq!(replayed.json()["tape"], "replayed to the recorded digest");
    }
    let beside = replay(&tape, &["--lockstep", "10000"]);
    assert_eq!((beside.code, beside.digest()), (0, run.digest()));
}

#[test]
fn a_recorded_run_is_saved_on_the_way() {
    let (program, tape, run) = recorded("saved");
    let early = program.with_extension("early");
    // Beside a recording, and again while it is replayed; neither is disturbed by it.
    let at = format!("2ms={}", word(&early));
    let replayed = replay(&tape, &["--snapshot-at", &at]);
    assert_eq!((replayed.code, replayed.digest()), (0, run.digest()), "{replayed:?}");
    let again = program.with_extension("again");
    let words = ["run", "--json", "--elf", word(&program), SLOWLY[0], SLOWLY[1], "--record", word(&again)];
    let taped = typed(&[&words[..], &["--snapshot-at", &at]].concat(), &["x", "q"]);
    assert_eq!(taped.code, 0, "{taped:?}");
    assert_eq!(replay(&again, &[]).digest(), taped.digest());
    let restored = typed(&["run", "--json", "--restore", word(&early)], &["q"]);
    assert_eq!(restored.code, 0, "{restored:?}");
}

#[test]
fn a_run_that_goes_on_from_a_snapshot_is_recorded_and_replayed_from_it() {
    let (program, tape, run) = recorded("onward");
    let (early, late) = (program.with_extension("early"), program.with_extension("late"));
    let (at_early, at_late) = (format!("2ms={}", word(&early)), format!("3ms={}", word(&late)));
    let saved = replay(&tape, &["--snapshot-at", &at_early, "--snapshot-at", &at_late]);
    assert_eq!((saved.code, saved.digest()), (0, run.digest()), "{saved:?}");
    let onward = program.with_extension("onward");
    let taped = typed(&["run", "--json", "--restore", word(&early), "--record", word(&onward)], &["x", "yq"]);
    assert_eq!(taped.code, 0, "{taped:?}");
    for engine in ["interp", "translate"] {
        let replayed = replay(&onward, &["--engine", engine]);
        assert_eq!((replayed.code, replayed.digest()), (0, taped.digest()), "{replayed:?}");
        assert_eq!(replayed.json()["tape"], "replayed to the recorded digest");
        assert_eq!(replayed.json()["restored_ns"].as_u64(), Some(2_000_000));
    }
    // The snapshot may move, but must be the same.
    let moved = program.with_extension("moved");
    let _ = std::fs::remove_dir_all(&moved);
    std::fs::rename(&early, &moved).expect("moved");
    let lost = replay(&onward, &[]);
    assert_eq!(lost.code, 4, "{lost:?}");
    assert!(lost.stderr.contains("--restore DIR says where it is now"), "{lost:?}");
    assert_eq!(replay(&onward, &["--restore", word(&moved)]).digest(), taped.digest());
    let other = replay(&onward, &["--restore", word(&late)]);
    assert_eq!(other.code, 3, "{other:?}");
    assert!(other.stderr.contains("the snapshot is not the one"), "{other:?}");
    let from_power_on = replay(&tape, &["--restore", word(&moved)]);
    assert_eq!(from_power_on.code, 3, "{from_power_on:?}");
    assert!(from_power_on.stderr.contains("this run has a snapshot"), "{from_power_on:?}");
}

#[test]
fn another_configuration_is_refused_by_its_key() {
    let (program, tape, _) = recorded("other");
    for (flags, key) in
        [(&["--harts", "2"][..], "node.harts"), (&["--set", "cluster.seed=9"], "cluster.seed")]
    {
        let run = replay(&tape, flags);
        assert_eq!(run.code, 3, "{run:?}");
        assert!(run.stderr.contains(key), "{run:?}");
    }
    let another = elf(&[("tohost", TOHOST)], |asm| {
        asm.li(Reg::A0, 1);
    });
    std::fs::write(&program, another).expect("written");
    let run = replay(&tape, &[]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stderr.contains("the program is not the one that was recorded with"), "{run:?}");
}

#[test]
fn a_recording_of_a_killed_run_is_replayed_as_far_as_it_goes() {
    let (_, tape, _) = recorded("killed");
    let whole = std::fs::read(&tape).expect("a tape");
    let cut = file("killed.cut", &whole[..whole.len() - 70]);
    let run = replay(&cut, &[]);
    let told = run.json()["tape"].as_str().expect("a line").to_owned();
    assert!(told.contains("killed") && told.contains("cut off at byte"), "{told}");
    // A file that is no recording, one that is damaged, and one that is not there.
    let mut damaged = whole.clone();
    let at = whole.len() - 70;
    damaged[at] ^= 1;
    for (bytes, what) in [(&b"seed = 1"[..], "that --record made"), (&damaged, "damaged at byte")] {
        let path = file("killed.bad", bytes);
        let run = replay(&path, &[]);
        assert_eq!(run.code, 4, "{run:?}");
        assert!(run.stderr.contains(what), "{run:?}");
    }
    std::fs::rename(&cut, format!("{}.partial", word(&tape))).expect("renamed");
    std::fs::remove_file(&tape).expect("removed");
    let run = replay(&tape, &[]);
    assert_eq!(run.code, 5, "{run:?}");
    assert!(run.stderr.contains(".partial"), "{run:?}");
}

#[test]
fn a_shorter_replay_says_so() {
    let (_, tape, _) = recorded("shorter");
    let run = replay(&tape, &["--max-instructions", "1000"]);
    assert_eq!(run.code, 124, "{run:?}");
    assert!(run.json()["tape"].as_str().expect("a line").contains("went on"), "{run:?}");
}

#[test]
fn a_full_disk_spoils_the_recording_and_not_the_run() {
    let program = file("full.elf", echo());
    let tape = program.with_extension("tape");
    // No file may grow beyond a block or two, as on a disk that is full.
    let limited = "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\"";
    let words = ["-c", limited, env!("CARGO_BIN_EXE_multivac"), "run", "--json", "--elf", word(&program)];
    let words = [&words[..], &SLOWLY, &["--record", word(&tape)]].concat();
    let run = typed_to("sh", &words, &["x".repeat(6000).as_str(), "q"]);
    assert_eq!(run.code, 5, "{run:?}");
    assert!(run.stderr.contains("File too large") && run.stderr.contains("can be replayed"), "{run:?}");
    assert_eq!(run.json()["reason"], "tohost");
    assert!(!tape.exists());
    let partial = format!("{}.partial", word(&tape));
    let replayed = replay(Path::new(&partial), &[]);
    assert!(replayed.json()["tape"].as_str().expect("a line").contains("killed"), "{replayed:?}");
    assert!(multivac(&["run", "--record", "/dev/full/x"]).code == 5);
}

#[test]
fn one_of_several_nodes_has_the_console() {
    let program = file("chosen.elf", echo());
    let tape = program.with_extension("tape");
    let words = ["run", "--json", "--elf", word(&program), "--nodes", "3", "--topology", "ring"];
    let mut words: Vec<&str> = words.into_iter().chain(SLOWLY).chain(["--memory", "16MiB"]).collect();
    words.extend(["--console", "n1", "--record", word(&tape)]);
    let run = typed(&words, &["ab", "c", "dq"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains(">abcdq") && run.stderr.matches('>').count() == 1, "{run:?}");
    assert_eq!(replay(&tape, &["--threads", "1"]).digest(), run.digest());
    let refused = multivac(&["run", "--console", "n16"]);
    assert!(refused.code == 2 && refused.stderr.contains("there is no node `n16`"), "{refused:?}");
}
