//! The outside of a run, as the run loop sees it: what comes in and when, what goes out, and where a run ends.

use crate::control::Ended;
use crate::job::{Stream, linux_error};
use crate::summary::{LinkLoad, Standing};
use crate::time::Ps;
use fabric::{LinkId, NodeId};
use machine::node::Halt;

/// Where a run ends at the latest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds {
    /// Virtual time.
    pub time_ns: Option<u64>,
    /// Instructions of all harts of all nodes together; with several nodes, the end of the period of
    /// [`super::PERIOD_NS`] in which they are reached.
    pub instructions: Option<u64>,
}

/// An instant at which a run is to be interrupted. It is so between two periods, where snapshots can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The first period that begins at this virtual time or later.
    Time {
        /// Virtual time.
        ns: u64,
    },
    /// Every guest with an errand can take its command, and none was given it.
    Ready,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It has not: a mark is reached, and it can go on.
    Reached(Mark),
    /// The machine ended by itself: all nodes, or the one whose failure ends the run.
    Halted(Halt),
    /// A guest's kernel panicked.
    Panicked,
    /// The limit of virtual time.
    Time,
    /// The limit of instructions.
    Instructions,
    /// Every hart sleeps and nothing is due, inside or outside, nor under way in the network.
    Deadlock,
    /// The two engines of a run in lock step differ.
    Diverged,
    /// The outside ended it, with a status of its own.
    Left(u8),
    /// The command that the run was for ended; with several nodes, the first that failed.
    Job(Ended),
    /// The command could not be run, or was lost.
    JobLost(String),
}

impl End {
    /// Whether somebody will want to know what went wrong.
    pub fn is_failure(&self) -> bool {
        match self {
            End::Reached(_) | End::Halted(Halt::PowerOff | Halt::Reboot | Halt::ToHost(1)) | End::Left(_) => {
                false
            }
            End::Halted(Halt::Failed(_) | Halt::ToHost(_)) | End::Deadlock | End::Diverged => true,
            End::Panicked => true,
            End::Time | End::Instructions | End::JobLost(_) => true,
            End::Job(ended) => ended.exit_status() != 0,
        }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Reached(_) => f.write_str("a mark is reached"),
            End::Halted(Halt::PowerOff) => f.write_str("the guest powered off"),
            End::Halted(Halt::Reboot) => f.write_str("the guest asked for a reboot"),
            End::Halted(Halt::Failed(code)) => write!(f, "the guest powered off with failure code {code}"),
            End::Halted(Halt::ToHost(1)) => f.write_str("the program passed (tohost = 1)"),
            End::Halted(Halt::ToHost(value)) => {
                write!(f, "the program failed: tohost = {value:#x} (test {})", value >> 1)
            }
            End::Panicked => f.write_str("the kernel panicked"),
            End::Time => f.write_str("the limit of virtual time (--max-time) is reached"),
            End::Instructions => f.write_str("the limit of instructions (--max-instructions) is reached"),
            End::Deadlock => {
                f.write_str("deadlock: every hart sleeps and nothing is due that could wake one")
            }
            End::Diverged => f.write_str("the engines differ"),
            End::Left(130) => f.write_str("interrupted from outside, status 130"),
            End::Left(status) => write!(f, "left from outside, status {status}"),
            End::Job(Ended::Status(status)) => write!(f, "the command ended with status {status}"),
            End::Job(Ended::Signal(number)) => write!(f, "signal {number} ended the command"),
            End::Job(Ended::NotStarted(error)) => {
                write!(f, "the command could not be started: {}", linux_error(*error))
            }
            End::JobLost(reason) => f.write_str(reason),
        }
    }
}

/// What the cluster is doing when the outside is asked.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Virtual time.
    pub virtual_ns: u64,
    /// Instructions so far, all harts together.
    pub instructions: u64,
    /// Every hart sleeps and nothing is due: only input goes on from here.
    pub asleep: bool,
    /// The command runs and takes input, on every node where it runs.
    pub job_listens: bool,
    /// Somebody listens on the console that input is for, as far as can be told.
    pub console_listens: bool,
}

/// What the outside does in a period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// The node for which the console's bytes are.
    pub node: NodeId,
    /// Bytes for the console.
    pub console: Vec<u8>,
    /// Bytes for the command's standard input, on each node where it runs.
    pub job: Vec<u8>,
    /// The command's standard input ends behind these.
    pub job_end: bool,
    /// End the run with this status.
    pub leave: Option<u8>,
    /// More input may come later: a sleeping cluster is no deadlock.
    pub open: bool,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Its first flit is on its sender's wire.
    Sent,
    /// Its last flit is off its receiver's wire.
    Received,
    /// The network dropped it; the instant is when that was noticed.
    Lost,
}

/// A frame at a node's interface.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// When.
    pub at: Ps,
    /// The node that sent it, that has it, or that should have had it.
    pub node: NodeId,
    /// The number of the node's interface.
    pub rail: usize,
    /// What became of it.
    pub way: Way,
    /// The frame, from its link header on.
    pub bytes: &'a [u8],
}

/// A frame on a link that is watched.
#[derive(Clone, Copy, Debug)]
pub struct Crossed<'a> {
    /// When its first flit is on the link.
    pub at: Ps,
    /// The network's number.
    pub rail: usize,
    /// The link.
    pub link: LinkId,
    /// From the link's first end to its second, or back.
    pub forward: bool,
    /// The frame, from its link header on.
    pub bytes: &'a [u8],
}

/// How closely the outside looks at the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watch {
    /// Not at all.
    #[default]
    Nothing,
    /// Once a period.
    Periods,
    /// After every epoch, and at the links' load once a period.
    Epochs,
}

/// How a node stands when it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Instructions that each hart has retired.
    pub retired: Vec<u64>,
    /// What it does.
    pub standing: Standing,
    /// Frames that left its interfaces.
    pub sent_frames: u64,
    /// Frames that reached it.
    pub received_frames: u64,
    /// Frames for it that found no room.
    pub dropped_frames: u64,
}

impl Look {
    /// Instructions of all harts.
    pub fn instructions(&self) -> u64 {
        self.retired.iter().sum()
    }
}

/// The outside of a run.
pub trait Host {
    /// Takes what a guest wrote to its console.
    fn console(&mut self, node: NodeId, bytes: &[u8]);

    /// Takes what the command wrote on a node.
    fn job(&mut self, node: NodeId, stream: Stream, bytes: &[u8]);

    /// Asked once a period, and may wait where the cluster sleeps.
    fn input(&mut self, moment: Moment) -> Input;

    /// Hears of frames as they leave and arrive; each node's in the order of their instants, one node's sent and
    /// received frames and different nodes' in no order but that of epochs.
    fn frame(&mut self, _seen: &Seen<'_>) {}

    /// Hears of frames on the links that [`super::Cluster::watch_links`] names, each link's in the order of their
    /// instants.
    fn crossing(&mut self, _crossed: &Crossed<'_>) {}

    /// How closely it looks. Looking changes nothing.
    fn watch(&self) -> Watch {
        Watch::Nothing
    }

    /// Sees all nodes, in order, after they ran from `from` to `to`.
    fn look(&mut self, _from: Ps, _to: Ps, _nodes: &[Look]) {}

    /// Sees at `now` what each link has carried so far, a flit in `cycle_ps` picoseconds.
    fn links(&mut self, _now: Ps, _cycle_ps: f64, _loads: &[LinkLoad]) {}
}

/// An outside that says nothing, and keeps what the consoles say.
#[derive(Debug, Default)]
pub struct Recorder {
    /// Everything that was written, in the order in which it was taken.
    pub console: Vec<u8>,
}

impl Host for Recorder {
    fn console(&mut self, _node: NodeId, bytes: &[u8]) {
        self.console.extend_from_slice(bytes);
    }

    fn job(&mut self, _node: NodeId, _stream: Stream, _bytes: &[u8]) {}

    fn input(&mut self, _moment: Moment) -> Input {
        Input::default()
    }
}
