//! From a topology and a configuration to a network that runs, with its proof of deadlock freedom.

use crate::circuit::CircuitNetwork;
use crate::config::{Config, Level, Switching};
use crate::deadlock::{self, Proof};
use crate::error::Error;
use crate::flit::FlitNetwork;
use crate::network::Network;
use crate::packet::PacketNetwork;
use crate::routing::{Algorithm, Routes, Table};
use crate::token_ring::TokenRing;
use crate::topology::{Family, Topology};

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
    if matches!(topology.family(), Family::Ring { token: true, .. }) {
        return Ok(Simulation { network: Box::new(TokenRing::new(topology, config)?), proof: None });
    }
    let routes = Routes::new(topology, algorithm, table)?;
    if config.switching == Switching::Circuit {
        return Ok(Simulation {
            network: Box::new(CircuitNetwork::new(topology, routes, config)?),
            proof: None,
        });
    }
    if config.level == Level::Packet {
        return Ok(Simulation {
            network: Box::new(PacketNetwork::new(topology, routes, config)?),
            proof: None,
        });
    }
    let proof = deadlock::check(topology, &routes)?;
    Ok(Simulation { network: Box::new(FlitNetwork::new(topology, routes, config)?), proof: Some(proof) })
}
