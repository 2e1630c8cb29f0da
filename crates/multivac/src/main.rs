//! `multivac`: a parallel computer in one command. One module a verb under [`verb`].

#[allow(dead_code, reason = "verbs use it as they land")]
mod config;
#[allow(dead_code, reason = "verbs use it as they land")]
mod diag;
mod draw;
#[allow(dead_code, reason = "verbs use it as they land")]
mod exit;
mod session;
mod tour;
mod verb;

use clap::Parser;

/// A parallel computer in one command.
#[derive(Parser)]
#[command(version, about, long_about = None)]
struct Cli {
    #[command(subcommand)]
    verb: verb::Verb,
}

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    match cli.verb.run() {
        Ok(code) => code.into(),
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit.into()
        }
    }
}
