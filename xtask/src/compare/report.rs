//! The table and the JSON.

use super::System;
use super::measure::{Results, RowResult};
use super::suite::Kind;
use anyhow::Result;
use serde_json::{Value, json};
use std::fmt::Write;

/// For people: a line a row, CPU seconds and ratios, then the means.
pub(super) fn table(results: &Results) -> String {
    let mut text = format!(
        "CPU seconds, one hart, medians of {}; how many times as fast as QEMU, how many times as slow as native\n\n\
         {:<14}{:>9}{:>9}{:>9}{:>9}{:>10}{:>10}{:>10}\n",
        results.runs, "row", "native", "qemu", "icount", "multivac", "x qemu", "x icount", "native x"
    );
    for result in &results.rows {
        let _ = write!(text, "{:<14}", result.row.name);
        for system in System::ALL {
            let _ = write!(text, "{:>9}", cell(result.seconds(system), 3));
        }
        for ratio in [vs_qemu(result), vs_icount(result), slowdown(result)] {
            let _ = write!(text, "{:>10}", cell(ratio, 2));
        }
        text.push_str(if result.same() { "\n" } else { "  different output!\n" });
    }
    let _ = writeln!(
        text,
        "{:<50}{:>10}{:>10}{:>10}",
        "geometric means (native: of the user-mode kernels)",
        cell(geomean(results, vs_qemu), 2),
        cell(geomean(results, vs_icount), 2),
        cell(geomean(results, user_slowdown), 2)
    );
    if let Some(nodes) = &results.nodes {
        let _ = writeln!(
            text,
            "\n4 busy harts retire {:.0} % of one hart's rate ({:.3} s for four times the work of {:.3} s)\n\
             an idle node costs {:.3} ms of CPU time for each virtual second",
            nodes.rate() * 100.0,
            nodes.four_harts,
            nodes.one_hart,
            nodes.idle * 1e3
        );
    }
    text
}

/// For programs.
///
/// Errors: a figure that JSON cannot hold.
pub(super) fn json(results: &Results) -> Result<String> {
    let rows: Vec<Value> = results
        .rows
        .iter()
        .map(|result| {
            json!({
                "name": result.row.name,
                "kind": result.row.kind.name(),
                "seconds": {
                    "native": result.seconds(System::Native),
                    "qemu": result.seconds(System::Qemu),
                    "qemu_icount": result.seconds(System::QemuIcount),
                    "multivac": result.seconds(System::Multivac),
                },
                "vs_qemu": vs_qemu(result),
                "vs_qemu_icount": vs_icount(result),
                "slowdown_vs_native": slowdown(result),
                "output": result.output(),
                "same_output": result.same(),
            })
        })
        .collect();
    let nodes = results.nodes.as_ref().map(|nodes| {
        json!({
            "one_hart_seconds": nodes.one_hart,
            "four_harts_seconds": nodes.four_harts,
            "four_harts_rate": nodes.rate(),
            "idle_seconds_per_virtual_second": nodes.idle,
        })
    });
    let document = json!({
        "runs": results.runs,
        "geomean_vs_qemu": geomean(results, vs_qemu),
        "geomean_vs_qemu_icount": geomean(results, vs_icount),
        "geomean_slowdown_vs_native": geomean(results, user_slowdown),
        "rows": rows,
        "nodes": nodes,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn vs_qemu(result: &RowResult) -> Option<f64> {
    result.ratio(System::Qemu, System::Multivac)
}

fn vs_icount(result: &RowResult) -> Option<f64> {
    result.ratio(System::QemuIcount, System::Multivac)
}

fn slowdown(result: &RowResult) -> Option<f64> {
    result.ratio(System::Multivac, System::Native)
}

fn user_slowdown(result: &RowResult) -> Option<f64> {
    slowdown(result).filter(|_| result.row.kind == Kind::User)
}

/// The geometric mean over the rows that have the ratio; nothing where none has.
#[expect(clippy::cast_precision_loss, reason = "a count of rows")]
fn geomean(results: &Results, ratio: fn(&RowResult) -> Option<f64>) -> Option<f64> {
    let logarithms: Vec<f64> = results.rows.iter().filter_map(ratio).map(f64::ln).collect();
    (!logarithms.is_empty()).then(|| (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp())
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::super::measure::tests::result;
    use super::*;

    #[test]
    fn means_are_geometric_and_leave_out_what_was_not_measured() {
        use System::{Multivac, Native, Qemu};
        let rows = vec![
            result("alu", &[(Native, 50, "a"), (Qemu, 200, "a"), (Multivac, 100, "a")]),
            result("syscall", &[(Native, 1, "b"), (Qemu, 800, "b"), (Multivac, 100, "c")]),
        ];
        let results = Results { runs: 1, rows, nodes: None };
        let value: Value = serde_json::from_str(&json(&results).unwrap()).unwrap();
        let near = |key: &str, expected: f64| (value[key].as_f64().unwrap() - expected).abs() < 1e-9;
        assert!(near("geomean_vs_qemu", 4.0) && near("geomean_slowdown_vs_native", 2.0));
        assert!(value["geomean_vs_qemu_icount"].is_null());
        assert_eq!(value["rows"][1]["same_output"], false);
        assert!(table(&results).contains("different output!"));
    }
}
