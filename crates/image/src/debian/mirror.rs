//! Where the archive is: named by the user, or the one that the host's own apt uses.

use crate::debian::index::fields;
use std::path::{Path, PathBuf};

/// A copy of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mirror {
    /// Over the network; no slash at the end.
    Http(String),
    /// In a folder.
    Folder(PathBuf),
}

impl Mirror {
    /// Reads what a user or apt writes: an address (http, https or `file:`), or a folder.
    pub fn parse(text: &str) -> Mirror {
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("http://") || lower.starts_with("https://") {
            return Mirror::Http(text.trim_end_matches('/').to_owned());
        }
        let path = text.strip_prefix("file://").or_else(|| text.strip_prefix("file:")).unwrap_or(text);
        Mirror::Folder(PathBuf::from(path))
    }

    /// The address of a file below the mirror's root.
    pub fn address(&self, path: &str) -> String {
        match self {
            Mirror::Http(base) => format!("{base}/{path}"),
            Mirror::Folder(base) => base.join(path).display().to_string(),
        }
    }

    /// The Debian archive that the host's apt is set up with, if it is.
    pub fn of_host() -> Option<Mirror> {
        let apt = Path::new("/etc/apt");
        let mut files = vec![apt.join("sources.list")];
        let mut more: Vec<PathBuf> = std::fs::read_dir(apt.join("sources.list.d"))
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        more.sort();
        files.append(&mut more);
        files.iter().find_map(|path| {
            let text = std::fs::read_to_string(path).ok()?;
            let uris = match path.extension().and_then(|extension| extension.to_str()) {
                Some("sources") => uris_of_paragraphs(&text),
                Some("list") => uris_of_lines(&text),
                _ => Vec::new(),
            };
            uris.iter().find(|uri| is_debian_archive(uri)).map(|uri| Mirror::parse(uri))
        })
    }
}

/// Is it the main archive of Debian, by the name of a folder in its path? (Whether it really is, its
/// signature tells.)
fn is_debian_archive(uri: &str) -> bool {
    let known = ["http://", "https://", "file:"].iter().any(|scheme| uri.starts_with(scheme));
    let path = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    known && path.split('/').skip(1).any(|part| part == "debian")
}

/// The addresses of a one-line-style file: `deb [options] URI suite component...`.
fn uris_of_lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or("").trim());
    let uri = |line: &str| {
        let rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']')?.1,
            None => rest,
        };
        rest.split_ascii_whitespace().next().map(str::to_owned)
    };
    lines.filter_map(uri).collect()
}

/// The addresses of a deb822-style file that are for packages and not turned off.
fn uris_of_paragraphs(text: &str) -> Vec<String> {
    let without_comments: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let text = without_comments.join("\n");
    let mut uris = Vec::new();
    for paragraph in text.split("\n\n") {
        let get = |wanted: &str| {
            let mut matching = fields(paragraph).filter(|(key, _)| key.eq_ignore_ascii_case(wanted));
            matching.next().map_or("", |(_, value)| value)
        };
        let off = ["no", "false", "0"].contains(&get("Enabled").to_ascii_lowercase().as_str());
        if !off && get("Types").split_ascii_whitespace().any(|kind| kind == "deb") {
            uris.extend(get("URIs").split_ascii_whitespace().map(str::to_owned));
        }
    }
    uris
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apt_files_of_both_styles_are_read() {
        let lines = "# deb http://no.example/debian x main\ndeb-src http://no.example/debian x main\n\
                     deb [arch=amd64 signed-by=/x] http://a.example/debian/ trixie main # c\n";
        assert_eq!(uris_of_lines(lines), ["http://a.example/debian/"]);
        let paragraphs = "Types: deb\n# c\nURIs: http://s.example/debian-security\nSuites: x\n\n\
                          Enabled: no\nTypes: deb\nURIs: http://off.example/debian\n\n\
                          Types: deb-src deb\nURIs: http://b.example/debian http://c.example/debian\n";
        let uris = uris_of_paragraphs(paragraphs);
        let debian: Vec<_> = uris.iter().filter(|uri| is_debian_archive(uri)).collect();
        assert_eq!(debian, ["http://b.example/debian", "http://c.example/debian"]);
    }

    #[test]
    fn addresses_are_told_from_folders() {
        assert_eq!(Mirror::parse("http://a.example/debian/").address("x"), "http://a.example/debian/x");
        assert_eq!(Mirror::parse("file:///srv/debian"), Mirror::Folder("/srv/debian".into()));
        assert_eq!(Mirror::parse("mirror"), Mirror::Folder("mirror".into()));
        assert!(is_debian_archive("http://a.example/archive/debian/20250101T000000Z"));
        assert!(!is_debian_archive("http://a.example/ubuntu") && !is_debian_archive("cdrom:[Debian]/"));
    }
}
