//! What load, priorities, cyclic routes and failed links do.

use super::shapes::failure;
use crate::draw::{chart, fit};
use crate::exit::{Exit, Failure};
use crate::tour::Shown;
use fabric::analysis::{after_failures, distances};
use fabric::deadlock;
use fabric::rng::Rng;
use fabric::routing::{Algorithm, Routes, Table};
use fabric::simulate;
use fabric::topology::Topology;
use fabric::traffic::{Load, Pattern, sweep};
use fabric::{Config, Cycle, Error, NodeId, Packet};
use std::fmt::Write;

/// A ring on which all packets go round one way in one class of channels, and the same with a dateline.
pub(super) fn deadlock() -> Result<Shown, Failure> {
    let ring = Topology::from_spec("ring:4").map_err(failure)?;
    let mut routes = Vec::new();
    for at in 0..4 {
        routes.extend((0..4).filter(|to| *to != at).map(|to| (at, to, (at + 1) % 4)));
    }
    let table = Table::given(&ring, &routes).map_err(failure)?;
    let one_way = Routes::new(&ring, Algorithm::Table, Some(table)).map_err(failure)?;
    let refused = match deadlock::check(&ring, &one_way) {
        Err(error @ Error::Deadlock { .. }) => error.to_string(),
        Err(other) => return Err(failure(other)),
        Ok(_) => {
            let help = "the check of channel dependencies is broken: report it";
            return Err(Failure::new(Exit::Divergence, "a cyclic routing was not refused", help));
        }
    };
    let dateline = Routes::new(&ring, Algorithm::Auto, None).map_err(failure)?;
    let proof = deadlock::check(&ring, &dateline).map_err(failure)?;
    let picture = format!(
        "        0 ──▶ 1\n        ▲     │\n        │     ▼\n        3 ◀── 2\n\nall packets clockwise, one class of channels:\n  {refused}\n\n\
         the shorter way, a second class for packets that cross the dateline between 3 and 0:\n  {proof}"
    );
    Ok(Shown {
        picture,
        measured: "1 routing refused with its cycle of 4 channels, 1 proved free of deadlock".to_owned(),
    })
}

/// The curve of a small mesh.
pub(super) fn saturation() -> Result<Shown, Failure> {
    let topology = Topology::from_spec("mesh:4x4").map_err(failure)?;
    let load = Load {
        warmup_cycles: Some(2000),
        measure_cycles: Some(20_000),
        ..Load::new(Pattern::Uniform.on(&topology).map_err(failure)?, 0.0, 8)
    };
    let fresh = || simulate::build(&topology, None, &Config::default(), 8).map(|built| built.network);
    let found = sweep(fresh, topology.nodes(), &load).map_err(failure)?;
    let points = found.points.iter().filter_map(|r| r.latency_mean_cycles.map(|latency| (r.rate, latency)));
    let curve = chart::Curve {
        points: points.collect(),
        saturation: found.saturation_rate,
        title: "mesh:4x4, uniform traffic, packets of 8 flits".to_owned(),
    };
    let rate = found.saturation_rate.unwrap_or(1.0);
    Ok(Shown {
        picture: chart::text(&curve, fit::columns()),
        measured: format!("saturation at {rate:.3} flits a node and cycle; the bisection admits at most 1"),
    })
}

/// Diameters after failures, torus and mesh side by side.
pub(super) fn failures() -> Result<Shown, Failure> {
    let mut picture = format!("{:<12}{:>10}{:>12}{:>12}{:>12}\n", "network", "0 failed", "1", "2", "3");
    let mut parted = Vec::new();
    for spec in ["mesh:4x4", "torus:4x4"] {
        let topology = Topology::from_spec(spec).map_err(failure)?;
        let intact = distances(&topology).diameter;
        let _ = write!(picture, "{spec:<12}{intact:>10}");
        let mut sets = 0;
        for failed in 1..=3 {
            let after = after_failures(&topology, failed, 1, intact);
            let cell = after.diameter.map_or("parted".to_owned(), |diameter| diameter.to_string());
            let _ = write!(picture, "{cell:>12}");
            sets += after.parted;
        }
        picture.push('\n');
        parted.push(format!("{spec} by {sets}"));
    }
    picture.push_str("\nthe largest diameter that the worst choice of failed links leaves");
    Ok(Shown {
        picture,
        measured: format!("of all choices of up to 3 links, parted were {}", parted.join(", ")),
    })
}

/// Two classes under load.
pub(super) fn priority() -> Result<Shown, Failure> {
    let topology = Topology::from_spec("mesh:4x4").map_err(failure)?;
    let mut picture = format!("{:<28}{:>14}{:>14}\n", "load of the low class", "low, cycles", "high, cycles");
    let mut last = (0.0, 0.0);
    for low_packets in [0u32, 1000, 3000, 5000] {
        last = two_classes(&topology, low_packets)?;
        let load = f64::from(low_packets) * 8.0 / 2000.0 / 16.0;
        let low = if low_packets == 0 { "-".to_owned() } else { format!("{:.1}", last.0) };
        let _ = writeln!(picture, "{load:<28.3}{low:>14}{:>14.1}", last.1);
    }
    Ok(Shown {
        picture,
        measured: format!(
            "beyond saturation the low class takes {:.0} cycles, the high class {:.0}",
            last.0, last.1
        ),
    })
}

/// Mean latencies of the low and the high class.
#[allow(clippy::cast_precision_loss, reason = "means for people")]
fn two_classes(topology: &Topology, low_packets: u32) -> Result<(f64, f64), Failure> {
    let config = Config { classes: 2, ..Config::default() };
    let mut network = simulate::build(topology, None, &config, 8).map_err(failure)?.network;
    let mut rng = Rng::new(5);
    for i in 0..low_packets + 200 {
        let class = u8::from(i >= low_packets);
        let (from, to) = (NodeId(rng.below(16)), NodeId(rng.below(16)));
        let at = Cycle(u64::from(rng.below(2000)));
        network.inject(Packet { from, to, flits: 8, class, tag: 0 }, at).map_err(failure)?;
    }
    network.advance(Cycle(100_000));
    let mut found = Vec::new();
    network.collect(&mut found);
    let mean = |class: u8| {
        let of_class = found.iter().filter(|delivery| delivery.packet.class == class);
        let latencies: Vec<u64> = of_class.map(fabric::Delivery::latency_cycles).collect();
        latencies.iter().sum::<u64>() as f64 / latencies.len().max(1) as f64
    };
    Ok((mean(0), mean(1)))
}
