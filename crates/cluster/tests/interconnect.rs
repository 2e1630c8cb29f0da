//! Bare nodes on a network: the heat equation of `guest/jacobi`, whatever the threads, engines and faults.

use cluster::boot::{Attachment, Devices, Hardware, Payload, Start, boot};
use cluster::interconnect::Wiring;
use cluster::interface::Timing;
use cluster::job::Stream;
use cluster::run::{Bounds, Cluster, End, Host, Input, Member, Moment, Seen, Way};
use cluster::summary::Standing;
use cluster::time::{Bandwidth, NetworkClock, Ps};
use fabric::fault::{Change, Hazard};
use fabric::topology::{Spec, Topology};
use fabric::{Config, Level, LinkId, NodeId, Switching};
use machine::board::Board;
use machine::dev::virtio::net::Capacity;
use machine::node::Halt;
use std::collections::BTreeMap;

/// A frame that was seen.
type Frame = (Ps, NodeId, Way, Vec<u8>);

/// Hears everything and says nothing.
#[derive(Default)]
struct Listener {
    console: BTreeMap<NodeId, Vec<u8>>,
    frames: Vec<Frame>,
}

impl Host for Listener {
    fn console(&mut self, node: NodeId, bytes: &[u8]) {
        self.console.entry(node).or_default().extend_from_slice(bytes);
    }

    fn job(&mut self, _node: NodeId, _stream: Stream, _bytes: &[u8]) {}

    fn input(&mut self, _moment: Moment) -> Input {
        Input::default()
    }

    fn frame(&mut self, seen: &Seen<'_>) {
        self.frames.push((seen.at, seen.node, seen.way, seen.bytes.to_vec()));
    }
}

/// A cluster to be built.
#[derive(Clone)]
struct Plan {
    spec: &'static str,
    nodes: u32,
    words: &'static str,
    translate: bool,
    threads: usize,
    crash: Option<(u32, Ps)>,
    faults: Vec<(Ps, Change)>,
    fabric: Config,
    clocks: [u64; 2],
}

impl Plan {
    fn new(spec: &'static str, nodes: u32) -> Plan {
        Plan {
            spec,
            nodes,
            words: "grid=16 tolerance=1000000",
            translate: false,
            threads: 1,
            crash: None,
            faults: Vec::new(),
            fabric: Config { level: Level::Packet, ..Config::default() },
            clocks: [1_000_000_000; 2],
        }
    }

    fn topology(&self) -> Topology {
        Spec::parse_for(self.spec, Some(self.nodes)).and_then(|spec| spec.build()).expect("a topology")
    }

    fn wiring(&self) -> Wiring {
        Wiring {
            topology: self.topology(),
            table: None,
            fabric: self.fabric.clone(),
            clock: NetworkClock::new(Bandwidth { bits_per_s: 10_000_000_000 }, 1),
            latency: Ps(1_000_000),
            router: Ps(50_000),
            faults: self.faults.clone(),
        }
    }

    fn build(&self) -> Cluster {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest/prebuilt/jacobi.elf");
        let program = std::fs::read(file).expect("the prebuilt program");
        let words = format!("nodes={} {}", self.nodes, self.words);
        let members = (0..self.nodes).map(|number| {
            let node = NodeId(number);
            let hardware = Hardware {
                board: Board { harts: 1, memory_bytes: 8 << 20, ..Board::default() },
                clock_hz: self.clocks[number as usize % 2],
                turn_cycles: 40_000,
                software_tlb: false,
                timing: None,
                seed: u64::from(number),
                translate: self.translate,
                code_cache_bytes: 16 << 20,
                perf_map: false,
            };
            let network = Attachment { node, interfaces: 1, connected: true, capacity: Capacity::default() };
            let devices = Devices { network, ..Devices::default() };
            let payload = Payload::Elf { file: &program, start: Some(Start::Supervisor), arguments: &words };
            Member {
                name: node.to_string(),
                booted: boot(&hardware, devices, payload).expect("it boots"),
                timing: Timing::default(),
                crash_at: self.crash.filter(|(crashed, _)| *crashed == number).map(|(_, at)| at),
            }
        });
        let bounds = Bounds { time_ns: Some(20_000_000_000), instructions: None };
        let mut cluster = Cluster::joined(members.collect(), self.wiring(), 1, bounds).expect("a network");
        cluster.set_threads(self.threads);
        cluster
    }

    /// Runs to the end; the digest with what was heard.
    fn run(&self) -> (End, String, Listener, Cluster) {
        let mut cluster = self.build();
        let mut host = Listener::default();
        let end = cluster.run(&mut host);
        let digest = cluster.digest("test").to_hex().to_string();
        (end, digest, host, cluster)
    }
}

fn said(host: &Listener) -> String {
    host.console.values().map(|bytes| String::from_utf8_lossy(bytes)).collect()
}

#[test]
fn threads_and_engines_change_nothing() {
    let plan = Plan { clocks: [1_000_000_000, 700_000_001], ..Plan::new("hypercube", 4) };
    let (end, digest, host, _) = plan.run();
    assert_eq!(end, End::Halted(Halt::PowerOff), "{}", said(&host));
    let repeated = plan.run();
    assert_eq!(repeated.1, digest);
    assert!(repeated.2.frames == host.frames);
    for (threads, translate) in [(2, false), (3, true), (1, true)] {
        let other = Plan { threads, translate, ..plan.clone() }.run();
        assert_eq!(other.1, digest, "{threads} threads, translate {translate}");
    }
    let even = Plan { clocks: [1_000_000_000; 2], ..plan }.run();
    assert_ne!(even.1, digest);
}

#[test]
fn a_frame_alone_takes_exactly_what_the_network_is_configured_to() {
    for (switching, level) in [
        (Switching::Wormhole, Level::Packet),
        (Switching::StoreAndForward, Level::Packet),
        (Switching::Circuit, Level::Packet),
        (Switching::Wormhole, Level::Flit),
    ] {
        // Buffers that cover the way of a credit back: else a packet waits for room on its way.
        let fabric = Config { switching, level, buffer_flits: 4096, ..Config::default() };
        let plan = Plan { fabric, words: "grid=8 tolerance=1000000", ..Plan::new("star", 2) };
        let wiring = plan.wiring();
        let (end, _, host, _) = plan.run();
        assert_eq!(end, End::Halted(Halt::PowerOff), "{}", said(&host));
        let sent: Vec<&Frame> = host.frames.iter().filter(|(_, _, way, _)| *way == Way::Sent).collect();
        assert!(sent.len() > 10);
        let mut exact = 0;
        for (left, from, _, bytes) in &sent {
            let expected = left.after(wiring.zero_load(1, bytes.len() as u64));
            let arrived = |(at, node, way, found): &Frame| {
                *way == Way::Received && node != from && at == &expected && found == bytes
            };
            exact += usize::from(host.frames.iter().any(arrived));
        }
        // Nothing contends between two nodes but the frames of one sender, which keep their distance on its wire;
        // only circuits are set up one after the other.
        let least = if switching == Switching::Circuit { sent.len() / 2 } else { sent.len() };
        assert!(exact >= least, "{switching:?} {level:?}: {exact} of {}", sent.len());
    }
}

#[test]
fn what_is_lost_and_damaged_is_sent_again() {
    let links = Plan::new("ring", 4).topology().links().len();
    let hazard = Hazard { loss: 0.05, corruption: 0.02, duplication: 0.02, ..Hazard::default() };
    let change = |link| (Ps(0), Change::Hazard(LinkId(u32::try_from(link).expect("few links")), hazard));
    let plan = Plan { faults: (0..links).map(change).collect(), ..Plan::new("ring", 4) };
    let (end, digest, host, cluster) = plan.run();
    assert_eq!(end, End::Halted(Halt::PowerOff), "{}", said(&host));
    let network = cluster.network().expect("a network");
    assert!(network.dropped > 0 && network.corrupted > 0, "{network:?}");
    assert!(host.frames.iter().any(|(_, _, way, _)| *way == Way::Lost));
    assert_eq!(Plan { threads: 2, ..plan }.run().1, digest);
}

#[test]
fn a_link_that_is_down_for_a_while_is_gone_around() {
    let faults = vec![
        (Ps(100_000_000), Change::Links(vec![LinkId(0)], false)),
        (Ps(400_000_000), Change::Links(vec![LinkId(0)], true)),
    ];
    let (end, _, host, _) = Plan { faults, ..Plan::new("hypercube", 4) }.run();
    assert_eq!(end, End::Halted(Halt::PowerOff), "{}", said(&host));
}

#[test]
fn a_crash_ends_what_needs_the_node() {
    let crash = Some((2, Ps(300_000_000)));
    let faults = vec![(Ps(300_000_000), Change::Node(NodeId(2), false))];
    let plan = Plan { crash, faults, words: "grid=16 tolerance=1 patience=20", ..Plan::new("hypercube", 4) };
    let (end, digest, host, cluster) = plan.run();
    assert!(matches!(end, End::Halted(Halt::Failed(_))), "{end:?}: {}", said(&host));
    assert_eq!(cluster.nodes()[2].standing, Standing::Crashed);
    assert!(cluster.culprit().is_some_and(|node| node != NodeId(2)));
    assert_eq!(Plan { threads: 2, ..plan }.run().1, digest);
}
