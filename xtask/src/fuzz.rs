//! `cargo xtask fuzz`: builds the targets of `fuzz/` and runs each for a while, several at a time.
//!
//! The flags are cargo-fuzz's own, so that it need not be installed: coverage for libFuzzer, and the address sanitizer, for
//! which a nightly toolchain is needed. Where there is none, that is said in a line.

use crate::tree;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How it is called.
pub(crate) const USAGE: &str = "\
usage: cargo xtask fuzz [--seconds N] [--jobs N] [--seed N] [TARGET]...
runs each target (all of fuzz/, unless named) for N seconds (60), N at a time (2), on the inputs of a seed (the time of day)";

/// The target to build for: flags for it then do not reach build scripts.
const HOST: &str = "x86_64-unknown-linux-gnu";
/// What cargo-fuzz gives the compiler.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address";
/// Memory that a target may take, and the longest that it may think about an input.
const LIMITS: [&str; 2] = ["-rss_limit_mb=1536", "-timeout=20"];
/// How long a target may run beyond its time.
const GRACE: Duration = Duration::from_secs(300);
/// How often it is looked whether a target has ended.
const NAP: Duration = Duration::from_millis(200);

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    seconds: u64,
    jobs: usize,
    seed: u64,
    targets: Vec<String>,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Options> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // What libFuzzer takes: not 0, and no more than 32 bits.
        let seed = u64::from(now.subsec_nanos()).max(1);
        let mut options = Options { seconds: 60, jobs: 2, seed, targets: Vec::new() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut number = || -> Result<u64> {
                words
                    .next()
                    .and_then(|word| word.parse().ok())
                    .with_context(|| format!("{word} takes a number"))
            };
            match *word {
                "--seconds" => options.seconds = number()?,
                "--jobs" => options.jobs = usize::try_from(number()?)?.max(1),
                "--seed" => options.seed = number()?,
                flag if flag.starts_with('-') => bail!("no flag `{flag}`\n{USAGE}"),
                target => options.targets.push(target.to_owned()),
            }
        }
        Ok(options)
    }
}

/// A target at work.
struct Run {
    name: String,
    child: Child,
    log: PathBuf,
    began: Instant,
}

/// Runs what the words ask for.
///
/// Errors: a target does not build, or found something; where its input is was said.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let options = Options::parse(words)?;
    if !has_nightly() {
        println!("fuzz: no nightly toolchain with the address sanitizer here: passed over");
        return Ok(());
    }
    let known = targets()?;
    if let Some(unknown) = options.targets.iter().find(|target| !known.contains(target)) {
        bail!("no target is called {unknown}; there are {}", known.join(", "));
    }
    let chosen = if options.targets.is_empty() { known } else { options.targets.clone() };
    let folder = build(&chosen)?;
    println!("fuzz: seed {}, which `--seed {0}` takes again", options.seed);
    let mut waiting = chosen.into_iter().rev().collect::<Vec<_>>();
    let mut running: Vec<Run> = Vec::new();
    let mut found = BTreeMap::new();
    while !waiting.is_empty() || !running.is_empty() {
        while running.len() < options.jobs
            && let Some(name) = waiting.pop()
        {
            running.push(start(&folder, name, &options)?);
        }
        std::thread::sleep(NAP);
        let mut still = Vec::new();
        for mut run in running {
            match ended(&mut run, options.seconds)? {
                None => still.push(run),
                Some(status) => {
                    if let Some(what) = report(&run, status)? {
                        found.insert(run.name, what);
                    }
                }
            }
        }
        running = still;
    }
    ensure!(found.is_empty(), "findings in {}", found.into_keys().collect::<Vec<_>>().join(", "));
    Ok(())
}

/// The names in `fuzz/fuzz_targets/`.
fn targets() -> Result<Vec<String>> {
    let folder = tree::root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Whether there is a nightly compiler, and the sanitizer's library beside it.
fn has_nightly() -> bool {
    let printed = Command::new("rustc").args(["+nightly", "--print", "sysroot"]).output();
    let Some(output) = printed.ok().filter(|output| output.status.success()) else { return false };
    let root = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let libraries = std::fs::read_dir(root.join("lib/rustlib").join(HOST).join("lib"));
    libraries
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().ends_with("_rt.asan.a"))
}

/// Builds the targets; the folder that has them.
fn build(targets: &[String]) -> Result<PathBuf> {
    let output = target_folder();
    let mut cargo = Command::new("cargo");
    // Without `--locked`: a crate of ours that has a new dependency must not need a change here.
    cargo.args(["+nightly", "build", "--release", "--target", HOST, "--manifest-path"]);
    cargo.arg(tree::root().join("fuzz/Cargo.toml"));
    cargo.args(targets.iter().flat_map(|target| ["--bin", target]));
    // What cargo told this process of its own build is not for another compiler's.
    let own = |name: &str| {
        name.starts_with("CARGO_PROFILE") || name.starts_with("RUSTC") || name == "RUSTUP_TOOLCHAIN"
    };
    for (name, _) in std::env::vars().filter(|(name, _)| own(name)) {
        cargo.env_remove(name);
    }
    cargo.env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", &output).env("CARGO_INCREMENTAL", "0");
    let began = Instant::now();
    ensure!(cargo.status().context("running cargo")?.success(), "the fuzz targets do not build");
    println!("fuzz: {} targets built in {} s", targets.len(), began.elapsed().as_secs());
    Ok(output)
}

/// Where the targets are built, and keep what they find.
fn target_folder() -> PathBuf {
    let own = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    own.unwrap_or_else(|| tree::root().join("target")).join("fuzzing")
}

fn start(folder: &Path, name: String, options: &Options) -> Result<Run> {
    let corpus = folder.join("corpus").join(&name);
    let artifacts = folder.join("artifacts").join(&name);
    for dir in [&corpus, &artifacts] {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    let log = folder.join("corpus").join(format!("{name}.log"));
    let sink = std::fs::File::create(&log).with_context(|| log.display().to_string())?;
    let child = Command::new(folder.join(HOST).join("release").join(&name))
        .arg(&corpus)
        .arg(format!("-max_total_time={}", options.seconds))
        .arg(format!("-seed={}", options.seed))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(LIMITS)
        .env("MULTIVAC_FUZZ_SEEDS", &corpus)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(sink)
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    Ok(Run { name, child, log, began: Instant::now() })
}

/// How a target ended, if it has; one that does not end in time is ended.
fn ended(run: &mut Run, seconds: u64) -> Result<Option<ExitStatus>> {
    if run.began.elapsed() > Duration::from_secs(seconds) + GRACE {
        run.child.kill()?;
    }
    Ok(run.child.try_wait()?)
}

/// A line on a target that ended; what it found, if anything.
fn report(run: &Run, status: ExitStatus) -> Result<Option<String>> {
    let bytes = std::fs::read(&run.log).with_context(|| run.log.display().to_string())?;
    let log = String::from_utf8_lossy(&bytes);
    let done = log.lines().rev().find(|line| line.contains("DONE") || line.contains("cov:")).unwrap_or("");
    let count =
        |key: &str| done.split_whitespace().skip_while(|word| *word != key).nth(1).unwrap_or("?").to_owned();
    let tries = done.split_whitespace().next().unwrap_or("").trim_start_matches('#');
    let (name, seconds) = (&run.name, run.began.elapsed().as_secs());
    println!("fuzz: {name:9} {tries:>9} inputs in {seconds} s, {} edges covered", count("cov:"));
    if status.success() {
        return Ok(None);
    }
    let tail: Vec<&str> = log.lines().rev().take(60).collect();
    for line in tail.iter().rev() {
        println!("  {line}");
    }
    Ok(Some(status.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read() {
        let read = Options::parse(&["--seconds", "5", "elf", "--seed", "7"]).unwrap();
        assert_eq!(read, Options { seconds: 5, jobs: 2, seed: 7, targets: vec!["elf".to_owned()] });
        assert!(Options::parse(&["--seconds", "soon"]).is_err());
        assert!(Options::parse(&["--fast"]).is_err());
    }

    #[test]
    fn every_target_has_its_entry_in_the_manifest() {
        let manifest: toml::Table =
            std::fs::read_to_string(tree::root().join("fuzz/Cargo.toml")).unwrap().parse().unwrap();
        let mut named: Vec<String> = manifest["bin"]
            .as_array()
            .unwrap()
            .iter()
            .map(|bin| bin["name"].as_str().unwrap().to_owned())
            .collect();
        named.sort();
        assert_eq!(named, targets().unwrap());
    }
}
