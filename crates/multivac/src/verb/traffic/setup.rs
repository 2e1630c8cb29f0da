//! From flags to a network and its load, or to an error with its place.

use super::Args;
use crate::exit::{Exit, Failure};
use crate::verb::topology::{Loaded, failure, load};
use fabric::routing::{Algorithm, Table};
use fabric::simulate::{self, Simulation};
use fabric::topology::Topology;
use fabric::traffic::{Load, Pattern, Process, parse_permutation};
use fabric::{Config, Delays, Error, Level, Switching};
use std::path::Path;

/// All that a run needs.
pub(super) struct Setup {
    pub(super) topology: Topology,
    pub(super) pattern: Pattern,
    pub(super) config: Config,
    table: Option<Table>,
    load: Load,
}

impl Setup {
    /// Reads the flags.
    ///
    /// Errors: any that is off, shown with its place.
    pub(super) fn new(args: &Args) -> Result<Setup, Failure> {
        let Loaded { topology, routes } = load(&args.topology, args.nodes)?;
        let flag = |name: &str, text: &str, error: Error| failure(&error, Path::new(name), text);
        let pattern = pattern(&args.pattern, &topology)?;
        let destinations = pattern.on(&topology).map_err(|error| flag("--pattern", &args.pattern, error))?;
        let switching =
            Switching::parse(&args.switching).map_err(|error| flag("--switching", &args.switching, error))?;
        let routing =
            Algorithm::parse(&args.routing).map_err(|error| flag("--routing", &args.routing, error))?;
        let level = Level::parse(&args.level).map_err(|error| flag("--level", &args.level, error))?;
        let process =
            Process::parse(&args.process).map_err(|error| flag("--process", &args.process, error))?;
        let table = if routes.is_empty() {
            None
        } else {
            Some(Table::given(&topology, &routes).map_err(|error| plain(&error))?)
        };
        let delays = Delays {
            route: args.route_delay,
            vc_alloc: args.vc_alloc_delay,
            switch_alloc: args.switch_alloc_delay,
            switch: args.switch_delay,
            link: args.link_delay,
            node_link: args.link_delay,
            credit: args.credit_delay,
        };
        let config = Config {
            switching,
            level,
            routing,
            vcs: args.vcs,
            buffer_flits: args.buffer_flits,
            classes: 1,
            delays,
            seed: args.seed,
        };
        let load = Load {
            destinations,
            rate: 0.0,
            packet_flits: args.packet_flits,
            process,
            seed: args.seed,
            warmup_cycles: args.warmup,
            measure_cycles: args.cycles,
        };
        let setup = Setup { topology, pattern, config, table, load };
        if let Some(rate) = args.rate.filter(|rate| !(0.0..=1.0).contains(rate)) {
            let error = Error::Parameter {
                name: "rate",
                value: rate.to_string(),
                reason: "a node makes at most one flit a cycle".to_owned(),
                way_out: "choose a rate from 0 to 1 flits per node and cycle".to_owned(),
            };
            return Err(setup.failure(&error));
        }
        Ok(setup)
    }

    /// A network at rest.
    pub(super) fn simulation(&self) -> Result<Simulation, Error> {
        simulate::build(&self.topology, self.table.clone(), &self.config, self.load.packet_flits)
    }

    /// A network at rest, or the failure to show.
    pub(super) fn build(&self) -> Result<Simulation, Failure> {
        self.simulation().map_err(|error| self.failure(&error))
    }

    /// The load at a rate.
    pub(super) fn load(&self, rate: f64) -> Load {
        Load { rate, ..self.load.clone() }
    }

    /// An error that no text holds, named after its flag.
    pub(super) fn failure(&self, error: &Error) -> Failure {
        plain(error)
    }
}

fn plain(error: &Error) -> Failure {
    let text = match error {
        Error::Parameter { name, value, reason, .. } => format!("--{name} {value}: {reason}"),
        other => other.to_string(),
    };
    Failure::new(Exit::Config, text, error.help())
}

fn pattern(text: &str, topology: &Topology) -> Result<Pattern, Failure> {
    let Some(file) = text.strip_prefix("permutation:") else {
        if text == "permutation" {
            return Err(Failure::new(
                Exit::Config,
                "--pattern permutation: no file was named",
                "write --pattern permutation:FILE, one destination a line",
            ));
        }
        return Pattern::parse(text).map_err(|error| failure(&error, Path::new("--pattern"), text));
    };
    let list = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(Exit::Config, format!("cannot read {file}: {error}"), "name a file of destinations")
    })?;
    parse_permutation(&list, topology.nodes()).map_err(|error| failure(&error, Path::new(file), &list))
}
