//! The promise to those who write policies: a file of at most 40 lines of code, and one line that registers it.

use std::path::Path;

const NOT_POLICIES: [&str; 3] = ["mod.rs", "machine.rs", "registry.rs"];

fn code_lines(text: &str) -> usize {
    let code = text.split("#[cfg(test)]").next().unwrap_or(text);
    code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

fn check(folder: &str, skip: &[&str], registry: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder").flatten() {
        let name = entry.file_name().into_string().expect("a plain name");
        if !name.ends_with(".rs") || skip.contains(&name.as_str()) {
            continue;
        }
        let lines = code_lines(&std::fs::read_to_string(entry.path()).expect("a file"));
        assert!(lines <= 40, "{name}: {lines} lines of code");
        let module = name.trim_end_matches(".rs");
        assert!(registry.contains(&format!("{module}::")), "{module} is registered");
        seen += 1;
    }
    assert!(seen >= 6, "{} has policies", folder.display());
}

#[test]
fn a_policy_is_a_file_of_at_most_40_lines_and_a_line() {
    check("src/sched", &NOT_POLICIES, include_str!("../src/sched/registry.rs"));
    check("src/balance", &["mod.rs"], include_str!("../src/balance/mod.rs"));
}
