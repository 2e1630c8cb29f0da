//! Every policy by name: one line each.

use super::{Policy, Refusal, Setup};
use heap::boxed::Box;

/// A policy that can be asked for by name.
#[derive(Clone, Copy)]
pub struct Registered {
    /// The word for it, on the command line and in configuration files.
    pub name: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    build: fn(&Setup<'_>) -> Result<Box<dyn Policy>, Refusal>,
}

impl Registered {
    /// Builds the policy.
    ///
    /// Errors: whatever the policy refuses, and [`Refusal::NoTime`].
    pub fn build(&self, setup: &Setup<'_>) -> Result<Box<dyn Policy>, Refusal> {
        setup.refuse_no_time()?;
        (self.build)(setup)
    }
}

macro_rules! policies {
    ($($name:literal, $build:path, $summary:literal;)*) => {
        /// All policies.
        pub const POLICIES: &[Registered] = &[$(Registered {
            name: $name,
            summary: $summary,
            build: |setup| Ok(Box::new($build(setup)?)),
        }),*];
    };
}

policies! {
    "time-sharing", super::time_sharing::TimeSharing::new, "one ready vector shared by all CPUs, round robin within a priority";
    "smart", super::smart::Smart::new, "time sharing, with an extra quantum for who holds a spin lock";
    "affinity", super::affinity::Affinity::new, "the CPU whose cache is warm first, unless a cold thread waited too long";
    "two-level", super::two_level::TwoLevel::new, "least loaded CPU at creation, then a ready vector per CPU, and stealing when idle";
    "space-fcfs", super::space_fcfs::new, "a CPU for each thread of a group or none, first come, first served";
    "space-backfill", super::space_backfill::new, "space sharing in which a narrow group may overtake a wide one, a bounded number of times";
    "space-easy", super::space_easy::new, "space sharing in which a group may overtake if the head, by the estimates, starts no later for it";
    "space-static", super::space_fcfs::partitioned, "space sharing in fixed partitions";
    "gang", super::gang::Gang::new, "a gang's threads together, slot by slot; a blocked thread's CPU stays idle";
    "gang-alternate", super::gang_alternate::GangAlternate::new, "gang scheduling that fills idle cells from other slots";
    "gang-buddy", super::gang::Gang::buddy, "gang scheduling packed in power-of-two buddies";
    "gang-relaxed", super::gang_relaxed::GangRelaxed::new, "a queue per CPU; a thread too far ahead of its gang waits";
    "fair", super::fair::Fair::new, "completely fair: earliest eligible virtual deadline first, per CPU, and stealing when idle";
    "credit", super::credit::Credit::new, "weights and caps, accounted in periods, per CPU, and stealing when idle";
}

/// The policy of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Registered> {
    POLICIES.iter().find(|policy| policy.name == name)
}
