//! Which of our crates may know which: the direction of the architecture, as an allow-list.

use crate::tree::File;
use anyhow::{Context, Result};

/// A crate's folder under `crates/`, and the crates of ours that it may depend on. Tests may use no more.
const ALLOWED: &[(&str, &[&str])] = &[
    ("isa", &[]),
    ("fabric", &[]),
    ("policy", &[]),
    ("image", &[]),
    ("machine", &["isa"]),
    ("translator", &["machine", "isa"]),
    ("debug", &["machine", "isa"]),
    ("cluster", &["isa", "machine", "translator", "fabric", "policy"]),
    ("multivac", &["isa", "machine", "translator", "fabric", "policy", "cluster", "debug", "image"]),
];

/// Compares each manifest with the allow-list.
pub(super) fn check(files: &[File]) -> Result<Vec<String>> {
    let mut offences = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        let Some(name) = file.path.strip_prefix("crates/").and_then(|rest| rest.strip_suffix("/Cargo.toml"))
        else {
            continue;
        };
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            offences.push(format!("{}: crate `{name}` has no line in the allow-list", file.path));
            continue;
        };
        let text = file.text().context("a manifest that is not text")?;
        let manifest: toml::Table = text.parse().with_context(|| file.path.clone())?;
        // A crate may name itself among its test dependencies, to test with its own features on.
        for dependency in ours(&manifest).into_iter().filter(|dependency| dependency != name) {
            if !allowed.contains(&dependency.as_str()) {
                offences.push(format!("{}: `{name}` must not depend on `{dependency}`", file.path));
            }
        }
    }
    Ok(offences)
}

/// The crates of ours that a manifest names, in all its dependency tables.
fn ours(manifest: &toml::Table) -> Vec<String> {
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let per_target =
        targets.into_iter().flat_map(|targets| targets.values()).filter_map(|value| value.as_table());
    std::iter::once(manifest)
        .chain(per_target)
        .flat_map(|holder| tables.iter().filter_map(|table| holder.get(*table)?.as_table()))
        .flat_map(toml::Table::keys)
        .map(|name| name.strip_prefix("multivac-").unwrap_or(name).to_owned())
        .filter(|name| ALLOWED.iter().any(|(known, _)| known == name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(path: &str, text: &str) -> Vec<String> {
        check(&[File { path: path.into(), bytes: text.into() }]).unwrap()
    }

    #[test]
    fn a_new_edge_is_refused_wherever_it_stands() {
        assert!(offences("crates/machine/Cargo.toml", "[dependencies]\nisa.workspace = true\n").is_empty());
        for table in ["dependencies", "dev-dependencies", "target.'cfg(unix)'.dependencies"] {
            let text = format!("[{table}]\nfabric.workspace = true\n");
            let found = offences("crates/machine/Cargo.toml", &text);
            assert_eq!(found.len(), 1, "{table}: {found:?}");
            assert!(found[0].contains("`machine` must not depend on `fabric`"), "{found:?}");
        }
        assert_eq!(offences("crates/newcomer/Cargo.toml", "").len(), 1);
    }
}
