//! Rules on Rust sources: how long a file may be, and where `unsafe` may stand.

use crate::tree::File;
use anyhow::Result;

/// Past this a file is listed: is it really two?
const LINES_NOTED: usize = 500;
/// Past this it is refused, unless it is a table.
const LINES_MAX: usize = 800;

/// Files that are tables, and may be long.
const TABLES: &[&str] = &["crates/isa/src/table", "crates/isa/src/csr"];

/// Files (or folders) that may hold `unsafe`, by name.
const UNSAFE: &[&str] = &[
    "crates/machine/src/ram.rs",
    "crates/machine/src/ram/image.rs",
    "crates/translator/src/emit",
    "crates/translator/src/cache",
    "crates/translator/src/runtime",
    "guest/",
];

/// Refuses files that are too long.
pub(super) fn lengths(files: &[File]) -> Result<Vec<String>> {
    Ok(sources(files)
        .filter(|(file, text)| text.lines().count() > LINES_MAX && !starts_with_any(&file.path, TABLES))
        .map(|(file, text)| format!("{}: {} lines, at most {LINES_MAX}", file.path, text.lines().count()))
        .collect())
}

/// Lists files that are getting long.
pub(super) fn long(files: &[File]) -> Vec<String> {
    sources(files)
        .map(|(file, text)| (file, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_NOTED)
        .map(|(file, lines)| format!("{}: {lines} lines", file.path))
        .collect()
}

/// Refuses `unsafe` outside the files named for it, and without a word on why it is sound.
pub(super) fn unsafe_code(files: &[File]) -> Result<Vec<String>> {
    let mut offences = Vec::new();
    for (file, text) in sources(files) {
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            if !uses_unsafe(line) {
                continue;
            }
            let place = format!("{}:{}", file.path, index + 1);
            if !starts_with_any(&file.path, UNSAFE) {
                offences.push(format!("{place}: this file is not on the list of those that may"));
            } else if !is_explained(&lines[..index]) {
                offences.push(format!("{place}: no `SAFETY:` (or `# Safety`) in the comment above"));
            }
        }
    }
    Ok(offences)
}

fn sources(files: &[File]) -> impl Iterator<Item = (&File, &str)> {
    files.iter().filter(|file| file.is("rs")).filter_map(|file| Some((file, file.text()?)))
}

fn starts_with_any(path: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| path.starts_with(start))
}

/// Whether the code of a line (comments and strings aside) opens an unsafe block, function, impl or trait.
fn uses_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let outside = code.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let mut words = outside
        .split_whitespace()
        .skip_while(|word| word.trim_start_matches(['(', '|', '{', '=', '!', '&', '*']) != "unsafe");
    // `unsafe extern ... fn(...)` names a type; a block of foreign declarations is the one without `fn`.
    let declares = code.trim_end().ends_with('{') && !code.contains("fn");
    words.next().is_some()
        && words.next().is_none_or(|next| {
            next.starts_with('{')
                || ["fn", "impl", "trait"].contains(&next)
                || (next == "extern" && (declares || code.contains("extern \"C\" fn ")))
        })
}

/// Whether the comments and attributes directly above say why, allowing for one statement begun above the block.
fn is_explained(above: &[&str]) -> bool {
    let mut statement_lines = 0;
    for line in above.iter().rev() {
        let line = line.trim();
        if line.starts_with("//") {
            if line.contains("SAFETY:") || line.contains("# Safety") {
                return true;
            }
        } else if !line.starts_with("#[") {
            statement_lines += 1;
            if statement_lines > 2 || line.is_empty() || line == "}" {
                return false;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(path: &str, text: &str) -> usize {
        unsafe_code(&[File { path: path.into(), bytes: text.into() }]).unwrap().len()
    }

    #[test]
    fn unsafe_needs_a_listed_file_and_a_reason() {
        let explained = "// SAFETY: the caller checked it.\nlet x = unsafe { y() };\n";
        let bare = "let x = unsafe { y() };\n";
        assert_eq!(offences("guest/rt/src/lib.rs", explained), 0);
        assert_eq!(offences("guest/rt/src/lib.rs", bare), 1);
        assert_eq!(offences("crates/fabric/src/lib.rs", explained), 1);
        assert_eq!(offences("guest/a.rs", "/// # Safety\n/// None.\n#[inline]\npub unsafe fn f() {}\n"), 0);
        assert_eq!(
            offences("crates/fabric/src/lib.rs", "// an unsafe { thing }\nlet s = \"unsafe {\";\n"),
            0
        );
    }

    #[test]
    fn a_file_past_the_limit_is_refused_unless_it_is_a_table() {
        let text = "//\n".repeat(LINES_MAX + 1);
        let file = |path: &str| File { path: path.into(), bytes: text.clone().into() };
        assert_eq!(lengths(&[file("crates/machine/src/x.rs")]).unwrap().len(), 1);
        assert_eq!(lengths(&[file("crates/isa/src/table.rs")]).unwrap().len(), 0);
    }
}
