//! What loads a network, and what a measurement of it found.

use super::{Destinations, Histogram, Process};
use crate::fault::Plan;

/// What loads a network.
#[derive(Clone, Debug)]
pub struct Load {
    /// To whom.
    pub destinations: Destinations,
    /// Flits that each node makes a cycle, 0 to 1.
    pub rate: f64,
    /// Flits of a packet.
    pub packet_flits: u32,
    /// When.
    pub process: Process,
    /// The seed of times and destinations.
    pub seed: u64,
    /// Cycles of the warm-up; `None` detects when the network is steady.
    pub warmup_cycles: Option<u64>,
    /// Cycles of the measurement; `None` measures until the mean latency is known to about 1 %.
    pub measure_cycles: Option<u64>,
    /// Priority classes of the network.
    pub classes: u8,
    /// The share of packets that are of the highest class; the others are of the lowest.
    pub high_share: f64,
    /// What fails when, counted from the start of the warm-up.
    pub faults: Plan,
}

impl Load {
    /// All nodes load a network without classes and faults by the same process, until it is known well.
    pub fn new(destinations: Destinations, rate: f64, packet_flits: u32) -> Load {
        Load {
            destinations,
            rate,
            packet_flits,
            process: Process::Bernoulli,
            seed: 1,
            warmup_cycles: None,
            measure_cycles: None,
            classes: 1,
            high_share: 0.0,
            faults: Plan::default(),
        }
    }
}

/// What a measurement found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Flits a node was to make a cycle.
    pub rate: f64,
    /// Flits that nodes made a cycle, in the measurement.
    pub offered: f64,
    /// Mean latency; `None` when saturated.
    pub latency_mean_cycles: Option<f64>,
    /// The latencies of packets that were measured and arrived.
    pub latencies: Histogram,
    /// The latencies of those of the highest class, if there are several.
    pub latencies_high: Histogram,
    /// Packets dropped by faults in the measurement.
    pub dropped: u64,
    /// Packets that came corrupted.
    pub corrupted: u64,
    /// Packets that came a second time.
    pub repeated: u64,
    /// Flits delivered for each node and cycle.
    pub accepted_mean: f64,
    /// The same for the source of which the fewest were delivered.
    pub accepted_min: f64,
    /// Whether more came than left.
    pub saturated: bool,
    /// Mean routers that a packet went through.
    pub routers_mean: f64,
    /// Share of cycles in which each link carried a flit: `[2 * link]` one way, `[2 * link + 1]` the other.
    pub channel_load: Vec<f64>,
    /// Cycles of warm-up and of measurement.
    pub cycles: (u64, u64),
    /// Packets measured.
    pub packets: u64,
    /// Half the width of the 95 % confidence interval of the mean latency, by batch means.
    pub latency_error_cycles: Option<f64>,
    /// Whether nothing moved for a long time with packets under way.
    pub stuck: bool,
}
