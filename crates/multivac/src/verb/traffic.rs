//! `multivac traffic`: synthetic traffic on a network, one load or the whole curve.

mod given;
mod report;
mod setup;

use crate::draw::{chart, fit};
use crate::exit::{Exit, Failure};
use crate::verb::topology::{pretty, write};
use fabric::traffic::{self, Report, Sweep};
use given::{Given, Source};
use setup::Setup;
use std::path::PathBuf;

/// Flags of `multivac traffic`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A TOML file whose keys are the flags below with `_` for `-`; a flag goes before its key.
    file: Option<PathBuf>,
    #[command(flatten)]
    given: Given,
    /// Find the curve of latency against load, and saturation.
    #[arg(long)]
    sweep: bool,
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
        let (given, source) = match &self.file {
            Some(path) => self.given.clone().with_file(path)?,
            None => (self.given.clone(), Source::default()),
        };
        let setup = Setup::new(&given, source)?;
        match given.rate {
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
            print!("{}", fit::wrap(&report::text(setup, &simulation, &found), fit::columns(), 26));
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
            let columns = fit::columns();
            let table = report::sweep_text(setup, &simulation, &found, columns);
            print!("{}\n{}", chart::text(&curve, columns), fit::wrap(&table, columns, 2));
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
