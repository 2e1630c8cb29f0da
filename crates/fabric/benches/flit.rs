//! How fast the network is simulated, in router-cycles a second on one core.
//!
//! `cargo bench -p multivac-fabric`; the element of each throughput is one router for one cycle.
//! Times are CPU time of this thread where the kernel tells it, so that a busy machine does not count.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fabric::rng::Rng;
use fabric::topology::Topology;
use fabric::{Config, Cycle, Level, Network, NodeId, Packet, simulate};
use std::time::{Duration, Instant};

/// A network under uniform load, warmed up, with packets for the cycles to come.
fn loaded(spec: &str, level: Level, rate: f64, flits: u32, cycles: u64) -> Box<dyn Network> {
    let topology = Topology::from_spec(spec).expect("a known network");
    let config = Config { level, ..Config::default() };
    let mut network = simulate::build(&topology, None, &config, flits).expect("it can be").network;
    let nodes = u32::try_from(topology.nodes()).expect("small");
    let mut rng = Rng::new(7);
    let warm = 500;
    for node in 0..nodes {
        let mut at = 0;
        while let Some(wait) = rng.geometric(rate / f64::from(flits)) {
            at += wait;
            if at >= warm + cycles {
                break;
            }
            let to = NodeId(rng.below(nodes));
            let packet = Packet { from: NodeId(node), to, flits, class: 0, tag: 0 };
            network.inject(packet, Cycle(at)).expect("it is in range");
        }
    }
    network.advance(Cycle(warm));
    network
}

/// How long this thread has had a CPU; `None` where the kernel does not say.
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// The CPU time (or, where that is not told, the time) of so many runs of so many cycles, without their preparation.
fn run(times: u64, prepare: impl Fn() -> Box<dyn Network>, cycles: u64) -> Duration {
    let one = |_| {
        let mut network = prepare();
        let (wall, cpu) = (Instant::now(), cpu_time());
        network.advance(network.now() + cycles);
        match (cpu, cpu_time()) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => wall.elapsed(),
        }
    };
    (0..times).map(one).sum()
}

fn flits(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("flit");
    group.sample_size(10);
    let cases = [
        ("mesh:8x8", 0.1, 8, 4000),
        ("mesh:8x8", 0.1, 1, 4000),
        ("mesh:8x8", 0.4, 8, 4000),
        ("mesh:8x8", 0.4, 1, 4000),
        ("mesh:32x32", 0.05, 8, 500),
        ("mesh:32x32", 0.05, 1, 500),
        ("torus:8x8", 0.1, 8, 4000),
    ];
    for (spec, rate, flits, cycles) in cases {
        let routers = Topology::from_spec(spec).expect("a known network").routers() as u64;
        group.throughput(Throughput::Elements(routers * cycles));
        group.bench_function(format!("{spec} at {rate}, packets of {flits}"), |bencher| {
            bencher
                .iter_custom(|times| run(times, || loaded(spec, Level::Flit, rate, flits, cycles), cycles));
        });
    }
    group.finish();
}

fn packets(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("packet");
    group.sample_size(10);
    for flits in [8, 64] {
        group.throughput(Throughput::Elements(64 * 4000));
        group.bench_function(format!("mesh:8x8 at 0.1, packets of {flits}"), |bencher| {
            bencher.iter_custom(|times| {
                run(times, || loaded("mesh:8x8", Level::Packet, 0.1, flits, 4000), 4000)
            });
        });
    }
    group.finish();
}

fn idle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("idle");
    group.throughput(Throughput::Elements(64 * 1_000_000_000));
    group.bench_function("mesh:8x8, a packet every 1e9 cycles", |bencher| {
        let topology = Topology::from_spec("mesh:8x8").expect("a known network");
        let mut network = simulate::build(&topology, None, &Config::default(), 8).expect("it can be").network;
        let packet = Packet { from: NodeId(0), to: NodeId(63), flits: 8, class: 0, tag: 0 };
        bencher.iter(|| {
            network.inject(packet, network.now()).expect("it is in range");
            network.advance(network.now() + 1_000_000_000);
        });
    });
    group.finish();
}

criterion_group!(benches, flits, packets, idle);
criterion_main!(benches);
