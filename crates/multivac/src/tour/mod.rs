//! The course as runnable entries: one file a chapter, each a table of [`Entry`].

mod network;
mod node;
mod scheduling;
mod snapshots;
mod virtualization;

use crate::exit::Failure;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// The language of titles.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Lang {
    /// English.
    En,
    /// Italian.
    It,
}

impl Lang {
    /// The member of an (English, Italian) pair.
    pub(crate) fn pick(self, pair: (&'static str, &'static str)) -> &'static str {
        match self {
            Lang::En => pair.0,
            Lang::It => pair.1,
        }
    }
}

/// What an entry shows when it runs.
pub(crate) struct Shown {
    /// A drawing or table for the terminal.
    pub(crate) picture: String,
    /// A number measured in this very run, with its unit.
    pub(crate) measured: String,
}

/// A concept of the course that runs within ten seconds.
pub(crate) struct Entry {
    /// The word on the command line.
    pub(crate) name: &'static str,
    /// Its title, English and Italian.
    pub(crate) title: (&'static str, &'static str),
    /// One line that says what the picture means.
    pub(crate) means: &'static str,
    /// The file that implements the concept.
    pub(crate) file: &'static str,
    /// What to change or run next.
    pub(crate) next: &'static str,
    /// Runs it.
    pub(crate) run: fn() -> Result<Shown, Failure>,
}

/// A chapter of the course.
pub(crate) struct Chapter {
    /// Its title, English and Italian.
    pub(crate) title: (&'static str, &'static str),
    /// Its concepts, in the order of the course.
    pub(crate) entries: &'static [Entry],
}

/// The course, in its own order.
pub(crate) const CHAPTERS: &[Chapter] = &[
    Chapter {
        title: ("Scheduling on multiprocessors", "Scheduling dei multiprocessori"),
        entries: scheduling::ENTRIES,
    },
    Chapter { title: ("Multicomputers", "Multicomputer"), entries: network::ENTRIES },
    Chapter {
        title: ("Scheduling on multicomputers", "Scheduling dei multicomputer"),
        entries: scheduling::BALANCING,
    },
    Chapter { title: ("Virtualization", "Virtualizzazione"), entries: virtualization::ENTRIES },
    Chapter {
        title: ("Virtual CPU, memory, interrupts", "CPU virtuale, memoria, interruzioni"),
        entries: node::ENTRIES,
    },
    Chapter {
        title: ("The virtual machine monitor and memory", "Il monitor di macchine virtuali e la memoria"),
        entries: node::MEMORY,
    },
];

/// A name for a folder of temporary files that no other entry has, nor the same one run beside it.
fn scratch(entry: &str) -> PathBuf {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("multivac-tour-{entry}-{}-{run}", std::process::id()))
}
