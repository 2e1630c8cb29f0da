//! What a session has around its machine: the tape of what comes from outside, and the folders it shares.

use super::snapshot::absolute;
use super::snapshot_failure;
use crate::config::{self, Config, Node, Output, Tape, canonical, shell_word};
use crate::exit::{Exit, Failure};
use cluster::boot::SharedFolder;
use cluster::disk::{self, HostError};
use cluster::record::{Ending, Outside, PARTIAL, RecordError, Recorder, Recording, Replayed, Verdict};
use cluster::run::End;
use cluster::share::HostShare;
use cluster::snapshot::Snapshot;
use fabric::NodeId;
use machine::dev::virtio::disk::BlockBackend;
use machine::dev::virtio::p9::share::Share;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What is around a machine.
pub(super) struct Surroundings {
    pub(super) outside: Outside,
    tape: Tape,
    /// Folders, and whether each was found to be removed.
    folders: Mutex<Vec<(PathBuf, Arc<AtomicBool>)>>,
    /// Disks, and what the host refused of each.
    disks: Mutex<Vec<(PathBuf, HostError)>>,
}

/// What a node is called on a tape.
pub(super) fn number(node: NodeId) -> u16 {
    u16::try_from(node.0).unwrap_or(u16::MAX)
}

/// A folder by its real name, where it has one.
fn real(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

/// Whether two folders have files in common.
fn overlap(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// The folders that one node may change while another has them too.
fn common(config: &Config) -> Vec<PathBuf> {
    let of = |(group, node): (usize, &Node)| -> Vec<(usize, PathBuf, bool)> {
        node.shares.iter().map(|share| (group, real(&share.host), !share.read_only)).collect()
    };
    let all: Vec<_> = config.groups.iter().map(|group| &group.node).enumerate().flat_map(of).collect();
    let shared = |(group, path, writes): &&(usize, PathBuf, bool)| {
        let elsewhere = || all.iter().any(|(other, theirs, _)| other != group && overlap(path, theirs));
        *writes && (config.groups[*group].count() > 1 || elsewhere())
    };
    all.iter().filter(shared).map(|(_, path, _)| path.clone()).collect()
}

/// The command line of this process.
fn typed() -> String {
    let words = std::env::args().skip(1).map(|word| shell_word(&word));
    std::iter::once("multivac".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// What became of what came from outside.
pub(super) struct Conclusion {
    verdict: Result<Verdict, RecordError>,
    tape: Tape,
}

/// A recording that cannot be used, as an error with its exit code.
pub(super) fn refuse(error: &RecordError) -> Failure {
    match error {
        RecordError::Host { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
            let mut partial = path.as_os_str().to_owned();
            partial.push(PARTIAL);
            let help = if Path::new(&partial).exists() {
                format!("its run was killed; what there is of it: {}", Path::new(&partial).display())
            } else {
                "check the path".to_owned()
            };
            Failure::new(Exit::Host, error, help)
        }
        RecordError::Host { .. } => Failure::new(Exit::Host, error, ""),
        RecordError::Foreign { .. } => Failure::new(Exit::Image, error, "name a file that --record made"),
        RecordError::Version { .. } => {
            Failure::new(Exit::Image, error, "the version of Multivac that made it replays it")
        }
        RecordError::Damaged { .. } => Failure::new(Exit::Image, error, "record the run again"),
        RecordError::Changed { .. } | RecordError::Files { .. } => {
            Failure::new(Exit::Config, error, "a replay needs the files of the recorded run")
        }
        RecordError::Disk { .. } => {
            let help =
                "a replay needs the disk as it was; small ones that a run writes to are in its recording";
            Failure::new(Exit::Config, error, help)
        }
    }
}

/// The configuration of a recorded run.
///
/// Errors: the recording cannot be used.
pub(crate) fn recorded_config(path: &Path) -> Result<Config, Failure> {
    let recording = Recording::open(path).map_err(|error| refuse(&error))?;
    parse(path, &recording)
}

/// The snapshot that a recorded run went on from, if it did.
///
/// Errors: the recording cannot be used.
pub(super) fn recorded_start(path: &Path) -> Result<Option<PathBuf>, Failure> {
    let recording = Recording::open(path).map_err(|error| refuse(&error))?;
    Ok(recording.snapshot().map(Path::to_owned))
}

fn parse(path: &Path, recording: &Recording) -> Result<Config, Failure> {
    // Relative names in it are relative to where the run was started, as on a command line.
    let mut config = Config::parse(Path::new("recording"), recording.configuration()).map_err(|failure| {
        let cause =
            format!("the configuration in {} is not of this version: {}", path.display(), failure.text);
        Failure::new(Exit::Image, cause, "")
    })?;
    config.run.tape = Tape::Off;
    config.output = Output::default();
    Ok(config)
}

impl Surroundings {
    /// Opens the tape that the configuration names; with `shadowed` a second node runs beside the one, and `start` is the
    /// snapshot that the run goes on from.
    ///
    /// Errors: it cannot be written or read, or the recorded run was another one.
    pub(super) fn new(
        config: &Config,
        shadowed: bool,
        start: Option<&Snapshot>,
    ) -> Result<Surroundings, Failure> {
        let mut outside = match &config.run.tape {
            Tape::Off => Outside::live(),
            Tape::Record(path) => {
                let recorder = Recorder::create(path, &canonical(config)).map_err(|error| refuse(&error))?;
                Outside::recording(recorder)
            }
            Tape::Replay(path) => {
                let recording = Recording::open(path).map_err(|error| refuse(&error))?;
                if let Some((key, was, is)) = config::difference(&parse(path, &recording)?, config) {
                    let cause =
                        format!("`{key}` is {is}, and was {was} when {} was recorded", path.display());
                    let help = format!("`multivac run --replay {}` alone replays it", path.display());
                    return Err(Failure::new(Exit::Config, cause, help));
                }
                Outside::playing(recording)
            }
        };
        if shadowed {
            outside.set_shadowed();
        }
        let sealed = start.map(|start| Ok((absolute(start.dir()), start.seal()?))).transpose();
        let sealed = sealed.map_err(|error| snapshot_failure(&error))?;
        let sealed = sealed.as_ref().map(|(dir, seal)| (dir.as_path(), *seal));
        outside.snapshot(sealed).map_err(|error| refuse(&error))?;
        Ok(Surroundings {
            outside,
            tape: config.run.tape.clone(),
            folders: Mutex::default(),
            disks: Mutex::default(),
        })
    }

    /// Takes note of a file that is read before the run.
    ///
    /// Errors: the recorded run read another one.
    pub(super) fn file(&self, node: NodeId, what: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.outside.file(number(node), what, bytes).map_err(|error| refuse(&error))
    }

    /// Called when everything is read.
    ///
    /// Errors: the recorded run read more.
    pub(super) fn booted(&self) -> Result<(), Failure> {
        self.outside.files_done().map_err(|error| refuse(&error))
    }

    /// A node's shared folders, each with its mount tag.
    ///
    /// Errors: a folder that cannot be opened.
    pub(super) fn shares(
        &self,
        place: NodeId,
        node: &Node,
        config: &Config,
    ) -> Result<Vec<SharedFolder>, Failure> {
        let common = if node.shares.is_empty() { Vec::new() } else { common(config) };
        let mut shares = Vec::new();
        for (index, share) in (0u16..).zip(&node.shares) {
            let writable = !share.read_only;
            let open = || -> std::io::Result<Box<dyn Share>> {
                let folder = HostShare::open(&share.host, writable)?;
                let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
                folders.push((share.host.clone(), folder.lost()));
                Ok(Box::new(folder))
            };
            let opened = self.outside.share(number(place), index, writable, open).map_err(|error| {
                let cause = format!("cannot share the folder {}: {error}", share.host.display());
                Failure::new(Exit::Host, cause, "check the path, and who may read it")
            })?;
            shares.push(SharedFolder {
                tag: share.guest.clone(),
                share: opened,
                gated: common.iter().any(|folder| overlap(folder, &real(&share.host))),
            });
        }
        Ok(shares)
    }

    /// The disk in `file`, number by number on the tape: it is told when the host fails it, and a replay fails it as the
    /// recorded run's host did. `beside` is for a node that runs beside another.
    pub(super) fn watched(
        &self,
        file: &Path,
        (place, index): (NodeId, u16),
        beside: bool,
        disk: Box<dyn BlockBackend>,
    ) -> Box<dyn BlockBackend> {
        let taped = self.outside.failures((number(place), index), beside, disk);
        let (disk, failed) = disk::noted(taped);
        let mut disks = self.disks.lock().unwrap_or_else(PoisonError::into_inner);
        disks.push((file.to_owned(), failed));
        disk
    }

    /// Ends the tape behind the run, and tells of folders that were lost and of disks that failed.
    pub(super) fn conclude(
        &self,
        virtual_ns: u64,
        instructions: u64,
        digest: blake3::Hash,
        end: &End,
    ) -> Conclusion {
        let folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        for (folder, _) in folders.iter().filter(|(_, lost)| lost.load(Ordering::Relaxed)) {
            let folder = folder.display();
            eprintln!(
                "note: the shared folder {folder} was removed during the run; the guest got I/O errors"
            );
        }
        let disks = self.disks.lock().unwrap_or_else(PoisonError::into_inner);
        for (file, failed) in disks.iter() {
            if let Some(error) = failed.get() {
                eprintln!("note: the disk {}: {error}; the guest got I/O errors", file.display());
            }
        }
        let cut = matches!(end, End::Time | End::Instructions | End::Left(_));
        let ending = Ending { virtual_ns, instructions, digest: *digest.as_bytes(), how: format!("{end:?}") };
        Conclusion { verdict: self.outside.finish(&ending, cut), tape: self.tape.clone() }
    }
}

impl Conclusion {
    /// The command that runs this again.
    pub(super) fn again(&self, config: &Config) -> String {
        match (&self.tape, &self.verdict) {
            (Tape::Record(path), Ok(_)) | (Tape::Replay(path), _) => {
                format!("multivac run --replay {}", shell_word(&path.to_string_lossy()))
            }
            _ if config.node_count() == 1 => config::flags(config),
            _ => typed(),
        }
    }

    /// A line for the report.
    pub(super) fn line(&self) -> Option<String> {
        let seconds = |ns: u64| std::time::Duration::from_nanos(ns).as_secs_f64();
        Some(match self.verdict.as_ref().ok()? {
            Verdict::Live { spoke: false } => return None,
            Verdict::Live { spoke: true } => {
                "something came from outside; --record FILE keeps it for a replay".to_owned()
            }
            Verdict::Recorded { bytes } => format!("recorded in {bytes} bytes"),
            Verdict::Replayed(Replayed::Same) => "replayed to the recorded digest".to_owned(),
            Verdict::Replayed(Replayed::Shorter(recorded)) => {
                format!("the recorded run went on to {:.6} s", seconds(recorded.virtual_ns))
            }
            Verdict::Replayed(Replayed::Unfinished { reached_ns, torn }) => {
                let torn =
                    torn.map_or_else(String::new, |at| format!(", and its file is cut off at byte {at}"));
                format!("the recorded run was killed after {:.6} s{torn}", seconds(*reached_ns))
            }
            Verdict::Replayed(Replayed::Apart(_)) => "the replay differs from the recorded run".to_owned(),
        })
    }

    /// Errors: the recording could not be written, or the replay differs.
    pub(super) fn into_result(self) -> Result<(), Failure> {
        match self.verdict {
            Err(error) => {
                let help = "the run itself is not affected; what was written until then can be replayed";
                Err(Failure { text: format!("{}\n  help: {help}", refuse(&error).text), ..refuse(&error) })
            }
            Ok(Verdict::Replayed(Replayed::Apart(what))) => {
                let cause = format!("the replay differs from the recorded run: {what}");
                let help = "a disk that was changed since, or another version of Multivac, makes another run";
                Err(Failure::new(Exit::Divergence, cause, help))
            }
            Ok(_) => Ok(()),
        }
    }
}
