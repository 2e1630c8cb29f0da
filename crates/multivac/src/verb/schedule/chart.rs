//! The report on threads and CPUs for a terminal: charts, tables, histograms.

use super::load::Loaded;
use super::threads::Run;
use crate::draw::fit;
use crate::draw::table::Table;
use policy::sim::config::Schedule;
use policy::sim::gantt::{self, Style};
use policy::sim::{Distribution, Outcome};
use policy::unit::Ns;

/// The width of a chart that goes to no terminal.
const CHART_COLUMNS: usize = 100;

pub(super) fn report(
    loaded: &Loaded,
    schedule: &Schedule,
    runs: &[Run],
    columns: Option<usize>,
    color: bool,
) -> String {
    let mut text = fit::wrap(&format!("{}\n\n", loaded.scenario.title), columns, 0);
    if loaded.document.sweep.is_none() {
        for run in runs {
            text.push_str(&format!("{}\n", run.outcome.policy));
            let style =
                Style { width: columns.unwrap_or(CHART_COLUMNS).clamp(40, 400), color, ..Style::default() };
            text.push_str(&gantt::draw(&run.outcome, &schedule.workload, schedule.options.cpus, &style));
            text.push_str(&matrix(&run.outcome));
            text.push('\n');
        }
        if !runs.is_empty() {
            text.push_str(&fit::wrap(&format!("{}\n\n", gantt::LEGEND), columns, 0));
        }
    }
    let names = loaded.document.sweep.as_ref().map_or(&[][..], |sweep| &sweep.names);
    text.push_str(&times(names, runs, columns));
    text.push('\n');
    text.push_str(&cpus(names, runs, columns));
    if runs.iter().any(|run| run.outcome.exchange.count + run.outcome.lock_requests > 0) {
        text.push('\n');
        text.push_str(&waits(names, runs, columns));
    }
    if loaded.document.sweep.is_none() && runs.iter().any(|run| run.outcome.jobs > 1) {
        text.push_str("\nresponse times\n");
        for run in runs {
            text.push_str(&format!("  {:16} {}\n", run.outcome.policy, histogram(&run.outcome.response)));
        }
    }
    text.push_str(&format!("\nseed {}\n", loaded.scenario.seed));
    text
}

/// The matrix of a gang policy, row by row.
pub(crate) fn matrix(outcome: &Outcome) -> String {
    if outcome.matrix.is_empty() || outcome.matrix[0].len() > 16 || outcome.matrix.len() > 16 {
        return String::new();
    }
    let header: Vec<String> = (0..outcome.matrix[0].len()).map(|cpu| format!("cpu{cpu}")).collect();
    let header: Vec<&str> = std::iter::once("slot").chain(header.iter().map(String::as_str)).collect();
    let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "·".to_owned());
    let rows = outcome.matrix.iter().enumerate();
    let rows =
        rows.map(|(slot, row)| std::iter::once(slot.to_string()).chain(row.iter().map(cell)).collect());
    format!("\n{}", Table::new(&header, rows.collect()).text())
}

/// The first cells of a row: the values of the sweep, and the policy.
fn first_cells(run: &Run) -> Vec<String> {
    let values = run.point.iter().flatten().map(|(_, value)| match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    values.chain([run.outcome.policy.clone()]).collect()
}

fn with_sweep<'a>(names: &'a [String], header: &[&'a str]) -> Vec<&'a str> {
    names.iter().map(String::as_str).chain(header.iter().copied()).collect()
}

fn times(names: &[String], runs: &[Run], columns: Option<usize>) -> String {
    let header = ["policy", "makespan", "jobs/s", "mean resp.", "p50", "p99", "slowdown", "fairness"];
    let rows = runs.iter().map(|run| {
        let outcome = &run.outcome;
        let mut row = first_cells(run);
        row.extend([
            Ns(outcome.makespan_ns).to_string(),
            short(outcome.throughput_per_s),
            mean(&outcome.response),
            Ns(outcome.response.p50_ns).to_string(),
            Ns(outcome.response.p99_ns).to_string(),
            short(outcome.slowdown_mean),
            format!("{:.3}", outcome.fairness),
        ]);
        row
    });
    Table::new(&with_sweep(names, &header), rows.collect()).within(names.len() + 1, columns)
}

fn cpus(names: &[String], runs: &[Run], columns: Option<usize>) -> String {
    let header =
        ["policy", "useful", "spin", "switch", "reload", "idle", "preemptions", "migrations", "queue wait"];
    let percent = |part: f64| format!("{:.1}%", part * 100.0);
    let rows = runs.iter().map(|run| {
        let (outcome, used) = (&run.outcome, &run.outcome.utilization);
        let mut row = first_cells(run);
        row.extend([used.useful, used.spinning, used.switching, used.reloading, used.idle].map(percent));
        row.extend([
            outcome.preemptions.to_string(),
            outcome.migrations.to_string(),
            ns(outcome.queue_wait_mean_ns),
        ]);
        row
    });
    Table::new(&with_sweep(names, &header), rows.collect()).within(names.len() + 1, columns)
}

fn waits(names: &[String], runs: &[Run], columns: Option<usize>) -> String {
    let header =
        ["policy", "exchanges", "mean exch.", "p50 exch.", "locks", "lock wait", "barriers", "extra quanta"];
    let rows = runs.iter().map(|run| {
        let outcome = &run.outcome;
        let mut row = first_cells(run);
        row.extend([
            outcome.exchange.count.to_string(),
            mean(&outcome.exchange),
            Ns(outcome.exchange.p50_ns).to_string(),
            outcome.lock_requests.to_string(),
            ns(outcome.lock_wait_mean_ns),
            outcome.barriers.to_string(),
            outcome.extra_quanta.to_string(),
        ]);
        row
    });
    Table::new(&with_sweep(names, &header), rows.collect()).within(names.len() + 1, columns)
}

fn mean(times: &Distribution) -> String {
    ns(times.mean_ns)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time to show; the cast saturates"
)]
fn ns(time: f64) -> String {
    Ns(time.round() as u64).to_string()
}

fn short(value: f64) -> String {
    let digits = if value >= 100.0 { 0 } else { 2 };
    format!("{value:.digits$}")
}

/// A histogram by powers of two, as bars from the smallest time to the largest.
pub(crate) fn histogram(times: &Distribution) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let Some(first) = times.buckets.iter().position(|&count| count > 0) else { return String::new() };
    let most = times.buckets.iter().copied().max().unwrap_or(1).max(1);
    let bar = |&count: &u64| match count {
        0 => ' ',
        _ => BARS[usize::try_from((count * 8).div_ceil(most)).unwrap_or(8).clamp(1, 8) - 1],
    };
    let bars: String = times.buckets[first..].iter().map(bar).collect();
    let low = if first == 0 { Ns::ZERO } else { Ns(1 << (first - 1)) };
    format!("{low} {bars} {}", Ns(times.max_ns))
}
