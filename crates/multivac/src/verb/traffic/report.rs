//! What a measurement found, for people and for programs.

use super::setup::Setup;
use fabric::simulate::Simulation;
use fabric::topology::Topology;
use fabric::traffic::{Report, Sweep};
use serde_json::{Value, json};
use std::fmt::Write;

/// Links up to which the load of each is printed in JSON.
const CHANNELS_LISTED: usize = 4096;

fn setting(setup: &Setup, simulation: &Simulation) -> Value {
    json!({
        "topology": setup.topology.name(),
        "nodes": setup.topology.nodes(),
        "pattern": setup.pattern.name(),
        "routing": setup.config.routing.name(),
        "switching": setup.config.switching.name(),
        "level": setup.config.level.name(),
        "vcs": setup.config.vcs,
        "buffer_flits": setup.config.buffer_flits,
        "packet_flits": setup.load(0.0).packet_flits,
        "seed": setup.config.seed,
        "deadlock_free": simulation.proof.as_ref().map(ToString::to_string),
    })
}

fn point(report: &Report) -> Value {
    let percentile = |per_cent| report.latencies.percentile(per_cent).filter(|_| !report.saturated);
    let loads = &report.channel_load;
    json!({
        "rate": report.rate,
        "offered": report.offered,
        "latency_mean_cycles": report.latency_mean_cycles,
        "latency_error_cycles": report.latency_error_cycles.filter(|_| !report.saturated),
        "latency_p50_cycles": percentile(50),
        "latency_p95_cycles": percentile(95),
        "latency_p99_cycles": percentile(99),
        "latency_max_cycles": percentile(100),
        "accepted_mean": report.accepted_mean,
        "accepted_min": report.accepted_min,
        "latency_high_mean_cycles": report.latencies_high.mean().filter(|_| !report.saturated),
        "latency_high_p99_cycles": report.latencies_high.percentile(99).filter(|_| !report.saturated),
        "dropped_packets": report.dropped,
        "corrupted_packets": report.corrupted,
        "duplicated_packets": report.repeated,
        "saturated": report.saturated,
        "stuck": report.stuck,
        "routers_mean": report.routers_mean,
        "channel_load_mean": mean(loads),
        "channel_load_max": loads.iter().copied().fold(0.0, f64::max),
        "warmup_cycles": report.cycles.0,
        "measured_cycles": report.cycles.1,
        "measured_packets": report.packets,
    })
}

#[allow(clippy::cast_precision_loss, reason = "a mean for people")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn merged(a: Value, b: Value) -> Value {
    match (a, b) {
        (Value::Object(mut a), Value::Object(b)) => {
            a.extend(b);
            Value::Object(a)
        }
        (a, _) => a,
    }
}

/// One measurement as JSON.
pub(super) fn one(setup: &Setup, simulation: &Simulation, report: &Report) -> Value {
    let channels: Vec<Value> = if report.channel_load.len() <= CHANNELS_LISTED {
        let ends = ends(&setup.topology);
        let each = ends.iter().zip(&report.channel_load);
        each.map(|((from, to), load)| json!({ "from": from, "to": to, "load": load })).collect()
    } else {
        Vec::new()
    };
    merged(merged(setting(setup, simulation), point(report)), json!({ "channels": channels }))
}

/// A sweep as JSON.
pub(super) fn sweep(setup: &Setup, simulation: &Simulation, sweep: &Sweep) -> Value {
    let points: Vec<Value> = sweep.points.iter().map(point).collect();
    merged(
        setting(setup, simulation),
        json!({
            "points": points,
            "saturation_rate": sweep.saturation_rate,
            "accepted_at_full_load": sweep.accepted_at_full_load,
        }),
    )
}

/// The routers at both ends of each direction of each link.
fn ends(topology: &Topology) -> Vec<(u32, u32)> {
    topology.links().iter().flat_map(|link| [(link.a.0.0, link.b.0.0), (link.b.0.0, link.a.0.0)]).collect()
}

/// One measurement in lines.
pub(super) fn text(setup: &Setup, simulation: &Simulation, report: &Report) -> String {
    let mut text = format!(
        "{}, {} traffic at {} flits per node and cycle, packets of {} flits\n{}\n\n",
        setup.topology.name(),
        setup.pattern.name(),
        report.rate,
        setup.load(0.0).packet_flits,
        proof(simulation)
    );
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<26}{value}");
    };
    match report.latency_mean_cycles {
        Some(mean) => {
            let error = report.latency_error_cycles.map_or(String::new(), |error| format!(" +-{error:.2}"));
            line("latency, mean", format!("{mean:.2}{error} cycles"));
            let at = |p| report.latencies.percentile(p).unwrap_or(0);
            line("latency, 50/95/99 %, max", format!("{} / {} / {}, {}", at(50), at(95), at(99), at(100)));
        }
        None => line("latency", "none: the network is saturated, sources store up packets".to_owned()),
    }
    if let (Some(mean), Some(p99)) = (report.latencies_high.mean(), report.latencies_high.percentile(99)) {
        line("latency, highest class", format!("{mean:.2} cycles, 99 % {p99}"));
    }
    for (count, what) in [
        (report.dropped, "dropped by faults"),
        (report.corrupted, "corrupted"),
        (report.repeated, "came twice"),
    ] {
        if count > 0 {
            line(what, format!("{count} packets"));
        }
    }
    line("accepted, mean", format!("{:.4} flits per node and cycle", report.accepted_mean));
    line("accepted, worst source", format!("{:.4}", report.accepted_min));
    line("routers on the way, mean", format!("{:.2}", report.routers_mean));
    let load = &report.channel_load;
    line("channel load, mean", format!("{:.3}", mean(load)));
    let ends = ends(&setup.topology);
    let mut busiest: Vec<usize> = (0..load.len()).collect();
    busiest.sort_by(|a, b| load[*b].total_cmp(&load[*a]));
    let busy: Vec<String> =
        busiest.iter().take(4).map(|i| format!("{}->{} {:.3}", ends[*i].0, ends[*i].1, load[*i])).collect();
    line("channel load, busiest", busy.join(", "));
    let (warmup, measured) = report.cycles;
    line("measured", format!("{} packets in {measured} cycles after {warmup} of warm-up", report.packets));
    if report.stuck {
        line("stuck", "nothing has moved for 10000 cycles".to_owned());
    }
    text
}

fn proof(simulation: &Simulation) -> String {
    match &simulation.proof {
        Some(proof) => format!("free of deadlock: {proof}"),
        None => "free of deadlock: nothing waits while it holds a channel".to_owned(),
    }
}

/// Widths of a sweep's columns, where there is room.
const WIDE: [usize; 5] = [8, 12, 10, 12, 12];
/// Their widths where there is not.
const NARROW: [usize; 5] = [7, 10, 7, 9, 7];

/// A sweep in lines, in a table for a terminal of so many columns.
pub(super) fn sweep_text(
    setup: &Setup,
    simulation: &Simulation,
    sweep: &Sweep,
    columns: Option<usize>,
) -> String {
    let narrow = columns.is_some_and(|columns| columns < WIDE.iter().sum());
    let [a, b, c, d, e] = if narrow { NARROW } else { WIDE };
    let mut text = format!("{}\n\n", proof(simulation));
    let _ = writeln!(text, "{:>a$}{:>b$}{:>c$}{:>d$}{:>e$}", "rate", "latency", "99 %", "accepted", "worst");
    for report in &sweep.points {
        let latency = report.latency_mean_cycles.map_or("saturated".to_owned(), |mean| format!("{mean:.1}"));
        let p99 = report.latencies.percentile(99).filter(|_| !report.saturated);
        let _ = writeln!(
            text,
            "{:>a$.4}{latency:>b$}{:>c$}{:>d$.4}{:>e$.4}",
            report.rate,
            p99.map_or("-".to_owned(), |cycles| cycles.to_string()),
            report.accepted_mean,
            report.accepted_min
        );
    }
    let _ = match sweep.saturation_rate {
        Some(rate) => writeln!(
            text,
            "\nsaturation at {rate:.4} flits per node and cycle; at full load {} accepts {:.4}",
            setup.topology.name(),
            sweep.accepted_at_full_load
        ),
        None => writeln!(text, "\nno saturation: every rate up to 1 is sustained"),
    };
    text
}
