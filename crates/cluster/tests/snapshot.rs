//! A cluster in the middle of a parallel program, saved and gone on with: the digest is that of the run never stopped,
//! whatever engine, number of threads, fidelity of the network, and faults.

use cluster::boot::{self, Attachment, Booted, Devices, Hardware, Payload, Start};
use cluster::interconnect::Wiring;
use cluster::interface::Timing;
use cluster::run::{Bounds, Cluster, End, Mark, Member, Recorder};
use cluster::snapshot::Snapshot;
use cluster::time::{Bandwidth, NetworkClock, Ps};
use fabric::fault::{Change, Hazard};
use fabric::topology::Spec;
use fabric::{Level, LinkId, NodeId};
use machine::board::Board;
use machine::node::Halt;

const NODES: u32 = 4;
const PROGRAM: &[u8] = include_bytes!("../../../guest/prebuilt/jacobi.elf");
const CONFIG: &str = "schema = 1\n";

fn hardware(place: NodeId, translate: bool) -> Hardware {
    Hardware {
        board: Board { memory_bytes: 16 << 20, ..Board::default() },
        clock_hz: 1_000_000_000,
        turn_cycles: 10_000,
        software_tlb: false,
        timing: None,
        seed: u64::from(place.0) + 7,
        translate,
        code_cache_bytes: 4 << 20,
        perf_map: false,
    }
}

fn devices(place: NodeId) -> Devices {
    let network = Attachment { node: place, connected: true, ..Attachment::default() };
    Devices { network, ..Devices::default() }
}

fn booted(place: NodeId, translate: bool) -> Booted {
    let arguments = format!("nodes={NODES} grid=32 iterations=60");
    let payload = Payload::Elf { file: PROGRAM, start: Some(Start::Supervisor), arguments: &arguments };
    boot::boot(&hardware(place, translate), devices(place), payload).unwrap()
}

/// A network of which one link is `bad`: frames are lost, damaged and repeated there.
fn wiring(level: Level, bad: bool) -> Wiring {
    let topology = Spec::parse_for("hypercube", Some(NODES)).unwrap().build().unwrap();
    let hazard = Hazard { loss: 0.05, corruption: 0.05, duplication: 0.05, ..Hazard::default() };
    let faults = if bad { vec![(Ps(0), Change::Hazard(LinkId(0), hazard))] } else { Vec::new() };
    Wiring {
        topology,
        table: None,
        fabric: fabric::Config { level, buffer_flits: 64, seed: 3, ..fabric::Config::default() },
        clock: NetworkClock::new(Bandwidth { bits_per_s: 10_000_000_000 }, 1),
        latency: Ps(1_000_000),
        router: Ps(0),
        faults,
    }
}

fn cluster(level: Level, bad: bool, boot: impl Fn(NodeId) -> Booted) -> Cluster {
    let member = |place: NodeId| Member {
        name: place.to_string(),
        booted: boot(place),
        timing: Timing::default(),
        crash_at: None,
    };
    let members = (0..NODES).map(NodeId).map(member).collect();
    Cluster::joined(members, wiring(level, bad), 1, Bounds::default()).unwrap()
}

fn finish(mut cluster: Cluster) -> (u64, String) {
    assert_eq!(cluster.run(&mut Recorder::default()), End::Halted(Halt::PowerOff));
    (cluster.virtual_ns(), cluster.digest(CONFIG).to_hex().to_string())
}

fn check(level: Level, bad: bool) {
    let whole = finish(cluster(level, bad, |place| booted(place, true)));
    let temp = tempfile::tempdir().unwrap();
    let periods = whole.0 / 1_000_000;
    assert!(periods > 3, "the program runs long enough: {whole:?}");
    let mut packets = Vec::new();
    for (round, at) in [1, periods / 2, periods - 1].into_iter().enumerate() {
        let dir = temp.path().join(format!("at-{at}"));
        let mut first = cluster(level, bad, |place| booted(place, round % 2 == 0));
        first.prepare_snapshots();
        let mark = Mark::Time { ns: at * 1_000_000 };
        first.interrupt_at(mark);
        assert_eq!(first.run(&mut Recorder::default()), End::Reached(mark));
        first.snapshot(&dir, "a test", CONFIG, &[]).unwrap();
        packets.push(first.network().unwrap().packets);
        assert_eq!(finish(first), whole, "an interrupted run is the same run");

        let translate = round % 2 == 1;
        let mut second =
            cluster(level, bad, |place| boot::bare(&hardware(place, translate), devices(place)).unwrap());
        second.set_threads(1 + round);
        second.restore_from(&Snapshot::open(&dir).unwrap()).unwrap();
        assert_eq!(second.network().unwrap().packets, packets[round]);
        assert_eq!(finish(second), whole, "restored at {at} ms");
    }
    assert!(packets[1] > packets[0], "there is traffic: {packets:?}");
}

#[test]
fn by_the_packet() {
    check(Level::Packet, false);
}

#[test]
fn by_the_packet_over_a_bad_network() {
    check(Level::Packet, true);
}

#[test]
fn by_the_flit_over_a_bad_network() {
    check(Level::Flit, true);
}

#[test]
fn a_network_that_kept_no_journal_is_not_saved() {
    let mut cluster = cluster(Level::Packet, false, |place| booted(place, true));
    let mark = Mark::Time { ns: 5_000_000 };
    cluster.interrupt_at(mark);
    assert_eq!(cluster.run(&mut Recorder::default()), End::Reached(mark));
    let temp = tempfile::tempdir().unwrap();
    let refused = cluster.snapshot(&temp.path().join("x"), "a test", CONFIG, &[]).unwrap_err();
    assert!(refused.to_string().contains("beforehand"), "{refused}");
}
