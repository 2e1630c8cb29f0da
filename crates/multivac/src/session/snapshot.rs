//! Snapshots of a session: when they are made, where they go, and how a run goes on from one.

use super::figures::seconds;
use super::surroundings::recorded_start;
use crate::config::units::write_bytes;
use crate::config::{Boot, Config, Tape, canonical};
use crate::exit::{Exit, Failure};
use cluster::run::{Cluster, End, Host, Mark};
use cluster::snapshot::{Snapshot, SnapshotError};
use fabric::NodeId;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What a run does about snapshots.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Those to make.
    pub(crate) snapshots: Vec<Planned>,
    /// The one to go on from.
    pub(crate) restore: Option<Snapshot>,
}

/// A snapshot to make.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    /// When; at the end of the run without a mark.
    mark: Option<Mark>,
    dir: PathBuf,
}

impl std::str::FromStr for Planned {
    type Err = String;

    fn from_str(text: &str) -> Result<Planned, String> {
        let (when, dir) =
            text.split_once('=').filter(|(_, dir)| !dir.is_empty()).ok_or("it is written as WHEN=DIR")?;
        let mark = match when {
            "ready" => Some(Mark::Ready),
            "exit" => None,
            time => {
                let known =
                    |_| format!("`{time}` is neither `ready`, `exit`, nor a virtual time such as 2s or 50ms");
                Some(Mark::Time { ns: crate::config::units::nanoseconds(time).map_err(known)? })
            }
        };
        Ok(Planned { mark, dir: PathBuf::from(dir) })
    }
}

impl Plan {
    /// The folders that snapshots go to.
    pub(super) fn outputs(&self) -> Vec<PathBuf> {
        self.snapshots.iter().map(|planned| planned.dir.clone()).collect()
    }

    /// Opens the snapshot to go on from.
    ///
    /// Errors: it is none, is damaged, or is of a later version.
    pub(crate) fn restoring(&mut self, dir: &Path) -> Result<Config, Failure> {
        let snapshot = Snapshot::open(dir).map_err(|error| failure(&error))?;
        let text = snapshot.config().map_err(|error| failure(&error))?;
        let mut config = Config::parse(&dir.join("config.toml"), &text)?;
        // A tape begins where its run does, and the limits were that run's.
        config.run.tape = Tape::Off;
        config.run.max_time_ns = None;
        config.run.max_instructions = None;
        self.restore = Some(snapshot);
        Ok(config)
    }

    /// Opens the snapshot that a recorded run went on from, if it did; at `dir` where that is given.
    ///
    /// Errors: the recording cannot be used, or the snapshot.
    pub(crate) fn replaying(&mut self, recording: &Path, dir: Option<PathBuf>) -> Result<(), Failure> {
        let Some(dir) = dir.map_or_else(|| recorded_start(recording), |dir| Ok(Some(dir)))? else {
            return Ok(());
        };
        let open = Snapshot::open(&dir);
        self.restore = Some(open.map_err(|error| {
            let Failure { exit, text } = failure(&error);
            let help = "the recorded run went on from it; --restore DIR says where it is now";
            Failure { exit, text: format!("{text}\n  help: {help}") }
        })?);
        Ok(())
    }
}

/// A snapshot's error with its exit code.
pub(crate) fn failure(error: &SnapshotError) -> Failure {
    let exit = if error.is_host() { Exit::Host } else { Exit::Image };
    Failure::new(exit, error, error.help())
}

/// Gives the nodes the commands that the configuration names.
///
/// Errors: one was given another command before the snapshot was made.
fn set_commands(cluster: &mut Cluster, config: &Config) -> Result<(), Failure> {
    for (place, (name, node)) in (0..).map(NodeId).zip(config.members()) {
        let image = matches!(node.boot, Boot::Image { .. });
        if image && !cluster.set_command(place, super::build::command(config, &name)) {
            let cause = format!("the snapshot was made after {name} was given its command");
            let help = "leave the command out, or make a snapshot with --snapshot-at ready=DIR";
            return Err(Failure::new(Exit::Usage, cause, help));
        }
    }
    Ok(())
}

/// Makes the snapshots of a run.
pub(super) struct Recorder<'a> {
    plan: &'a Plan,
    what: &'a str,
    config: String,
    disks: Vec<PathBuf>,
    written: Vec<Written>,
}

/// A snapshot that was made.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    dir: PathBuf,
    virtual_ns: u64,
    memory_bytes: u64,
    filled_bytes: u64,
    wall_s: f64,
}

impl Written {
    /// A line for a person.
    pub(super) fn text(&self) -> String {
        format!(
            "{} at {}, {} of {} of memory, {:.2} s wall",
            self.dir.display(),
            seconds(self.virtual_ns),
            write_bytes(self.filled_bytes),
            write_bytes(self.memory_bytes),
            self.wall_s
        )
    }

    /// The same for programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "dir": self.dir.to_string_lossy(),
            "virtual_ns": self.virtual_ns,
            "memory_bytes": self.memory_bytes,
            "filled_bytes": self.filled_bytes,
            "wall_s": self.wall_s,
        })
    }
}

impl<'a> Recorder<'a> {
    /// Gets `cluster`, which has not run yet, to where the plan begins.
    ///
    /// Errors: the snapshot to go on from does not fit, or is damaged.
    pub(super) fn new(
        config: &Config,
        what: &'a str,
        cluster: &mut Cluster,
        plan: &'a Plan,
    ) -> Result<Recorder<'a>, Failure> {
        let disks =
            if plan.snapshots.is_empty() && plan.restore.is_none() { Vec::new() } else { disks(config)? };
        if let Some(snapshot) = &plan.restore {
            let elsewhere = match config.run.tape {
                // Its recording says what they were, and may hold what they held.
                Tape::Replay(_) => disks_of_nodes(config),
                Tape::Off | Tape::Record(_) => Vec::new(),
            };
            snapshot.check_disks(&disks, &elsewhere).map_err(|error| failure(&error))?;
            cluster.restore_from(snapshot).map_err(|error| failure(&error))?;
            set_commands(cluster, config)?;
        }
        if !plan.snapshots.is_empty() {
            cluster.prepare_snapshots();
        }
        plan.snapshots.iter().filter_map(|planned| planned.mark).for_each(|mark| cluster.interrupt_at(mark));
        Ok(Recorder {
            plan,
            what,
            config: canonical(&found_from_anywhere(config)),
            disks,
            written: Vec::new(),
        })
    }

    /// Runs to the end, making snapshots on the way.
    ///
    /// Errors: one cannot be written.
    pub(super) fn run(&mut self, cluster: &mut Cluster, host: &mut dyn Host) -> Result<End, Failure> {
        loop {
            let end = cluster.run(host);
            let mark = if let End::Reached(mark) = end { Some(mark) } else { None };
            for planned in self.plan.snapshots.iter().filter(|planned| planned.mark == mark) {
                if self.written.iter().all(|written| written.dir != planned.dir) {
                    self.write(cluster, &planned.dir)?;
                }
            }
            if mark.is_none() {
                for missed in self.plan.snapshots.iter().filter(|planned| !self.has(&planned.dir)) {
                    eprintln!(
                        "note: the run ended before {} was due, which was not made",
                        missed.dir.display()
                    );
                }
                return Ok(end);
            }
        }
    }

    /// The files that a snapshot looks at once more.
    pub(super) fn reads(&self) -> &[PathBuf] {
        &self.disks
    }

    /// What was made.
    pub(super) fn written(&self) -> Vec<Written> {
        self.written.clone()
    }

    fn has(&self, dir: &Path) -> bool {
        self.written.iter().any(|written| written.dir == dir)
    }

    fn write(&mut self, cluster: &Cluster, dir: &Path) -> Result<(), Failure> {
        let started = Instant::now();
        let manifest =
            cluster.snapshot(dir, self.what, &self.config, &self.disks).map_err(|error| failure(&error))?;
        self.written.push(Written {
            dir: dir.to_owned(),
            virtual_ns: manifest.virtual_ns,
            memory_bytes: manifest.memories.iter().map(|memory| memory.bytes).sum(),
            filled_bytes: manifest.memories.iter().map(|memory| memory.filled_bytes).sum(),
            wall_s: started.elapsed().as_secs_f64(),
        });
        Ok(())
    }
}

/// The files under the disks that the nodes were given, without the roots of images.
fn disks_of_nodes(config: &Config) -> Vec<PathBuf> {
    config.groups.iter().flat_map(|group| &group.node.disks).map(|disk| disk.file.clone()).collect()
}

/// The files under the disks, each once, in the order in which the nodes name them.
pub(super) fn disks(config: &Config) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for group in &config.groups {
        files.extend(super::boot::root_of(&group.node)?);
        files.extend(group.node.disks.iter().map(|disk| disk.file.clone()));
    }
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    Ok(files)
}

/// The path by which a file is found from anywhere.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The configuration with its disks named so that they are found from anywhere.
fn found_from_anywhere(config: &Config) -> Config {
    let mut config = config.clone();
    let make = |path: &mut PathBuf| *path = absolute(path);
    config.each_node(|node| {
        node.disks.iter_mut().for_each(|disk| make(&mut disk.file));
        node.shares.iter_mut().for_each(|share| make(&mut share.host));
    });
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_a_word_or_a_time() {
        let parse = |text: &str| text.parse::<Planned>();
        let planned = |mark| Ok(Planned { mark, dir: "a=b".into() });
        assert_eq!(parse("ready=a=b"), planned(Some(Mark::Ready)));
        assert_eq!(parse("exit=a=b"), planned(None));
        assert_eq!(parse("1.5ms=a=b"), planned(Some(Mark::Time { ns: 1_500_000 })));
        for (wrong, why) in [("2s", "WHEN=DIR"), ("2s=", "WHEN=DIR"), ("later=x", "neither `ready`")] {
            let text = parse(wrong).unwrap_err();
            assert!(text.contains(why), "{wrong}: {text}");
        }
    }
}
