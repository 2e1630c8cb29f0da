//! `multivac run` from outside: output, exit codes, digests.

mod common;

use common::{BASE, TOHOST, elf, file, multivac, prebuilt, word};
use isa::reg::Reg;

/// Stores a word to `tohost` and stays.
fn ending(value: u64) -> Vec<u8> {
    elf(&[("tohost", TOHOST)], |asm| {
        asm.li(Reg::A0, TOHOST).li(Reg::A1, value).sd(Reg::A1, Reg::A0, 0);
        let here = asm.here();
        asm.j(here);
    })
}

#[test]
fn the_demo_runs_and_says_so() {
    let run = multivac(&["run", "demo"]);
    assert_eq!(run.code, 0, "{run:?}");
    for line in ["hart 0 leads; started through SBI HSM: 1 2 3", "all answers are right; powering off"] {
        assert!(run.stdout.lines().any(|found| found.trim_end() == line), "no `{line}` in {run:?}");
    }
    for word in ["ran ", "virtual", "MIPS", "digest ", "again "] {
        assert!(run.stdout.contains(word), "no `{word}` in {run:?}");
    }
}

#[test]
fn the_report_is_the_only_thing_on_standard_output_with_json() {
    let run = multivac(&["run", "demo", "--harts", "2", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let report = run.json();
    for field in ["exit", "reason", "virtual_ns", "wall_s", "cpu_s", "instructions", "mips", "digest"] {
        assert!(!report[field].is_null(), "no `{field}` in {report}");
    }
    assert_eq!(report["reason"], "poweroff");
    let harts = report["nodes"][0]["harts"].as_array().expect("harts");
    assert_eq!(harts.len(), 2);
    let sum: u64 = harts.iter().map(|hart| hart["instructions"].as_u64().expect("a count")).sum();
    assert_eq!(report["instructions"].as_u64(), Some(sum));
    assert!(harts[0]["interrupts"]["supervisor timer"].as_u64() > Some(0), "{report}");
    assert!(run.stderr.contains("all answers are right"), "{run:?}");
}

#[test]
fn equal_runs_have_equal_digests_and_a_seed_or_a_hart_changes_them() {
    let digest = |words: &[&str]| {
        let all: Vec<&str> = ["run", "--json"].iter().chain(words).copied().collect();
        multivac(&all).digest()
    };
    let first = digest(&["demo", "--seed", "7"]);
    assert_eq!(first, digest(&["demo", "--seed", "7"]));
    assert_ne!(first, digest(&["demo", "--seed", "8"]));
    assert_ne!(first, digest(&["demo", "--seed", "7", "--harts", "3"]));
    assert_eq!(first, digest(&["demo", "--seed", "7", "--engine", "interp"]));
    assert_ne!(first, digest(&["demo", "--seed", "7", "--timing", "modelled"]));
    // A file that says the same is the same run, and so is the command that a report names.
    let config =
        file("same.toml", "schema = 1\n[cluster]\nseed = 7\n[[node]]\nharts = 4\nmemory = \"64MiB\"\n");
    assert_eq!(first, digest(&[word(&config)]));
    let replay =
        multivac(&["run", "--json", word(&config)]).json()["replay"].as_str().expect("a command").to_owned();
    let words: Vec<&str> = replay.split(' ').skip(2).collect();
    assert_eq!(first, digest(&words));
}

#[test]
fn tohost_ends_the_run_by_the_convention() {
    let path = file("pass.elf", ending(1));
    let run = multivac(&["run", "--elf", word(&path)]);
    assert_eq!(run.code, 0, "{run:?}");
    let path = file("fail.elf", ending(0x15));
    let run = multivac(&["run", "--elf", word(&path)]);
    assert_eq!(run.code, 6, "{run:?}");
    assert!(run.stdout.contains("0x15"), "{run:?}");
    let report = multivac(&["run", "--elf", word(&path), "--json"]).json();
    assert_eq!((report["exit"].as_u64(), report["tohost"].as_u64()), (Some(6), Some(0x15)));
}

#[test]
fn all_harts_start_in_machine_mode_with_their_numbers() {
    // Each hart adds 1 << (8 * its number) to a sum; hart 0 waits for all and reports the sum.
    let program = elf(&[("tohost", TOHOST)], |asm| {
        let rest = asm.label();
        asm.csrr(Reg::T0, 0xf14).li(Reg::T1, 1).slli(Reg::T2, Reg::T0, 3).sll(Reg::T1, Reg::T1, Reg::T2);
        asm.li(Reg::A0, BASE + 0x2000).amoadd_d(Reg::ZERO, Reg::T1, Reg::A0);
        asm.bnez(Reg::T0, rest).li(Reg::A1, 0x0101_0101);
        let wait = asm.here();
        asm.ld(Reg::A2, Reg::A0, 0).bne(Reg::A2, Reg::A1, wait);
        asm.li(Reg::A3, TOHOST).li(Reg::A4, 1).sd(Reg::A4, Reg::A3, 0);
        asm.place(rest);
        let here = asm.here();
        asm.j(here);
    });
    let path = file("harts.elf", program);
    let run = multivac(&["run", "--elf", word(&path), "--entry", "m", "--harts", "4", "--max-time", "10ms"]);
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn the_signature_is_written_in_words() {
    let (begin, end) = (BASE + 0x2000, BASE + 0x2010);
    let symbols = [("tohost", TOHOST), ("begin_signature", begin), ("end_signature", end)];
    let program = elf(&symbols, |asm| {
        asm.li(Reg::A0, begin).li(Reg::A1, 0x0123_4567_89ab_cdef).sd(Reg::A1, Reg::A0, 0);
        asm.li(Reg::A0, TOHOST).li(Reg::A1, 1).sd(Reg::A1, Reg::A0, 0);
        let here = asm.here();
        asm.j(here);
    });
    let path = file("signature.elf", program);
    let signature = file("signature.txt", "");
    let run = multivac(&["run", "--elf", word(&path), "--signature", word(&signature)]);
    assert_eq!(run.code, 0, "{run:?}");
    let text = std::fs::read_to_string(signature).expect("a signature");
    assert_eq!(text, "89abcdef\n01234567\n00000000\n00000000\n");
}

#[test]
fn limits_end_a_run_that_would_not() {
    let program = elf(&[], |asm| {
        let here = asm.here();
        asm.j(here);
    });
    let path = file("spin.elf", program);
    let run = multivac(&["run", "--elf", word(&path), "--max-instructions", "1M", "--json"]);
    assert_eq!((run.code, run.json()["instructions"].as_u64()), (124, Some(1_000_000)), "{run:?}");
    assert_eq!(run.json()["reason"], "max-instructions");
    let run = multivac(&["run", "--elf", word(&path), "--max-time", "2400us", "--json"]);
    assert_eq!((run.code, run.json()["virtual_ns"].as_u64()), (124, Some(2_400_000)), "{run:?}");
    assert_eq!(run.json()["reason"], "max-time");
}

#[test]
fn a_trap_loop_ends_at_either_limit() {
    let program = prebuilt("traploop");
    for limit in [["--max-time", "3ms"], ["--max-instructions", "2M"]] {
        let run = multivac(&["run", "--elf", &program, limit[0], limit[1]]);
        assert_eq!(run.code, 124, "{run:?}");
    }
}

#[test]
fn sleep_without_an_end_is_a_deadlock() {
    let program = elf(&[], |asm| {
        let here = asm.here();
        asm.wfi().j(here);
    });
    let path = file("sleep.elf", program);
    for mode in ["m", "s"] {
        let run = multivac(&["run", "--elf", word(&path), "--entry", mode, "--harts", "2"]);
        assert_eq!(run.code, 6, "{run:?}");
        assert!(run.stdout.contains("deadlock"), "{run:?}");
    }
}

#[test]
fn time_does_not_go_back_between_harts() {
    for harts in ["1", "2", "3", "8"] {
        let run = multivac(&["run", "--elf", &prebuilt("token"), "--harts", harts]);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(run.stdout.contains("time went back 0 times"), "{run:?}");
    }
}

#[test]
fn a_hostile_guest_harms_only_itself() {
    let disk = file("hostile.img", vec![7; 1 << 20]);
    let overlay = format!("{},overlay", word(&disk));
    let run = multivac(&["run", "--elf", &prebuilt("hostile"), "--disk", &overlay, "--max-time", "2s"]);
    assert!([0, 6, 124].contains(&run.code), "{run:?}");
    assert!(run.stdout.contains("hostile: rings of 4 virtio devices"), "{run:?}");
    assert!(std::fs::read(disk).expect("the disk").iter().all(|byte| *byte == 7));
}

#[test]
fn quiet_says_nothing_of_its_own() {
    let path = file("quiet.elf", ending(1));
    let run = multivac(&["run", "--elf", word(&path), "-q"]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, "", ""));
}

/// A host that refuses the memory for translated code: here because it is more than the process may map.
#[cfg(target_arch = "x86_64")]
#[test]
fn where_the_host_refuses_executable_memory_the_interpreter_runs_and_says_why() {
    let limited = format!(
        "ulimit -v 700000; exec {} run demo --code-cache 1GiB --json",
        env!("CARGO_BIN_EXE_multivac")
    );
    let run = common::shell(&limited);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.json()["engine"], "interp");
    let why = "the interpreter runs instead of the translator: the host refuses executable memory: ";
    assert!(run.stderr.contains(why), "no `{why}` in {run:?}");
    assert_eq!(run.digest(), multivac(&["run", "demo", "--json"]).digest());
}
