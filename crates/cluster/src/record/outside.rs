//! The outside of a run: let through, recorded, or played back.

use super::disk::{self, Opening, Taped};
use super::failure::RecordError;
use super::format::{self, Kind};
use super::host::Hook;
use super::player::Player;
use super::reader::{Ending, Recording};
use super::share::{Echo, Echoed, Heard, Played, Recorded, Through, lock};
use super::writer::Recorder;
use crate::disk::Checksum;
use crate::run::Host;
use machine::dev::virtio::disk::BlockBackend;
use machine::dev::virtio::p9::share::Share;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// No larger disk goes into a recording.
const KEPT_BYTES_MAX: u64 = 16 << 20;

/// What stands between a run and the outside.
#[derive(Debug, Default)]
pub struct Outside {
    pub(super) tape: Tape,
    /// Something came from outside that the configuration does not say.
    pub(super) spoke: AtomicBool,
    /// Replies that a node run beside hears too; none where no node is.
    echoes: Option<Mutex<BTreeMap<(u16, u16), Echo>>>,
    /// Files that the run asked about while it is replayed.
    asked: Mutex<Vec<(u16, String)>>,
    /// Checksums of disks.
    sums: Mutex<BTreeMap<PathBuf, Checksum>>,
    /// How often each disk was opened, for a node or for one that runs beside it.
    openings: Mutex<BTreeMap<(bool, u16, u16), u16>>,
}

/// What is done with what comes from outside.
#[derive(Debug, Default)]
pub(super) enum Tape {
    /// It is let through.
    #[default]
    Off,
    /// It is let through and written down.
    Recording(Arc<Mutex<Recorder>>),
    /// It is what was written down.
    Playing(Arc<Mutex<Player>>),
}

/// How a replay went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// It ended as the recorded run did, with the same digest.
    Same,
    /// It was ended before the recorded run was.
    Shorter(Ending),
    /// The recorded run was killed; its recording reaches this far, and breaks off at this byte if it is torn.
    Unfinished {
        /// Virtual nanoseconds.
        reached_ns: u64,
        /// Where the file breaks off.
        torn: Option<u64>,
    },
    /// It differs from the recorded run, in this.
    Apart(String),
}

/// What became of what came from outside.
#[derive(Debug)]
pub enum Verdict {
    /// It was let through.
    Live {
        /// Something came, so that the configuration alone does not run this again.
        spoke: bool,
    },
    /// It is in a file.
    Recorded {
        /// The size of the file.
        bytes: u64,
    },
    /// It came from a file.
    Replayed(Replayed),
}

impl Outside {
    /// Lets everything through.
    pub fn live() -> Outside {
        Outside::default()
    }

    /// Lets everything through and writes it down.
    pub fn recording(recorder: Recorder) -> Outside {
        Outside { tape: Tape::Recording(Arc::new(Mutex::new(recorder))), ..Outside::default() }
    }

    /// Lets nothing through and plays what was written down.
    pub fn playing(recording: Recording) -> Outside {
        Outside { tape: Tape::Playing(Arc::new(Mutex::new(Player::new(recording)))), ..Outside::default() }
    }

    /// Each share is asked for twice: for a node, and for the one that runs beside it.
    pub fn set_shadowed(&mut self) {
        self.echoes = Some(Mutex::default());
    }

    /// Whether it is a recording that is played.
    pub fn is_playing(&self) -> bool {
        matches!(self.tape, Tape::Playing(_))
    }

    /// The size of a node's console, which is `now`.
    pub fn console_size(&self, node: u16, now: Option<(u16, u16)>) -> Option<(u16, u16)> {
        match &self.tape {
            Tape::Off => {
                self.spoke.fetch_or(now.is_some(), Ordering::Relaxed);
                now
            }
            Tape::Recording(recorder) => {
                if let Some((columns, rows)) = now {
                    let payload = [columns.to_le_bytes(), rows.to_le_bytes()].concat();
                    lock(recorder).put(Kind::ConsoleSize, 0, node, 0, &payload);
                }
                now
            }
            Tape::Playing(player) => lock(player).recording.sizes.get(&node).copied(),
        }
    }

    /// Takes note of a file that a node reads before it runs; `what` says what it is for.
    ///
    /// Errors: the recorded run read another one, or none.
    pub fn file(&self, node: u16, what: &str, bytes: &[u8]) -> Result<(), RecordError> {
        match &self.tape {
            Tape::Off => Ok(()),
            Tape::Recording(recorder) => {
                let payload = [blake3::hash(bytes).as_bytes(), what.as_bytes()].concat();
                lock(recorder).put(Kind::File, 0, node, 0, &payload);
                Ok(())
            }
            Tape::Playing(player) => {
                let key = (node, what.to_owned());
                let recorded = lock(player).recording.files.get(&key).copied();
                lock(&self.asked).push(key);
                match recorded {
                    None => Err(RecordError::Files { what: what.to_owned(), recorded: false }),
                    Some(hash) if blake3::hash(bytes) == hash => Ok(()),
                    Some(_) => Err(RecordError::Changed { what: what.to_owned() }),
                }
            }
        }
    }

    /// Takes note of the snapshot that the run goes on from, if it does: its directory and its seal.
    ///
    /// Errors: the recorded run went on from another one, or from none.
    pub fn snapshot(&self, start: Option<(&Path, blake3::Hash)>) -> Result<(), RecordError> {
        let what = "snapshot".to_owned();
        match (&self.tape, start) {
            (Tape::Off, _) | (Tape::Recording(_), None) => Ok(()),
            (Tape::Recording(recorder), Some((dir, seal))) => {
                let payload = [seal.as_bytes(), dir.as_os_str().as_bytes()].concat();
                lock(recorder).put(Kind::Snapshot, 0, 0, 0, &payload);
                Ok(())
            }
            (Tape::Playing(player), start) => match (&lock(player).recording.snapshot, start) {
                (None, None) => Ok(()),
                (Some((recorded, _)), Some((_, seal))) if seal == *recorded => Ok(()),
                (Some(_), Some(_)) => Err(RecordError::Changed { what }),
                (recorded, _) => Err(RecordError::Files { what, recorded: recorded.is_some() }),
            },
        }
    }

    /// Takes note of the file under a node's disk before the run; with `kept` a replay does without it, where it is not
    /// too large to go into the recording.
    ///
    /// Errors: the recorded run had another disk, or none; the host's.
    pub fn disk(&self, node: u16, disk: u16, path: &Path, kept: bool) -> Result<(), RecordError> {
        let what = format!("disk {}", disk + 1);
        let host = |source| RecordError::Host { path: path.to_owned(), source };
        match &self.tape {
            Tape::Off => Ok(()),
            Tape::Recording(recorder) => {
                let sum = self.checksum(path).map_err(host)?;
                let mut recorder = lock(recorder);
                recorder.put(Kind::File, 0, node, 0, &[sum.hash.as_bytes(), what.as_bytes()].concat());
                if kept && sum.bytes <= KEPT_BYTES_MAX {
                    let bytes = std::fs::read(path).map_err(host)?;
                    recorder.put(Kind::Disk, 0, node, 0, &[&disk.to_le_bytes()[..], &bytes].concat());
                }
                Ok(())
            }
            Tape::Playing(player) => {
                let key = (node, what);
                let recorded = lock(player).recording.files.get(&key).copied();
                lock(&self.asked).push(key.clone());
                let Some(recorded) = recorded else {
                    return Err(RecordError::Files { what: key.1, recorded: false });
                };
                let in_recording = lock(player).recording.disks.contains_key(&(node, disk));
                let same = in_recording || self.checksum(path).map_err(host)?.hash == recorded;
                if same { Ok(()) } else { Err(RecordError::Disk { path: path.to_owned() }) }
            }
        }
    }

    /// What a node's disk held before the recorded run, where the recording has it.
    ///
    /// Errors: the host's.
    pub fn kept_disk(&self, node: u16, disk: u16) -> Result<Option<Vec<u8>>, RecordError> {
        let Tape::Playing(player) = &self.tape else { return Ok(None) };
        let player = lock(player);
        let Some(place) = player.recording.disks.get(&(node, disk)) else { return Ok(None) };
        let payload = player.recording.payload(*place);
        let payload =
            payload.map_err(|source| RecordError::Host { path: player.recording.path.clone(), source });
        payload.map(|bytes| bytes.get(2..).map(<[u8]>::to_vec))
    }

    /// A disk of a node, number by number, whose host may fail it; `beside` for a node that runs beside another, and
    /// hears what that one hears.
    pub fn failures(
        &self,
        (node, disk): (u16, u16),
        beside: bool,
        inner: Box<dyn BlockBackend>,
    ) -> Box<dyn BlockBackend> {
        let mut openings = lock(&self.openings);
        let opened = openings.entry((beside, node, disk)).or_default();
        let opening = Opening { node, disk, number: *opened };
        *opened = opened.saturating_add(1);
        let tape = match &self.tape {
            Tape::Off => return inner,
            Tape::Recording(_) if beside => return inner,
            Tape::Recording(recorder) => disk::Tape::Recording(Arc::clone(recorder)),
            Tape::Playing(player) => disk::Tape::Playing(lock(player).failures(opening)),
        };
        Box::new(Taped::new(inner, opening, tape))
    }

    /// A file's checksum, made once for all nodes that have it.
    fn checksum(&self, path: &Path) -> io::Result<Checksum> {
        let mut sums = lock(&self.sums);
        if let Some(sum) = sums.get(path) {
            return Ok(*sum);
        }
        let sum = Checksum::of(path)?;
        sums.insert(path.to_owned(), sum);
        Ok(sum)
    }

    /// A node's share; `open` opens the folder, which a replay does not need.
    ///
    /// Errors: those of `open`.
    pub fn share(
        &self,
        node: u16,
        share: u16,
        writable: bool,
        open: impl FnOnce() -> io::Result<Box<dyn Share>>,
    ) -> io::Result<Box<dyn Share>> {
        let echo = match &self.echoes {
            None => None,
            Some(echoes) => {
                let mut echoes = lock(echoes);
                if let Some(echo) = echoes.remove(&(node, share)) {
                    return Ok(Box::new(Through { writable, answers: Echoed(echo) }));
                }
                Some(Arc::clone(echoes.entry((node, share)).or_default()))
            }
        };
        let first: Box<dyn Share> = match &self.tape {
            Tape::Off => {
                self.spoke.store(true, Ordering::Relaxed);
                open()?
            }
            Tape::Recording(recorder) => {
                let (inner, recorder) = (open()?, Arc::clone(recorder));
                Box::new(Through { writable, answers: Recorded { inner, recorder, node, share } })
            }
            Tape::Playing(player) => {
                Box::new(Through { writable, answers: Played { player: Arc::clone(player), node, share } })
            }
        };
        Ok(match echo {
            None => first,
            Some(echo) => Box::new(Through { writable, answers: Heard { inner: first, echo } }),
        })
    }

    /// The host as the run sees it.
    pub fn host<'a>(&'a self, host: &'a mut dyn Host) -> impl Host + 'a {
        Hook { outside: self, host }
    }

    /// Ends the run; `cut` when a limit of its own ended it.
    ///
    /// Errors: a recording that could not be written.
    pub fn finish(&self, ending: &Ending, cut: bool) -> Result<Verdict, RecordError> {
        match &self.tape {
            Tape::Off => Ok(Verdict::Live { spoke: self.spoke.load(Ordering::Relaxed) }),
            Tape::Recording(recorder) => {
                let payload =
                    [&ending.instructions.to_le_bytes()[..], &ending.digest, ending.how.as_bytes()].concat();
                let mut recorder = lock(recorder);
                recorder.put(Kind::End, 0, 0, ending.virtual_ns, &payload);
                recorder.finish().map(|bytes| Verdict::Recorded { bytes })
            }
            Tape::Playing(player) => Ok(Verdict::Replayed(compare(&lock(player), ending, cut))),
        }
    }

    /// The path of what is played, for messages.
    pub fn played_path(&self) -> Option<PathBuf> {
        match &self.tape {
            Tape::Playing(player) => Some(lock(player).recording.path.clone()),
            _ => None,
        }
    }

    /// Looks whether the run read every file that the recorded one did; after the last call of [`Outside::file`].
    ///
    /// Errors: the first that it did not.
    pub fn files_done(&self) -> Result<(), RecordError> {
        let Tape::Playing(player) = &self.tape else { return Ok(()) };
        let (player, asked) = (lock(player), lock(&self.asked));
        match player.recording.files.keys().find(|key| !asked.contains(key)) {
            None => Ok(()),
            Some((_, what)) => Err(RecordError::Files { what: what.clone(), recorded: true }),
        }
    }
}

/// Holds a replay's end against the recorded one.
fn compare(player: &Player, ending: &Ending, cut: bool) -> Replayed {
    if let Some(what) = &player.apart {
        return Replayed::Apart(what.clone());
    }
    let Some(recorded) = player.recording.ending() else {
        let (reached_ns, torn) = (player.recording.reached_ns(), player.recording.torn());
        return Replayed::Unfinished { reached_ns, torn };
    };
    let far = |ending: &Ending| (ending.virtual_ns, ending.instructions);
    if far(recorded) == far(ending) {
        if recorded.digest == ending.digest {
            return Replayed::Same;
        }
        let hex = |hash: &[u8; format::HASH_BYTES]| blake3::Hash::from_bytes(*hash).to_hex();
        return Replayed::Apart(format!(
            "its digest was {}, not {}",
            hex(&recorded.digest),
            hex(&ending.digest)
        ));
    }
    if cut && ending.virtual_ns <= recorded.virtual_ns && ending.instructions <= recorded.instructions {
        return Replayed::Shorter(recorded.clone());
    }
    Replayed::Apart(format!(
        "it ended after {} instructions ({}), the replay after {} ({})",
        recorded.instructions, recorded.how, ending.instructions, ending.how
    ))
}
