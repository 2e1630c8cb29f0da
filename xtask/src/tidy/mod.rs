//! The house rules, executable. Each rule is a function from the tracked files to a list of offences; a new rule
//! is a line in [`RULES`].

mod book;
mod edges;
mod names;
mod prose;
mod rust_files;

use crate::tree::{self, File};
use anyhow::{Result, bail};

/// Looks at the tree and reports what breaks the rule, each offence starting with the file's path.
type Rule = fn(&[File]) -> Result<Vec<String>>;

const RULES: &[(&str, Rule)] = &[
    ("dependencies between our crates", edges::check),
    ("file lengths", rust_files::lengths),
    ("unsafe code", rust_files::unsafe_code),
    ("unfinished marks", names::marks),
    ("machine paths and host names", names::places),
    ("files that the documents name", prose::named_files),
    ("concepts of the course", prose::concepts),
    ("the book's contents and links", book::check),
];

/// Holds the tree to every rule.
///
/// Errors: some rule is broken; each offence was printed.
pub(crate) fn run() -> Result<()> {
    let files = tree::files()?;
    let mut broken = 0;
    for (name, rule) in RULES {
        let offences = rule(&files)?;
        for offence in &offences {
            eprintln!("tidy: {name}: {offence}");
        }
        broken += offences.len();
    }
    for note in rust_files::long(&files) {
        println!("tidy: note: {note}");
    }
    if broken > 0 {
        bail!("{broken} offences");
    }
    println!("tidy: {} files, {} rules, all kept", files.len(), RULES.len());
    Ok(())
}
