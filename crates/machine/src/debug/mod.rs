//! What a debugger sets on a node: breakpoints, watchpoints, steps and the record of executed instructions.
//!
//! Breakpoints and watchpoints are virtual addresses, whatever the address space, as in a processor's debug
//! registers. While any is set the node runs on an interpreter of its own, which looks at them block by block;
//! without any it runs on its engine at full speed.
//!
//! Invariant: nothing here is simulated state; a run that was stopped, stepped or recorded goes on as if it had
//! not been.

mod difference;
mod points;
mod record;
mod view;

pub use difference::difference;
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

/// How a node is run: [`Node::run`], or [`Node::run_to`] where it is one of several.
pub type Go = fn(&mut Node, Limits) -> Pause;

/// Runs a node in the run loop's place: to the same limits with the same outcome, looking on, and stopping on the way as
/// long as it likes.
pub trait Driver: Send {
    /// Runs `node` to `limits`, as `go` does.
    fn run(&mut self, node: &mut Node, limits: Limits, go: Go) -> Driven;

    /// Called between periods, whether or not the node has anything to do: may wait; the status with which the run is to
    /// end, if it is.
    fn pause(&mut self, _node: &mut Node) -> Option<u8> {
        None
    }

    /// The run has ended, for the reason given; `failed` when it ended badly. A last look at the node.
    fn end(&mut self, node: &mut Node, reason: &str, failed: bool);
}
