//! What a debugger sets on a node: breakpoints, watchpoints, steps and the record of executed instructions.
//!
//! Breakpoints and watchpoints are virtual addresses, whatever the address space, as in a processor's debug
//! registers. While any is set the node runs on an interpreter of its own, which looks at them block by block;
//! without any it runs on its engine at full speed.
//!
//! Invariant: nothing here is simulated state; a run that was stopped, stepped or recorded goes on as if it had
//! not been.

mod points;
mod record;
mod view;

pub use points::{Points, Span, Step, Stop, StopReason, Watch, Watchpoint};
pub(crate) use record::Before;
pub use record::{Executed, Happening, Store, Witness};
pub use view::ReadError;

use crate::node::{Limits, Node, Pause};

/// What a [`Driver`] made of its share of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driven {
    /// The node paused; never with [`Pause::Stopped`].
    Pause(Pause),
    /// The run is to end with this status.
    Leave(u8),
}

/// Runs a node in place of [`Node::run`]: to the same limits with the same outcome, looking on, and stopping
/// on the way as long as it likes.
pub trait Driver: Send {
    /// Runs `node` to `limits`.
    fn run(&mut self, node: &mut Node, limits: Limits) -> Driven;

    /// The run has ended, for the reason given; `failed` when it ended badly. A last look at the node.
    fn end(&mut self, node: &mut Node, reason: &str, failed: bool);
}
