//! `multivac traffic`: synthetic traffic on a network, one load or the whole curve.

mod report;
mod setup;

use crate::draw::chart;
use crate::exit::{Exit, Failure};
use crate::verb::topology::{pretty, write};
use fabric::traffic::{self, Report, Sweep};
use setup::Setup;
use std::path::PathBuf;

/// Flags of `multivac traffic`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The network: as for `multivac topology`, sizes or a file.
    #[arg(long, default_value = "mesh:8x8")]
    topology: String,
    /// The number of nodes, from which sizes that the topology leaves out follow.
    #[arg(long)]
    nodes: Option<u32>,
    /// uniform, transpose, bit-complement, bit-reverse, tornado, neighbour, hotspot[:NODE:SHARE], or
    /// permutation:FILE.
    #[arg(long, default_value = "uniform")]
    pattern: String,
    /// Flits that each node makes a cycle, 0 to 1; without it (and without --sweep) the curve is swept.
    #[arg(long)]
    rate: Option<f64>,
    /// Find the curve of latency against load, and saturation.
    #[arg(long)]
    sweep: bool,
    /// Flits of a packet.
    #[arg(long, default_value_t = 8)]
    packet_flits: u32,
    /// Virtual channels of a port.
    #[arg(long, default_value_t = 4)]
    vcs: u32,
    /// Flits that the buffer of a virtual channel holds.
    #[arg(long, default_value_t = 8)]
    buffer_flits: u32,
    /// store-and-forward, cut-through, wormhole or circuit.
    #[arg(long, default_value = "wormhole")]
    switching: String,
    /// auto, dimension-order (e-cube), up-down, minimal-adaptive, valiant, ugal or table.
    #[arg(long, default_value = "auto")]
    routing: String,
    /// flit (every flit in every router) or packet (links as servers).
    #[arg(long, default_value = "flit")]
    level: String,
    /// bernoulli, or bursty with the mean burst as in `bursty:100`.
    #[arg(long, default_value = "bernoulli")]
    process: String,
    /// Cycles to compute a route.
    #[arg(long, default_value_t = 0)]
    route_delay: u32,
    /// Cycles to allocate a virtual channel.
    #[arg(long, default_value_t = 1)]
    vc_alloc_delay: u32,
    /// Cycles to allocate the switch.
    #[arg(long, default_value_t = 1)]
    switch_alloc_delay: u32,
    /// Cycles to cross the switch.
    #[arg(long, default_value_t = 1)]
    switch_delay: u32,
    /// Cycles to cross a link.
    #[arg(long, default_value_t = 1)]
    link_delay: u32,
    /// Cycles to take account of a credit.
    #[arg(long, default_value_t = 1)]
    credit_delay: u32,
    /// Cycles of warm-up; without it, until the network is steady.
    #[arg(long)]
    warmup: Option<u64>,
    /// Cycles of measurement; without it, until the mean latency is known to about 1 %.
    #[arg(long)]
    cycles: Option<u64>,
    /// The seed of all that is random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// Write the curve (or, for one rate, the network) to this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl Args {
    /// Carries the verb out.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let setup = Setup::new(&self)?;
        match self.rate {
            Some(rate) if !self.sweep => self.one(&setup, rate),
            _ => self.curve(&setup),
        }
    }

    fn one(&self, setup: &Setup, rate: f64) -> Result<Exit, Failure> {
        let mut simulation = setup.build()?;
        let load = setup.load(rate);
        let found = traffic::measure(simulation.network.as_mut(), setup.topology.nodes(), &load)
            .map_err(|error| setup.failure(&error))?;
        if let Some(path) = &self.svg {
            write(path, &crate::draw::svg::network(&setup.topology))?;
        }
        if self.json {
            println!("{}", pretty(&report::one(setup, &simulation, &found)));
        } else {
            print!("{}", report::text(setup, &simulation, &found));
        }
        Ok(Exit::Ok)
    }

    fn curve(&self, setup: &Setup) -> Result<Exit, Failure> {
        let simulation = setup.build()?;
        let fresh = || setup.simulation().map(|simulation| simulation.network);
        let found = traffic::sweep(fresh, setup.topology.nodes(), &setup.load(0.0))
            .map_err(|error| setup.failure(&error))?;
        let curve = curve_of(setup, &found);
        if let Some(path) = &self.svg {
            write(path, &chart::document(&curve))?;
        }
        if self.json {
            println!("{}", pretty(&report::sweep(setup, &simulation, &found)));
        } else {
            print!("{}\n{}", chart::text(&curve), report::sweep_text(setup, &simulation, &found));
        }
        Ok(Exit::Ok)
    }
}

fn curve_of(setup: &Setup, found: &Sweep) -> chart::Curve {
    let point = |report: &Report| report.latency_mean_cycles.map(|latency| (report.rate, latency));
    chart::Curve {
        points: found.points.iter().filter_map(point).collect(),
        saturation: found.saturation_rate,
        title: format!(
            "{}, {} traffic, {} routing, {}",
            setup.topology.name(),
            setup.pattern.name(),
            setup.config.routing.name(),
            setup.config.switching.name()
        ),
    }
}
