//! Scenario files: TOML in, workloads out; every mistake named with its place.
//!
//! A string `"$name"` stands for the variable of that name under `[let]`; `[sweep]` repeats the scenario with other values of
//! one variable. Substitution keeps lines where they are.

mod build;
mod generate;
mod limits;
mod nodes;
mod options;
mod program;
mod spec;
mod value;

use super::{BarrierCycle, Options, Stop, Waiting, Workload, check_barriers};
use crate::sched::Refusal;
use serde_spanned::Spanned;
use std::collections::BTreeMap;
use std::ops::Range;

/// A mistake in a scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Byte range in [`Document::text`] (or in the text given, if that is not TOML).
    pub span: Range<usize>,
    /// What is wrong, in a line.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
    /// A word that is not known, and those that are.
    pub unknown: Option<(String, Vec<String>)>,
}

impl ConfigError {
    pub(super) fn new(
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> ConfigError {
        ConfigError { span, message: message.into(), help: help.into(), unknown: None }
    }

    fn unknown<'a>(
        span: Range<usize>,
        what: &str,
        word: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> ConfigError {
        let known = known.into_iter().map(str::to_owned).collect();
        ConfigError {
            span,
            message: format!("no {what} is called `{word}`"),
            help: String::new(),
            unknown: Some((word.to_owned(), known)),
        }
    }
}

/// A file that grows longer when its variables are put in is refused.
const TEXT_BYTES_MAX: usize = 16 << 20;

type Checked<T> = Result<T, ConfigError>;

/// Reads a scenario with its variables as the text sets them: what `multivac schedule` does before it runs anything.
///
/// Errors: the first mistake, with its place.
pub fn parse(text: &str) -> Result<Scenario, ConfigError> {
    let document = Document::new(text, &[]).map_err(|error| error.0)?;
    document.scenario().map_err(|error| error.0)
}

/// A scenario file's text with its variables.
#[derive(Clone, Debug)]
pub struct Document {
    source: String,
    /// The text as it is read: variables replaced.
    pub text: String,
    variables: BTreeMap<String, toml::Value>,
    /// The variables that are swept, and their values.
    pub sweep: Option<Sweep>,
    /// A seed that replaces the file's.
    pub seed: Option<u64>,
}

/// Values of the swept variables, by name.
pub type Point = Vec<(String, toml::Value)>;

/// The variables that are swept, and their values.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Their names.
    pub names: Vec<String>,
    /// Point by point, the values of all.
    pub points: Vec<Point>,
}

impl Sweep {
    fn new(
        given: Spanned<spec::Sweep>,
        variables: &BTreeMap<String, toml::Value>,
    ) -> Result<Sweep, ConfigError> {
        let span = given.span();
        let spec::Sweep { over, values } = given.into_inner();
        let over_span = over.span();
        let (names, one) = match over.into_inner() {
            spec::Names::One(name) => (vec![name], true),
            spec::Names::Many(names) => (names, false),
        };
        for name in &names {
            if !variables.contains_key(name) {
                let known = variables.keys().map(String::as_str);
                return Err(ConfigError::unknown(over_span, "variable of `[let]`", name, known));
            }
        }
        let mut points = Vec::new();
        for value in values {
            let row = match (one, value) {
                (true, value) => vec![value],
                (false, toml::Value::Array(row)) if row.len() == names.len() => row,
                _ => {
                    let message = format!("each value of this sweep is a list of {}", names.len());
                    return Err(ConfigError::new(span, message, ""));
                }
            };
            points.push(names.iter().cloned().zip(row).collect());
        }
        if points.is_empty() {
            return Err(ConfigError::new(span, "the sweep has no values", ""));
        }
        Ok(Sweep { names, points })
    }
}

/// A mistake together with the text it is in.
pub type Located = Box<(ConfigError, String)>;

impl Document {
    /// Reads variables and sweep, and puts the variables in.
    ///
    /// Errors: a text that is not TOML, a variable that is not there or not a plain value.
    pub fn new(source: &str, set: &[(String, String)]) -> Result<Document, Located> {
        let head: spec::Head = toml::from_str(source).map_err(|error| located(toml_error(&error), source))?;
        let mut variables: BTreeMap<String, toml::Value> =
            head.r#let.unwrap_or_default().into_iter().collect();
        for (name, value) in set {
            let Some(slot) = variables.get_mut(name) else {
                let known: Vec<&str> = variables.keys().map(String::as_str).collect();
                return Err(located(ConfigError::unknown(0..0, "variable of `[let]`", name, known), source));
            };
            *slot = plain(value);
        }
        let sweep = match head.sweep {
            None => None,
            Some(sweep) => Some(Sweep::new(sweep, &variables).map_err(|error| located(error, source))?),
        };
        let mut document =
            Document { source: source.to_owned(), text: String::new(), variables, sweep, seed: None };
        document.text = document.substitute()?;
        Ok(document)
    }

    /// The same document with other values of the variables that are swept.
    ///
    /// Errors: a value that is not plain.
    pub fn with(&self, point: &Point) -> Result<Document, Located> {
        let mut document = self.clone();
        document.variables.extend(point.clone());
        document.text = document.substitute()?;
        Ok(document)
    }

    /// Reads the scenario.
    ///
    /// Errors: unknown keys, values out of range, workloads that cannot be.
    pub fn scenario(&self) -> Result<Scenario, Located> {
        let mut spec: spec::Spec =
            toml::from_str(&self.text).map_err(|error| located(toml_error(&error), &self.text))?;
        spec.seed = self.seed.or(spec.seed);
        build::scenario(spec).map_err(|error| located(error, &self.text))
    }

    fn substitute(&self) -> Result<String, Located> {
        let mut text = self.source.clone();
        for (name, value) in &self.variables {
            if matches!(value, toml::Value::Datetime(_)) {
                return Err(located(ConfigError::new(0..0, format!("`{name}` is a date"), ""), &self.source));
            }
            let (word, value) = (format!("\"${name}\""), value.to_string());
            if text.len().saturating_add(text.matches(&word).count().saturating_mul(value.len()))
                > TEXT_BYTES_MAX
            {
                let message = format!("with `{name}` put in, the file grows beyond {TEXT_BYTES_MAX} bytes");
                return Err(located(
                    ConfigError::new(0..0, message, "variables that hold variables multiply"),
                    &self.source,
                ));
            }
            text = text.replace(&word, &value);
        }
        if let Some(at) = text.find("\"$") {
            let end = text[at + 1..].find('"').map_or(text.len(), |length| at + length + 2);
            let word = text[at..end].trim_matches(['"', '$']).to_owned();
            let known: Vec<&str> = self.variables.keys().map(String::as_str).collect();
            return Err(located(ConfigError::unknown(at..end, "variable of `[let]`", &word, known), &text));
        }
        Ok(text)
    }
}

fn located(error: ConfigError, text: &str) -> Located {
    Box::new((error, text.to_owned()))
}

/// A value from the command line: TOML if it is, else a string.
fn plain(text: &str) -> toml::Value {
    let parsed =
        toml::from_str::<toml::Table>(&format!("v = {text}")).ok().and_then(|mut table| table.remove("v"));
    parsed.unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

fn toml_error(error: &toml::de::Error) -> ConfigError {
    ConfigError::new(error.span().unwrap_or(0..0), error.message().trim_end(), "")
}

/// What a file asks for.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it shows.
    pub title: String,
    /// The workload and the machine, if threads are to be scheduled.
    pub schedule: Option<Schedule>,
    /// Jobs to be balanced over nodes.
    pub balance: Option<crate::balance::sim::Experiment>,
    /// Processes to be allocated to nodes.
    pub allocate: Option<crate::alloc::Problem>,
    /// The policies to compare, with their places.
    pub policies: Vec<(String, Range<usize>)>,
    /// The seed.
    pub seed: u64,
}

/// A workload, a machine, and where in the file they are from.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// What runs.
    pub workload: Workload,
    /// On what.
    pub options: Options,
    pub(super) places: Places,
}

/// Where things stand in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// Of each program, the place of each phase.
    pub(super) phases: Vec<Vec<Range<usize>>>,
    pub(super) jobs: Vec<Range<usize>>,
    pub(super) quantum: Range<usize>,
}

impl Schedule {
    /// Puts a stop of the simulator at its place in the file.
    #[must_use]
    pub fn locate(&self, policy: &str, stop: &Stop) -> ConfigError {
        let phase = |thread: crate::unit::ThreadId, phase: usize| {
            let program = self.workload.tasks[thread.index()].program as usize;
            self.places.phases[program].get(phase).cloned().unwrap_or_default()
        };
        let at = match stop {
            Stop::Refused(Refusal::GangTooWide { group, .. }) => self.places.jobs[group.index()].clone(),
            Stop::Refused(Refusal::NoTime) => self.places.quantum.clone(),
            Stop::Deadlock { waiting, .. } | Stop::Stalled { waiting, .. } => {
                waiting.first().map_or(0..0, |first| phase(first.thread, first.phase))
            }
            Stop::NotHolder { thread, .. } => {
                let program = self.workload.tasks[thread.index()].program as usize;
                let ops = &self.workload.programs[program];
                let unlock = ops.iter().position(|op| {
                    matches!(op, super::Op::Unlock(_) | super::Op::WaitFor(_) | super::Op::Signal(_))
                });
                phase(*thread, unlock.unwrap_or(0))
            }
            _ => 0..0,
        };
        let help = match stop {
            Stop::Refused(Refusal::GangTooWide { .. }) => {
                "give the machine (or its partitions) more CPUs, or split it: `gang` with `packing = \"fill\"` under `[policy]`"
            }
            Stop::Deadlock { waiting, .. } if waiting.iter().any(Waiting::for_cpu) => {
                "groups that wait for each other need CPUs at the same time: more CPUs, or a policy that shares them"
            }
            Stop::Deadlock { .. } => "take locks in one order, and let every wait have its answer",
            Stop::Stalled { .. } => "a mistake of the policy: it must run every thread that can run",
            Stop::EndOfTime { .. } => "shorter times, or fewer in a row",
            Stop::NotHolder { .. } => {
                "whoever takes a lock gives it back; `wait` and `signal` stand between `lock` and `unlock`"
            }
            Stop::TooLong { .. } => "raise `steps_max` under `[machine]`, or make the workload smaller",
            _ => "",
        };
        ConfigError::new(at, format!("{policy}: {stop}"), help)
    }

    fn locate_cycle(&self, cycle: &BarrierCycle) -> ConfigError {
        let name = |thread: crate::unit::ThreadId| self.workload.tasks[thread.index()].name.as_str();
        let barrier = |index: usize| self.workload.synchronizers[index].name.as_str();
        let program = self.workload.tasks[cycle.thread.index()].program as usize;
        let span = self.places.phases[program].get(cycle.phase).cloned().unwrap_or_default();
        let who: Vec<String> = cycle
            .waiting
            .iter()
            .take(6)
            .map(|&(thread, at)| format!("{} waits at `{}`", name(thread), barrier(at)))
            .collect();
        let message =
            format!("deadlock: barrier `{}` can never be passed: {}", barrier(cycle.barrier), who.join(", "));
        ConfigError::new(
            span,
            message,
            "every party must come to the same barriers in the same order, equally often",
        )
    }

    fn check(&self) -> Result<(), ConfigError> {
        check_barriers(&self.workload).map_err(|cycle| self.locate_cycle(&cycle))
    }
}
