//! What forking costs: a node is booted to where its control agent takes commands, frozen, and forked.
//!
//! `cargo bench -p multivac-cluster --bench fork -- DIR [COUNT] [MEMORY-MIB]`, where DIR is an image's folder (`kernel`,
//! `initramfs`, `root.squashfs`), as `multivac image list` shows them. Without DIR nothing is measured. At the end as many
//! forked nodes, joined to a star, run `hostname`.

use cluster::boot::{self, Booted, Devices, Hardware, Payload};
use cluster::control::{Command, Identity, Session};
use cluster::disk::{self, Mode};
use cluster::interconnect::Wiring;
use cluster::interface::Timing;
use cluster::job::Stream;
use cluster::run::{Bounds, Cluster, Host, Input, Member, Moment};
use cluster::time::{Bandwidth, NetworkClock, Ps};
use fabric::topology::Topology;
use fabric::{Level, NodeId};
use machine::board::Board;
use machine::dev::virtio::console::CONTROL_PORT;
use machine::node::{Limits, Node, Pause};
use std::path::Path;
use std::time::Instant;

/// Cycles between two looks at the control channel.
const EPOCH_CYCLES: u64 = 1_000_000;
/// Cycles that each forked node runs to show its speed: a tenth of a second.
const WORK_CYCLES: u64 = 100_000_000;
const MIB: f64 = 1048576.0;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let Some(dir) = words.first().map(Path::new) else {
        println!(
            "give an image's folder to measure forking: cargo bench -p multivac-cluster --bench fork -- DIR"
        );
        return;
    };
    let number =
        |index: usize, default: u64| words.get(index).map_or(default, |word| word.parse().expect("a number"));
    let (count, memory_mib) = (number(1, 64), number(2, 128));
    let hardware = Hardware {
        board: Board { memory_bytes: memory_mib << 20, ..Board::default() },
        clock_hz: 1_000_000_000,
        turn_cycles: 40_000,
        software_tlb: false,
        timing: None,
        seed: 1,
        translate: true,
        code_cache_bytes: 64 << 20,
        perf_map: false,
    };
    let devices = || {
        let root = disk::open(&dir.join("root.squashfs"), Mode::ReadOnly).expect("the image's root");
        Devices { disks: vec![root], ..Devices::default() }
    };
    let read = |name: &str| std::fs::read(dir.join(name)).expect("the image's files");
    let (kernel, initrd) = (read("kernel"), read("initramfs"));
    let arguments = "console=hvc0 quiet multivac.shell=none";
    let payload = Payload::Kernel { kernel: Some(&kernel), initrd: Some(&initrd), arguments, bios: None };

    let started = Instant::now();
    let mut node = boot::boot(&hardware, devices(), payload).expect("the image boots").node;
    to_ready(&mut node);
    let at = node.clock().round_start();
    println!("booted     {:7.2} s wall, {} M instructions", seconds(started), node.retired() / 1_000_000);

    let started = Instant::now();
    let template = node.freeze().expect("room for the image");
    println!(
        "frozen     {:7.1} ms, {:.1} MiB shared",
        seconds(started) * 1e3,
        template.shared_bytes() as f64 / MIB
    );

    let before = private_bytes();
    let started = Stopwatch::start();
    let mut nodes: Vec<Node> = (0..count)
        .map(|_| {
            let mut node = boot::fork(&template, &hardware, devices()).expect("room for a fork");
            node.run(Limits { instructions: node.retired() + 1, cycle: u64::MAX });
            node
        })
        .collect();
    println!("forked     {started} for {count} nodes, each with its first instruction done");
    println!("first      {:7.2} MiB resident a node", (private_bytes() - before) / count as f64 / MIB);

    let started = Stopwatch::start();
    let retired = |nodes: &[Node]| nodes.iter().map(Node::retired).sum::<u64>();
    let first = retired(&nodes);
    for node in &mut nodes {
        let pause = node.run(Limits { instructions: u64::MAX, cycle: at + WORK_CYCLES });
        assert!(matches!(pause, Pause::Time | Pause::Asleep), "{pause:?}");
    }
    let instructions = retired(&nodes) - first;
    println!("idle       {started} for 0.1 s of virtual time on all, {instructions} instructions");
    println!("then       {:7.2} MiB resident a node", (private_bytes() - before) / count as f64 / MIB);
    println!("counters   {:?}", nodes[0].engine_counters());

    drop(nodes);
    let before = private_bytes();
    let fork = || boot::fork(&template, &hardware, devices()).expect("room for a fork");
    let mut cluster = joined((0..count).map(|_| fork()).collect());
    let first: u64 = cluster.nodes().iter().map(|node| node.telemetry.instructions).sum();
    let mut answers = Answers::default();
    let started = Stopwatch::start();
    let end = cluster.run(&mut answers);
    let spent = started.to_string();
    let cpu = started.cpu_s();
    let last: u64 = cluster.nodes().iter().map(|node| node.telemetry.instructions).sum();
    let right = (0..count).filter(|node| answers.lines.contains(&format!("node{node}"))).count();
    println!("hostname   {spent} on {count} nodes: {right} right answers ({end})");
    let mips = (last - first) as f64 / cpu / 1e6;
    println!("           {mips:7.1} million instructions in a second of CPU time, of {}", last - first);
    println!("then       {:7.2} MiB resident a node", (private_bytes() - before) / count as f64 / MIB);
}

/// What the nodes' commands said.
#[derive(Default)]
struct Answers {
    lines: Vec<String>,
}

impl Host for Answers {
    fn console(&mut self, _node: NodeId, _bytes: &[u8]) {}

    fn job(&mut self, _node: NodeId, _stream: Stream, bytes: &[u8]) {
        self.lines.extend(String::from_utf8_lossy(bytes).lines().map(str::to_owned));
    }

    fn input(&mut self, _moment: Moment) -> Input {
        Input::default()
    }
}

/// The forked nodes on a star, each told its name and asked for it.
fn joined(nodes: Vec<Node>) -> Cluster {
    let wiring = Wiring {
        topology: Topology::from_spec(&format!("star:{}", nodes.len())).expect("a star"),
        table: None,
        fabric: fabric::Config { level: Level::Packet, ..fabric::Config::default() },
        clock: NetworkClock::new(Bandwidth { bits_per_s: 10_000_000_000 }, 1),
        latency: Ps(1_000_000),
        router: Ps(0),
        faults: Vec::new(),
    };
    let count = u32::try_from(nodes.len()).expect("few nodes");
    let member = |(number, node): (usize, Node)| Member {
        name: format!("node{number}"),
        booted: Booted { node, symbols: Default::default(), kind: "fork", note: None },
        timing: Timing::default(),
        crash_at: None,
    };
    let members = nodes.into_iter().enumerate().map(member).collect();
    let mut cluster = Cluster::joined(members, wiring, 1, Bounds::default()).expect("a network");
    for node in (0..count).map(NodeId) {
        let identity = Identity { host_name: format!("node{}", node.0), ..Identity::default() };
        let command = Command { argv: vec!["hostname".to_owned()], ..Command::default() };
        cluster.set_errand_of_fork(node, Some(identity), Some(command));
    }
    cluster.set_threads(std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    cluster
}

/// Runs until the agent says that it takes commands.
fn to_ready(node: &mut Node) {
    let mut session = Session::new();
    while !session.is_ready() {
        let next = node.clock().round_start() + EPOCH_CYCLES;
        let pause = node.run(Limits { instructions: u64::MAX, cycle: next });
        assert_eq!(pause, Pause::Time, "the image did not get ready");
        let console = node.bus.console().expect("a console");
        console.take_output(machine::dev::virtio::console::CONSOLE_PORT);
        session.receive(&console.take_output(CONTROL_PORT)).expect("the agent keeps to the protocol");
    }
}

/// Wall and CPU time of this process since an instant.
struct Stopwatch {
    wall: Instant,
    cpu: f64,
}

impl Stopwatch {
    fn start() -> Stopwatch {
        Stopwatch { wall: Instant::now(), cpu: process_cpu_s() }
    }

    fn cpu_s(&self) -> f64 {
        process_cpu_s() - self.cpu
    }
}

impl std::fmt::Display for Stopwatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:7.1} ms wall, {:.1} ms CPU", seconds(self.wall) * 1e3, self.cpu_s() * 1e3)
    }
}

fn process_cpu_s() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}

/// Memory that is this process's alone.
fn private_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux tells");
    let kib = |line: &str| line.split_whitespace().nth(1).and_then(|word| word.parse::<f64>().ok());
    text.lines().filter(|line| line.starts_with("Private_")).filter_map(kib).sum::<f64>() * 1024.0
}
