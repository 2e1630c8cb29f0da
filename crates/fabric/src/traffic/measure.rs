//! One measurement: load a network, wait until it is steady, measure, wait for what was measured to arrive.
//!
//! Latency runs from a packet's creation to the arrival of its last flit, waiting at the source included, over
//! the packets created in the measurement. Accepted throughput is the flits delivered in it. A network is
//! saturated when more comes than leaves: the backlog of all sources or of one grows through the measurement,
//! or what was measured does not arrive.

use super::process::Arrivals;
use super::{Histogram, Load, Report};
use crate::error::Error;
use crate::fault::Plan;
use crate::ids::{Cycle, NodeId, small};
use crate::network::{Delivery, Network, Packet};
use crate::rng::Rng;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The tag of packets whose latency counts.
const MEASURED: u64 = 1;
/// Cycles of a window in which the state of the network is looked at.
const WINDOW: u64 = 1000;
/// Windows of the warm-up, at least and at most.
const WARMUP_WINDOWS: (u64, u64) = (4, 40);
/// Windows of the measurement, at least and at most.
const MEASURE_WINDOWS: (u64, u64) = (20, 120);
/// Router-cycles that a measurement may take before it is cut to what it has.
const WORK_MAX: u64 = 150_000_000;
/// Relative half-width of the confidence interval at which the measurement ends.
const ERROR_MAX: f64 = 0.007;
/// Share of the offered flits that a steady network may store up in the measurement.
const BACKLOG_MAX: f64 = 0.01;
/// The same for one source, and the packets below which it means nothing.
const SOURCE_BACKLOG_MAX: (f64, f64) = (0.08, 30.0);

/// Loads `network` and measures.
///
/// Errors: a rate outside 0 to 1, or a packet that the network refuses.
pub fn measure(network: &mut dyn Network, nodes: usize, load: &Load) -> Result<Report, Error> {
    if !(0.0..=1.0).contains(&load.rate) {
        return Err(Error::Parameter {
            name: "rate",
            value: load.rate.to_string(),
            reason: "a node makes at most one flit a cycle".to_owned(),
            way_out: "choose a rate from 0 to 1 flits per node and cycle".to_owned(),
        });
    }
    let mut run = Run::new(network, nodes, load);
    let warmup = run.warm_up()?;
    let report = run.measure(warmup)?;
    Ok(report)
}

struct Run<'a> {
    network: &'a mut dyn Network,
    load: &'a Load,
    nodes: usize,
    arrivals: Vec<Arrivals>,
    due: BinaryHeap<Reverse<(u64, u32)>>,
    measuring: bool,
    deliveries: Vec<Delivery>,
    /// Flits made and delivered by source, from the start.
    made: Vec<u64>,
    done: Vec<u64>,
    measured_under_way: u64,
    faults: Plan,
    /// Packets that had been dropped when the measurement began.
    dropped: u64,
    /// Packets that have come corrupted, and that have come a second time, since then.
    corrupted: u64,
    repeated: u64,
    /// Whether no more packets are made.
    quiet: bool,
    /// Draws the classes of packets.
    classes: Rng,
}

/// Means of one window.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    packets: u64,
    latency_sum: u64,
    flits: u64,
}

impl Window {
    #[allow(clippy::cast_precision_loss, reason = "a mean")]
    fn latency(&self) -> f64 {
        if self.packets == 0 { 0.0 } else { self.latency_sum as f64 / self.packets as f64 }
    }
}

impl<'a> Run<'a> {
    fn new(network: &'a mut dyn Network, nodes: usize, load: &'a Load) -> Run<'a> {
        let start = network.now().0;
        let rate = load.rate / f64::from(load.packet_flits);
        let mut arrivals: Vec<Arrivals> = (0..nodes)
            .map(|node| Arrivals::new(load.process, rate, Rng::stream(load.seed, node as u64)))
            .collect();
        let mut due = BinaryHeap::with_capacity(nodes);
        for (node, arrivals) in arrivals.iter_mut().enumerate() {
            due.extend(arrivals.next(start).map(|at| Reverse((at - 1, small(node)))));
        }
        Run {
            network,
            load,
            nodes,
            arrivals,
            due,
            measuring: false,
            deliveries: Vec::new(),
            made: vec![0; nodes],
            done: vec![0; nodes],
            measured_under_way: 0,
            faults: load.faults.clone(),
            dropped: 0,
            corrupted: 0,
            repeated: 0,
            quiet: false,
            classes: Rng::stream(load.seed, u64::MAX),
        }
    }

    /// Lets `cycles` pass under load and returns what was delivered.
    fn pass(&mut self, cycles: u64, mut each: impl FnMut(&Delivery)) -> Result<Window, Error> {
        let mut window = Window::default();
        let end = self.network.now().0 + cycles;
        // Short steps keep the network's list of packets to come short.
        while self.network.now().0 < end {
            let until = (self.network.now().0 + 100).min(end);
            self.make_packets(until)?;
            self.faults.advance(self.network, Cycle(until))?;
            self.deliveries.clear();
            self.network.collect(&mut self.deliveries);
            for delivery in &self.deliveries {
                self.corrupted += u64::from(delivery.corrupted && !delivery.repeat);
                self.repeated += u64::from(delivery.repeat);
                if delivery.repeat {
                    continue;
                }
                window.packets += 1;
                window.latency_sum += delivery.latency_cycles();
                window.flits += u64::from(delivery.packet.flits);
                self.done[delivery.packet.from.index()] += u64::from(delivery.packet.flits);
                if delivery.packet.tag == MEASURED {
                    self.measured_under_way -= 1;
                    each(delivery);
                }
            }
        }
        Ok(window)
    }

    fn make_packets(&mut self, until: u64) -> Result<(), Error> {
        while let Some(Reverse((at, node))) = self.due.peek().copied() {
            if at >= until || self.quiet {
                break;
            }
            self.due.pop();
            let arrivals = &mut self.arrivals[node as usize];
            let from = NodeId(node);
            let to = self.load.destinations.draw(from, arrivals.rng());
            let tag = if self.measuring { MEASURED } else { 0 };
            let high = self.load.classes > 1 && self.classes.chance(self.load.high_share);
            let class = if high { self.load.classes - 1 } else { 0 };
            let packet = Packet { from, to, flits: self.load.packet_flits, class, tag };
            self.network.inject(packet, Cycle(at))?;
            self.made[node as usize] += u64::from(self.load.packet_flits);
            self.measured_under_way += tag;
            if let Some(next) = arrivals.next(at) {
                self.due.push(Reverse((next, node)));
            }
        }
        Ok(())
    }

    /// Until latency and throughput of successive windows agree.
    fn warm_up(&mut self) -> Result<u64, Error> {
        if let Some(cycles) = self.load.warmup_cycles {
            self.pass(cycles, |_| ())?;
            return Ok(cycles);
        }
        let (least, most) = WARMUP_WINDOWS;
        let mut before = Window::default();
        for window in 1..=most {
            let found = self.pass(WINDOW, |_| ())?;
            let near = |a: f64, b: f64| (a - b).abs() <= 0.05 * a.max(b);
            #[allow(clippy::cast_precision_loss, reason = "a comparison of means")]
            let steady =
                near(found.latency(), before.latency()) && near(found.flits as f64, before.flits as f64);
            let work = window * WINDOW * self.nodes as u64;
            if (window >= least && steady) || work > WORK_MAX / 4 {
                return Ok(window * WINDOW);
            }
            before = found;
        }
        Ok(most * WINDOW)
    }

    fn measure(&mut self, warmup: u64) -> Result<Report, Error> {
        let links_before = self.network.link_flits();
        let (made, done) = (self.made.clone(), self.done.clone());
        self.dropped = self.network.counters().dropped_packets;
        (self.corrupted, self.repeated) = (0, 0);
        let (mut latencies, mut latencies_high) = (Histogram::default(), Histogram::default());
        let high = self.load.classes.max(2) - 1;
        let (mut routers, mut batches, mut flits) = (0u64, Vec::new(), 0);
        let mut measured = 0;
        let mut saturated;
        self.measuring = true;
        loop {
            let step = self.load.measure_cycles.unwrap_or(WINDOW);
            let window = self.pass(step, |delivery| {
                latencies.add(delivery.latency_cycles());
                if delivery.packet.class == high {
                    latencies_high.add(delivery.latency_cycles());
                }
                routers += u64::from(delivery.routers);
            })?;
            measured += step;
            flits += window.flits;
            if window.packets > 0 {
                batches.push(window.latency());
            }
            let count = measured / WINDOW;
            let work = measured * self.nodes as u64;
            let enough =
                count >= MEASURE_WINDOWS.0 && relative_error(&batches).is_some_and(|e| e < ERROR_MAX);
            saturated = self.backlogged(&made, &done);
            // Far beyond saturation there is nothing more to learn.
            let hopeless = saturated && count >= MEASURE_WINDOWS.0;
            let done = enough || hopeless || count >= MEASURE_WINDOWS.1 || work > WORK_MAX;
            if self.load.measure_cycles.is_some() || done {
                break;
            }
        }
        let links = self.network.link_flits();
        let per_source: Vec<u64> =
            self.done.iter().zip(&done).map(|(after, before)| after - before).collect();
        let offered: u64 = self.made.iter().zip(&made).map(|(after, before)| after - before).sum();
        self.measuring = false;
        let drained = saturated || self.drain(measured, &mut latencies, &mut routers)?;
        saturated |= !drained;
        let stuck =
            self.network.in_flight() > 0 && self.network.now().0 > self.network.last_move().0 + 10_000;
        #[allow(clippy::cast_precision_loss, reason = "rates for people")]
        let report = {
            let cycles = measured as f64;
            let all = cycles * self.nodes as f64;
            Report {
                rate: self.load.rate,
                offered: offered as f64 / all,
                latency_mean_cycles: latencies.mean().filter(|_| !saturated),
                accepted_mean: flits as f64 / all,
                accepted_min: per_source.iter().copied().min().unwrap_or(0) as f64 / cycles,
                saturated,
                routers_mean: routers as f64 / (latencies.count().max(1)) as f64,
                channel_load: links.iter().zip(&links_before).map(|(a, b)| (a - b) as f64 / cycles).collect(),
                cycles: (warmup, measured),
                packets: latencies.count(),
                latency_error_cycles: relative_error(&batches)
                    .zip(latencies.mean())
                    .map(|(e, mean)| e * mean),
                stuck,
                latencies_high,
                dropped: self.network.counters().dropped_packets - self.dropped,
                corrupted: self.corrupted,
                repeated: self.repeated,
                latencies,
            }
        };
        Ok(report)
    }

    /// Whether sources have stored up more than a steady network does.
    #[allow(clippy::cast_precision_loss, reason = "shares of counts")]
    fn backlogged(&self, made: &[u64], done: &[u64]) -> bool {
        let grown = |node: usize| {
            let came = self.made[node] - made[node];
            let left = self.done[node] - done[node];
            (came as f64, came as f64 - left as f64)
        };
        let (mut came, mut kept) = (0.0, 0.0);
        let mut one = false;
        for node in 0..self.nodes {
            let (here, stored) = grown(node);
            came += here;
            kept += stored;
            let packets = stored / f64::from(self.load.packet_flits);
            one |= stored > SOURCE_BACKLOG_MAX.0 * here && packets > SOURCE_BACKLOG_MAX.1;
        }
        // What faults dropped is not stored up anywhere; of whom it was is not known.
        let lost = (self.network.counters().dropped_packets - self.dropped) as f64;
        kept -= lost * f64::from(self.load.packet_flits);
        one &= lost == 0.0;
        let packets = kept / f64::from(self.load.packet_flits);
        one || (kept > BACKLOG_MAX * came && packets > 2.0 * self.nodes as f64 + 20.0)
    }

    /// Goes on under load until all that was measured has arrived; false if it takes too long.
    fn drain(&mut self, measured: u64, latencies: &mut Histogram, routers: &mut u64) -> Result<bool, Error> {
        let limit = 20 * measured + 100 * WINDOW;
        let mut waited = 0;
        while self.measured_under_way > 0 && (self.load.faults.is_empty() || self.network.in_flight() > 0) {
            // With faults some never arrive: all that is under way has to, and nothing more comes.
            self.quiet = !self.load.faults.is_empty();
            self.pass(100, |delivery| {
                latencies.add(delivery.latency_cycles());
                *routers += u64::from(delivery.routers);
            })?;
            waited += 100;
            if waited > limit || self.network.now().0 > self.network.last_move().0 + 20_000 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Half the 95 % confidence interval over the mean, from ten or more batches merged from windows.
#[allow(clippy::cast_precision_loss, reason = "statistics")]
fn relative_error(windows: &[f64]) -> Option<f64> {
    let per_batch = windows.len() / 10;
    if per_batch == 0 {
        return None;
    }
    let means: Vec<f64> =
        windows.chunks_exact(per_batch).map(|chunk| chunk.iter().sum::<f64>() / per_batch as f64).collect();
    let mean = means.iter().sum::<f64>() / means.len() as f64;
    let variance = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / (means.len() - 1) as f64;
    Some(2.26 * (variance / means.len() as f64).sqrt() / mean.max(1e-9))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::parse_plan;
    use crate::topology::Topology;
    use crate::traffic::Destinations;

    #[test]
    fn a_packet_that_comes_twice_counts_once() {
        let topology = Topology::from_spec("ring:4").unwrap();
        let measured = |plan: &str| {
            let mut network =
                crate::simulate::build(&topology, None, &crate::Config::default(), 8).unwrap().network;
            let faults = parse_plan(plan, &topology).unwrap();
            let cycles = Some(20_000);
            let load = Load { faults, measure_cycles: cycles, ..Load::new(Destinations::Uniform(4), 0.2, 8) };
            measure(network.as_mut(), 4, &load).unwrap()
        };
        let (plain, twice) = (measured(""), measured("0 link 0 1 duplication 0.5 corruption 0.25\n"));
        assert_eq!((plain.repeated, plain.corrupted, twice.dropped), (0, 0, 0));
        assert!(twice.repeated > 100 && (40..twice.repeated).contains(&twice.corrupted), "{twice:?}");
        assert_eq!((twice.packets, twice.accepted_mean), (plain.packets, plain.accepted_mean));
        let mean = |report: &Report| report.latency_mean_cycles.unwrap();
        // Under faults nothing more comes once all is measured, so that the last ones are a little faster.
        assert!((mean(&twice) - mean(&plain)).abs() < 0.05, "{} {}", mean(&twice), mean(&plain));
    }
}
