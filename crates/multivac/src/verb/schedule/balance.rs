//! Jobs onto nodes: each balancer at each load.

use super::load::Loaded;
use super::{Args, print_json};
use crate::draw::fit;
use crate::draw::table::Table;
use crate::exit::{Exit, Failure};
use policy::balance::find;
use policy::balance::sim::{Balls, Experiment, Result as Balanced, run as simulate, throw_balls};
use serde_json::json;

pub(super) fn run(args: &Args, loaded: &Loaded, experiment: &Experiment) -> Result<Exit, Failure> {
    let names: Vec<&str> = loaded.scenario.policies.iter().map(|(name, _)| name.as_str()).collect();
    let results = measure(experiment, &names, loaded.scenario.seed);
    let balls = balls(experiment, loaded.scenario.seed);
    if args.json {
        print_json(&json!({
            "schema": 1,
            "kind": "balance",
            "title": loaded.scenario.title,
            "seed": loaded.scenario.seed,
            "nodes": experiment.nodes,
            "results": results,
            "balls": balls,
        }));
        return Ok(Exit::Ok);
    }
    let columns = args.columns();
    let line = |text: String| print!("{}", fit::wrap(&text, columns, 0));
    line(format!("{}\n\n", loaded.scenario.title));
    println!("{}", responses(experiment, &names, &results).within(1, columns));
    print!("{}", objectives(&results).within(2, columns));
    for thrown in balls {
        line(format!(
            "\n{} balls into as many bins, the emptier of {}: the fullest has {}\n",
            experiment.balls, thrown.choices, thrown.fullest
        ));
    }
    line(format!("\ntimes in mean service times; seed {}\n", loaded.scenario.seed));
    Ok(Exit::Ok)
}

/// Runs each balancer at each load.
pub(crate) fn measure(experiment: &Experiment, names: &[&str], seed: u64) -> Vec<Balanced> {
    let runs = names.iter().flat_map(|name| experiment.loads.iter().map(move |load| (*name, *load)));
    runs.map(|(name, load)| simulate(experiment, find(name).expect("a name that was checked"), load, seed))
        .collect()
}

fn balls(experiment: &Experiment, seed: u64) -> Vec<Balls> {
    let choices = if experiment.balls == 0 { 0..0 } else { 1..4 };
    choices.map(|choices| throw_balls(experiment.balls, choices, seed)).collect()
}

/// Mean response by balancer and load.
pub(crate) fn responses(experiment: &Experiment, names: &[&str], results: &[Balanced]) -> Table {
    let loads: Vec<String> = experiment.loads.iter().map(|load| format!("load {load}")).collect();
    let header: Vec<&str> =
        std::iter::once("mean response").chain(loads.iter().map(String::as_str)).collect();
    let rows: Vec<Vec<String>> = names
        .iter()
        .map(|name| {
            let cells = results.iter().filter(|result| result.policy == *name).map(|result| {
                if result.diverges { "diverges".to_owned() } else { format!("{:.2}", result.response_mean) }
            });
            std::iter::once((*name).to_owned()).chain(cells).collect()
        })
        .collect();
    Table::new(&header, rows)
}

/// The three objectives of the course: wasted cycles, traffic, fairness.
fn objectives(results: &[Balanced]) -> Table {
    let header = [
        "balancer",
        "load",
        "p50",
        "p99",
        "wasted idle",
        "overhead",
        "transfers/job",
        "probes/job",
        "fairness",
    ];
    let rows = results.iter().map(|result| {
        vec![
            result.policy.clone(),
            result.load.to_string(),
            format!("{:.2}", result.response_p50),
            format!("{:.2}", result.response_p99),
            format!("{:.1}%", result.wasted_idle * 100.0),
            format!("{:.1}%", result.wasted_overhead * 100.0),
            format!("{:.3}", result.transfers_per_job),
            format!("{:.3}", result.probes_per_job),
            format!("{:.3}", result.fairness),
        ]
    });
    Table::new(&header, rows.collect())
}
