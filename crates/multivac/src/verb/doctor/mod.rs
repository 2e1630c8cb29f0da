//! `multivac doctor`: what this host can do, what is missing and how to get it.

mod host;
mod isa;
mod tools;

use crate::draw::fit;
use crate::exit::{Exit, Failure};
use serde_json::json;

/// Flags of `multivac doctor`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// As one JSON document; otherwise `--quiet` leaves out what is fine.
    #[arg(long)]
    json: bool,
    /// Instead: the instructions that the translator leaves to the interpreter.
    #[arg(long)]
    isa: bool,
}

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is there.
    Fine,
    /// It is not there, and something is slower or not to be had without it.
    Missing,
    /// Nothing runs without it.
    Fatal,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Fine => "ok",
            State::Missing => "missing",
            State::Fatal => "fatal",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug)]
struct Finding {
    /// What it is.
    name: &'static str,
    state: State,
    /// What was found, or what is missing without it.
    detail: String,
    /// How to get it; empty where it is there.
    help: String,
}

impl Finding {
    fn fine(name: &'static str, detail: impl Into<String>) -> Finding {
        Finding { name, state: State::Fine, detail: detail.into(), help: String::new() }
    }

    fn missing(name: &'static str, detail: impl Into<String>, help: impl Into<String>) -> Finding {
        Finding { name, state: State::Missing, detail: detail.into(), help: help.into() }
    }
}

impl Args {
    /// Carries the verb out; the exit code tells whether machines run here at all.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        if self.isa {
            match self.json {
                true => println!("{}", isa::as_json()),
                false => print!("{}", isa::as_text()),
            }
            return Ok(Exit::Ok);
        }
        let findings: Vec<Finding> = host::look().into_iter().chain(tools::look()).collect();
        if self.json {
            println!("{}", as_json(&findings));
        } else {
            print!("{}", as_text(&findings));
        }
        let fatal = findings.iter().any(|finding| finding.state == State::Fatal);
        Ok(if fatal { Exit::Host } else { Exit::Ok })
    }
}

fn as_json(findings: &[Finding]) -> serde_json::Value {
    findings
        .iter()
        .map(|finding| {
            json!({
                "name": finding.name,
                "state": finding.state.word(),
                "detail": finding.detail,
                "help": finding.help,
            })
        })
        .collect()
}

fn as_text(findings: &[Finding]) -> String {
    let colored = crate::diag::colored_output();
    let mut text = String::new();
    let quiet = crate::diag::tone().quiet;
    for finding in findings.iter().filter(|finding| !quiet || finding.state != State::Fine) {
        let word = finding.state.word();
        let line = format!("{word:8}{:18} {}\n", finding.name, finding.detail);
        let line = fit::wrap(&line, fit::columns(), 27);
        let color = match finding.state {
            State::Fine => 32,
            State::Missing => 33,
            State::Fatal => 31,
        };
        match line.strip_prefix(word).filter(|_| colored) {
            Some(rest) => text.push_str(&format!("\x1b[{color}m{word}\x1b[0m{rest}")),
            None => text.push_str(&line),
        }
        if !finding.help.is_empty() {
            text.push_str(&fit::wrap(&format!("{:26} {}\n", "", finding.help), fit::columns(), 27));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_says_how_to_get_it() {
        for finding in host::look().into_iter().chain(tools::look()) {
            assert_eq!(finding.state == State::Fine, finding.help.is_empty(), "{finding:?}");
            assert!(!finding.detail.is_empty() && finding.name.len() <= 18, "{finding:?}");
        }
        let text = as_text(&[Finding::missing("x", "no x", "get x")]);
        assert_eq!(text, "missing x                  no x\n                           get x\n");
    }
}
