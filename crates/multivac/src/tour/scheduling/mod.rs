//! The tour of scheduling on multiprocessors, and of load balancing on multicomputers.

mod balancing;
mod gangs;
mod time;

pub(super) use balancing::ENTRIES as BALANCING;

use super::Entry;
use crate::draw::fit;
use crate::draw::table::Table;
use crate::exit::{Exit, Failure};
use crate::verb::schedule::{Run, example, run_example};
use policy::sim::Outcome;
use policy::sim::gantt::{self, Style};
use policy::unit::Ns;

/// The chapter's concepts.
pub(super) const ENTRIES: &[Entry] = &[
    time::TIME_SHARING,
    time::READY_VECTOR,
    time::LOCK_HOLDER,
    time::SMART,
    time::AFFINITY,
    time::TWO_LEVEL,
    time::FAIR,
    time::CREDIT,
    time::SYNCHRONIZATION,
    gangs::SPACE_SHARING,
    gangs::SPACE_WASTE,
    gangs::BACKFILL,
    gangs::GANG,
    gangs::GANG_TABLE,
    gangs::ALTERNATE,
    gangs::BUDDIES,
    gangs::RELAXED,
    gangs::BARRIERS,
];

/// The width of a page.
const PAGE_COLUMNS: usize = 90;

/// Charts of a shipped example under these policies, no wider than a page.
fn charts(name: &str, policies: &[&str]) -> Result<(String, Vec<Outcome>), Failure> {
    let (_, scenario) = example(name);
    let schedule = scenario.schedule.ok_or_else(|| Failure::new(Exit::Host, "not a workload", ""))?;
    let runs = run_example(name, policies)?;
    let mut picture = String::new();
    let width = fit::columns().map_or(PAGE_COLUMNS, |columns| columns.min(PAGE_COLUMNS));
    let style = Style { width, cpus_max: 8, ..Style::default() };
    for run in &runs {
        picture.push_str(&format!("{}\n", run.outcome.policy));
        picture.push_str(&gantt::draw(&run.outcome, &schedule.workload, schedule.options.cpus, &style));
    }
    picture.push_str(&format!("{}\n", gantt::LEGEND));
    Ok((picture, runs.into_iter().map(|run| run.outcome).collect()))
}

/// A table over a shipped example's sweep: one row a point, one column a policy.
fn sweep(name: &str, policies: &[&str], cell: fn(&Outcome) -> String) -> Result<(String, Vec<Run>), Failure> {
    let runs = run_example(name, policies)?;
    let first = |run: &Run| {
        let values = run.point.iter().flatten().take(1);
        values
            .map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect::<String>()
    };
    let variable =
        runs.iter().flat_map(|run| run.point.iter().flatten()).map(|(name, _)| name.clone()).next();
    let variable = variable.unwrap_or_default();
    let header: Vec<&str> = std::iter::once(variable.as_str()).chain(policies.iter().copied()).collect();
    let rows: Vec<Vec<String>> = runs
        .chunks(policies.len())
        .map(|runs| {
            std::iter::once(first(&runs[0])).chain(runs.iter().map(|run| cell(&run.outcome))).collect()
        })
        .collect();
    Ok((Table::new(&header, rows).within(1, fit::columns()), runs))
}

fn percent(part: f64) -> String {
    format!("{:.1}%", part * 100.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time to show; the cast saturates"
)]
fn ns(time: f64) -> String {
    Ns(time.round() as u64).to_string()
}

fn makespan(outcome: &Outcome) -> String {
    Ns(outcome.makespan_ns).to_string()
}
