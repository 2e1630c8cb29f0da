//! The control channel's host side: how commands run in a guest.
//!
//! A guest of one of our images has an agent that serves the virtio-console port [`wire::PORT_NAME`].
//! Nothing here does input or output: bytes from the port go into [`Session::receive`], bytes for the
//! port come out of [`Session::take_output`], and what happened comes out as [`Event`]s.
//!
//! The order of things: the guest says `HELLO` when its agent runs, `READY` when the root is mounted; a
//! command may be started from then on, any number at once up to [`wire::JOBS_MAX`]; each ends with one
//! [`Event::Exited`], after all that it wrote. A guest may write anything into its port: what does not
//! follow the protocol ends the session with a [`ControlError`], and memory stays bounded.

mod frame;
mod session;
pub mod wire;

pub use frame::{Decoder, Ended, FromGuest, Identity, Neighbor, ToGuest};
pub use session::{Command, Event, JobId, Session};

/// How a guest broke the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlError {
    /// A frame longer than frames may be.
    TooLong {
        /// The length it gives for its payload.
        bytes: u32,
    },
    /// A kind of frame that guests do not send, or a payload of a wrong size.
    Malformed {
        /// The frame's kind.
        kind: u32,
    },
    /// An agent of another version.
    Version {
        /// Its version.
        guest: u32,
    },
    /// A frame about a job that does not run.
    UnknownJob {
        /// The job.
        job: u32,
    },
}

impl std::fmt::Display for ControlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ControlError::TooLong { bytes } => write!(f, "the guest's agent sent a frame of {bytes} bytes"),
            ControlError::Malformed { kind } => {
                write!(f, "the guest's agent sent a malformed frame of kind {kind}")
            }
            ControlError::Version { guest } => {
                write!(
                    f,
                    "the image's agent speaks version {guest} of the control channel, not {}",
                    wire::VERSION
                )
            }
            ControlError::UnknownJob { job } => {
                write!(f, "the guest's agent spoke of job {job}, which does not run")
            }
        }
    }
}

impl std::error::Error for ControlError {}
