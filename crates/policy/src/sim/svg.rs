//! Charts as SVG: CPUs down, time across, gangs coloured, spinning hatched, idle time left grey.

use super::trace::Activity;
use super::{Outcome, Workload};
use std::fmt::Write;

const ROW: usize = 22;
const LEFT: usize = 60;
const WIDTH: usize = 1000;

/// Draws the charts of several outcomes of one workload below each other, on one scale of time.
#[must_use]
pub fn draw(outcomes: &[Outcome], workload: &Workload, cpus: usize) -> String {
    let end = outcomes.iter().map(|outcome| outcome.makespan_ns).max().unwrap_or(0).max(1);
    let panel = (cpus + 3) * ROW;
    let (width, height) = (LEFT + WIDTH + 20, panel * outcomes.len() + 2 * ROW);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<defs><pattern id=\"spin\" width=\"6\" height=\"6\" \
         patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect width=\"3\" height=\"6\" fill=\"#fff\" \
         fill-opacity=\"0.65\"/></pattern></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (index, outcome) in outcomes.iter().enumerate() {
        panel_of(&mut svg, outcome, workload, cpus, index * panel, end);
    }
    let y = panel * outcomes.len() + ROW;
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{y}\">colour: gang; hatched: spinning; black: switching; brown: reloading; grey: idle</text>\n</svg>"
    );
    svg
}

fn panel_of(svg: &mut String, outcome: &Outcome, workload: &Workload, cpus: usize, top: usize, end: u64) {
    let end_text = crate::unit::Ns(end);
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{}</text>",
        top + 16,
        escape(&outcome.policy)
    );
    for cpu in 0..cpus {
        let y = top + (cpu + 1) * ROW;
        let _ = writeln!(svg, "<text x=\"4\" y=\"{}\">cpu{cpu}</text>", y + 15);
        let _ = writeln!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{}\" fill=\"#e6e6e6\"/>",
            ROW - 2
        );
    }
    for segment in &outcome.trace.segments {
        let y = top + (segment.cpu.index() + 1) * ROW;
        let (x, right) = (across(segment.from.0, end), across(segment.to.0, end));
        let task = &workload.tasks[segment.thread.index()];
        let (w, h) = ((right - x).max(0.02), ROW - 2);
        let fill = match segment.activity {
            Activity::Useful | Activity::Spinning => hue(task.job.0),
            Activity::Switching => "#000".to_owned(),
            Activity::Reloading => "#8b5a2b".to_owned(),
        };
        let rect = format!("x=\"{x:.2}\" y=\"{y}\" width=\"{w:.2}\" height=\"{h}\"");
        let name = escape(&task.name);
        let _ = writeln!(
            svg,
            "<rect {rect} fill=\"{fill}\"><title>{name} {:?} {} to {}</title></rect>",
            segment.activity, segment.from, segment.to
        );
        if segment.activity == Activity::Spinning {
            let _ = writeln!(svg, "<rect {rect} fill=\"url(#spin)\"/>");
        }
        if w > 10.0 * 0.8 * task.name.len() as f64
            && matches!(segment.activity, Activity::Useful | Activity::Spinning)
        {
            let _ = writeln!(svg, "<text x=\"{:.2}\" y=\"{}\">{name}</text>", x + 3.0, y + 15);
        }
    }
    let y = top + (cpus + 1) * ROW + 14;
    let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"{y}\">0</text>");
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{end_text}</text>", LEFT + WIDTH);
}

#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn across(at: u64, end: u64) -> f64 {
    LEFT as f64 + at as f64 / end as f64 * WIDTH as f64
}

/// A colour for a gang: golden-angle steps round the wheel, so that neighbours differ.
fn hue(job: u32) -> String {
    format!("hsl({}, 65%, 62%)", u64::from(job) * 137 % 360)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
