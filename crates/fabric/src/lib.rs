//! Interconnection networks: topologies, routing, switching, routers, traffic and faults.
#![forbid(unsafe_code)]
