//! Each topology drawn with its figures and a measured latency.

use crate::draw;
use crate::exit::{Exit, Failure};
use crate::tour::Shown;
use fabric::analysis;
use fabric::simulate;
use fabric::topology::Topology;
use fabric::traffic::{Load, Pattern, Report, measure};
use fabric::{Config, Cycle, Error, Network, NodeId, Packet};
use std::fmt::Write;

/// An error of the network's as the tour's.
pub(super) fn failure(error: Error) -> Failure {
    Failure::new(Exit::Config, &error, error.help())
}

/// Uniform traffic at a light load.
pub(super) fn light(topology: &Topology, rate: f64) -> Result<Report, Failure> {
    let load = Load {
        warmup_cycles: Some(1000),
        measure_cycles: Some(10_000),
        ..Load::new(Pattern::Uniform.on(topology).map_err(failure)?, rate, 8)
    };
    let mut simulation = simulate::build(topology, None, &Config::default(), 8).map_err(failure)?;
    measure(simulation.network.as_mut(), topology.nodes(), &load).map_err(failure)
}

/// The drawing, the figures and a measurement of one network.
fn shown(spec: &str) -> Result<Shown, Failure> {
    let topology = Topology::from_spec(spec).map_err(failure)?;
    let figures = analysis::figures(&topology);
    let mut picture = draw::network::draw(&topology);
    let _ = write!(
        picture,
        "\n{spec}: {} nodes, {} switches, {} links, degree {}, diameter {}, average distance {:.2},\n\
         edge connectivity {}, bisection {}",
        figures.nodes,
        figures.switches,
        figures.links,
        figures.degree,
        figures.distances.diameter,
        figures.distances.mean_with_self(),
        figures.edge_connectivity,
        figures.bisection
    );
    let report = light(&topology, 0.05)?;
    let measured = match report.latency_mean_cycles {
        Some(latency) => format!(
            "{latency:.1} cycles for a packet of 8 flits, uniform traffic at 0.05 flits a node and cycle \
             ({} packets)",
            report.packets
        ),
        None => format!("saturated at 0.05; it accepts {:.3} flits a node and cycle", report.accepted_mean),
    };
    Ok(Shown { picture, measured })
}

pub(super) fn star() -> Result<Shown, Failure> {
    shown("star:16")
}

pub(super) fn ring() -> Result<Shown, Failure> {
    shown("ring:16")
}

pub(super) fn tree() -> Result<Shown, Failure> {
    shown("tree:2:4")
}

pub(super) fn fat_tree() -> Result<Shown, Failure> {
    shown("fattree:2:3")
}

pub(super) fn grid() -> Result<Shown, Failure> {
    shown("mesh:4x4")
}

pub(super) fn double_torus() -> Result<Shown, Failure> {
    shown("torus:4x4")
}

pub(super) fn cube() -> Result<Shown, Failure> {
    shown("torus:3x3x3")
}

pub(super) fn crossbar() -> Result<Shown, Failure> {
    shown("crossbar:8")
}

pub(super) fn dragonfly() -> Result<Shown, Failure> {
    shown("dragonfly:2:4:2")
}

/// The 3-cube, then two of them joined.
pub(super) fn hypercube() -> Result<Shown, Failure> {
    let three = Topology::from_spec("hypercube:3").map_err(failure)?;
    let four = shown("hypercube:4")?;
    let picture = format!(
        "dimension 3:\n{}\ndimension 4, two of dimension 3 with the new bit in front:\n{}",
        draw::network::draw(&three),
        four.picture
    );
    Ok(Shown { picture, measured: four.measured })
}

/// All the course's networks in a table.
pub(super) fn all() -> Result<Shown, Failure> {
    let specs = [
        "star:16",
        "ring:16",
        "tree:2:4",
        "mesh:4x4",
        "torus:4x4",
        "torus:4x2x2",
        "hypercube:4",
        "crossbar:16",
    ];
    let mut picture = format!(
        "{:<14}{:>7}{:>8}{:>10}{:>9}{:>11}{:>12}\n",
        "network", "links", "degree", "diameter", "average", "bisection", "latency"
    );
    let mut best = (f64::INFINITY, "");
    for spec in specs {
        let topology = Topology::from_spec(spec).map_err(failure)?;
        let figures = analysis::figures(&topology);
        let latency = light(&topology, 0.05)?.latency_mean_cycles;
        if let Some(latency) = latency.filter(|latency| *latency < best.0) {
            best = (latency, spec);
        }
        let _ = writeln!(
            picture,
            "{spec:<14}{:>7}{:>8}{:>10}{:>9.3}{:>11}{:>12}",
            figures.links,
            figures.degree,
            figures.distances.diameter,
            figures.distances.mean_with_self(),
            figures.bisection.to_string(),
            latency.map_or("saturated".to_owned(), |latency| format!("{latency:.1}"))
        );
    }
    let measured =
        format!("the quickest of 16 nodes at a light load is {}, {:.1} cycles a packet", best.1, best.0);
    Ok(Shown { picture, measured })
}

/// The ring with its token, and what waiting for it costs.
pub(super) fn token_ring() -> Result<Shown, Failure> {
    let topology = Topology::from_spec("token-ring:16").map_err(failure)?;
    let mut simulation = simulate::build(&topology, None, &Config::default(), 8).map_err(failure)?;
    let network = simulation.network.as_mut();
    let mut picture = draw::network::draw(&topology);
    picture.push_str("\nthree nodes want to send to node 12 at cycle 3:\n");
    for from in [9, 2, 6] {
        let packet = Packet { from: NodeId(from), to: NodeId(12), flits: 8, class: 0, tag: u64::from(from) };
        network.inject(packet, Cycle(3)).map_err(failure)?;
    }
    let last = arrivals(network, 200, &mut picture);
    Ok(Shown { picture, measured: format!("{last} cycles from the first wish to send to the last arrival") })
}

fn arrivals(network: &mut dyn Network, until: u64, picture: &mut String) -> u64 {
    network.advance(Cycle(until));
    let mut found = Vec::new();
    network.collect(&mut found);
    for delivery in &found {
        let _ = writeln!(
            picture,
            "  from node {:>2}: arrived at cycle {}",
            delivery.packet.from.0, delivery.delivered.0
        );
    }
    found.iter().map(fabric::Delivery::latency_cycles).max().unwrap_or(0)
}
