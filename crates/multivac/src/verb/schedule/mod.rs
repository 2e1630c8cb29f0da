//! `multivac schedule`: policies on a workload, drawn and measured; also load balancing and process allocation on nodes.

mod allocate;
mod balance;
mod chart;
mod load;
mod threads;

use crate::draw::fit;
use crate::exit::{Exit, Failure};
use std::path::PathBuf;

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

    /// Columns to keep to, where there are any.
    fn columns(&self) -> Option<usize> {
        self.width.or_else(fit::columns)
    }
}

fn list() {
    let line = |name: &str, summary: &str| {
        println!("{}", fit::wrap(&format!("  {name:16} {summary}"), fit::columns(), 19));
    };
    println!("policies (threads onto CPUs)");
    policy::sched::registry::POLICIES.iter().for_each(|policy| line(policy.name, policy.summary));
    println!("balancers (jobs onto nodes)");
    policy::balance::POLICIES.iter().for_each(|policy| line(policy.name, policy.summary));
    println!("methods (processes onto nodes)");
    policy::alloc::METHODS.iter().for_each(|method| line(method.name, method.summary));
    println!("examples");
    EXAMPLES.iter().for_each(|(name, _)| println!("  {name}"));
}

/// Prints a JSON document, alone on standard output.
fn print_json(document: &serde_json::Value) {
    println!("{document:#}");
}
