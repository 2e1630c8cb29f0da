//! Captures, traces and the table: who watches a run changes nothing of it, and sees what happened.

mod common;

use common::{file, multivac, word};
use std::path::Path;
use std::process::Command;

/// A small heat equation on four nodes.
const RUN: [&str; 7] =
    ["run", "--json", "--nodes", "4", "--append", "grid=24 tolerance=200000", "--topology=hypercube"];

fn run(more: &[&str]) -> common::Outcome {
    let words: Vec<&str> = RUN.iter().chain(more).copied().collect();
    let run = multivac(&words);
    assert_eq!(run.code, 0, "{run:?}");
    run
}

/// Frames of a capture as tshark sees them: interface, picoseconds, bytes, receiver; `None` without tshark.
fn frames(capture: &Path) -> Option<Vec<(String, u64, u64, String)>> {
    let fields = ["frame.interface_name", "frame.time_epoch", "frame.len", "eth.dst"];
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-E", "separator=;", "-r"]).arg(capture);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let frame = |line: &str| {
        let parts: Vec<&str> = line.split(';').collect();
        let [interface, time, length, to] = parts[..] else { panic!("{line}") };
        let (seconds, nanoseconds) = time.split_once('.').expect("a fraction");
        let ns = number(seconds) * 1_000_000_000 + number(nanoseconds);
        (interface.to_owned(), ns, number(length), to.to_owned())
    };
    Some(text.lines().map(frame).collect())
}

#[test]
fn watching_changes_nothing_and_sees_every_frame() {
    let capture = file("watched.pcapng", "");
    let trace = file("watched.pftrace", "");
    let plain = run(&[]);
    let watched = run(&["--live", "--pcap", word(&capture), "--trace", word(&trace)]);
    assert_eq!(plain.digest(), watched.digest());
    let bytes = std::fs::read(&trace).expect("a trace");
    for name in ["n3 hart 0", "n3 frames", "n0 to n1", "runs", "network"] {
        assert!(bytes.windows(name.len()).any(|part| part == name.as_bytes()), "no `{name}` in the trace");
    }
    let Some(frames) = frames(&capture) else {
        println!("no tshark on this host: the capture was not looked at");
        return;
    };
    let sent: u64 = watched.json()["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .flat_map(|node| node["interfaces"].as_array().expect("interfaces"))
        .map(|traffic| traffic["sent_frames"].as_u64().expect("a count"))
        .sum();
    assert!(sent > 100 && frames.len() as u64 == 2 * sent, "{sent} frames sent, {} captured", frames.len());
    let in_order = frames.windows(2).all(|pair| pair[0].1 <= pair[1].1);
    assert!(in_order, "frames are in the order of their instants");
}

#[test]
fn a_capture_of_one_node_has_its_frames_alone() {
    let capture = file("one.pcapng", "");
    run(&["--pcap", word(&capture), "--set", "output.pcap=[\"n2\"]"]);
    let Some(frames) = frames(&capture) else {
        println!("no tshark on this host: the capture was not looked at");
        return;
    };
    assert!(!frames.is_empty() && frames.iter().all(|(interface, ..)| interface == "n2 eth0"), "{frames:?}");
}

#[test]
fn what_cannot_be_captured_is_refused() {
    let config = file("capture.toml", "schema = 1\n[[node]]\ncount = 2\n[output]\npcap = [\"n7\"]\n");
    let refused = multivac(&["run", word(&config)]);
    assert!(refused.code == 3 && refused.stderr.contains("there is no node `n7`"), "{refused:?}");
    let refused = multivac(&["run", "--nodes", "2", "--trace", "/nonexistent/trace"]);
    assert!(refused.code == 5 && refused.stderr.contains("cannot write /nonexistent/trace"), "{refused:?}");
}
