//! Load balancing on a multicomputer: to which node does a job go that comes here, and whom does an idle node ask for work?
//!
//! Every look at another node is a probe, a message; every move of a job is a transfer. One file a policy; [`POLICIES`] names
//! them all.
//!
//! Source: Eager, Lazowska, Zahorjan, "Adaptive load sharing in homogeneous distributed systems", IEEE TSE 1986, and "A
//! comparison of receiver-initiated and sender-initiated adaptive load sharing", Performance Evaluation 1986.

mod none;
mod random;
mod receiver;
mod sender;
#[cfg(feature = "sim")]
pub mod sim;
mod stealing;
mod symmetric;
mod two_choices;

use crate::rng::Rng;
use crate::unit::NodeId;
use heap::boxed::Box;

/// What a balancer may look at. A node knows its own queue; another's costs a probe.
#[derive(Debug)]
pub struct Sight<'a> {
    /// Jobs at each node, the running one included.
    queue: &'a [u32],
    rng: &'a mut Rng,
    probes: &'a mut u64,
}

impl<'a> Sight<'a> {
    /// The view of queues that the mechanism keeps; probes are counted in `probes`.
    pub fn new(queue: &'a [u32], rng: &'a mut Rng, probes: &'a mut u64) -> Sight<'a> {
        Sight { queue, rng, probes }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.queue.len()
    }

    /// The jobs at the node that looks, the running one included.
    #[must_use]
    pub fn own(&self, node: NodeId) -> u32 {
        self.queue[node.index()]
    }

    /// Asks another node for the jobs it has, the running one included.
    pub fn probe(&mut self, node: NodeId) -> u32 {
        *self.probes += 1;
        self.queue[node.index()]
    }

    /// A random node of all. Whoever asks may hit upon itself, a probe wasted: so does the model that the published figures for
    /// probing a few nodes are of.
    pub fn any(&mut self) -> NodeId {
        NodeId::new(self.rng.below(self.queue.len()))
    }

    /// A random node other than `node`; `node` itself where there is no other.
    pub fn other(&mut self, node: NodeId) -> NodeId {
        let others = self.queue.len() - 1;
        if others == 0 {
            return node;
        }
        NodeId::new((node.index() + 1 + self.rng.below(others)) % self.queue.len())
    }
}

/// The numbers balancers can be tuned with.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A node with fewer jobs than this takes some; one that would have more gives some away.
    pub threshold: u32,
    /// How many nodes are probed at most for one decision.
    pub probes: u32,
    /// How often one job may be moved.
    pub transfers_max: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { threshold: 1, probes: 3, transfers_max: 1 }
    }
}

/// A load-balancing policy: pure decisions.
pub trait Balancer: Send {
    /// A job is at `at`, where it was moved to `moves` times; it has not joined the queue. Which node shall have it?
    fn place(&mut self, at: NodeId, moves: u32, sight: &mut Sight<'_>) -> NodeId {
        let _ = (moves, sight);
        at
    }

    /// A job ended at `at`, or it is time for `at` to ask again: from which node does it take a waiting job?
    fn pull(&mut self, at: NodeId, sight: &mut Sight<'_>) -> Option<NodeId> {
        let _ = (at, sight);
        None
    }

    /// Whether `pull` is asked again and again while a node idles.
    fn repolls(&self) -> bool {
        false
    }
}

/// A balancer that can be asked for by name.
#[derive(Clone, Copy)]
pub struct Registered {
    /// The word for it.
    pub name: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// Builds it.
    pub build: fn(Limits) -> Box<dyn Balancer>,
}

macro_rules! balancers {
    ($($name:literal, $build:expr, $summary:literal;)*) => {
        /// All balancers.
        pub const POLICIES: &[Registered] =
            &[$(Registered { name: $name, summary: $summary, build: |limits| Box::new($build(limits)) }),*];
    };
}

balancers! {
    "none", |_| none::None, "every job stays where it came";
    "random", random::Random, "a loaded node sends the job to a random other, without asking";
    "sender", sender::Sender, "a loaded node probes a few others and sends the job to the first that is not";
    "receiver", receiver::Receiver::once, "a node that runs out of work probes a few others and takes a waiting job";
    "receiver-repoll", receiver::Receiver::again, "receiver-initiated; a node that stays idle asks again and again";
    "symmetric", symmetric::Symmetric::new, "sender-initiated and receiver-initiated at once";
    "two-choices", |_| two_choices::TwoChoices, "the shorter of two random queues";
    "stealing", stealing::Stealing, "an idle node asks random others until one has a waiting job, all of them if need be";
}

/// The balancer of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Registered> {
    POLICIES.iter().find(|policy| policy.name == name)
}
