//! `multivac schedule`: policies on a workload, drawn and measured; also load balancing and process allocation on nodes.

mod allocate;
mod balance;
mod chart;
mod load;
mod threads;

use crate::exit::{Exit, Failure};
use std::path::PathBuf;
use unicode_width::UnicodeWidthStr;

pub(crate) use allocate::{gap, report as report_allocation, solve};
pub(crate) use balance::{measure, responses};
pub(crate) use chart::matrix;
pub(crate) use load::{EXAMPLES, example};
pub(crate) use threads::{Run, run_example};

/// Flags of `multivac schedule`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The scenario: a TOML file, or the name of a shipped example; without it, the course's two gangs.
    file: Option<PathBuf>,
    /// The policies to compare, instead of the file's.
    #[arg(long, value_delimiter = ',', value_name = "A,B,C")]
    policy: Vec<String>,
    /// Report as one JSON document.
    #[arg(long)]
    json: bool,
    /// Also draw the charts into this SVG file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// The seed, instead of the file's.
    #[arg(long)]
    seed: Option<u64>,
    /// Another value for a variable of the file's `[let]`; a swept variable is swept no longer.
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Columns to draw in, instead of the terminal's.
    #[arg(long)]
    width: Option<usize>,
    /// List the policies, balancers, methods and shipped examples.
    #[arg(long)]
    list: bool,
}

impl Args {
    /// Carries the verb out.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        if self.list {
            list();
            return Ok(Exit::Ok);
        }
        let loaded = load::load(&self)?;
        if let Some(experiment) = &loaded.scenario.balance {
            balance::run(&self, &loaded, experiment)
        } else if let Some(problem) = &loaded.scenario.allocate {
            allocate::run(&self, &loaded, problem)
        } else {
            threads::run(&self, &loaded)
        }
    }

    /// Columns to draw in.
    fn columns(&self) -> usize {
        let wide = || std::env::var("COLUMNS").ok()?.parse().ok();
        let terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        self.width.or_else(terminal).or_else(wide).unwrap_or(100).clamp(40, 400)
    }
}

fn list() {
    println!("policies (threads onto CPUs)");
    policy::sched::registry::POLICIES
        .iter()
        .for_each(|policy| println!("  {:16} {}", policy.name, policy.summary));
    println!("balancers (jobs onto nodes)");
    policy::balance::POLICIES.iter().for_each(|policy| println!("  {:16} {}", policy.name, policy.summary));
    println!("methods (processes onto nodes)");
    policy::alloc::METHODS.iter().for_each(|method| println!("  {:16} {}", method.name, method.summary));
    println!("examples");
    EXAMPLES.iter().for_each(|(name, _)| println!("  {name}"));
}

/// Prints a JSON document, alone on standard output.
fn print_json(document: &serde_json::Value) {
    println!("{document:#}");
}

/// A table no wider than `columns`, in several parts if need be, of which each begins with the first `keep` columns.
fn table_within(columns: usize, keep: usize, header: &[&str], rows: &[Vec<String>]) -> String {
    let part = |chosen: &[usize]| {
        let header: Vec<&str> = chosen.iter().map(|&column| header[column]).collect();
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| chosen.iter().map(|&column| row[column].clone()).collect()).collect();
        table(&header, &rows)
    };
    let fits = |text: &str| text.lines().all(|line| line.width() <= columns);
    let (mut parts, mut chosen) = (Vec::new(), (0..keep).collect::<Vec<_>>());
    for column in keep..header.len() {
        chosen.push(column);
        if chosen.len() > keep + 1 && !fits(&part(&chosen)) {
            chosen.pop();
            parts.push(part(&chosen));
            chosen.truncate(keep);
            chosen.push(column);
        }
    }
    parts.push(part(&chosen));
    parts.join("\n")
}

/// A table: the first column to the left, the others to the right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].width());
        cells.chain([header[column].width()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let mut line = String::new();
        for (column, cell) in cells.iter().enumerate() {
            let pad = " ".repeat(widths[column] - cell.width());
            match column {
                0 => line.push_str(&format!("{cell}{pad}")),
                _ => line.push_str(&format!("  {pad}{cell}")),
            }
        }
        line.trim_end().to_owned() + "\n"
    };
    let mut text = line(header);
    for row in rows {
        text.push_str(&line(&row.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table_within;

    #[test]
    fn a_wide_table_is_told_in_parts() {
        let rows = vec![["gang", "1 ms", "2.5", "99%"].map(str::to_owned).to_vec()];
        let header = ["policy", "time", "rate", "part"];
        assert_eq!(
            table_within(40, 1, &header, &rows),
            "policy  time  rate  part\ngang    1 ms   2.5   99%\n"
        );
        let narrow = "policy  time  rate\ngang    1 ms   2.5\n\npolicy  part\ngang     99%\n";
        assert_eq!(table_within(20, 1, &header, &rows), narrow);
        assert_eq!(table_within(1, 1, &header, &rows).lines().count(), 8);
    }
}
