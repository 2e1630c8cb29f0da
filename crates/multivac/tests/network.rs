//! `multivac topology` and `multivac traffic` as a user runs them: files, figures, and errors with their places.

mod common;

use common::{file, multivac, word};

const CONFIG: i32 = 3;

/// Runs, and expects a refused configuration whose message has these parts.
fn refused(words: &[&str], parts: &[&str]) {
    let run = multivac(words);
    assert_eq!(run.code, CONFIG, "{words:?}: {run:?}");
    for part in parts {
        assert!(run.stderr.contains(part), "no `{part}` for {words:?} in {}", run.stderr);
    }
}

#[test]
fn a_traffic_file_is_measured_and_flags_go_before_its_keys() {
    let text = "topology = \"mesh:4x4\"\npattern = \"transpose\"\nrate = 0.1\nvcs = 2\nwarmup = 1000\ncycles = 4000\n";
    let path = file("traffic.toml", text);
    let found = multivac(&["traffic", word(&path), "--json"]).json();
    assert_eq!((&found["topology"], &found["pattern"]), (&"mesh:4x4".into(), &"transpose".into()));
    assert_eq!((&found["vcs"], &found["saturated"]), (&2.into(), &false.into()));
    let number = |key: &str| found[key].as_f64().unwrap_or_else(|| panic!("{key}: {found}"));
    let latency = number("latency_mean_cycles");
    assert!((15.0..60.0).contains(&latency) && number("latency_p99_cycles") >= latency, "{found}");
    assert!((number("accepted_mean") - 0.1).abs() < 0.02 && number("accepted_min") > 0.03, "{found}");
    let other = multivac(&["traffic", word(&path), "--json", "--vcs", "4", "--rate", "0.9"]).json();
    assert_eq!((&other["vcs"], &other["saturated"]), (&4.into(), &true.into()));
    assert!(other["latency_mean_cycles"].is_null(), "{other}");
    assert_eq!(multivac(&["traffic", word(&path), "--json"]).json(), found, "the same run twice");
}

#[test]
fn a_traffic_file_that_cannot_be_is_shown_with_its_line() {
    let check = |name: &str, text: &str, parts: &[&str]| {
        let path = file(name, text);
        refused(&["traffic", word(&path)], &[parts, &[name]].concat());
    };
    check("unknown-key.toml", "rate = 0.1\npattrn = \"uniform\"\n", &[".toml:2", "did you mean `pattern`?"]);
    check("no-pattern.toml", "pattern = \"uniforn\"\n", &[".toml:1", "did you mean `uniform`?"]);
    check("no-rate.toml", "vcs = 2\nrate = 1.5\n", &[".toml:2", "0 to 1"]);
    check("no-mesh.toml", "topology = \"mesh:3x0\"\n", &[".toml:1", "mesh"]);
    check("kind.toml", "vcs = \"two\"\n", &[".toml:1", "invalid type"]);
}

#[test]
fn a_graph_in_two_parts_is_shown_where_the_second_begins() {
    let list = file("parts.txt", "a b\nb c\nd e\n");
    refused(
        &["topology", word(&list)],
        &["parts.txt:3", "`a` reaches 3 of 5", "`d` is not among them", "joins `d`"],
    );
    let toml = file("parts.toml", "links = [\n  [\"a\", \"b\"],\n  [\"c\", \"d\"],\n]\n");
    refused(&["traffic", "--topology", word(&toml)], &["parts.toml:3", "`c` is not among them"]);
}

/// A ring of four whose packets all go round one way.
fn one_way(skip: &str) -> String {
    let mut text = "links = [[\"a\", \"b\"], [\"b\", \"c\"], [\"c\", \"d\"], [\"d\", \"a\"]]\n".to_owned();
    for (at, via) in [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")] {
        for to in ["a", "b", "c", "d"].into_iter().filter(|to| *to != at && format!("{at}{to}") != skip) {
            text += &format!("[[route]]\nat = \"{at}\"\nto = \"{to}\"\nvia = \"{via}\"\n");
        }
    }
    text
}

#[test]
fn a_cyclic_routing_table_is_shown_with_its_cycle_and_a_route_of_it() {
    let path = file("cyclic.toml", one_way(""));
    let words = ["traffic", "--topology", word(&path), "--rate", "0.1"];
    refused(
        &words,
        &["cyclic.toml:", "at = \"b\"", "can deadlock: 4 channels wait in a cycle", "a -> b", "d -> a"],
    );
    // Two routes that send a packet back and forth, and one by way of no neighbour.
    let text = one_way("").replacen("via = \"b\"", "via = \"d\"", 2);
    let path = file("circle.toml", text);
    let words = ["traffic", "--topology", word(&path), "--rate", "0.1"];
    refused(&words, &["circle.toml:", "goes round in a circle"]);
    let text = one_way("").replacen("via = \"b\"", "via = \"c\"", 1);
    let path = file("stranger.toml", text);
    let words = ["traffic", "--topology", word(&path), "--rate", "0.1"];
    refused(&words, &["stranger.toml:3", "`c` is no neighbour of `a`"]);
}

#[test]
fn switches_that_routes_could_not_tell_apart_are_refused() {
    let route = "[[route]]\nat = \"t\"\nto = \"y\"\nvia = \"y\"\n";
    let text = "switches = [\"s\", \"s\", \"s\", \"s\", \"t\"]\nlinks = [[\"x\", \"s\"], [\"s\", \"t\"], [\"t\", \"y\"]]\n";
    let path = file("twice.toml", format!("{text}{route}"));
    refused(&["traffic", "--topology", word(&path)], &["the switch `s` is there twice", "twice.toml:1"]);
    let text = "topology = \"ring:2\"\nswitches = [\"a\", \"b\", \"c\", \"t\"]\n";
    let path = file("both.toml", format!("{text}{}", route.replace('y', "1")));
    refused(&["traffic", "--topology", word(&path)], &["links or switches are listed too", "both.toml:1"]);
}

#[test]
fn networks_that_cannot_be_say_which_can() {
    refused(&["topology", "mesh:3x0"], &["mesh:3x0"]);
    refused(&["topology", "hypercube", "--nodes", "12"], &["12", "power of two"]);
    refused(&["topology", "hypercub:4"], &["did you mean `hypercube`?"]);
    refused(&["traffic", "--rate", "1.5"], &["rate", "0 to 1"]);
    refused(&["traffic", "--rate", "-0.1"], &["--rate -0.1", "0 to 1"]);
    refused(
        &["traffic", "--rate", "0.1", "--switching", "cut-through", "--packet-flits", "9"],
        &["a buffer must hold a whole packet", "--buffer-flits 9"],
    );
    refused(&["traffic", "--rate", "0.1", "--pattern", "tornadoo"], &["did you mean `tornado`?"]);
}

#[test]
fn faults_are_counted_and_a_wrong_plan_has_its_place() {
    let plan = file("some.plan", "0 link 0 1 loss 0.1 corruption 0.2\n0 link 2 3 duplication 0.3\n");
    let words = ["traffic", "--topology", "ring:4", "--rate", "0.1", "--json", "--faults", word(&plan)];
    let found = multivac(&words).json();
    for what in ["dropped_packets", "corrupted_packets", "duplicated_packets"] {
        assert!(found[what].as_u64() > Some(0), "{what}: {found}");
    }
    assert_eq!(multivac(&words).json(), found, "the same seed, the same faults");
    let wrong = file("wrong.plan", "0 link 0 1 loss 0.1\n5 link 1 2 dwon\n");
    let words = ["traffic", "--topology", "ring:4", "--rate", "0.1", "--faults", word(&wrong)];
    refused(&words, &["wrong.plan:2:12", "did you mean `down`?"]);
}

#[test]
fn who_stops_reading_ends_it_quietly() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_multivac"))
        .args(["topology", "mesh:16x16", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the binary ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
