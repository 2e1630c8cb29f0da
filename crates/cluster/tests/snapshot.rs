//! A cluster in the middle of a parallel program, saved and gone on with: the digest is that of the run never stopped,
//! whatever engine, number of threads, fidelity of the network, and faults.

mod small;

use cluster::run::{Bounds, Cluster, End, Mark, Recorder};
use cluster::snapshot::Snapshot;
use cluster::time::Ps;
use fabric::fault::{Change, Hazard};
use fabric::{Level, LinkId, NodeId};
use machine::node::Halt;
use small::Small;

const SMALL: Small = Small { nodes: 4, memory_bytes: 16 << 20, words: "grid=32 iterations=60" };
const CONFIG: &str = "schema = 1\n";

/// A cluster on a network of which one link is `bad`: frames are lost, damaged and repeated there.
fn cluster(level: Level, bad: bool, node: impl Fn(NodeId) -> cluster::boot::Booted) -> Cluster {
    let mut wiring = SMALL.wiring(
        "hypercube",
        fabric::Config { level, buffer_flits: 64, seed: 3, ..fabric::Config::default() },
    );
    if bad {
        let hazard = Hazard { loss: 0.05, corruption: 0.05, duplication: 0.05, ..Hazard::default() };
        wiring.faults = vec![(Ps(0), Change::Hazard(LinkId(0), hazard))];
    }
    SMALL.cluster(wiring, Bounds::default(), node)
}

fn finish(mut cluster: Cluster) -> (u64, String) {
    assert_eq!(cluster.run(&mut Recorder::default()), End::Halted(Halt::PowerOff));
    (cluster.virtual_ns(), cluster.digest(CONFIG).to_hex().to_string())
}

fn check(level: Level, bad: bool) {
    let whole = finish(cluster(level, bad, |place| SMALL.booted(place, true)));
    let temp = tempfile::tempdir().unwrap();
    let periods = whole.0 / 1_000_000;
    assert!(periods > 3, "the program runs long enough: {whole:?}");
    let mut packets = Vec::new();
    for (round, at) in [1, periods / 2, periods - 1].into_iter().enumerate() {
        let dir = temp.path().join(format!("at-{at}"));
        let mut first = cluster(level, bad, |place| SMALL.booted(place, round % 2 == 0));
        first.prepare_snapshots();
        let mark = Mark::Time { ns: at * 1_000_000 };
        first.interrupt_at(mark);
        assert_eq!(first.run(&mut Recorder::default()), End::Reached(mark));
        first.snapshot(&dir, "a test", CONFIG, &[]).unwrap();
        packets.push(first.network().unwrap().packets);
        assert_eq!(finish(first), whole, "an interrupted run is the same run");

        let translate = round % 2 == 1;
        let mut second = cluster(level, bad, |place| SMALL.bare(place, translate));
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
    let mut cluster = cluster(Level::Packet, false, |place| SMALL.booted(place, true));
    let mark = Mark::Time { ns: 5_000_000 };
    cluster.interrupt_at(mark);
    assert_eq!(cluster.run(&mut Recorder::default()), End::Reached(mark));
    let temp = tempfile::tempdir().unwrap();
    let refused = cluster.snapshot(&temp.path().join("x"), "a test", CONFIG, &[]).unwrap_err();
    assert!(refused.to_string().contains("beforehand"), "{refused}");
}
