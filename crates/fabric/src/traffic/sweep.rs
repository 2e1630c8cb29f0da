//! The curve of latency against load, and where it ends: saturation.

use super::{Load, Report, measure};
use crate::error::Error;
use crate::network::Network;

/// The curve of one network and pattern.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Measurements by rising rate, saturated ones included.
    pub points: Vec<Report>,
    /// The highest rate that the network sustains; `None` when it sustains every rate up to 1.
    pub saturation_rate: Option<f64>,
    /// Flits accepted for each node and cycle at the highest load measured.
    pub accepted_at_full_load: f64,
}

/// Relative width to which saturation is narrowed down.
const PRECISION: f64 = 0.01;

/// Measures at rising rates; `fresh` makes a network at rest for each.
///
/// Errors: as [`measure`] and `fresh`.
pub fn sweep(
    mut fresh: impl FnMut() -> Result<Box<dyn Network>, Error>,
    nodes: usize,
    load: &Load,
) -> Result<Sweep, Error> {
    let mut points = Vec::new();
    let mut at = |rate: f64, points: &mut Vec<Report>| -> Result<bool, Error> {
        let report = measure(fresh()?.as_mut(), nodes, &Load { rate, ..load.clone() })?;
        let saturated = report.saturated;
        points.push(report);
        Ok(saturated)
    };
    let full = at(1.0, &mut points)?;
    let accepted_at_full_load = points[0].accepted_mean;
    let (mut low, mut high) = (0.0, 1.0);
    if full {
        // What a loaded network accepts is near what it sustains.
        let guess = points[0].accepted_mean.clamp(0.001, 0.99);
        for share in [0.1, 0.3, 0.5, 0.7, 0.85, 0.95, 1.05, 1.25, 1.5] {
            let rate = (guess * share).min(1.0);
            if rate >= high {
                break;
            }
            if at(rate, &mut points)? {
                high = rate;
                break;
            }
            low = rate;
        }
        while high > low * (1.0 + PRECISION) && high > 1e-4 {
            let middle = 0.5 * (low + high);
            if at(middle, &mut points)? { high = middle } else { low = middle }
        }
    } else {
        for rate in [0.1, 0.3, 0.5, 0.7, 0.9] {
            at(rate, &mut points)?;
        }
    }
    points.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    Ok(Sweep { points, saturation_rate: full.then_some(low), accepted_at_full_load })
}
