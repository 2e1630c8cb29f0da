//! The book of `docs/`: its table of contents has every page, and every link ends somewhere.

use crate::tree::File;
use anyhow::{Context, Result};

const SUMMARY: &str = "docs/SUMMARY.md";

/// Refuses a page that the table of contents lacks, an entry without a page, and a link to no heading.
pub(super) fn check(files: &[File]) -> Result<Vec<String>> {
    let text_of = |path: &str| files.iter().find(|file| file.path == path).and_then(File::text);
    let summary = text_of(SUMMARY).context("docs/SUMMARY.md is missing")?;
    let entries: Vec<String> = targets(summary).map(|target| format!("docs/{target}")).collect();
    let pages: Vec<&File> =
        files.iter().filter(|file| file.path.starts_with("docs/") && file.is("md")).collect();
    let mut offences = Vec::new();
    for page in pages.iter().filter(|page| page.path != SUMMARY) {
        match entries.iter().filter(|entry| **entry == page.path).count() {
            1 => {}
            0 => offences.push(format!("{}: not in {SUMMARY}", page.path)),
            _ => offences.push(format!("{}: more than once in {SUMMARY}", page.path)),
        }
        for target in targets(page.text().unwrap_or_default()) {
            let Some((path, heading)) = target.split_once('#') else { continue };
            let whole = if path.is_empty() { page.path.clone() } else { beside(&page.path, path) };
            if !whole.ends_with(".md") {
                continue;
            }
            let found = text_of(&whole).is_some_and(|text| headings(text).any(|known| known == heading));
            if !found {
                offences.push(format!("{}: no heading `#{heading}` in {whole}", page.path));
            }
        }
    }
    offences.extend(
        entries
            .iter()
            .filter(|entry| text_of(entry).is_none())
            .map(|entry| format!("{SUMMARY}: no page {entry}")),
    );
    Ok(offences)
}

/// Targets of links within the repository, with their headings.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains(':') && !target.contains(char::is_whitespace))
}

/// The path of `name`, relative to the folder of `page`.
fn beside(page: &str, name: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The identifiers of a page's headings, as mdBook makes them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter(|line| line.starts_with('#')).map(|line| {
        let words = line.trim_start_matches('#').trim();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), bytes: text.into() }
    }

    #[test]
    fn each_page_is_in_the_contents_and_each_link_ends_somewhere() {
        let offences = |summary: &str, page: &str| {
            check(&[
                file(SUMMARY, summary),
                file("docs/a.md", page),
                file("docs/adr/b.md", "# What `x` is\n"),
            ])
            .unwrap()
            .len()
        };
        let whole = "[A](a.md)\n[B](adr/b.md)\n";
        assert_eq!(offences(whole, "# A\n[b](adr/b.md#what-x-is) [here](#a) [c](../README.md)\n"), 0);
        assert_eq!(offences(whole, "[b](adr/b.md#gone)\n"), 1);
        assert_eq!(offences("[A](a.md)\n", ""), 1);
        assert_eq!(offences("[A](a.md)\n[A](a.md)\n[B](adr/b.md)\n[C](c.md)\n", ""), 2);
    }
}
