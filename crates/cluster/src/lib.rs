//! Nodes in one virtual time: how a node is booted, the network between nodes, the run loop with its limits, the
//! console, the control channel, the telemetry and the digest. The command, the tests and the tour run machines
//! through here.
//!
//! Invariant: nothing here reads a clock or a terminal; what comes from outside comes through [`run::Host`].

pub mod address;
pub mod boot;
mod console;
pub mod control;
mod crew;
pub mod disk;
pub mod interconnect;
pub mod interface;
pub mod job;
mod lock;
mod lockstep;
pub mod output;
mod qcow2;
pub mod record;
pub mod run;
pub mod share;
pub mod snapshot;
mod station;
pub mod summary;
pub mod telemetry;
pub mod time;
