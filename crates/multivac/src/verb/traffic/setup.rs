//! From what was given to a network and its load, or to an error with its place.

use super::given::{Given, Source};
use crate::exit::{Exit, Failure};
use crate::verb::topology::{Loaded, failure, load};
use fabric::fault::{Plan, parse_plan};
use fabric::routing::{Algorithm, Table};
use fabric::simulate::{self, Simulation};
use fabric::topology::{Spec, Topology};
use fabric::traffic::{Load, Pattern, Process, parse_permutation};
use fabric::{Config, Delays, Error, Level, Switching};
use std::path::Path;

/// All that a run needs.
pub(super) struct Setup {
    pub(super) topology: Topology,
    /// The network as it was given, for errors in its routes.
    network: Loaded,
    pub(super) pattern: Pattern,
    pub(super) config: Config,
    table: Option<Table>,
    load: Load,
    source: Source,
}

impl Setup {
    /// Reads what was given.
    ///
    /// Errors: any that is off, shown with its place.
    pub(super) fn new(given: &Given, source: Source) -> Result<Setup, Failure> {
        let network = given.topology.as_deref().unwrap_or("mesh:8x8");
        let network = load(network, given.nodes).map_err(|error| match source.place("topology") {
            // A specification is inside the file; a file of its own has shown its own place.
            Some((start, path, text)) => match Spec::parse_for(network, given.nodes) {
                Err(error) => failure(&error.shifted(start + 1), path, text),
                Ok(_) => error,
            },
            None => error,
        })?;
        let topology = network.topology.clone();
        let word = |key: &str, value: &Option<String>, default: &str| {
            let text = value.clone().unwrap_or_else(|| default.to_owned());
            let at =
                source.place(key).map(|(start, path, file)| (start + 1, path.to_owned(), file.to_owned()));
            let flag = format!("--{key}");
            move |error: Error| match &at {
                Some((start, path, file)) => failure(&error.shifted(*start), path, file),
                None => failure(&error, Path::new(&flag), &text),
            }
        };
        let pattern_text = given.pattern.as_deref().unwrap_or("uniform");
        let at = word("pattern", &given.pattern, "uniform");
        let pattern = pattern(pattern_text, &topology, &at)?;
        let destinations = pattern.on(&topology).map_err(at)?;
        let text =
            |value: &Option<String>, default: &str| value.clone().unwrap_or_else(|| default.to_owned());
        let switching = Switching::parse(&text(&given.switching, "wormhole")).map_err(word(
            "switching",
            &given.switching,
            "wormhole",
        ))?;
        let routing = Algorithm::parse(&text(&given.routing, "auto")).map_err(word(
            "routing",
            &given.routing,
            "auto",
        ))?;
        let level = Level::parse(&text(&given.level, "flit")).map_err(word("level", &given.level, "flit"))?;
        let process = Process::parse(&text(&given.process, "bernoulli")).map_err(word(
            "process",
            &given.process,
            "bernoulli",
        ))?;
        let table = if network.routes.is_empty() {
            None
        } else {
            let table = Table::given(&topology, &network.routes);
            Some(table.map_err(|error| plain(&error, &network, &source))?)
        };
        let default = Config::default();
        let classes = given.classes.unwrap_or(default.classes);
        let seed = given.seed.unwrap_or(default.seed);
        let config = Config {
            switching,
            level,
            routing,
            vcs: given.vcs.unwrap_or(default.vcs),
            buffer_flits: given.buffer_flits.unwrap_or(default.buffer_flits),
            classes,
            delays: delays(given, default.delays),
            seed,
        };
        let load = Load {
            destinations,
            rate: 0.0,
            packet_flits: given.packet_flits.unwrap_or(8),
            process,
            seed,
            warmup_cycles: given.warmup,
            measure_cycles: given.cycles,
            classes: u8::try_from(classes).unwrap_or(u8::MAX),
            high_share: given.high_share.unwrap_or(if classes > 1 { 0.1 } else { 0.0 }),
            faults: faults(given, &topology)?,
        };
        let setup = Setup { topology, network, pattern, config, table, load, source };
        let share = |name: &'static str, value: Option<f64>, reason: &str, way_out: &str| match value {
            Some(value) if !(0.0..=1.0).contains(&value) => Err(setup.failure(&Error::Parameter {
                name,
                value: value.to_string(),
                reason: reason.to_owned(),
                way_out: way_out.to_owned(),
            })),
            _ => Ok(()),
        };
        share(
            "rate",
            given.rate,
            "a node makes at most one flit a cycle",
            "choose a rate from 0 to 1 flits per node and cycle",
        )?;
        share("high-share", given.high_share, "it is a share of the packets", "choose a value from 0 to 1")?;
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

    /// An error in what was given, at its place in the file or named after its flag.
    pub(super) fn failure(&self, error: &Error) -> Failure {
        plain(error, &self.network, &self.source)
    }
}

fn delays(given: &Given, default: Delays) -> Delays {
    Delays {
        route: given.route_delay.unwrap_or(default.route),
        vc_alloc: given.vc_alloc_delay.unwrap_or(default.vc_alloc),
        switch_alloc: given.switch_alloc_delay.unwrap_or(default.switch_alloc),
        switch: given.switch_delay.unwrap_or(default.switch),
        link: given.link_delay.unwrap_or(default.link),
        node_link: given.link_delay.unwrap_or(default.node_link),
        credit: given.credit_delay.unwrap_or(default.credit),
    }
}

fn plain(error: &Error, network: &Loaded, source: &Source) -> Failure {
    if let Some(failure) = network.route_failure(error) {
        return failure;
    }
    match error {
        Error::Parameter { name, value, reason, .. } => {
            source.failure(name, &format!("--{name} {value}: {reason}"), &error.help())
        }
        other => Failure::new(Exit::Config, other.to_string(), error.help()),
    }
}

fn faults(given: &Given, topology: &Topology) -> Result<Plan, Failure> {
    let Some(path) = &given.faults else { return Ok(Plan::default()) };
    let text = read(path, "name a file with a fault a line, as `1000 link 3 7 down`")?;
    parse_plan(&text, topology).map_err(|error| failure(&error, path, &text))
}

fn read(path: &Path, help: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::new(Exit::Config, format!("cannot read {}: {error}", path.display()), help))
}

fn pattern(text: &str, topology: &Topology, at: &impl Fn(Error) -> Failure) -> Result<Pattern, Failure> {
    let Some(file) = text.strip_prefix("permutation:") else {
        if text == "permutation" {
            return Err(Failure::new(
                Exit::Config,
                "--pattern permutation: no file was named",
                "write --pattern permutation:FILE, one destination a line",
            ));
        }
        return Pattern::parse(text).map_err(at);
    };
    let list = read(Path::new(file), "name a file of destinations")?;
    parse_permutation(&list, topology.nodes()).map_err(|error| failure(&error, Path::new(file), &list))
}
