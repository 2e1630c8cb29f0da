//! `multivac`: a parallel computer in one command. One module a verb under [`verb`].

mod config;
mod diag;
mod draw;
mod exit;
mod session;
mod tour;
mod verb;

use clap::Parser;
use std::io::Write;

/// A parallel computer in one command.
#[derive(Parser)]
#[command(version, about, long_about = None)]
struct Cli {
    /// When messages and charts are coloured.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: diag::Color,
    /// Say less: no report, no progress, no hints.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more: with `run`, counters of each hart in the report, and the console also while a command runs.
    #[arg(short, long, global = true)]
    verbose: bool,
    #[command(subcommand)]
    verb: verb::Verb,
}

fn main() -> std::process::ExitCode {
    exit::end_when_printing_fails();
    let cli = Cli::parse();
    diag::set_color(cli.color);
    diag::set_tone(diag::Tone { quiet: cli.quiet, verbose: cli.verbose });
    match cli.verb.run() {
        Ok(code) => code.into(),
        Err(failure) => {
            // The exit code says it to those who do not read.
            let _ = writeln!(std::io::stderr(), "{failure}");
            failure.exit.into()
        }
    }
}
