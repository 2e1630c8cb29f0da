//! A table of the nodes while they run: how fast each is, what it does, what goes over its interfaces.

use crate::run::Look;
use crate::summary::Standing;
use crate::time::Ps;
use std::fmt::Write;
use std::time::Duration;

/// What the last table was made of.
#[derive(Clone, Debug, Default)]
pub struct Live {
    names: Vec<String>,
    last: Vec<Look>,
    last_at: Ps,
}

impl Live {
    /// A table of nodes with these names.
    pub fn new(names: Vec<String>) -> Live {
        Live { names, ..Live::default() }
    }

    /// The table now, `wall` after the last one: a line a node, of which `rows` at most, and a line on all.
    pub fn table(&mut self, now: Ps, wall: Duration, nodes: &[Look], rows: usize) -> Vec<String> {
        let seconds = wall.as_secs_f64().max(1e-9);
        let mips = |node: usize, look: &Look| {
            let before = self.last.get(node).map_or(0, Look::instructions);
            look.instructions().saturating_sub(before) as f64 / seconds / 1e6
        };
        let width = self.names.iter().map(String::len).max().unwrap_or(0).max(4);
        let mut lines = vec![format!(
            "{:width$}  {:>9}  {:<8}  {:>10}  {:>10}  {:>8}",
            "node", "MIPS", "state", "sent", "received", "dropped"
        )];
        for (node, look) in nodes.iter().enumerate().take(rows) {
            let name = self.names.get(node).map_or("?", String::as_str);
            lines.push(format!(
                "{name:width$}  {:9.1}  {:<8}  {:10}  {:10}  {:8}",
                mips(node, look),
                state(look.standing),
                look.sent_frames,
                look.received_frames,
                look.dropped_frames
            ));
        }
        let mut all = String::new();
        if nodes.len() > rows {
            let _ = write!(all, "and {} more; ", nodes.len() - rows);
        }
        let total: f64 = nodes.iter().enumerate().map(|(node, look)| mips(node, look)).sum();
        let passed = now.0.saturating_sub(self.last_at.0) as f64 / 1e12;
        let _ = write!(
            all,
            "{:.6} s virtual, {:.2} times as slow as the wall, {total:.1} MIPS",
            now.0 as f64 / 1e12,
            seconds / passed.max(1e-12)
        );
        lines.push(all);
        self.last = nodes.to_vec();
        self.last_at = now;
        lines
    }
}

fn state(standing: Standing) -> &'static str {
    match standing {
        Standing::Running => "runs",
        Standing::Asleep => "sleeps",
        Standing::Halted(_) => "ended",
        Standing::Panicked => "panicked",
        Standing::Crashed => "crashed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_what_happened_since_the_last() {
        let look = |retired: u64, standing| Look {
            retired: vec![retired, retired],
            standing,
            sent_frames: 3,
            received_frames: 4,
            dropped_frames: 0,
        };
        let mut live = Live::new(vec!["n0".into(), "n1".into()]);
        let second = Duration::from_secs(1);
        live.table(Ps(0), second, &[look(0, Standing::Running), look(0, Standing::Running)], 9);
        let nodes = [look(2_000_000, Standing::Running), look(0, Standing::Asleep)];
        let lines = live.table(Ps::from_ns(500_000_000), second, &nodes, 9);
        assert_eq!(lines[1], "n0          4.0  runs               3           4         0");
        assert_eq!(lines[2], "n1          0.0  sleeps             3           4         0");
        assert_eq!(lines[3], "0.500000 s virtual, 2.00 times as slow as the wall, 4.0 MIPS");
        let short = live.table(Ps::from_ns(600_000_000), second, &nodes, 1);
        assert!(short.len() == 3 && short[2].starts_with("and 1 more; "), "{short:?}");
    }
}
