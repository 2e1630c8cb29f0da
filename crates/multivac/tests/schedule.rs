//! `multivac schedule` from outside: one JSON document, charts, and exit codes that a script can rely on.

use std::path::PathBuf;
use std::process::{Command, Output};

fn schedule(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_multivac"))
        .arg("schedule")
        .args(args)
        .output()
        .expect("the command runs")
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("a file for the test");
    path
}

fn json(args: &[&str]) -> serde_json::Value {
    let output = schedule(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON document alone on standard output")
}

#[test]
fn without_arguments_it_draws_the_two_gangs_in_the_width_asked_for() {
    let output = schedule(&["--width", "60"]);
    let text = String::from_utf8(output.stdout).expect("text");
    let charts: Vec<&str> = text.lines().filter(|line| line.starts_with("cpu")).collect();
    assert_eq!(charts.len(), 4, "{text}");
    assert!(charts.iter().all(|line| line.chars().count() <= 60), "{text}");
    assert!(charts[0].contains("A0~") && charts[2].contains("B0━"), "{text}");
}

#[test]
fn json_is_the_same_for_the_same_seed_and_differs_for_another() {
    let run = |seed: &str| json(&["mixed", "--json", "--seed", seed, "--policy", "fair,gang"]);
    let one = run("7");
    assert_eq!(one, run("7"));
    assert_ne!(one["results"], run("8")["results"]);
    assert_eq!(one["results"][0]["policy"], "fair");
    let used = &one["results"][1]["utilization"];
    let parts =
        ["useful", "spinning", "switching", "reloading", "idle"].map(|part| used[part].as_f64().unwrap());
    assert!((parts.iter().sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn the_gang_table_comes_out_cell_by_cell_and_as_svg() {
    let svg = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("gang-table.svg");
    let document = json(&["gang-table", "--json", "--svg", svg.to_str().unwrap()]);
    assert_eq!(document["results"][0]["matrix"][2], serde_json::json!(["D0", "D1", "D2", "D3", "D4", "E0"]));
    let drawing = std::fs::read_to_string(svg).expect("the drawing");
    assert!(drawing.starts_with("<svg") && drawing.contains(">E6<"), "the names are in it");
}

#[test]
fn mistakes_exit_3_with_their_line_and_what_was_meant() {
    let cases = [
        (
            "zero.toml",
            "[policy]\nquantum = \"0s\"\n[[thread]]\nname = \"T\"\nprogram = [{ compute = \"1ms\" }]",
            "zero.toml:2",
            "zero",
        ),
        ("typo.toml", "[machine]\ncpu = 4\n", "typo.toml:2", "did you mean `cpus`?"),
        (
            "policy.toml",
            "policies = [\"gnag\"]\n[[thread]]\nname = \"T\"\nprogram = []",
            "policy.toml:1",
            "did you mean `gang`?",
        ),
        (
            "wide.toml",
            "policies = [\"gang\"]\n[machine]\ncpus = 2\n[[group]]\nname = \"A\"\nthreads = 3\nprogram = [{ compute = \"1ms\" }]",
            "wide.toml:6",
            "wider",
        ),
        (
            "lock.toml",
            "[[sync]]\nname = \"L\"\nkind = \"mutex\"\n[[thread]]\nname = \"T\"\nprogram = [\n{ lock = \"L\" },\n{ lock = \"L\" }]",
            "lock.toml:8",
            "deadlock",
        ),
    ];
    for (name, text, place, says) in cases {
        let path = file(name, text);
        let output = schedule(&[path.to_str().unwrap()]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{name}: {error}");
        assert!(error.contains(place) && error.contains(says), "{name}: {error}");
    }
}

#[test]
fn a_deadlock_is_in_the_json_with_who_waits_for_whom() {
    let text = "policies = [\"time-sharing\"]\n[machine]\ncpus = 2\n[[sync]]\nname = \"X\"\nkind = \"mutex\"\n[[sync]]\nname = \"Y\"\nkind = \"mutex\"
[[thread]]\nname = \"P\"\nprogram = [{ lock = \"X\" }, { compute = \"1ms\" }, { lock = \"Y\" }]
[[thread]]\nname = \"Q\"\nprogram = [{ lock = \"Y\" }, { compute = \"1ms\" }, { lock = \"X\" }]";
    let path = file("deadlock.toml", text);
    let output = schedule(&[path.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let waiting = document["deadlock"]["waiting"].as_array().expect("who waits");
    let pairs: Vec<_> = waiting.iter().map(|w| (w["thread"].clone(), w["on"][0].clone())).collect();
    assert!(
        pairs.contains(&("P".into(), "Q".into())) && pairs.contains(&("Q".into(), "P".into())),
        "{pairs:?}"
    );
}

#[test]
fn an_unknown_policy_on_the_command_line_is_a_usage_error() {
    let output = schedule(&["--policy", "gong"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `gang`?"));
}
