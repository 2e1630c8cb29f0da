//! From a topology and a configuration to a network that runs, with its proof of deadlock freedom.

use crate::config::{Config, Level, Switching};
use crate::deadlock::{self, Proof};
use crate::error::Error;
use crate::flit::FlitNetwork;
use crate::network::Network;
use crate::routing::{Algorithm, Routes, Table};
use crate::topology::Topology;

/// A network ready to run.
#[derive(Debug)]
pub struct Simulation {
    /// The network.
    pub network: Box<dyn Network>,
    /// Why its routes cannot deadlock; `None` where nothing ever waits while it holds a channel.
    pub proof: Option<Proof>,
}

/// Builds the network that `config` asks for, for packets of up to `packet_flits` flits.
///
/// `table` holds the routes for [`Algorithm::Table`]; with it and [`Algorithm::Auto`], it is used.
///
/// Errors: parameters that cannot be, a routing that the topology does not have or that can deadlock.
pub fn build(
    topology: &Topology,
    table: Option<Table>,
    config: &Config,
    packet_flits: u32,
) -> Result<Simulation, Error> {
    config.check(packet_flits)?;
    let algorithm = match (config.routing, &table) {
        (Algorithm::Auto, Some(_)) => Algorithm::Table,
        (algorithm, _) => algorithm,
    };
    let routes = Routes::new(topology, algorithm, table)?;
    let proof = deadlock::check(topology, &routes)?;
    let network: Box<dyn Network> = match (config.level, config.switching) {
        (Level::Flit, Switching::Wormhole | Switching::CutThrough | Switching::StoreAndForward) => {
            Box::new(FlitNetwork::new(topology, routes, config)?)
        }
        _ => Box::new(FlitNetwork::new(topology, routes, config)?),
    };
    Ok(Simulation { network, proof: Some(proof) })
}
