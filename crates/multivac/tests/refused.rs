//! Bad input: a clear message, the right exit code, no panic.

mod common;

use common::{BASE, Outcome, elf, file, multivac, prebuilt, word};
use isa::reg::Reg;

const USAGE: i32 = 2;
const CONFIG: i32 = 3;
const IMAGE: i32 = 4;

/// Runs, and expects a refusal with this code that holds these parts.
fn check(words: &[&str], code: i32, parts: &[&str]) -> Outcome {
    let run = multivac(words);
    assert_eq!(run.code, code, "{words:?}: {run:?}");
    for part in parts {
        assert!(run.stderr.contains(part), "no `{part}` for {words:?} in {}", run.stderr);
    }
    assert!(!run.stderr.contains("panicked"), "{words:?}: {}", run.stderr);
    assert!(code != IMAGE || run.stderr.contains("help: "), "{words:?} has no way out: {}", run.stderr);
    run
}

#[test]
fn flags_that_cannot_be() {
    check(&["run", "--harts", "0"], USAGE, &["--harts"]);
    check(&["run", "--harts", "65"], USAGE, &["--harts", "64"]);
    check(&["run", "--memory", "512mib"], USAGE, &["did you mean `512MiB`?"]);
    check(&["run", "--memory", "512"], USAGE, &["did you mean `512MiB`?"]);
    check(&["run", "--max-time", "soon"], USAGE, &["--max-time"]);
    check(&["run", "--engine", "interpp"], USAGE, &["interp"]);
    check(&["run", "--elf", "a", "--kernel", "b"], USAGE, &["cannot be used with"]);
    check(&["run", "--entry", "m"], USAGE, &["--elf"]);
    check(&["run", "--initrd", "x"], USAGE, &["--kernel"]);
    check(&["run", "--disk", "x,rw"], USAGE, &["unknown option `rw`"]);
    check(&["run", "--", "true"], USAGE, &["--image"]);
    check(&["rum"], USAGE, &["run"]);
}

#[test]
fn configurations_that_cannot_be() {
    let cases: [(&str, &[&str]); 10] = [
        ("schema = 1\n[[node]]\nhartz = 2\n", &["unknown key `hartz`", "did you mean `harts`?", ":3:1"]),
        ("schema = 1\n[[node]]\nmmu = \"hardwear\"\n", &["did you mean `hardware`?"]),
        ("schema = 1\n[output]\npcap = [\"n9\"]\n", &["there is no node `n9`", "the only node is `n0`"]),
        ("schema = 1\n[[node]]\ncount = 12\n[network]\ntopology = \"hypercube\"\n", &["8 or 16", ":5:"]),
        ("schema = 9\n", &["schema 9"]),
        ("[[node]]\n", &["begin it with `schema = 1`"]),
        ("schema = \n", &["error"]),
        ("schema = 1\n[[node]]\nmemory = \"9000TiB\"\n", &["memory"]),
        ("schema = 1\n[[node]]\nharts = [1]\n", &["array"]),
        ("\u{0}\u{1}\u{2}", &["error"]),
    ];
    for (index, (text, parts)) in cases.iter().enumerate() {
        let path = file(&format!("bad-{index}.toml"), text);
        check(&["run", word(&path)], CONFIG, parts);
        check(&["check", word(&path)], CONFIG, parts);
    }
    let path = file("latin.toml", b"schema = 1\n# \xe9\n");
    check(&["run", word(&path)], CONFIG, &["not UTF-8"]);
    check(&["run", "missing.toml"], CONFIG, &["missing.toml"]);
    check(&["run", "demmo"], CONFIG, &["did you mean `demo`?"]);
    check(&["run", "--set", "node.hart=1"], CONFIG, &["did you mean `harts`?"]);
}

#[test]
fn check_prints_what_it_comes_to() {
    let path = file("good.toml", "schema = 1\n[[node]]\nharts = 2\n");
    let run = multivac(&["check", word(&path)]);
    assert_eq!(run.code, 0, "{run:?}");
    let printed = multivac(&["check", word(&path), "--print"]).stdout;
    assert!(printed.contains("harts = 2") && printed.contains("memory = \"512MiB\""), "{printed}");
    let again = file("good.toml", &printed);
    assert_eq!(multivac(&["check", word(&again), "--print"]).stdout, printed);
}

#[test]
fn programs_that_cannot_be() {
    check(&["run", "--elf", "no-such-file"], IMAGE, &["no-such-file", "check the path"]);
    check(&["run", "--elf", "."], IMAGE, &["error"]);
    let whole = std::fs::read(prebuilt("demo")).expect("the demo");
    for length in [0, 1, 16, 63, 64, 200, whole.len() / 2, whole.len() - 1] {
        let path = file(&format!("cut-{length}.elf"), &whole[..length]);
        check(&["run", "--elf", word(&path)], IMAGE, &["error"]);
    }
    let mut foreign = whole.clone();
    foreign[18] = 62;
    check(&["run", "--elf", word(&file("foreign.elf", foreign))], IMAGE, &["another machine"]);
    let text = file("text.elf", "#!/bin/sh\necho no program of ours\n");
    check(&["run", "--elf", word(&text)], IMAGE, &["not an ELF"]);
    let nowhere = elf(&[], |asm| {
        asm.nop();
    });
    let mut nowhere = nowhere;
    nowhere[64 + 24..64 + 32].copy_from_slice(&0x1000u64.to_le_bytes());
    check(&["run", "--elf", word(&file("nowhere.elf", nowhere))], IMAGE, &["does not fit in memory"]);
    let no_signature = elf(&[("tohost", BASE + 0x1000)], |asm| {
        asm.li(Reg::A0, BASE + 0x1000).li(Reg::A1, 1).sd(Reg::A1, Reg::A0, 0);
        let here = asm.here();
        asm.j(here);
    });
    let path = file("unsigned.elf", no_signature);
    let out = file("unsigned.txt", "");
    check(&["run", "--elf", word(&path), "--signature", word(&out)], IMAGE, &["begin_signature"]);
}

#[test]
fn kernels_that_cannot_be() {
    check(&["run", "--kernel", "no-such-file"], IMAGE, &["no-such-file"]);
    let kernel = file("nops.bin", 0x13u32.to_le_bytes().repeat(64));
    let cases: [(&str, Vec<u8>, &str); 4] = [
        ("gzip", b"\x1f\x8b\x08 and so on".to_vec(), "gunzip"),
        ("text", b"some words that are no kernel at all, whatever they say".to_vec(), "not a program"),
        ("mz", b"MZ but nothing else that an Image has".to_vec(), "truncated"),
        ("zeros", vec![0; 4096], "not a program"),
    ];
    for (name, bytes, part) in cases {
        let path = file(name, bytes);
        check(&["run", "--kernel", word(&path)], IMAGE, &[part]);
        check(&["run", "--kernel", word(&kernel), "--bios", word(&path)], IMAGE, &["error"]);
    }
    let big = file("big.img", vec![1; 9 << 20]);
    let words = ["run", "--kernel", word(&kernel), "--initrd", word(&big), "--memory", "8MiB"];
    check(&words, IMAGE, &["initrd", "memory"]);
    let words = ["run", "--kernel", word(&kernel), "--initrd", word(&big), "--memory", "9MiB"];
    check(&words, IMAGE, &["initrd"]);
    check(&["run", "--kernel", word(&kernel), "--initrd", "no-such-file"], IMAGE, &["initrd"]);
    check(&["run", "--kernel", word(&kernel), "--disk", "no-such-file"], IMAGE, &["no-such-file"]);
    check(&["run", "--kernel", word(&kernel), "--disk", "."], IMAGE, &["folder"]);
    let disk = word(&big);
    let mut words = vec!["run", "--kernel", word(&kernel)];
    words.extend(["--disk", disk].repeat(6));
    check(&words, CONFIG, &["at most 5 disks"]);
}

#[test]
fn an_image_that_is_not_there() {
    check(&["run", "--image", "no-such-image"], IMAGE, &["no-such-image"]);
}
