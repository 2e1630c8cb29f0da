//! Tables of figures, and the course's networks side by side.

use crate::draw::{self, fit};
use fabric::analysis::{self, AfterFailures, Figures};
use fabric::topology::Topology;
use std::fmt::Write;

/// The networks of the course, sixteen nodes each where the family has sixteen (the cube has 27).
pub(crate) const COURSE: &[&str] = &[
    "star:16",
    "ring:16",
    "token-ring:16",
    "tree:2:4",
    "fattree:2:4",
    "mesh:4x4",
    "torus:4x4",
    "cube:3",
    "hypercube:4",
    "crossbar:16",
    "dragonfly:2:4:2",
];

fn after(failure: &AfterFailures) -> String {
    match (failure.diameter, failure.exact) {
        (Some(diameter), true) => diameter.to_string(),
        (Some(diameter), false) => format!(">={diameter}"),
        (None, _) => "parted".to_owned(),
    }
}

/// The figures of one network, a line each.
pub(super) fn figures(figures: &Figures, failures: &[AfterFailures]) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<34}{value}");
    };
    line("nodes", figures.nodes.to_string());
    if figures.switches > 0 {
        line("switches", figures.switches.to_string());
    }
    line("links", figures.links.to_string());
    line("degree (largest)", figures.degree.to_string());
    line("diameter", figures.distances.diameter.to_string());
    line("average distance, self included", format!("{:.4}", figures.distances.mean_with_self()));
    line("average distance, self left out", format!("{:.4}", figures.distances.mean_without_self()));
    line("edge connectivity", figures.edge_connectivity.to_string());
    line("bisection", figures.bisection.to_string());
    for failure in failures {
        let name = format!("diameter after {} failed link{}", failure.failed, plural(failure.failed));
        let how = if failure.exact {
            format!("worst of all {} ways", failure.tried)
        } else {
            format!("worst of {} sampled ways", failure.tried)
        };
        let parted = match failure.parted {
            0 => String::new(),
            parted => format!("; {parted} part it, else at most {}", failure.diameter_whole),
        };
        line(&name, format!("{} ({how}{parted})", after(failure)));
    }
    text
}

fn plural(count: u32) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// One table of all networks, then their drawings.
pub(super) fn course(networks: &[Topology], failures: impl Fn(&Topology) -> Vec<AfterFailures>) -> String {
    let mut text = format!(
        "{:<17}{:>6}{:>7}{:>8}{:>10}{:>9}{:>11}{:>11}  {}\n",
        "network",
        "nodes",
        "links",
        "degree",
        "diameter",
        "average",
        "edge conn.",
        "bisection",
        "diameter after 1, 2, 3 failures"
    );
    for topology in networks {
        let figures = analysis::figures(topology);
        let failed: Vec<String> = failures(topology).iter().map(after).collect();
        let _ = writeln!(
            text,
            "{:<17}{:>6}{:>7}{:>8}{:>10}{:>9.3}{:>11}{:>11}  {}",
            topology.name(),
            figures.nodes,
            figures.links,
            figures.degree,
            figures.distances.diameter,
            figures.distances.mean_with_self(),
            figures.edge_connectivity.to_string(),
            figures.bisection.to_string(),
            failed.join(", ")
        );
    }
    let columns = fit::columns();
    let mut text = fit::wrap(&text, columns, 17);
    for topology in networks.iter().filter(|_| !crate::diag::tone().quiet) {
        let drawing = fit::drawing(&draw::network::draw(topology), columns);
        let _ = write!(text, "\n{}\n{drawing}", topology.name());
    }
    text
}
