//! Curves of latency against load, in the terminal and as SVG.

use super::canvas::Canvas;
use super::fit;
use super::svg;
use std::fmt::Write;

/// A curve of latency (cycles) against load (flits per node and cycle), and where the network saturates.
pub(crate) struct Curve {
    /// Load and latency of each point that is not saturated, by rising load.
    pub(crate) points: Vec<(f64, f64)>,
    /// The highest load sustained.
    pub(crate) saturation: Option<f64>,
    /// The title.
    pub(crate) title: String,
}

impl Curve {
    /// The largest load shown.
    fn load_max(&self) -> f64 {
        let last = self.points.last().map_or(0.1, |(load, _)| *load);
        self.saturation.unwrap_or(last).max(last) * 1.08
    }

    /// The largest latency shown: far above the unloaded one, where the curve is a wall.
    fn latency_max(&self) -> f64 {
        let first = self.points.first().map_or(10.0, |(_, latency)| *latency);
        let last = self.points.iter().map(|(_, latency)| *latency).fold(first, f64::max);
        last.min(8.0 * first) * 1.05
    }
}

/// Columns beside the curve: the scale's, and the word at the load of saturation.
const BESIDE: usize = 20;

/// The curve in characters, on a terminal of so many columns.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places on a sheet, clamped")]
pub(crate) fn text(curve: &Curve, columns: Option<usize>) -> String {
    let width = columns.map_or(60, |columns| columns.saturating_sub(BESIDE).clamp(16, 60));
    let height = 16usize;
    let left = 8;
    let mut canvas = Canvas::default();
    let (load_max, latency_max) = (curve.load_max(), curve.latency_max());
    let x = |load: f64| left + 1 + (load / load_max * width as f64).round() as usize;
    let y = |latency: f64| {
        let up = (latency / latency_max * height as f64).round() as usize;
        height.saturating_sub(up)
    };
    for row in 0..=height {
        canvas.put(left, row, '│');
        if row % 4 == 0 {
            let latency = latency_max * (height - row) as f64 / height as f64;
            canvas.word(0, row, &format!("{latency:>7.0}"));
            canvas.put(left, row, '┤');
        }
    }
    canvas.across(left, left + width, height, '─');
    canvas.put(left, height, '└');
    if let Some(saturation) = curve.saturation {
        (0..height).for_each(|row| canvas.put(x(saturation), row, '┊'));
        canvas.word(x(saturation) + 1, 0, "saturation");
    }
    for pair in curve.points.windows(2) {
        canvas.line((x(pair[0].0), y(pair[0].1)), (x(pair[1].0), y(pair[1].1)));
    }
    for (load, latency) in &curve.points {
        canvas.put(x(*load), y(*latency), '●');
    }
    for step in 0..=4 {
        let load = load_max * f64::from(step) / 4.0;
        canvas.centred(x(load), height + 1, &format!("{load:.2}"));
    }
    let title = fit::wrap(&format!("cycles   {}\n", curve.title), columns, 9);
    format!("{title}{canvas}         load, flits per node and cycle\n")
}

/// The curve as a stand-alone SVG document.
pub(crate) fn document(curve: &Curve) -> String {
    const WIDTH: f64 = 720.0;
    const HEIGHT: f64 = 480.0;
    const MARGIN: f64 = 60.0;
    let (load_max, latency_max) = (curve.load_max(), curve.latency_max());
    let x = |load: f64| MARGIN + load / load_max * (WIDTH - 2.0 * MARGIN);
    let y = |latency: f64| HEIGHT - MARGIN - (latency / latency_max).min(1.0) * (HEIGHT - 2.0 * MARGIN);
    let mut document = svg::open(WIDTH, HEIGHT, &curve.title);
    let (left, bottom) = (MARGIN, HEIGHT - MARGIN);
    let _ = writeln!(
        document,
        r##"<path d="M{left} {MARGIN} V{bottom} H{:.1}" fill="none" stroke="#345"/>"##,
        WIDTH - MARGIN
    );
    for step in 0..=4 {
        let (load, latency) = (load_max * f64::from(step) / 4.0, latency_max * f64::from(step) / 4.0);
        let _ = writeln!(
            document,
            r#"<text x="{:.1}" y="{:.1}" font-size="11" text-anchor="middle">{load:.2}</text>"#,
            x(load),
            bottom + 16.0
        );
        let _ = writeln!(
            document,
            r#"<text x="{:.1}" y="{:.1}" font-size="11" text-anchor="end">{latency:.0}</text>"#,
            left - 6.0,
            y(latency) + 4.0
        );
    }
    let _ = writeln!(
        document,
        r#"<text x="{:.1}" y="{:.1}" font-size="12" text-anchor="middle">load, flits per node and cycle</text>"#,
        WIDTH / 2.0,
        HEIGHT - 16.0
    );
    let _ =
        writeln!(document, r#"<text x="8" y="{:.1}" font-size="12">latency, cycles</text>"#, MARGIN - 12.0);
    if let Some(saturation) = curve.saturation {
        let _ = writeln!(
            document,
            r##"<path d="M{0:.1} {MARGIN} V{bottom}" stroke="#c33" stroke-dasharray="5 4"/><text x="{0:.1}" y="{1:.1}" font-size="11" fill="#c33" text-anchor="end">saturation {saturation:.3} </text>"##,
            x(saturation),
            MARGIN + 12.0
        );
    }
    let path: Vec<String> = curve.points.iter().map(|(a, b)| format!("{:.1},{:.1}", x(*a), y(*b))).collect();
    let _ = writeln!(
        document,
        r##"<polyline points="{}" fill="none" stroke="#26c" stroke-width="2"/>"##,
        path.join(" ")
    );
    for (load, latency) in &curve.points {
        let _ = writeln!(
            document,
            r##"<circle cx="{:.1}" cy="{:.1}" r="3" fill="#26c"/>"##,
            x(*load),
            y(*latency)
        );
    }
    document.push_str("</svg>\n");
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn a_curve_fits_the_terminal() {
        let points = (1..10).map(|step| (0.05 * f64::from(step), 10.0 + f64::from(step * step))).collect();
        let title = "mesh:8x8, uniform traffic, dimension-order routing, wormhole".to_owned();
        let curve = Curve { points, saturation: Some(0.47), title };
        let wide = |columns| text(&curve, columns).lines().map(UnicodeWidthStr::width).max();
        assert!(wide(Some(40)) <= Some(40), "{}", text(&curve, Some(40)));
        assert_eq!(wide(Some(200)), wide(None));
        assert!(text(&curve, Some(40)).contains("saturation"));
    }
}
