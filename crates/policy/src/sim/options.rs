//! What a run depends on besides the workload and the policy.

use super::Costs;
use crate::sched::Tuning;

/// What a run depends on besides the workload and the policy.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// CPUs of the machine.
    pub cpus: usize,
    /// Nodes they belong to, evenly; 1 is a multiprocessor, more make a multicomputer.
    pub nodes: usize,
    /// The policy's numbers.
    pub tuning: Tuning,
    /// What things cost.
    pub costs: Costs,
    /// Seed of all random times.
    pub seed: u64,
    /// How many segments to record for charts; 0 records none.
    pub segments_max: usize,
    /// A run with more phases and events than this is given up: two hundred million, some 40 seconds, unless told otherwise.
    pub steps_max: u64,
}

impl Options {
    /// Default numbers for this many CPUs.
    #[must_use]
    pub fn new(cpus: usize) -> Options {
        Options {
            cpus,
            nodes: 1,
            tuning: Tuning::default(),
            costs: Costs::default(),
            seed: 1,
            segments_max: 0,
            steps_max: 200_000_000,
        }
    }
}
