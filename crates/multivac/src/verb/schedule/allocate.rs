//! Processes onto nodes: each method, and how far it is from the best.

use super::load::Loaded;
use super::{Args, print_json};
use crate::draw::fit;
use crate::draw::table::Table;
use crate::exit::{Exit, Failure};
use policy::alloc::{Allocation, NoWay, Problem, find};
use serde_json::{Value, json};

pub(super) fn run(args: &Args, loaded: &Loaded, problem: &Problem) -> Result<Exit, Failure> {
    let names: Vec<&str> = loaded.scenario.policies.iter().map(|(name, _)| name.as_str()).collect();
    let solved = solve(problem, &names, loaded.scenario.seed);
    if args.json {
        let results: Vec<Value> =
            solved.iter().map(|(name, found)| entry(problem, name, found, &solved)).collect();
        print_json(&json!({
            "schema": 1,
            "kind": "allocate",
            "title": loaded.scenario.title,
            "seed": loaded.scenario.seed,
            "nodes": problem.nodes.len(),
            "processes": problem.processes.len(),
            "results": results,
        }));
        return Ok(Exit::Ok);
    }
    let columns = args.columns();
    println!("{}\n", fit::wrap(&loaded.scenario.title, columns, 0));
    print!("{}", report(problem, &solved, columns));
    println!("\nseed {}", loaded.scenario.seed);
    Ok(Exit::Ok)
}

/// What each method found.
pub(crate) type Solved<'a> = Vec<(&'a str, Result<Allocation, NoWay>)>;

/// Asks each method.
pub(crate) fn solve<'a>(problem: &Problem, names: &[&'a str], seed: u64) -> Solved<'a> {
    names
        .iter()
        .map(|name| (*name, (find(name).expect("a name that was checked").solve)(problem, seed)))
        .collect()
}

/// How much more traffic than the best possible, where all possibilities were tried.
#[expect(clippy::cast_precision_loss, reason = "a ratio")]
pub(crate) fn gap(problem: &Problem, found: &Allocation, solved: &Solved<'_>) -> Option<f64> {
    let (_, best) = solved.iter().find(|(name, _)| *name == "brute-force")?;
    let best = problem.cost(best.as_ref().ok()?);
    let cost = problem.cost(found);
    if best == 0 { (cost == 0).then_some(0.0) } else { Some(cost as f64 / best as f64 - 1.0) }
}

fn entry(problem: &Problem, name: &str, found: &Result<Allocation, NoWay>, solved: &Solved<'_>) -> Value {
    match found {
        Err(error) => json!({ "method": name, "error": error.to_string() }),
        Ok(at) => {
            let placed = problem.processes.iter().zip(at);
            let placed: serde_json::Map<String, Value> = placed
                .map(|(process, node)| (process.name.clone(), json!(problem.nodes[node.index()].name)))
                .collect();
            json!({
                "method": name,
                "traffic": problem.cost(at),
                "gap": gap(problem, at, solved),
                "fits": problem.fits(at),
                "fairness": problem.fairness(at),
                "allocation": placed,
            })
        }
    }
}

/// A table of methods, and who is where.
pub(crate) fn report(problem: &Problem, solved: &Solved<'_>, columns: Option<usize>) -> String {
    let rows = solved.iter().map(|(name, found)| match found {
        Err(error) => {
            vec![(*name).to_owned(), error.to_string(), String::new(), String::new(), String::new()]
        }
        Ok(at) => vec![
            (*name).to_owned(),
            problem.cost(at).to_string(),
            gap(problem, at, solved).map_or("?".to_owned(), |gap| format!("{:.1}%", gap * 100.0)),
            if problem.fits(at) { "yes" } else { "no" }.to_owned(),
            format!("{:.3}", problem.fairness(at)),
        ],
    });
    let header = ["method", "traffic x hops", "over best", "within limits", "fairness"];
    let mut text = Table::new(&header, rows.collect()).within(1, columns);
    for (name, found) in solved {
        let Ok(at) = found else { continue };
        text.push_str(&format!("\n{name}\n"));
        for (index, node) in problem.nodes.iter().enumerate().take(32) {
            let here = problem.processes.iter().zip(at).filter(|(_, there)| there.index() == index);
            let names: Vec<&str> = here.map(|(process, _)| process.name.as_str()).take(24).collect();
            let line = format!("  {:8} {}\n", node.name, names.join(" "));
            text.push_str(&fit::wrap(&line, columns, 11));
        }
    }
    text
}
