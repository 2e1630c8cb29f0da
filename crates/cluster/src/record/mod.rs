//! Recording what comes from outside, at its virtual instants, and playing it back.
//!
//! A run is a function of its configuration, its files and what comes from outside while it goes on: what is typed,
//! the replies of shared folders, the size of the terminal, and which requests to a disk the host failed. [`Outside`]
//! stands between the run and all of that. It lets it through, writes it to a file as it happens, or plays such a file
//! back; the run cannot tell which.
//!
//! Invariant: an entry that was recorded is played back at the same virtual instant of the same node, to the same
//! device, and in the same order there; what asks for another is told that the replay has come apart.

mod disk;
mod failure;
mod format;
mod host;
mod outcome;
mod outside;
mod player;
mod reader;
mod share;
mod writer;

pub(crate) use disk::is_host_s;
pub use failure::RecordError;
pub use outside::{Outside, Replayed, Verdict};
pub use reader::{Ending, Recording};
pub use writer::{PARTIAL, Recorder};

#[cfg(test)]
mod tests;
