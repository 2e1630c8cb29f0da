//! Threads onto CPUs: each policy on each value of the sweep.

use super::load::{self, Loaded};
use super::{Args, chart, print_json};
use crate::diag;
use crate::exit::{Exit, Failure};
use policy::sched::registry;
use policy::sim::config::{ConfigError, Point, Schedule};
use policy::sim::{Outcome, Stop, simulate, svg};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Segments recorded for charts.
const SEGMENTS_MAX: usize = 400_000;

/// What came of one policy at one value of the sweep.
pub(crate) struct Run {
    /// The values of the swept variables.
    pub(crate) point: Option<Point>,
    /// What came of it.
    pub(crate) outcome: Outcome,
}

/// A run that ended early: where in the file, and why.
struct Broken {
    policy: String,
    stop: Stop,
    error: ConfigError,
    text: String,
}

/// Runs policies on a shipped example, at each point of its sweep, recording what charts need if there is none.
///
/// Errors: the first stop, put at its place.
pub(crate) fn run_example(name: &str, policies: &[&str]) -> Result<Vec<Run>, Failure> {
    let (document, mut scenario) = load::example(name);
    scenario.policies = policies.iter().map(|name| ((*name).to_owned(), 0..0)).collect();
    let loaded = Loaded { path: PathBuf::from(name), document, scenario };
    let first = loaded.scenario.schedule.as_ref().expect("a scenario of threads");
    match run_all(&loaded, first, true)? {
        (runs, None) => Ok(runs),
        (_, Some(broken)) => Err(load::show(&loaded.path, &broken.text, &broken.error)),
    }
}

/// Runs all policies at all points of the sweep, until one stops early.
fn run_all(loaded: &Loaded, first: &Schedule, record: bool) -> Result<(Vec<Run>, Option<Broken>), Failure> {
    let Some(sweep) = &loaded.document.sweep else {
        return Ok(run_at(loaded, first.clone(), &loaded.document.text, None, record));
    };
    let mut all = Vec::new();
    for point in &sweep.points {
        let document = loaded.document.with(point).map_err(|error| load::failure(&loaded.path, &error))?;
        let scenario = document.scenario().map_err(|error| load::failure(&loaded.path, &error))?;
        let schedule = scenario.schedule.expect("a scenario of threads");
        let (runs, broken) = run_at(loaded, schedule, &document.text, Some(point), false);
        all.extend(runs);
        if broken.is_some() {
            return Ok((all, broken));
        }
    }
    Ok((all, None))
}

pub(super) fn run(args: &Args, loaded: &Loaded) -> Result<Exit, Failure> {
    let first = loaded.scenario.schedule.as_ref().expect("a scenario of threads");
    let (runs, broken) = run_all(loaded, first, !args.json || args.svg.is_some())?;
    if args.json {
        print_json(&document(loaded, &runs, broken.as_ref()));
    } else if !runs.is_empty() {
        print!("{}", chart::report(loaded, first, &runs, args.columns(), diag::colored_output()));
    }
    if let Some(path) = &args.svg {
        let outcomes: Vec<Outcome> = runs.iter().map(|run| run.outcome.clone()).collect();
        let drawing = svg::draw(&outcomes, &first.workload, first.options.cpus);
        std::fs::write(path, drawing).map_err(|error| {
            Failure::new(Exit::Host, format!("cannot write {}: {error}", path.display()), "")
        })?;
    }
    match broken {
        None => Ok(Exit::Ok),
        Some(broken) => Err(load::show(&loaded.path, &broken.text, &broken.error)),
    }
}

/// Runs all policies at one value of the sweep, until one stops early.
fn run_at(
    loaded: &Loaded,
    mut schedule: Schedule,
    text: &str,
    point: Option<&Point>,
    record: bool,
) -> (Vec<Run>, Option<Broken>) {
    schedule.options.segments_max = if record { SEGMENTS_MAX } else { 0 };
    let mut runs = Vec::new();
    for (name, _) in &loaded.scenario.policies {
        let policy = registry::find(name).expect("a name that was checked");
        match simulate(&schedule.workload, policy, &schedule.options) {
            Ok(outcome) => runs.push(Run { point: point.cloned(), outcome }),
            Err(stop) => {
                let error = schedule.locate(name, &stop);
                return (runs, Some(Broken { policy: name.clone(), stop, error, text: text.to_owned() }));
            }
        }
    }
    (runs, None)
}

fn document(loaded: &Loaded, runs: &[Run], broken: Option<&Broken>) -> Value {
    let sweep = loaded.document.sweep.as_ref().map(|sweep| &sweep.names);
    let schedule = loaded.scenario.schedule.as_ref().expect("a scenario of threads");
    let result = |run: &Run| {
        let mut value = serde_json::to_value(&run.outcome).expect("an outcome is plain data");
        if let Some(point) = &run.point {
            let variables: serde_json::Map<String, Value> =
                point.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            value["variables"] = Value::Object(variables);
        }
        value
    };
    let mut document = json!({
        "schema": 1,
        "kind": "schedule",
        "title": loaded.scenario.title,
        "seed": loaded.scenario.seed,
        "cpus": schedule.options.cpus,
        "sweep": sweep,
        "results": runs.iter().map(result).collect::<Vec<_>>(),
    });
    if let Some(broken) = broken {
        document["error"] = json!({ "policy": broken.policy, "message": broken.stop.to_string() });
        if let Stop::Deadlock { at, waiting, total } | Stop::Stalled { at, waiting, total, .. } = &broken.stop
        {
            let waits = waiting
                .iter()
                .map(|thread| json!({ "thread": thread.name, "waits_for": thread.what, "on": thread.on }));
            let kind = if matches!(broken.stop, Stop::Deadlock { .. }) { "deadlock" } else { "stall" };
            document[kind] = json!({ "at_ns": at.0, "threads": total, "waiting": waits.collect::<Vec<_>>() });
        }
    }
    document
}
