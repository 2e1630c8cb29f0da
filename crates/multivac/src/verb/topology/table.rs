//! Tables of figures, and the course's networks side by side.

use crate::draw::table::Table;
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
        let name = format!("diameter after {} failed link{}", failure.failed, plural(failure.failed.into()));
        let how = if failure.exact {
            format!("worst of all {} ways", failure.tried)
        } else {
            let from = failure
                .sources
                .map_or(String::new(), |some| format!(", each seen from {some} of its places"));
            format!("worst of {} sampled way{}{from}", failure.tried, plural(failure.tried))
        };
        let parted = match failure.parted {
            0 => String::new(),
            parted if parted == failure.tried => "; each of them parts it".to_owned(),
            parted => {
                let bound = if failure.exact { "at most " } else { ">=" };
                format!("; {parted} part it, else {bound}{}", failure.diameter_whole)
            }
        };
        line(&name, format!("{} ({how}{parted})", after(failure)));
    }
    text
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// The columns of the table of networks, before those of its diameter after failures.
const HEADER: [&str; 8] =
    ["network", "nodes", "links", "degree", "diameter", "average", "edge conn.", "bisection"];

/// One table of all networks, then their drawings.
pub(super) fn course(
    networks: &[Topology],
    failures: impl Fn(&Topology, u64) -> Vec<AfterFailures>,
    columns: Option<usize>,
) -> String {
    let figures: Vec<Figures> = networks.iter().map(analysis::figures).collect();
    let failures: Vec<Vec<AfterFailures>> = networks
        .iter()
        .zip(&figures)
        .map(|(topology, figures)| failures(topology, figures.distances.diameter))
        .collect();
    let failed: Vec<String> =
        failures.iter().take(1).flatten().map(|after| format!("{} failed", after.failed)).collect();
    let header: Vec<&str> = HEADER.into_iter().chain(failed.iter().map(String::as_str)).collect();
    let rows = networks.iter().zip(figures).zip(&failures).map(|((topology, figures), failures)| {
        let mut row = vec![
            topology.name().to_owned(),
            figures.nodes.to_string(),
            figures.links.to_string(),
            figures.degree.to_string(),
            figures.distances.diameter.to_string(),
            format!("{:.3}", figures.distances.mean_with_self()),
            figures.edge_connectivity.to_string(),
            figures.bisection.to_string(),
        ];
        row.extend(failures.iter().map(after));
        row
    });
    let mut text = Table::new(&header, rows.collect()).within(1, columns);
    if !failed.is_empty() {
        text.push_str(&fit::wrap("\n`N failed`: the diameter after N links have failed\n", columns, 0));
    }
    for topology in networks.iter().filter(|_| !crate::diag::tone().quiet) {
        let drawing = fit::drawing(&draw::network::draw(topology), columns);
        let _ = write!(text, "\n{}\n{drawing}", topology.name());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr as _;

    #[test]
    fn a_narrow_terminal_gets_the_table_in_parts_and_no_line_too_long() {
        let networks: Vec<Topology> =
            COURSE.iter().map(|spec| Topology::from_spec(spec).expect("a known network")).collect();
        let failures = |topology: &Topology, intact| vec![analysis::after_failures(topology, 1, 1, intact)];
        let wide = course(&networks, failures, None);
        assert_eq!(wide.matches("network  ").count(), 1, "{wide}");
        for columns in [80, 60, 40] {
            let text = course(&networks, failures, Some(columns));
            assert!(text.matches("network  ").count() > 1, "{text}");
            assert!(text.lines().all(|line| line.width() <= columns), "{columns}: {text}");
        }
    }
}
