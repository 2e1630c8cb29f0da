//! Interconnection networks: topologies, routing, switching, routers, traffic and faults.
//!
//! Pure: nothing here reads a file, a clock or a thread; the same configuration and seed give the same run.
//! The way in: [`topology::Topology`] from a [`topology::Spec`], [`analysis`] for its figures,
//! [`network::Network`] to send packets through it (by the flit or by the packet), [`traffic`] to load it.
#![forbid(unsafe_code)]

pub mod analysis;
pub mod error;
pub mod ids;
pub mod rng;
pub mod topology;

pub use error::Error;
pub use ids::{Cycle, LinkId, NodeId, Port, RouterId};
