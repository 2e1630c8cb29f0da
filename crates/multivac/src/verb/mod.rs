//! The verbs of the command line, one module each.

pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod help;
pub(crate) mod image;
pub(crate) mod run;
pub(crate) mod schedule;
pub(crate) mod snapshot;
pub(crate) mod symbols;
pub(crate) mod topology;
pub(crate) mod tour;
pub(crate) mod traffic;

use crate::exit::{Exit, Failure};

/// What `multivac` can be asked to do.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Boot a machine and run its job; without arguments, a heat equation on 16 nodes.
    Run(Box<run::Args>),
    /// Check a configuration file, or print it resolved.
    Check(check::Args),
    /// Properties and drawing of an interconnection network.
    Topology(topology::Args),
    /// Synthetic traffic on a network: latency and throughput.
    Traffic(Box<traffic::Args>),
    /// Simulate scheduling policies on a workload: Gantt chart and metrics.
    Schedule(schedule::Args),
    /// What a snapshot is of, and whether it is whole.
    Snapshot(snapshot::Args),
    /// Make, list and remove guest images.
    Image(image::Args),
    /// The symbols of a program or kernel, as lines or as an ELF for debuggers.
    Symbols(symbols::Args),
    /// What this host can do, what is missing and how to get it.
    Doctor(doctor::Args),
    /// Completions of the command line for a shell, on standard output.
    Completions(help::Completions),
    /// The manual, as a page on standard output or all pages in a folder.
    Man(help::Man),
    /// The course, running: each concept in a picture, a number and a line.
    Tour(tour::Args),
}

impl Verb {
    /// Carries the verb out.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self {
            Verb::Run(args) => args.run(),
            Verb::Check(args) => args.run(),
            Verb::Topology(args) => args.run(),
            Verb::Traffic(args) => args.run(),
            Verb::Schedule(args) => args.run(),
            Verb::Snapshot(args) => args.run(),
            Verb::Image(args) => args.run(),
            Verb::Symbols(args) => args.run(),
            Verb::Doctor(args) => args.run(),
            Verb::Completions(args) => args.run(),
            Verb::Man(args) => args.run(),
            Verb::Tour(args) => args.run(),
        }
    }
}
