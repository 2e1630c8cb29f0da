//! What holds over all verbs: quiet, no colour where nobody sees it, completions, the manual, the doctor.

mod common;

use common::multivac;

/// Verbs that show something without arguments or with few.
const SHOWN: &[&[&str]] = &[
    &["run"],
    &["run", "--verbose"],
    &["topology"],
    &["schedule"],
    &["tour"],
    &["tour", "page-walk"],
    &["doctor"],
    &["check", "/nonexistent.toml"],
    &["run", "--hart", "2"],
    &["run", "--set", "node.harts=x"],
];

#[test]
fn no_escape_codes_where_nobody_sees_colours() {
    for words in SHOWN {
        let run = multivac(words);
        assert!(!run.stdout.contains('\x1b') && !run.stderr.contains('\x1b'), "{words:?}: {run:?}");
    }
}

#[test]
fn colours_where_they_are_asked_for() {
    for words in [&["doctor"][..], &["schedule"], &["run", "--set", "node.harts=x"]] {
        let all = [&["--color", "always"], words].concat();
        let run = multivac(&all);
        assert!(run.stdout.contains('\x1b') || run.stderr.contains('\x1b'), "{words:?}: {run:?}");
        let all = [words, &["--color", "never"]].concat();
        let run = multivac(&all);
        assert!(!run.stdout.contains('\x1b') && !run.stderr.contains('\x1b'), "{words:?}: {run:?}");
    }
}

#[test]
fn quiet_and_verbose_stand_before_or_behind_the_verb() {
    for words in [["-q", "run"], ["run", "-q"], ["run", "--quiet"]] {
        let run = multivac(&words);
        assert!(run.code == 0 && !run.stdout.contains("digest"), "{words:?}: {run:?}");
    }
    for words in [["-v", "run"], ["run", "--verbose"]] {
        assert!(multivac(&words).stdout.contains("hart 0 "), "{words:?}");
    }
    assert_eq!(multivac(&["run", "-q", "-v"]).code, 2);
}

#[test]
fn completions_and_pages_know_the_verbs() {
    for shell in ["bash", "zsh", "fish"] {
        let run = multivac(&["completions", shell]);
        assert_eq!(run.code, 0, "{run:?}");
        for word in ["schedule", "replay", "max-instructions"] {
            assert!(run.stdout.contains(word), "{shell} does not know {word}");
        }
    }
    let page = multivac(&["man"]).stdout;
    assert!(page.starts_with(".ie") && page.contains("multivac\\-tour(1)"), "{page}");
    let folder = common::file("man", "").with_extension("d");
    assert_eq!(multivac(&["man", common::word(&folder)]).code, 0);
    let page = std::fs::read_to_string(folder.join("multivac-run.1")).expect("a page");
    assert!(page.contains("replay") && page.contains("virtual time"), "{page}");
    assert_eq!(multivac(&["man", "/proc/nowhere"]).code, 5);
}

#[test]
fn the_doctor_looks_at_the_host() {
    let run = multivac(&["doctor", "--json"]);
    let findings = run.json();
    let findings = findings.as_array().expect("a list");
    for name in [
        "processor",
        "translator",
        "memfd",
        "memory",
        "image store",
        "landlock",
        "seccomp",
        "QEMU",
        "gdb",
        "tshark",
    ] {
        let found = findings.iter().find(|finding| finding["name"] == name);
        let found = found.unwrap_or_else(|| panic!("nothing on {name}: {run:?}"));
        let fine = found["state"] == "ok";
        assert_eq!(fine, found["help"] == "", "{found}");
    }
    let text = multivac(&["doctor"]).stdout;
    assert_eq!(text.lines().filter(|line| !line.starts_with(' ')).count(), findings.len(), "{text}");
    // A path without programs: the tools are missing, and the machine is still fine.
    let bare = std::process::Command::new(env!("CARGO_BIN_EXE_multivac"))
        .arg("doctor")
        .env("PATH", "/nonexistent")
        .output()
        .expect("the binary runs");
    let text = String::from_utf8_lossy(&bare.stdout).into_owned();
    assert!(text.contains("no gdb-multiarch") && text.contains("apt-get install gdb-multiarch"), "{text}");
}

#[test]
fn the_doctor_lists_what_has_no_host_code() {
    let document = multivac(&["doctor", "--isa", "--json"]).json();
    let interpreted = document["interpreted"].as_array().expect("a list");
    assert!(interpreted.iter().any(|name| name == "wfi"), "{document}");
    assert!(
        document["instructions"].as_u64() > Some(interpreted.len() as u64) || !cfg!(target_arch = "x86_64")
    );
    let text = multivac(&["doctor", "--isa"]).stdout;
    assert!(text.starts_with(&format!("{} of ", interpreted.len())) && text.contains(" wfi"), "{text}");
}

#[test]
fn an_output_that_takes_nothing_is_an_error_and_one_without_a_reader_is_not() {
    if !std::path::Path::new("/dev/full").exists() {
        eprintln!("there is no /dev/full here: passed over");
        return;
    }
    let binary = env!("CARGO_BIN_EXE_multivac");
    for words in ["topology ring:8", "schedule", "run demo", "run demo --json", "completions bash"] {
        let full = common::shell(&format!("{binary} {words} > /dev/full"));
        assert_eq!(full.code, 5, "{words}: {full:?}");
        assert!(full.stderr.contains("error: cannot write"), "{words}: {full:?}");
        assert!(
            full.stderr.contains("No space left") && !full.stderr.contains("panicked"),
            "{words}: {full:?}"
        );
        let left = common::shell(&format!("({binary} {words}; echo ended $? >&2) | true"));
        assert!(left.stderr.contains("ended 0"), "{words}: {left:?}");
    }
    let unread = common::shell(&format!("({binary} run nothing.toml; echo ended $?) 2>&1 >&3 3>&1 | true"));
    assert!(!unread.stdout.contains("ended 0"), "{unread:?}");
}
