//! Documents are kept true: each file that they name exists, and each concept of the course has a tour entry.
//!
//! In `docs/course.md` a table whose first column is `Concept` has the columns concept, Italian, what it is,
//! command, file; its command cell holds at least one `tour NAME`.

use crate::tree::{self, File};
use anyhow::Result;

/// First parts of the paths that a document may name in backquotes.
const FOLDERS: &[&str] = &["crates", "guest", "xtask", "tests", "fuzz", "benches", "examples", "docs", ".ci"];

/// Where the tour's entries are listed.
const TOUR: &str = "crates/multivac/src/tour/";

/// Refuses a document, or a tour entry, that names a file which is not there.
pub(super) fn named_files(files: &[File]) -> Result<Vec<String>> {
    let root = tree::root();
    let mut offences = Vec::new();
    for file in files {
        let text = file.text().unwrap_or_default();
        let tour = file.path.starts_with(TOUR);
        for (index, line) in text.lines().enumerate() {
            let named: Vec<String> = if file.is("md") {
                let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
                quoted(line).map(str::to_owned).chain(links(line).map(|link| join(folder, link))).collect()
            } else if tour {
                field(line, "file").map(str::to_owned).into_iter().collect()
            } else {
                continue;
            };
            let missing = named.into_iter().filter(|path| !root.join(path).exists());
            offences.extend(missing.map(|path| format!("{}:{}: no file `{path}`", file.path, index + 1)));
        }
    }
    Ok(offences)
}

/// Refuses a concept of the course that no tour entry shows.
pub(super) fn concepts(files: &[File]) -> Result<Vec<String>> {
    let entries: Vec<&str> = files
        .iter()
        .filter(|file| file.path.starts_with(TOUR))
        .flat_map(|file| file.text().unwrap_or_default().lines())
        .filter_map(|line| field(line, "name"))
        .collect();
    let Some(course) = files.iter().find(|file| file.path == "docs/course.md") else {
        return Ok(vec!["docs/course.md: is missing".to_owned()]);
    };
    let mut offences = Vec::new();
    let mut in_concepts = false;
    for (index, line) in course.text().unwrap_or_default().lines().enumerate() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, concept, _, _, command, _, ..] = cells[..] else {
            in_concepts &= line.starts_with('|');
            continue;
        };
        if concept.eq_ignore_ascii_case("concept") {
            in_concepts = true;
        } else if in_concepts && !concept.starts_with('-') && !concept.starts_with(':') {
            let named =
                command.split("tour ").skip(1).map(|rest| rest.split(['`', ' ']).next().unwrap_or_default());
            let named: Vec<&str> = named.collect();
            let place = format!("docs/course.md:{}", index + 1);
            if named.is_empty() {
                offences.push(format!("{place}: `{concept}` has no `tour` command"));
            }
            let unknown = named.iter().filter(|name| !entries.contains(name));
            offences.extend(unknown.map(|name| format!("{place}: `{concept}`: no tour entry `{name}`")));
        }
    }
    Ok(offences)
}

/// Paths of ours in backquotes: they start with one of our folders and are not patterns.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2).filter(|word| {
        let first = word.split('/').next().unwrap_or_default();
        word.contains('/') && FOLDERS.contains(&first) && !word.contains([' ', '*', '<', '{', '$'])
    })
}

/// Targets of Markdown links that stay within the repository.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter_map(|target| {
        let path = target.split('#').next().unwrap_or_default();
        (!path.is_empty() && !path.contains(':')).then_some(path)
    })
}

/// The string given to `field: "..."` on a line of Rust.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.trim_start().strip_prefix(name)?.strip_prefix(": \"")?.split('"').next()
}

fn join(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), bytes: text.into() }
    }

    #[test]
    fn documents_name_files_that_exist() {
        let good =
            "`crates/isa/src/lib.rs`, [the code](../crates/isa/src/lib.rs#L1), `a/b`, `crates/*/src`\n";
        assert!(named_files(&[file("docs/x.md", good)]).unwrap().is_empty());
        let bad = "`crates/isa/src/gone.rs` and [x](gone.md)\n";
        assert_eq!(named_files(&[file("docs/x.md", bad)]).unwrap().len(), 2);
        let entry = "        file: \"crates/gone.rs\",\n";
        assert_eq!(named_files(&[file("crates/multivac/src/tour/node.rs", entry)]).unwrap().len(), 1);
    }

    #[test]
    fn each_concept_has_an_entry() {
        let tour = file("crates/multivac/src/tour/node.rs", "    name: \"trap\",\n");
        let table = |command: &str| {
            file(
                "docs/course.md",
                &format!(
                    "| Concept | It | What | Command | File |\n|---|---|---|---|---|\n| a | b | c | {command} | d |\n"
                ),
            )
        };
        let of = |command| concepts(&[file(&tour.path, tour.text().unwrap()), table(command)]).unwrap().len();
        assert_eq!(of("`multivac tour trap`"), 0);
        assert_eq!(of("`multivac tour trop`"), 1);
        assert_eq!(of("`multivac run`"), 1);
    }
}
