//! Scenario files and shipped examples, read; mistakes shown at their place.

use super::Args;
use crate::diag::{Problem, did_you_mean, unknown_field};
use crate::exit::{Exit, Failure};
use policy::sim::config::{ConfigError, Document, Located, Scenario};
use std::path::{Path, PathBuf};

macro_rules! examples {
    ($($name:literal)*) => {
        /// The shipped scenarios, by name.
        pub(crate) const EXAMPLES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../../../examples/schedule/", $name, ".toml")))),*];
    };
}

examples! {
    "two-gangs"
    "gang-table"
    "spin-locks"
    "barriers"
    "affinity"
    "ready-vector"
    "space-sharing"
    "space-waste"
    "backfill"
    "fragmentation"
    "central-list"
    "fair-shares"
    "synchronization"
    "mixed"
    "balance"
    "balance-few-sources"
    "balance-thrash"
    "decentralized"
    "two-choices"
    "allocate"
    "min-cut"
}

/// A scenario that was read, with its place and its variables.
pub(super) struct Loaded {
    pub(super) path: PathBuf,
    pub(super) document: Document,
    pub(super) scenario: Scenario,
}

/// Reads what the flags ask for.
pub(super) fn load(args: &Args) -> Result<Loaded, Failure> {
    let (path, text) = match &args.file {
        None => (PathBuf::from("two-gangs"), EXAMPLES[0].1.to_owned()),
        Some(path) => read(path)?,
    };
    let set = args.set.iter().map(|pair| match pair.split_once('=') {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        None => {
            Err(Failure::new(Exit::Usage, format!("`--set {pair}` has no `=`"), "write --set name=value"))
        }
    });
    let set = set.collect::<Result<Vec<_>, _>>()?;
    let mut document = Document::new(&text, &set).map_err(|error| failure(&path, &error))?;
    if document.sweep.as_ref().is_some_and(|sweep| set.iter().any(|(name, _)| sweep.names.contains(name))) {
        document.sweep = None;
    }
    document.seed = args.seed;
    let mut scenario = document.scenario().map_err(|error| failure(&path, &error))?;
    if !args.policy.is_empty() {
        scenario.policies = args.policy.iter().map(|name| (name.trim().to_owned(), 0..0)).collect();
        check_names(&scenario)?;
    }
    Ok(Loaded { path, document, scenario })
}

/// A shipped example, read.
///
/// Panics: on a name that is not in [`EXAMPLES`], or an example that is wrong; a test reads them all.
pub(crate) fn example(name: &str) -> (Document, Scenario) {
    let (_, text) = EXAMPLES.iter().find(|(known, _)| *known == name).expect("a shipped example");
    let document = Document::new(text, &[]).expect("a shipped example is right");
    let scenario = document.scenario().expect("a shipped example is right");
    (document, scenario)
}

fn read(path: &Path) -> Result<(PathBuf, String), Failure> {
    let error = match std::fs::read_to_string(path) {
        Ok(text) => return Ok((path.to_owned(), text)),
        Err(error) => error,
    };
    let word = path.display().to_string();
    if let Some((_, text)) = EXAMPLES.iter().find(|(name, _)| *name == word) {
        return Ok((path.to_owned(), (*text).to_owned()));
    }
    let help = match did_you_mean(&word, EXAMPLES.iter().map(|(name, _)| *name)) {
        Some(near) => format!("did you mean the shipped example `{near}`?"),
        None => "`multivac schedule --list` lists the shipped examples".to_owned(),
    };
    Err(Failure::new(Exit::Config, format!("cannot read {word}: {error}"), help))
}

fn check_names(scenario: &Scenario) -> Result<(), Failure> {
    let known: Vec<&str> = if scenario.balance.is_some() {
        policy::balance::POLICIES.iter().map(|policy| policy.name).collect()
    } else if scenario.allocate.is_some() {
        policy::alloc::METHODS.iter().map(|method| method.name).collect()
    } else {
        policy::sched::registry::POLICIES.iter().map(|policy| policy.name).collect()
    };
    for (name, _) in &scenario.policies {
        if !known.contains(&name.as_str()) {
            let help = match did_you_mean(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known: {}", known.join(", ")),
            };
            return Err(Failure::new(Exit::Usage, format!("no policy is called `{name}`"), help));
        }
    }
    Ok(())
}

/// A mistake in a scenario, rendered against its text.
pub(super) fn failure(path: &Path, error: &Located) -> Failure {
    show(path, &error.1, &error.0)
}

pub(super) fn show(path: &Path, text: &str, error: &ConfigError) -> Failure {
    let near = error.unknown.as_ref().and_then(|(word, known)| {
        let near = did_you_mean(word, known.iter().map(String::as_str));
        near.map(|near| format!("did you mean `{near}`?"))
    });
    let known = error.unknown.as_ref().filter(|(_, known)| !known.is_empty());
    let listed = known.map(|(_, known)| {
        format!("known: {}", known.iter().take(20).cloned().collect::<Vec<_>>().join(", "))
    });
    let near = near.or_else(|| unknown_field(&error.message));
    let help = [near.or(listed), Some(error.help.clone()).filter(|help| !help.is_empty())];
    let help = help.into_iter().flatten().collect::<Vec<_>>().join("; ");
    Problem { span: error.span.clone(), message: error.message.clone(), help }.failure(path, text)
}
