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
            parted if parted == failure.tried => "; each of them parts it".to_owned(),
            parted => format!("; {parted} part it, else at most {}", failure.diameter_whole),
        };
        line(&name, format!("{} ({how}{parted})", after(failure)));
    }
    text
}

fn plural(count: u32) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// A column of the table of networks: its head, its width, and what stands in it.
type Column = (&'static str, usize, fn(&Figures) -> String);

const COLUMNS: &[Column] = &[
    ("nodes", 6, |figures| figures.nodes.to_string()),
    ("links", 7, |figures| figures.links.to_string()),
    ("degree", 8, |figures| figures.degree.to_string()),
    ("diameter", 10, |figures| figures.distances.diameter.to_string()),
    ("average", 9, |figures| format!("{:.3}", figures.distances.mean_with_self())),
    ("edge conn.", 11, |figures| figures.edge_connectivity.to_string()),
    ("bisection", 11, |figures| figures.bisection.to_string()),
];

/// Columns of a terminal below which the table is cut in two.
const WIDE: usize = 112;

/// One table of all networks (two, one below the other, in a narrow terminal), then their drawings.
pub(super) fn course(
    networks: &[Topology],
    failures: impl Fn(&Topology) -> Vec<AfterFailures>,
    columns: Option<usize>,
) -> String {
    let rows: Vec<(String, Figures, String)> = networks
        .iter()
        .map(|topology| {
            let failed: Vec<String> = failures(topology).iter().map(after).collect();
            (topology.name().to_owned(), analysis::figures(topology), failed.join(", "))
        })
        .collect();
    let parts: &[&[Column]] = if columns.is_some_and(|columns| columns < WIDE) {
        &[&COLUMNS[..5], &COLUMNS[5..]]
    } else {
        &[COLUMNS]
    };
    let mut text = String::new();
    for (number, part) in parts.iter().enumerate() {
        let last = number + 1 == parts.len();
        let _ = write!(text, "{:<17}", "network");
        for (head, width, _) in *part {
            let _ = write!(text, "{head:>width$}");
        }
        let _ = writeln!(text, "{}", if last { "  diameter after 1, 2, 3 failures" } else { "" });
        for (name, figures, failed) in &rows {
            let _ = write!(text, "{name:<17}");
            for (_, width, value) in *part {
                let _ = write!(text, "{:>width$}", value(figures));
            }
            let _ = if last { writeln!(text, "  {failed}") } else { writeln!(text) };
        }
        if !last {
            text.push('\n');
        }
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

    #[test]
    fn a_narrow_terminal_gets_two_tables_and_no_line_too_long() {
        let networks: Vec<Topology> =
            COURSE.iter().map(|spec| Topology::from_spec(spec).expect("a known network")).collect();
        let wide = course(&networks, |_| Vec::new(), None);
        assert_eq!(wide.matches("network  ").count(), 1, "{wide}");
        for columns in [112, 80, 60] {
            let text = course(&networks, |_| Vec::new(), Some(columns));
            assert_eq!(text.matches("network  ").count(), if columns < WIDE { 2 } else { 1 });
            let longest = text.lines().skip(2 * COURSE.len() + 4).map(|line| line.chars().count()).max();
            assert!(longest <= Some(columns), "{columns}: {text}");
        }
    }
}
