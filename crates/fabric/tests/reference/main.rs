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
                let packets = traffic(&shape, pattern, rate, 250);
                let (found, expected) = (fast(&shape, &packets, 500), grid::run(&shape, &packets, 500));
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

/// Latency and accepted flits of both simulators, ours first.
fn both(shape: &Shape, pattern: &str, rate: f64, cycles: u64) -> [(f64, f64); 2] {
    let packets = traffic(shape, pattern, rate, cycles);
    let (warm, until) = (cycles / 3, 3 * cycles);
    [fast(shape, &packets, until), grid::run(shape, &packets, until)]
        .map(|arrived| figures(shape, &packets, &arrived, warm, cycles))
}

#[test]
fn an_even_torus_has_the_same_means() {
    for (rate, flits) in [(0.3, 1), (0.3, 8)] {
        let [ours, reference] = both(&Shape { flits, ..TORUS }, "uniform", rate, 1500);
        assert!((ours.0 / reference.0 - 1.0).abs() < 0.02, "{flits}: {ours:?} {reference:?}");
    }
    let [ours, reference] = both(&TORUS, "uniform", 1.0, 1500);
    assert!((ours.1 / reference.1 - 1.0).abs() < 0.05, "{ours:?} {reference:?}");
}

/// The curves of both up to 0.9 of saturation, and what both accept beyond it.
#[test]
#[ignore = "takes minutes; prints a table"]
fn curves() {
    println!(
        "| network | pattern | VCs | flits | accepted at full load | difference | latency at 0.9 of it | worst difference |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for base in [MESH, TORUS] {
        for pattern in ["uniform", "transpose", "tornado"] {
            for vcs in [2, 4] {
                for flits in [1, 8] {
                    let shape = Shape { vcs, flits, ..base };
                    let [ours, reference] = both(&shape, pattern, 1.0, 12_000);
                    let saturation = reference.1;
                    let beyond = ours.1 / saturation - 1.0;
                    let mut worst: f64 = 0.0;
                    let mut last = 0.0;
                    for share in [0.1, 0.3, 0.5, 0.7, 0.8, 0.9] {
                        let [ours, reference] = both(&shape, pattern, share * saturation, 12_000);
                        worst = worst.max((ours.0 / reference.0 - 1.0).abs());
                        last = ours.0;
                    }
                    println!(
                        "| {} | {pattern} | {vcs} | {flits} | {:.3} | {:.2} % | {last:.1} | {:.2} % |",
                        name(&shape),
                        ours.1,
                        100.0 * beyond,
                        100.0 * worst
                    );
                    assert!(worst < 0.02 && beyond.abs() < 0.05, "{shape:?} {pattern}");
                }
            }
        }
    }
}
