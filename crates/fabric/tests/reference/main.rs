//! The simulator by the flit against a plain, slow one of the same router, written from the sources of BookSim 2.
//!
//! `router.rs` and `grid.rs` are that reference: they share no code with the crate but random numbers and traffic
//! patterns. Both must deliver every packet in the same cycle; where two ways round a ring are equally long, both take
//! the one that the crate's dice say. `cargo test --release -p multivac-fabric --test reference -- --ignored --nocapture`
//! prints the curves of `docs/networks.md`.

mod grid;
mod router;

use fabric::rng::{Rng, mix, pick};
use fabric::topology::Topology;
use fabric::traffic::Pattern;
use fabric::{Config, Cycle, Delays, NodeId, Packet, simulate};
use grid::{Sent, Shape};
use router::First;

const MESH: Shape = Shape {
    side: 8,
    dims: 2,
    wrap: false,
    vcs: 4,
    depth: 8,
    flits: 8,
    routes_late: false,
    first: First::Input,
};
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
                packets.push(Sent { at, from, to, ties: ties(packets.len() as u64 + 1) });
            }
        }
    }
    packets
}

/// The bits by which the crate decides the ties of its `number`-th packet, with the seed 1.
fn ties(number: u64) -> u32 {
    pick(mix(mix(1 ^ number.wrapping_mul(0x9e37_79b9))), u32::MAX)
}

/// When the crate's simulator delivers each packet.
fn fast(shape: &Shape, packets: &[Sent], until: u64) -> Vec<Option<u64>> {
    let topology = Topology::from_spec(&name(shape)).expect("a known network");
    let small = |value: usize| u32::try_from(value).expect("few");
    let delays = Delays { route: u32::from(shape.routes_late), ..Delays::default() };
    let config =
        Config { vcs: small(shape.vcs), buffer_flits: small(shape.depth), delays, ..Config::default() };
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

/// Runs both on the same packets, which must arrive in the same cycles; the arrivals come back.
fn alike(shape: &Shape, pattern: &str, packets: &[Sent], until: u64) -> Vec<Option<u64>> {
    let (found, expected) = (fast(shape, packets, until), grid::run(shape, packets, until));
    if let Some(at) = found.iter().zip(&expected).position(|(found, expected)| found != expected) {
        let (sent, found, expected) = (packets[at], found[at], expected[at]);
        panic!("{shape:?} {pattern}: {sent:?} arrived at {found:?}, not {expected:?}");
    }
    found
}

#[test]
fn every_packet_arrives_in_the_same_cycle() {
    let shapes = [
        MESH,
        Shape { vcs: 2, ..MESH },
        Shape { flits: 1, ..MESH },
        Shape { vcs: 3, depth: 3, flits: 5, ..MESH },
        TORUS,
        Shape { vcs: 2, flits: 1, ..TORUS },
        Shape { side: 5, vcs: 2, ..TORUS },
        Shape { side: 3, dims: 3, depth: 2, ..TORUS },
        Shape { vcs: 2, flits: 3, routes_late: true, ..MESH },
    ];
    for shape in shapes {
        for pattern in ["uniform", "transpose", "tornado"] {
            if pattern == "transpose" && shape.dims != 2 {
                continue;
            }
            // Far below, near and beyond saturation.
            for rate in [0.1, 0.35, 0.9] {
                let packets = traffic(&shape, pattern, rate, 200);
                let arrived = alike(&shape, pattern, &packets, 350).iter().flatten().count();
                assert!(arrived > packets.len() / 20, "{shape:?} {pattern} {rate}: {arrived}");
            }
        }
    }
}

/// Mean latency of the packets made after the warm-up, a third of the time.
fn latency(packets: &[Sent], arrived: &[Option<u64>], cycles: u64) -> f64 {
    let measured = || packets.iter().zip(arrived).filter(|(sent, _)| sent.at >= cycles / 3);
    let sum: u64 = measured().map(|(sent, at)| at.unwrap_or(10 * cycles) - sent.at).sum();
    #[allow(clippy::cast_precision_loss, reason = "a mean for people")]
    let mean = sum as f64 / measured().count().max(1) as f64;
    mean
}

/// Mean latency at a rate, by the crate's simulator.
fn latency_at(shape: &Shape, pattern: &str, rate: f64) -> f64 {
    let packets = traffic(shape, pattern, rate, 12_000);
    latency(&packets, &fast(shape, &packets, 24_000), 12_000)
}

/// The rate at which the mean latency is three times that of a network almost without load.
fn saturation(shape: &Shape, pattern: &str) -> f64 {
    let limit = 3.0 * latency_at(shape, pattern, 0.005);
    let mut between = (0.02, 1.0);
    while between.1 > 1.005 * between.0 {
        let middle = 0.5 * (between.0 + between.1);
        if latency_at(shape, pattern, middle) < limit { between.0 = middle } else { between.1 = middle }
    }
    0.5 * (between.0 + between.1)
}

/// The curves up to 0.9 of saturation; there and beyond saturation both simulators packet by packet.
#[test]
#[ignore = "takes minutes; prints a table"]
fn curves() {
    println!(
        "| network | pattern | VCs | flits | saturation | latency at 0.2 | at 0.5 | at 0.9 | packets compared |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for base in [MESH, TORUS] {
        for pattern in ["uniform", "transpose", "tornado"] {
            for (vcs, flits) in [(2, 1), (2, 8), (4, 1), (4, 8)] {
                let shape = Shape { vcs, flits, ..base };
                let full = saturation(&shape, pattern);
                let [low, half, high] =
                    [0.2, 0.5, 0.9].map(|share| latency_at(&shape, pattern, share * full));
                let compared = [0.9, 1.2].map(|share| {
                    let packets = traffic(&shape, pattern, (share * full).min(1.0), 2000);
                    alike(&shape, pattern, &packets, 3000).iter().flatten().count()
                });
                println!(
                    "| {} | {pattern} | {vcs} | {flits} | {full:.3} | {low:.1} | {half:.1} | {high:.1} | {} |",
                    name(&shape),
                    compared[0] + compared[1]
                );
            }
        }
    }
}

/// Figures that a stranger published of BookSim 2 itself: `topology = mesh; k = 8; n = 2; traffic = uniform;`, dimension
/// order, all else as it comes (16 channels of 8 flits, packets of 1, `routing_delay = 1`, allocators `islip`).
///
/// Source: github.com/jandersson/Booksim_Projects, `dor.csv`: packets per node and cycle, mean latency in cycles.
const PUBLISHED: &[(f64, f64)] = &[(0.1, 33.6457), (0.2, 34.6208), (0.3, 36.4722), (0.36, 39.5529)];

/// The reference, configured as BookSim 2 comes, gives the latencies that were published of BookSim 2.
#[test]
#[ignore = "takes minutes; prints a table"]
fn booksim_as_it_comes() {
    println!("| rate | BookSim 2 | the reference with `islip` | with `separable_input_first`, as here |");
    println!("|---|---|---|---|");
    for (rate, published) in PUBLISHED {
        let of = |first| {
            let shape = Shape { vcs: 16, flits: 1, routes_late: true, first, ..MESH };
            let packets = traffic(&shape, "uniform", *rate, 2400);
            latency(&packets, &grid::run(&shape, &packets, 3000), 2400)
        };
        let (islip, here) = (of(First::Output), of(First::Input));
        println!("| {rate} | {published:.2} | {islip:.2} | {here:.2} |");
        assert!((islip / published - 1.0).abs() < 0.02, "{rate}: {islip} against {published}");
    }
}
