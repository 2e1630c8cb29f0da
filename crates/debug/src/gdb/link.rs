//! The channels between the run loop's side ([`Near`]) and the protocol's ([`Far`]).

use machine::debug::{Step, Stop};
use machine::node::Node;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// What the protocol asks of the run.
pub(super) enum Request {
    /// Something to do on the node.
    Errand(Box<dyn FnOnce(&mut Node) + Send>),
    /// Gdb is here: stop.
    Attach,
    /// Stop, and say so.
    Interrupt,
    /// Go on, or take a step.
    Resume(Option<Step>),
    /// Gdb has gone.
    Detach,
    /// End the run.
    Kill,
}

/// What the run tells the protocol while gdb waits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word {
    /// A hart stopped.
    Stopped(Stop),
    /// The node stopped since it was asked to.
    Interrupted {
        /// The hart in its turn.
        hart: usize,
    },
    /// The run is about to end badly.
    Failed {
        /// The hart in its turn.
        hart: usize,
    },
    /// The run ended.
    Exited {
        /// 0 when all was well.
        status: u8,
    },
}

/// The run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the run has ended")
    }
}

/// The run loop's side.
pub(super) struct Near {
    pub(super) requests: Receiver<Request>,
    words: Sender<Word>,
    pub(super) attention: Arc<AtomicBool>,
    /// Heard from when gdb knows that the run ended.
    pub(super) parted: Receiver<()>,
}

impl Near {
    pub(super) fn say(&self, word: Word) {
        // The protocol's thread ends with the process only.
        let _ = self.words.send(word);
    }
}

/// The protocol's side.
pub(super) struct Far {
    requests: Sender<Request>,
    pub(super) words: Receiver<Word>,
    attention: Arc<AtomicBool>,
    pub(super) parting: Sender<()>,
}

impl Far {
    /// Sends a request; a node that sleeps is woken.
    ///
    /// Errors: [`Gone`].
    pub(super) fn request(&self, request: Request) -> Result<(), Gone> {
        self.attention.store(true, Ordering::Relaxed);
        self.requests.send(request).map_err(|_| Gone)
    }
}

/// Both sides.
pub(super) fn pair() -> (Near, Far) {
    let ((requests, asked), (words, heard)) = (channel(), channel());
    let (parting, parted) = channel();
    let attention = Arc::new(AtomicBool::new(false));
    let near = Near { requests: asked, words, attention: Arc::clone(&attention), parted };
    (near, Far { requests, words: heard, attention, parting })
}
