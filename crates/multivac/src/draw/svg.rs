//! SVG drawings.

use super::plan;
use fabric::topology::Topology;
use std::fmt::Write;

/// The side of a drawing in pixels.
const SIDE: f64 = 720.0;
const MARGIN: f64 = 40.0;

/// A network as a stand-alone SVG document.
pub(crate) fn network(topology: &Topology) -> String {
    let plan = plan::of(topology);
    let at = |(x, y): (f64, f64)| (MARGIN + x * (SIDE - 2.0 * MARGIN), MARGIN + y * (SIDE - 2.0 * MARGIN));
    let mut svg = open(SIDE, SIDE, topology.name());
    for edge in &plan.edges {
        let ((ax, ay), (bx, by)) = (at(plan.points[edge.a].at), at(plan.points[edge.b].at));
        if edge.wraps {
            // A bow to one side, so that it does not cover the links between.
            let (mx, my) = ((ax + bx) / 2.0 + (by - ay) * 0.12, (ay + by) / 2.0 - (bx - ax) * 0.12);
            let _ = writeln!(
                svg,
                r##"<path d="M{ax:.1} {ay:.1} Q{mx:.1} {my:.1} {bx:.1} {by:.1}" fill="none" stroke="#c77" stroke-dasharray="4 3"/>"##
            );
        } else {
            let _ = writeln!(
                svg,
                r##"<line x1="{ax:.1}" y1="{ay:.1}" x2="{bx:.1}" y2="{by:.1}" stroke="#889"/>"##
            );
        }
    }
    let crowded = plan.points.len() > 300;
    for point in &plan.points {
        let (x, y) = at(point.at);
        if point.switch {
            let _ = writeln!(
                svg,
                r##"<rect x="{:.1}" y="{:.1}" width="14" height="14" fill="#345"/>"##,
                x - 7.0,
                y - 7.0
            );
        } else {
            let radius = if crowded { 2.5 } else { 10.0 };
            let _ = writeln!(
                svg,
                r##"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}" fill="#fff" stroke="#345" stroke-width="1.5"/>"##
            );
            if !crowded {
                let _ = writeln!(
                    svg,
                    r#"<text x="{x:.1}" y="{:.1}" font-size="9" text-anchor="middle">{}</text>"#,
                    y + 3.0,
                    escape(&point.label)
                );
            }
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// The head of a document with a white ground and a title.
pub(crate) fn open(width: f64, height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\">\n<title>{0}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"8\" y=\"18\" font-size=\"13\">{0}</text>\n",
        escape(title)
    )
}

/// Text made safe between tags.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
