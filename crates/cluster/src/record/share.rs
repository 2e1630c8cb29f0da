//! Shared folders whose replies are kept, and folders that are nothing but such replies.

use super::format::Kind;
use super::outcome::{Outcome, Request};
use super::player::Player;
use super::writer::Recorder;
use machine::dev::virtio::p9::share::{Errno, Kind as FileKind, Name, Share, Stat};
use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Replies on their way from a share to that of a node that runs beside, for comparison.
pub(super) type Echo = Arc<Mutex<VecDeque<Outcome>>>;

/// Locks; what a panicking thread left is used as it is, since each holder leaves it whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who answers requests.
pub(super) trait Answers: Debug + Send {
    fn answer(&mut self, request: Request<'_>) -> Outcome;
}

/// A share, and where its replies are kept.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) inner: Box<dyn Share>,
    pub(super) recorder: Arc<Mutex<Recorder>>,
    pub(super) node: u16,
    pub(super) share: u16,
}

impl Answers for Recorded {
    fn answer(&mut self, request: Request<'_>) -> Outcome {
        let outcome = request.perform(&mut *self.inner);
        let payload =
            [&self.share.to_le_bytes()[..], &request.hash().to_le_bytes(), &outcome.write()].concat();
        lock(&self.recorder).put_now(Kind::Share, self.node, &payload);
        outcome
    }
}

/// A share, and the other one that hears its replies.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) inner: Box<dyn Share>,
    pub(super) echo: Echo,
}

impl Answers for Heard {
    fn answer(&mut self, request: Request<'_>) -> Outcome {
        let outcome = request.perform(&mut *self.inner);
        lock(&self.echo).push_back(outcome.clone());
        outcome
    }
}

/// What hears another share's replies, in order.
#[derive(Debug)]
pub(super) struct Echoed(pub(super) Echo);

impl Answers for Echoed {
    fn answer(&mut self, _request: Request<'_>) -> Outcome {
        lock(&self.0).pop_front().unwrap_or(Outcome::Failed(Errno::IO))
    }
}

/// A share of a recording.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) player: Arc<Mutex<Player>>,
    pub(super) node: u16,
    pub(super) share: u16,
}

impl Answers for Played {
    fn answer(&mut self, request: Request<'_>) -> Outcome {
        lock(&self.player).reply(self.node, self.share, request)
    }
}

/// A share made of whoever answers.
#[derive(Debug)]
pub(super) struct Through<A> {
    pub(super) writable: bool,
    pub(super) answers: A,
}

impl<A: Answers> Through<A> {
    fn plainly(&mut self, request: Request<'_>) -> Result<(), Errno> {
        match self.answers.answer(request) {
            Outcome::Done => Ok(()),
            other => Err(refusal(&other)),
        }
    }
}

/// The error in an outcome that is not the one hoped for.
fn refusal(outcome: &Outcome) -> Errno {
    if let Outcome::Failed(errno) = outcome { *errno } else { Errno::IO }
}

impl<A: Answers> Share for Through<A> {
    fn writable(&self) -> bool {
        self.writable
    }

    fn stat(&mut self, path: &[Name]) -> Result<Stat, Errno> {
        match self.answers.answer(Request::Stat { path }) {
            Outcome::Stat(stat) => Ok(stat),
            other => Err(refusal(&other)),
        }
    }

    fn list(&mut self, path: &[Name]) -> Result<Vec<(Name, FileKind)>, Errno> {
        match self.answers.answer(Request::List { path }) {
            Outcome::Names(names) => Ok(names),
            other => Err(refusal(&other)),
        }
    }

    fn read(&mut self, path: &[Name], offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        match self.answers.answer(Request::Read { path, offset, length: into.len() }) {
            Outcome::Bytes(bytes) => {
                let length = bytes.len().min(into.len());
                into[..length].copy_from_slice(&bytes[..length]);
                Ok(length)
            }
            other => Err(refusal(&other)),
        }
    }

    fn read_link(&mut self, path: &[Name]) -> Result<Vec<u8>, Errno> {
        match self.answers.answer(Request::ReadLink { path }) {
            Outcome::Bytes(bytes) => Ok(bytes),
            other => Err(refusal(&other)),
        }
    }

    fn write(&mut self, path: &[Name], offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        match self.answers.answer(Request::Write { path, offset, bytes }) {
            Outcome::Count(count) => Ok(count.min(bytes.len())),
            other => Err(refusal(&other)),
        }
    }

    fn create(&mut self, path: &[Name], executable: bool) -> Result<(), Errno> {
        self.plainly(Request::Create { path, executable })
    }

    fn truncate(&mut self, path: &[Name], size: u64) -> Result<(), Errno> {
        self.plainly(Request::Truncate { path, size })
    }

    fn set_executable(&mut self, path: &[Name], executable: bool) -> Result<(), Errno> {
        self.plainly(Request::SetExecutable { path, executable })
    }

    fn make_folder(&mut self, path: &[Name]) -> Result<(), Errno> {
        self.plainly(Request::MakeFolder { path })
    }

    fn make_link(&mut self, path: &[Name], target: &[u8]) -> Result<(), Errno> {
        self.plainly(Request::MakeLink { path, target })
    }

    fn remove(&mut self, path: &[Name], folder: bool) -> Result<(), Errno> {
        self.plainly(Request::Remove { path, folder })
    }

    fn rename(&mut self, path: &[Name], to: &[Name]) -> Result<(), Errno> {
        self.plainly(Request::Rename { path, to })
    }
}
