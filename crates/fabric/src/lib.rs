//! Interconnection networks: topologies, routing, switching, routers, traffic and faults.
//!
//! Pure: nothing here reads a file, a clock or a thread; the same configuration and seed give the same run.
//! The way in: [`topology::Topology`] from a [`topology::Spec`], [`analysis`] for its figures,
//! [`network::Network`] to send packets through it (by the flit or by the packet), [`traffic`] to load it.
#![forbid(unsafe_code)]

pub mod analysis;
pub mod circuit;
pub mod config;
mod crossing;
pub mod deadlock;
pub mod error;
mod event_core;
mod events;
pub mod fault;
pub mod flit;
pub mod ids;
pub mod network;
pub mod packet;
pub mod rng;
pub mod routing;
pub mod simulate;
mod slab;
pub mod token_ring;
pub mod topology;
pub mod traffic;

pub use config::{Config, Delays, Level, Switching};
pub use crossing::Crossing;
pub use error::Error;
pub use ids::{Cycle, LinkId, NodeId, Port, RouterId};
pub use network::{Counters, Delivery, Network, Packet};
