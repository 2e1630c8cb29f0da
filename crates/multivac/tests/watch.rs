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

/// A frame of a capture: its interface, its instant in picoseconds since the beginning, its bytes.
type Captured = (String, u64, Vec<u8>);

/// Reads a capture to the picosecond, which tshark does not show.
fn read_capture(path: &Path) -> Vec<Captured> {
    let bytes = std::fs::read(path).expect("a capture");
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("a word"));
    let (mut names, mut frames, mut at) = (Vec::new(), Vec::new(), 0);
    while at < bytes.len() {
        match word(at) {
            // An interface, whose name is its first option.
            1 => {
                let length = (word(at + 16) >> 16) as usize;
                names.push(String::from_utf8_lossy(&bytes[at + 20..at + 20 + length]).into_owned());
            }
            6 => {
                let instant = u64::from(word(at + 12)) << 32 | u64::from(word(at + 16));
                let frame = bytes[at + 28..at + 28 + word(at + 20) as usize].to_vec();
                frames.push((names[word(at + 8) as usize].clone(), instant, frame));
            }
            _ => {}
        }
        at += word(at + 4) as usize;
    }
    frames
}

/// Frames of one interface, by their bytes in the order in which they were there first.
fn at_interface<'a>(frames: &'a [Captured], name: &str) -> Vec<&'a Captured> {
    frames.iter().filter(|(interface, ..)| interface == name).collect()
}

/// Two nodes share no link in either direction, so each frame is alone: from its sender's wire to its receiver's it
/// takes what docs/clusters.md says, to the picosecond, and on the link between the routers it is seen on its way.
#[test]
fn latency_between_two_captures_is_the_configured_networks() {
    const CYCLE_PS: u64 = 8000;
    const LINK: u64 = 375;
    const ROUTER: u64 = 13;
    let capture = file("latency.pcapng", "");
    let config = "schema = 1\n[[node]]\ncount = 2\nmemory = \"16MiB\"\nprogram = \"jacobi\"\n\
                  append = \"grid=24 tolerance=200000\"\n[network]\ntopology = \"hypercube\"\n\
                  latency = \"3us\"\nrouter = \"100ns\"\nbandwidth = \"1Gbit/s\"\n\
                  [output]\npcap = [\"n0\", \"n1\", \"n0:n1\"]\n";
    let config = file("latency.toml", config);
    let run = multivac(&["run", word(&config), "--pcap", word(&capture)]);
    assert_eq!(run.code, 0, "{run:?}");
    let frames = read_capture(&capture);
    for (from, to) in [("n0", "n1"), ("n1", "n0")] {
        let sender: [u8; 6] = [2, 0, 0, 0, 0, if from == "n0" { 1 } else { 2 }];
        let of_sender = |name: String| {
            let seen = at_interface(&frames, &name).into_iter();
            seen.filter(|(_, _, bytes)| bytes[6..12] == sender).collect::<Vec<_>>()
        };
        let sent = of_sender(format!("{from} eth0"));
        let crossed = of_sender(format!("{from} to {to}"));
        let received = of_sender(format!("{to} eth0"));
        assert!(sent.len() > 20 && sent.len() == received.len() && sent.len() == crossed.len());
        for ((sent, crossed), received) in sent.iter().zip(&crossed).zip(&received) {
            let flits = sent.2.len() as u64;
            assert!(sent.2 == received.2 && sent.2 == crossed.2, "in the order in which they were sent");
            let cycles = 1 + LINK + 2 * (ROUTER + LINK) + flits - 1;
            assert_eq!(received.1 - sent.1, cycles * CYCLE_PS, "{flits} bytes from {from}");
            // Its first flit is behind the first router, two links and a router before its receiver.
            assert_eq!(crossed.1 - sent.1, (1 + LINK + ROUTER) * CYCLE_PS);
        }
    }
}
