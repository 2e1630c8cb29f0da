//! Words that no tracked file may hold: marks of unfinished work, paths of one machine, names of hosts.

use crate::tree::File;
use anyhow::Result;

/// Marks of unfinished work, spelt so that this file does not hold them.
const MARKS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
    concat!("for ", "now"),
];

/// Beginnings of paths that exist on one machine only, spelt likewise.
const PATHS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("/tmp/", "mv"),
    concat!("/root/", ".cargo"),
    concat!(".cargo/", "registry/"),
    concat!(".rustup/", "toolchains/"),
];

/// Hosts that an address in a tracked file may name: documents, and names reserved for examples.
const HOSTS: &[&str] = &[
    "www.apache.org",
    "opensource.org",
    "github.com",
    "docs.rs",
    "riscv.org",
    "docs.riscv.org",
    "www.kernel.org",
    "docs.kernel.org",
    "docs.oasis-open.org",
    "www.debian.org",
    "wiki.debian.org",
    "keepachangelog.com",
    "semver.org",
    "www.w3.org",
    "localhost",
    "127.0.0.1",
];

/// Where the folder beside the repository may be named.
const KNOWS_SHARED: &[&str] = &[".ci/"];

/// Refuses marks of unfinished work.
pub(super) fn marks(files: &[File]) -> Result<Vec<String>> {
    Ok(each_line(files, |_, line| {
        let mark = MARKS.iter().find(|mark| holds_word(line, mark))?;
        Some(format!("the mark `{mark}`"))
    }))
}

/// Refuses paths of one machine and names of hosts, in binary files too.
pub(super) fn places(files: &[File]) -> Result<Vec<String>> {
    let mut offences = each_line(files, |path, line| {
        let named = PATHS.iter().find(|start| line.contains(**start));
        if let Some(start) = named {
            return Some(format!("a path of one machine, `{start}...`"));
        }
        if line.contains(concat!("../", "shared"))
            && !KNOWS_SHARED.iter().any(|known| path.starts_with(known))
        {
            return Some("names the folder beside the repository".to_owned());
        }
        hosts(line).find(|host| !is_allowed(host)).map(|host| format!("the host `{host}`"))
    });
    for file in files.iter().filter(|file| file.text().is_none()) {
        let found = PATHS.iter().find(|start| {
            let mut at = file.bytes.windows(start.len()).enumerate();
            at.any(|(at, window)| window == start.as_bytes() && !is_library_path(&file.bytes[at..]))
        });
        offences.extend(found.map(|start| format!("{}: a path of one machine, `{start}...`", file.path)));
    }
    Ok(offences)
}

/// Whether a path goes on into the sources of Rust's own libraries: these come compiled, and carry the path of
/// wherever they were built.
fn is_library_path(from: &[u8]) -> bool {
    const LIBRARY: &[u8] = b"lib/rustlib/src/rust/library/";
    let near = &from[..from.len().min(160)];
    near.windows(LIBRARY.len()).any(|window| window == LIBRARY)
}

/// Runs `look` over each line of each text file but the lock files, whose addresses cargo writes.
fn each_line(files: &[File], look: impl Fn(&str, &str) -> Option<String>) -> Vec<String> {
    let mut offences = Vec::new();
    for file in files.iter().filter(|file| !file.path.ends_with("Cargo.lock")) {
        for (index, line) in file.text().unwrap_or_default().lines().enumerate() {
            let found = look(&file.path, line);
            offences.extend(found.map(|what| format!("{}:{}: {what}", file.path, index + 1)));
        }
    }
    offences
}

/// Whether `word` stands in the line with no letter or digit against it.
fn holds_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        !line[..at].chars().next_back().is_some_and(is_part)
            && !line[at + word.len()..].chars().next().is_some_and(is_part)
    })
}

/// The hosts of the web addresses in a line.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    line.split("://")
        .collect::<Vec<_>>()
        .windows(2)
        .filter_map(|pair| {
            let is_web = pair[0].ends_with("http") || pair[0].ends_with("https");
            let end = pair[1].find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'));
            is_web
                .then(|| &pair[1][..end.unwrap_or(pair[1].len())])
                .filter(|host| host.contains(char::is_alphanumeric))
        })
        .collect::<Vec<_>>()
        .into_iter()
}

/// Whether a host may be named; names reserved for examples may, and so may a bare word that no resolver knows.
fn is_allowed(host: &str) -> bool {
    let reserved = ["example", "example.org", "example.com", "example.net", "invalid", "test"];
    HOSTS.contains(&host)
        || host.starts_with("127.")
        || reserved.iter().any(|name| host == *name || host.ends_with(&format!(".{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> File {
        File { path: "docs/x.md".into(), bytes: text.into() }
    }

    #[test]
    fn marks_are_whole_words() {
        let mark = MARKS[0];
        assert_eq!(marks(&[file(&format!("a\n// {mark}: later\n"))]).unwrap().len(), 1);
        assert_eq!(marks(&[file(&format!("{mark}S and x{mark}\n"))]).unwrap().len(), 0);
    }

    #[test]
    fn only_known_hosts_and_no_machine_path() {
        let scheme = "https:/";
        let of = |text: String| places(&[file(&text)]).unwrap().len();
        assert_eq!(of(format!("see {scheme}/docs.rs/clap and {scheme}/mirror.example.org/debian\n")), 0);
        assert_eq!(of(format!("see {scheme}/docs.rs/clap and {scheme}/somewhere.net/x\n")), 1);
        assert_eq!(of(format!("in {}someone/x\n", PATHS[0])), 1);
        let binary = File { path: "guest/prebuilt/x.elf".into(), bytes: format!("\0{}a", PATHS[0]).into() };
        assert_eq!(places(&[binary]).unwrap().len(), 1);
    }
}
