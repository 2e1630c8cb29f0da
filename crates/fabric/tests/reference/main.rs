//! The simulator by the flit against a plain, slow one of the same router, written from the sources of BookSim 2.
//!
//! `router.rs` and `grid.rs` are that reference: they share no code with the crate but random numbers and traffic
//! patterns. Where routes leave nothing to chance both must deliver every packet in the same cycle; in a torus of
//! even sides ties are random, and means are compared. `cargo test --release -p multivac-fabric --test reference --
//! --ignored --nocapture` prints the curves of `docs/networks.md`.

mod grid;
mod router;

use fabric::rng::Rng;
use fabric::topology::Topology;
use fabric::traffic::Pattern;
use fabric::{Config, Cycle, NodeId, Packet, simulate};
use grid::{Sent, Shape};

const MESH: Shape = Shape { side: 8, dims: 2, wrap: false, vcs: 4, depth: 8, flits: 8 };
const TORUS: Shape = Shape { wrap: true, ..MESH };

fn name(shape: &Shape) -> String {
    let sides = vec![shape.side.to_string(); shape.dims].join("x");
    format!("{}:{sides}", if shape.wrap { "torus" } else { "mesh" })
}

/// Packets made in `cycles` cycles, `rate` flits a node and cycle by a coin in every cycle, in order of time.
fn traffic(shape: &Shape, pattern: &str, rate: f64, cycles: u64) -> Vec<Sent> {
    let topology = Topology::from_spec(&name(shape)).expect("a known network");
    let destinations = Pattern::parse(pattern).and_then(|p| p.on(&topology)).expect("a known pattern");
    let mut rng = Rng::new(11);
    let mut packets = Vec::new();
    let share = rate / u32::try_from(shape.flits).map(f64::from).expect("short");
    for at in 0..cycles {
        for from in 0..shape.nodes() {
            if rng.chance(share) {
                let node = NodeId(u32::try_from(from).expect("few"));
                let to = destinations.draw(node, &mut rng).index();
                packets.push(Sent { at, from, to, ties: rng.next_u64() });
            }
        }
    }
    packets
}

/// When the crate's simulator delivers each packet.
fn fast(shape: &Shape, packets: &[Sent], until: u64) -> Vec<Option<u64>> {
    let topology = Topology::from_spec(&name(shape)).expect("a known network");
    let small = |value: usize| u32::try_from(value).expect("few");
    let config = Config { vcs: small(shape.vcs), buffer_flits: small(shape.depth), ..Config::default() };
    let flits = small(shape.flits);
    let mut network = simulate::build(&topology, None, &config, flits).expect("it can be").network;
    for (tag, sent) in packets.iter().enumerate() {
        let (from, to) = (NodeId(small(sent.from)), NodeId(small(sent.to)));
        let packet = Packet { from, to, flits, class: 0, tag: tag as u64 };
        network.inject(packet, Cycle(sent.at)).expect("it is in range");
    }
    network.advance(Cycle(until));
    let mut found = Vec::new();
    network.collect(&mut found);
    let mut arrived = vec![None; packets.len()];
    for delivery in found {
        arrived[usize::try_from(delivery.packet.tag).expect("an index")] = Some(delivery.delivered.0);
    }
    arrived
}

#[test]
fn every_packet_arrives_in_the_same_cycle() {
    let shapes = [
        MESH,
        Shape { vcs: 2, ..MESH },
        Shape { flits: 1, ..MESH },
        Shape { vcs: 3, depth: 3, flits: 5, ..MESH },
        Shape { side: 7, ..TORUS },
        Shape { side: 5, vcs: 2, flits: 1, ..TORUS },
        Shape { side: 3, dims: 3, depth: 2, ..TORUS },
    ];
    for shape in shapes {
        for pattern in ["uniform", "transpose", "tornado", "hotspot"] {
            if pattern == "transpose" && shape.dims != 2 {
                continue;
            }
            // Far below, near and beyond saturation.
            for rate in [0.1, 0.35, 0.9] {
                let packets = traffic(&shape, pattern, rate, 200);
                let (found, expected) = (fast(&shape, &packets, 350), grid::run(&shape, &packets, 350));
                let differ = found.iter().zip(&expected).position(|(found, expected)| found != expected);
                if let Some(at) = differ {
                    let (sent, found, expected) = (packets[at], found[at], expected[at]);
                    panic!("{shape:?} {pattern} {rate}: {sent:?} arrived at {found:?}, not {expected:?}");
                }
                assert!(found.iter().flatten().count() > packets.len() / 20, "{shape:?} {pattern} {rate}");
            }
        }
    }
}

/// Mean latency of the packets made after the warm-up, and the flits accepted for each node and cycle in that time.
fn figures(shape: &Shape, packets: &[Sent], arrived: &[Option<u64>], warm: u64, end: u64) -> (f64, f64) {
    let measured = || packets.iter().zip(arrived).filter(|(sent, _)| (warm..end).contains(&sent.at));
    #[allow(clippy::cast_precision_loss, reason = "means for people")]
    let ratio = |sum: u64, count: u64| sum as f64 / count.max(1) as f64;
    let latency: u64 = measured().map(|(sent, at)| at.unwrap_or(u64::MAX / 1_000_000) - sent.at).sum();
    let flits = arrived.iter().flatten().filter(|at| (warm..end).contains(at)).count() * shape.flits;
    (ratio(latency, measured().count() as u64), ratio(flits as u64, (end - warm) * shape.nodes() as u64))
}

/// A simulator: when it delivers each packet.
type Simulator = fn(&Shape, &[Sent], u64) -> Vec<Option<u64>>;

/// Mean latency and accepted flits of a simulator over the later two thirds of `cycles`.
fn of(simulator: Simulator, shape: &Shape, pattern: &str, rate: f64, cycles: u64) -> (f64, f64) {
    let packets = traffic(shape, pattern, rate, cycles);
    figures(shape, &packets, &simulator(shape, &packets, 2 * cycles), cycles / 3, cycles)
}

#[test]
fn an_even_torus_has_the_same_means() {
    for (rate, flits) in [(0.3, 1), (0.3, 8)] {
        let both = [fast, grid::run].map(|one| of(one, &Shape { flits, ..TORUS }, "uniform", rate, 1500).0);
        assert!((both[0] / both[1] - 1.0).abs() < 0.02, "{flits}: {both:?}");
    }
    let both = [fast, grid::run].map(|one| of(one, &TORUS, "uniform", 1.0, 1500).1);
    assert!((both[0] / both[1] - 1.0).abs() < 0.05, "{both:?}");
}

/// The rate between two at which the mean latency is three times that of a network almost without load.
fn saturation(simulator: Simulator, shape: &Shape, pattern: &str, mut between: (f64, f64)) -> f64 {
    let limit = 3.0 * of(simulator, shape, pattern, 0.005, 3000).0;
    while between.1 > 1.005 * between.0 {
        let middle = 0.5 * (between.0 + between.1);
        if of(simulator, shape, pattern, middle, CYCLES).0 < limit {
            between.0 = middle
        } else {
            between.1 = middle
        }
    }
    0.5 * (between.0 + between.1)
}

/// Cycles of a measurement, a third of them the warm-up.
const CYCLES: u64 = 9000;

/// The curves of both up to 0.9 of saturation, and where each saturates.
#[test]
#[ignore = "takes minutes; prints a table"]
fn curves() {
    println!(
        "| network | pattern | VCs | flits | saturation | reference | latency at 0.5 | at 0.9 | worst difference |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for base in [MESH, TORUS] {
        for pattern in ["uniform", "transpose", "tornado"] {
            for (vcs, flits) in [(2, 1), (2, 8), (4, 1), (4, 8)] {
                let shape = Shape { vcs, flits, ..base };
                let ours = saturation(fast, &shape, pattern, (0.02, 1.0));
                let reference = saturation(grid::run, &shape, pattern, (0.95 * ours, 1.05 * ours));
                let latencies = [0.1, 0.5, 0.7, 0.9].map(|share| {
                    [fast, grid::run].map(|one| of(one, &shape, pattern, share * ours, CYCLES).0)
                });
                let apart = latencies.iter().map(|[a, b]| (a / b - 1.0).abs()).fold(0.0, f64::max);
                println!(
                    "| {} | {pattern} | {vcs} | {flits} | {ours:.3} | {reference:.3} | {:.1} | {:.1} | {:.2} % |",
                    name(&shape),
                    latencies[1][0],
                    latencies[3][0],
                    100.0 * apart
                );
                assert!(apart < 0.02 && (ours / reference - 1.0).abs() < 0.05, "{shape:?} {pattern}");
            }
        }
    }
}
