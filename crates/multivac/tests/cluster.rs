//! Clusters from outside: what `multivac run` does with several nodes.

mod common;

use common::{file, multivac, shell, word};

#[test]
fn the_heat_equation_runs_on_sixteen_nodes_on_any_number_of_threads() {
    let one = multivac(&["run", "--threads", "1", "--json"]);
    assert_eq!(one.code, 0, "{one:?}");
    let report = one.json();
    assert_eq!(report["reason"], "poweroff");
    assert_eq!(report["nodes"].as_array().map(Vec::len), Some(16));
    assert_eq!(report["network"]["topology"], "hypercube:4");
    let packets = report["network"]["packets"].as_u64();
    assert!(packets > Some(100) && packets == report["network"]["delivered"].as_u64(), "{report}");
    assert!(one.stderr.contains("n0  | "), "{one:?}");
    let two = multivac(&["run", "heat", "--threads", "2", "--engine", "interp", "--json"]);
    assert_eq!(one.digest(), two.digest());
}

#[test]
fn a_report_tells_of_nodes_links_and_losses() {
    let text = "schema = 1\n[[node]]\ncount = 4\nmemory = \"16MiB\"\nprogram = \"jacobi\"\nappend = \"grid=16\"\n\
                [network]\ntopology = \"ring\"\n[[fault]]\nlink = \"all\"\nloss = 0.05\n";
    let run = multivac(&["run", word(&file("lossy.toml", text))]);
    assert_eq!(run.code, 0, "{run:?}");
    for part in [
        "network   ring:4, wormhole, by the packet",
        " lost",
        "latency ",
        "busiest ",
        "n3 ",
        "again     multivac run",
    ] {
        assert!(run.stdout.contains(part), "no `{part}` in {}", run.stdout);
    }
}

#[test]
fn a_crash_is_told_with_the_last_words() {
    let text = "schema = 1\n[[node]]\ncount = 4\nmemory = \"16MiB\"\nprogram = \"jacobi\"\n\
                append = \"grid=64 patience=20\"\n[network]\ntopology = \"hypercube\"\n[[fault]]\nat = \"1ms\"\ncrash = \"n2\"\n";
    let path = file("crash.toml", text);
    let run = multivac(&["run", word(&path), "--json"]);
    assert_eq!(run.code, 6, "{run:?}");
    let report = run.json();
    assert_eq!(report["nodes"][2]["standing"], "crashed");
    assert!(report["culprit"].as_str().is_some_and(|name| name != "n2"), "{report}");
}

#[test]
fn input_that_nobody_reads_is_said_to_be_left() {
    let words = file("words.txt", "words\n");
    let run = |flags: &str| {
        let program = env!("CARGO_BIN_EXE_multivac");
        shell(&format!("{program} run --max-time 10us {flags} <{}", word(&words)))
    };
    for (flags, told) in [
        ("heat", Some("note: standard input is not read: --console NODE")),
        ("demo", Some("note: standard input is not read\n")),
        ("heat --console n1", None),
        ("heat -q", None),
    ] {
        let run = run(flags);
        assert_eq!(run.code, 124, "{run:?}");
        assert_eq!(run.stderr.contains("is not read"), told.is_some(), "{flags}: {run:?}");
        assert!(run.stderr.contains(told.unwrap_or_default()), "{flags}: {run:?}");
    }
}

#[test]
fn flags_that_fit_no_cluster_are_refused() {
    let run = multivac(&["run", "--nodes", "12"]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stderr.contains("8 or 16"), "{run:?}");
    let run = multivac(&["run", "--topology", "rung"]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stderr.contains("did you mean `ring`?"), "{run:?}");
}

#[test]
fn bare_nodes_are_forked_at_an_instant() {
    let forked = ["run", "--nodes", "4", "--append", "grid=24 tolerance=200000", "--set", "node.boot=fork"];
    let words: Vec<&str> = forked.into_iter().chain(["--set", "node.fork_at=500ns"]).collect();
    let run = multivac(&words);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("n0 | ") && run.stdout.contains("latency "), "{run:?}");
    let early = multivac(&forked);
    assert!(early.code == 3 && early.stderr.contains("fork_at"), "{early:?}");
    let late: Vec<&str> =
        forked.into_iter().chain(["--set", "node.fork_at=3s", "--set", "node.append=patience=20"]).collect();
    let late = multivac(&late);
    // A node that waits for others in vain gives up.
    assert!(late.code == 4 && late.stderr.contains("it ended before"), "{late:?}");
}
