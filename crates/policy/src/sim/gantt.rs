//! Charts for a terminal: CPUs down, time across.

use super::trace::{Activity, Segment};
use super::{Outcome, Workload};
use crate::unit::Ns;

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Columns of the terminal.
    pub width: usize,
    /// CPUs to show at most.
    pub cpus_max: usize,
    /// Whether gangs are coloured with ANSI sequences.
    pub color: bool,
    /// From when.
    pub from: Ns,
    /// Until when; the makespan without.
    pub to: Option<Ns>,
}

impl Default for Style {
    fn default() -> Style {
        Style { width: 100, cpus_max: 32, color: false, from: Ns::ZERO, to: None }
    }
}

/// What the signs mean.
pub const LEGEND: &str = "━ useful  ~ spinning  / switching  % reloading  · idle";

/// Draws a chart: each cell shows what its CPU did longest in it; a thread's name stands where it begins, if there is room.
#[must_use]
pub fn draw(outcome: &Outcome, workload: &Workload, cpus: usize, style: &Style) -> String {
    let end = style.to.unwrap_or(Ns(outcome.makespan_ns)).max(style.from + Ns(1));
    let gutter = format!("cpu{}", cpus.max(1) - 1).len() + 1;
    let columns = style.width.saturating_sub(gutter + 1).max(10);
    let shown = cpus.min(style.cpus_max);
    let mut rows = vec![Vec::new(); shown];
    for segment in &outcome.trace.segments {
        if segment.cpu.index() < shown && segment.to > style.from && segment.from < end {
            rows[segment.cpu.index()].push(*segment);
        }
    }
    let mut text = String::new();
    for (cpu, segments) in rows.iter().enumerate() {
        let cells = cells(segments, style.from, end, columns);
        text.push_str(&format!("{:gutter$}", format!("cpu{cpu}")));
        text.push_str(&row(&cells, workload, style.color));
        text.push('\n');
    }
    if shown < cpus {
        text.push_str(&format!("{:gutter$}… and {} more CPUs\n", "", cpus - shown));
    }
    let (left, right) = (style.from.to_string(), end.to_string());
    let gap = columns.saturating_sub(left.len() + right.len());
    text.push_str(&format!("{:gutter$}{left}{}{right}\n", "", " ".repeat(gap)));
    if let Some(cut) = outcome.trace.cut_at.filter(|cut| *cut < end) {
        text.push_str(&format!("{:gutter$}(recorded until {cut})\n", ""));
    }
    text
}

/// What each cell shows: the thread and activity that took most of it.
fn cells(segments: &[Segment], from: Ns, to: Ns, columns: usize) -> Vec<Option<(u32, Activity)>> {
    let mut best: Vec<(u64, Option<(u32, Activity)>)> = vec![(0, None); columns];
    let mut busy = vec![0u64; columns];
    let edge = |cell: usize| from.0 + scale(to.0 - from.0, cell, columns);
    for segment in segments {
        let first = place(segment.from.max(from).0 - from.0, to.0 - from.0, columns);
        for cell in first.saturating_sub(1)..columns {
            if edge(cell) >= segment.to.0 {
                break;
            }
            let inside = segment.to.0.min(edge(cell + 1)).saturating_sub(segment.from.0.max(edge(cell)));
            busy[cell] += inside;
            if inside > best[cell].0 {
                best[cell] = (inside, Some((segment.thread.0, segment.activity)));
            }
        }
    }
    let idles = |cell: usize| edge(cell + 1) - edge(cell) - busy[cell].min(edge(cell + 1) - edge(cell));
    best.iter()
        .enumerate()
        .map(|(cell, (time, what))| what.filter(|_| *time >= idles(cell) && *time > 0))
        .collect()
}

fn scale(length: u64, cell: usize, columns: usize) -> u64 {
    u64::try_from(u128::from(length) * cell as u128 / columns as u128).unwrap_or(u64::MAX)
}

fn place(offset: u64, length: u64, columns: usize) -> usize {
    usize::try_from(u128::from(offset) * columns as u128 / u128::from(length.max(1))).unwrap_or(columns)
}

/// One CPU's row: runs of one thread begin with its name where that fits and leaves a sign.
fn row(cells: &[Option<(u32, Activity)>], workload: &Workload, color: bool) -> String {
    let mut text = String::new();
    let mut at = 0;
    while at < cells.len() {
        let thread = cells[at].map(|(thread, _)| thread);
        let length = cells[at..].iter().take_while(|cell| cell.map(|(thread, _)| thread) == thread).count();
        let name = thread.map_or("", |thread| workload.tasks[thread as usize].name.as_str());
        let label: Vec<char> =
            if name.chars().count() < length { name.chars().collect() } else { Vec::new() };
        if let (true, Some(thread)) = (color, thread) {
            let job = workload.tasks[thread as usize].job.0;
            text.push_str(&format!("\x1b[3{}m", 1 + job % 6));
        }
        for (offset, cell) in cells[at..at + length].iter().enumerate() {
            text.push(label.get(offset).copied().unwrap_or(cell.map_or('·', |(_, activity)| sign(activity))));
        }
        if color && thread.is_some() {
            text.push_str("\x1b[0m");
        }
        at += length;
    }
    text
}

fn sign(activity: Activity) -> char {
    match activity {
        Activity::Useful => '━',
        Activity::Spinning => '~',
        Activity::Switching => '/',
        Activity::Reloading => '%',
    }
}
