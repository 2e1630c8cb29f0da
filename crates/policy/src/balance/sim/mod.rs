//! Queueing experiments: nodes that serve jobs one at a time, first come, first served, and a balancer between them.
//!
//! Times are in units of the mean service time on a node of speed 1. Arrivals are Poisson, service times exponential.

mod balls;
mod run;

pub use balls::{Balls, throw_balls};
pub use run::run;

use super::Limits;
use serde::Serialize;

/// An experiment: nodes, load, and what moving jobs costs.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// How many nodes.
    pub nodes: usize,
    /// Offered loads to try: arrivals a unit of time over the speed of all nodes together.
    pub loads: Vec<f64>,
    /// Jobs that are measured, after a tenth as many to warm up.
    pub jobs: u64,
    /// Jobs come from outside to this many nodes only, the first ones.
    pub arrivals_at: usize,
    /// The balancer's numbers.
    pub limits: Limits,
    /// How long an idle node waits before it asks again.
    pub repoll: f64,
    /// How long a job is under way between nodes.
    pub transfer_delay: f64,
    /// What a transfer takes of the time of the node that sends, and of the one that receives.
    pub transfer_cpu: f64,
    /// What a probe takes of the time of the node that asks.
    pub probe_cpu: f64,
    /// The speed of each node, repeated as needed; heterogeneous nodes make a decentralized cluster.
    pub speeds: Vec<f64>,
    /// Balls to throw into as many bins with one, two and three choices; 0 throws none.
    pub balls: usize,
}

impl Default for Experiment {
    fn default() -> Experiment {
        Experiment {
            nodes: 20,
            loads: vec![0.5, 0.7, 0.8, 0.9, 0.95],
            jobs: 1_000_000,
            arrivals_at: 20,
            limits: Limits::default(),
            repoll: 1.0,
            transfer_delay: 0.0,
            transfer_cpu: 0.0,
            probe_cpu: 0.0,
            speeds: vec![1.0],
            balls: 0,
        }
    }
}

/// What came of one balancer at one load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Result {
    /// The balancer.
    pub policy: String,
    /// The offered load.
    pub load: f64,
    /// Mean time from arrival to end.
    pub response_mean: f64,
    /// Half of the jobs took at most about this (to 1/8 of a power of two).
    pub response_p50: f64,
    /// 99 of 100 jobs took at most about this.
    pub response_p99: f64,
    /// Whether the queues grew without bound: the means then say only how far they got.
    pub diverges: bool,
    /// Wasted CPU cycles: part of the nodes' time in which a node idled while a job waited at another.
    pub wasted_idle: f64,
    /// Wasted CPU cycles: part of the nodes' time spent on transfers and probes.
    pub wasted_overhead: f64,
    /// Network traffic: transfers a job.
    pub transfers_per_job: f64,
    /// Network traffic: probes a job (each a question and an answer).
    pub probes_per_job: f64,
    /// Fairness to users: Jain's index over the mean response of the jobs that came to each node.
    pub fairness: f64,
    /// Jobs measured.
    pub jobs: u64,
}
