//! Throughput against the textbook's bounds: never above them, and near the known ideals.

use fabric::analysis;
use fabric::topology::Topology;
use fabric::traffic::{Load, Pattern, measure};
use fabric::{Config, simulate};

/// Flits accepted for each node and cycle when every source sends all it can.
fn accepted(spec: &str, pattern: &str) -> f64 {
    let topology = Topology::from_spec(spec).expect("a known network");
    let config = Config { vcs: 8, ..Config::default() };
    let load = Load {
        warmup_cycles: Some(3000),
        measure_cycles: Some(5000),
        ..Load::new(Pattern::parse(pattern).and_then(|p| p.on(&topology)).expect("a known pattern"), 1.0, 1)
    };
    let mut network = simulate::build(&topology, None, &config, 1).expect("it can be").network;
    measure(network.as_mut(), topology.nodes(), &load).expect("the rate is in range").accepted_mean
}

#[test]
fn uniform_throughput_is_below_the_bisection_s_and_near_the_ideal() {
    for (spec, ideal) in [("mesh:4x4", 1.0), ("mesh:8x8", 0.5), ("torus:8x8", 1.0), ("hypercube:4", 1.0)] {
        let topology = Topology::from_spec(spec).expect("a known network");
        // Half of all flits cross the bisection, each link carries one each way: 4 B / N with both directions.
        let bisection = analysis::bisection(&topology).value();
        let nodes = topology.nodes() as u64;
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let bound = (4.0 * bisection as f64 / nodes as f64).min(1.0);
        assert!((bound - ideal).abs() < 1e-9, "{spec}: {bound}");
        let found = accepted(spec, "uniform");
        assert!(found <= bound * 1.001, "{spec}: {found} above {bound}");
        assert!(found >= 0.6 * ideal, "{spec}: {found} of {ideal}");
    }
}

/// Whether a fraction of the ideal rate of a pattern is more than the network sustains.
fn saturated(spec: &str, pattern: &str, rate: f64) -> bool {
    let topology = Topology::from_spec(spec).expect("a known network");
    let load = Load {
        measure_cycles: Some(30_000),
        ..Load::new(Pattern::parse(pattern).and_then(|p| p.on(&topology)).expect("a known pattern"), rate, 1)
    };
    let mut network = simulate::build(&topology, None, &Config::default(), 1).expect("it can be").network;
    measure(network.as_mut(), topology.nodes(), &load).expect("the rate is in range").saturated
}

#[test]
fn permutations_in_dimension_order_saturate_where_their_worst_channel_is_full() {
    // The fullest channel admits 1/(k-1) under transpose and 2/k under bit-complement.
    let cases = [("mesh:8x8", "transpose", 1.0 / 7.0), ("mesh:8x8", "bit-complement", 2.0 / 8.0)];
    for (spec, pattern, ideal) in cases {
        assert!(!saturated(spec, pattern, 0.9 * ideal), "{spec} {pattern}");
        assert!(saturated(spec, pattern, 1.05 * ideal), "{spec} {pattern}");
    }
}
