//! How a long build shows how far it is: bars on a terminal, a line a phase elsewhere.

use image::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// Shows progress on standard error.
pub(crate) struct Bars {
    terminal: bool,
    bar: Option<ProgressBar>,
}

impl Bars {
    /// Nothing shown yet.
    pub(crate) fn new() -> Bars {
        Bars { terminal: std::io::stderr().is_terminal(), bar: None }
    }
}

impl Progress for Bars {
    fn phase(&mut self, title: &str, total: u64, unit_bytes: bool) {
        if !self.terminal {
            match unit_bytes {
                true => eprintln!("{title}: {:.1} MB", total as f64 / 1e6),
                false => eprintln!("{title}: {total}"),
            }
            return;
        }
        let counts = if unit_bytes { "{bytes}/{total_bytes} {bytes_per_sec}" } else { "{pos}/{len}" };
        let style = ProgressStyle::with_template(&format!("{{msg:18}} {{wide_bar}} {counts} {{eta}}"))
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar = Some(ProgressBar::new(total).with_style(style).with_message(title.to_owned()));
    }

    fn advance(&mut self, amount: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(amount);
        }
    }

    fn done(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish();
        }
    }

    fn note(&mut self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.abandon();
        }
    }
}
