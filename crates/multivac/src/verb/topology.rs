//! `multivac topology`: the figures and the drawing of a network, or the course's networks side by side.

mod source;
mod table;

pub(crate) use source::{Loaded, failure, load};

use crate::draw::{self, fit};
use crate::exit::{Exit, Failure};
use fabric::analysis::{self, AfterFailures, Figure, Figures};
use fabric::topology::Topology;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Flags of `multivac topology`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A network as `ring:16`, `star:16`, `tree:2:4`, `fattree:4:3`, `mesh:8x8`, `torus:4x4x4`, `hypercube:6`,
    /// `crossbar:16`, `dragonfly:2:4:2`, `token-ring:16`, the words `grid`, `double-torus`, `cube:4`, or a graph's file;
    /// without it, the networks of the course.
    spec: Option<String>,
    /// The number of nodes, from which sizes that SPEC leaves out follow.
    #[arg(long)]
    nodes: Option<u32>,
    /// Up to how many links fail in the figures of failures.
    #[arg(long, default_value_t = 3)]
    failed: u32,
    /// The seed of failures that are sampled.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// Write the drawing to this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl Args {
    /// Carries the verb out.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let Some(spec) = &self.spec else { return self.course() };
        let topology = load(spec, self.nodes)?.topology;
        if let Some(path) = &self.svg {
            write(path, &draw::svg::network(&topology))?;
        }
        let figures = analysis::figures(&topology);
        let failures = self.failures(&topology, figures.distances.diameter);
        if self.json {
            println!("{}", pretty(&report(&topology, &figures, &failures)));
        } else {
            println!("{}\n", topology.name());
            if !crate::diag::tone().quiet {
                println!("{}", fit::drawing(&draw::network::draw(&topology), fit::columns()));
            }
            print!("{}", fit::wrap(&table::figures(&figures, &failures), fit::columns(), 34));
        }
        Ok(Exit::Ok)
    }

    fn failures(&self, topology: &Topology, intact: u64) -> Vec<AfterFailures> {
        (1..=self.failed)
            .map(|failed| analysis::after_failures(topology, failed, self.seed, intact))
            .collect()
    }

    fn course(&self) -> Result<Exit, Failure> {
        let networks = table::COURSE
            .iter()
            .map(|spec| load(spec, None).map(|loaded| loaded.topology))
            .collect::<Result<Vec<_>, _>>()?;
        if self.json {
            let reports: Vec<Value> = networks
                .iter()
                .map(|topology| {
                    let figures = analysis::figures(topology);
                    report(topology, &figures, &self.failures(topology, figures.distances.diameter))
                })
                .collect();
            println!("{}", pretty(&json!({ "networks": reports })));
        } else {
            print!(
                "{}",
                table::course(&networks, |topology, intact| self.failures(topology, intact), fit::columns())
            );
        }
        Ok(Exit::Ok)
    }
}

/// JSON for people and programs.
pub(crate) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| unreachable!("a JSON value prints: {error}"))
}

/// Writes a file that the user named.
pub(crate) fn write(path: &std::path::Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        Failure::new(
            Exit::Host,
            format!("cannot write {}: {error}", path.display()),
            "name a file that can be written",
        )
    })
}

fn bound(figure: Figure) -> &'static str {
    match figure {
        Figure::Exact(_) => "exact",
        Figure::AtMost(_) => "at most",
        Figure::AtLeast(_) => "at least",
    }
}

fn report(topology: &Topology, figures: &Figures, failures: &[AfterFailures]) -> Value {
    let failures: Vec<Value> = failures
        .iter()
        .map(|after| {
            json!({
                "failed_links": after.failed,
                "diameter": after.diameter,
                "diameter_while_connected": after.diameter_whole,
                "parted_sets": after.parted,
                "tried_sets": after.tried,
                "searched_from": after.sources,
                "exact": after.exact,
            })
        })
        .collect();
    json!({
        "topology": topology.name(),
        "family": topology.family().kind(),
        "nodes": figures.nodes,
        "switches": figures.switches,
        "links": figures.links,
        "degree": figures.degree,
        "node_degree": figures.node_degree,
        "diameter": figures.distances.diameter,
        "average_distance_with_self": figures.distances.mean_with_self(),
        "average_distance_without_self": figures.distances.mean_without_self(),
        "edge_connectivity": figures.edge_connectivity.value(),
        "edge_connectivity_kind": bound(figures.edge_connectivity),
        "bisection": figures.bisection.value(),
        "bisection_exact": figures.bisection.is_exact(),
        "bisection_kind": bound(figures.bisection),
        "diameter_after_failures": failures,
    })
}
