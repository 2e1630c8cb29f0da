//! Where a run of a node stops, and why.

use crate::debug::Stop;

/// How a machine ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Halt {
    /// Switched off, all well.
    #[default]
    PowerOff,
    /// Switched off with a failure code.
    Failed(u64),
    /// Asked to start again.
    Reboot,
    /// A nonzero word was stored to `tohost`.
    ToHost(u64),
}

/// Where [`Node::run`](super::Node::run) stops at the latest.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Instructions retired by all harts together; as many traps taken end the run too.
    pub instructions: u64,
    /// Cycle of the node: the first round that would begin at it or later does not begin.
    pub cycle: u64,
}

/// Why [`Node::run`](super::Node::run) stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// The machine ended.
    Halted(Halt),
    /// The limit of instructions (or of traps) is reached.
    Instructions,
    /// The limit of time is reached.
    Time,
    /// All harts sleep and nothing is due that could wake one.
    Asleep,
    /// A breakpoint, a watchpoint or the end of a step, only where a debugger has set one.
    Stopped(Stop),
}
