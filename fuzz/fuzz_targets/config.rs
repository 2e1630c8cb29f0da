//! Configuration files of runs, and files that describe a network.
#![no_main]
#![allow(dead_code, unused_imports, reason = "the reader is the binary's own, of which a part is used")]

#[path = "../../crates/multivac/src/config/mod.rs"]
mod config;
#[path = "../../crates/multivac/src/diag.rs"]
mod diag;
#[path = "../../crates/multivac/src/exit.rs"]
mod exit;
#[path = "../../crates/multivac/src/verb/topology/source.rs"]
mod source;
mod verb {
    pub(crate) use crate::source as topology;
}

use config::{Config, canonical};
use libfuzzer_sys::fuzz_target;
use std::path::Path;

const FILES: [&str; 4] = [
    "switches = [\"s\"]\nlinks = [[\"a\", \"s\"], [\"b\", \"s\"]]\n[[route]]\nat = \"s\"\nto = \"a\"\nvia = \"a\"\n",
    include_str!("../../examples/demo.toml"),
    include_str!("../../examples/linux-mpi.toml"),
    "schema = 1\n[[node]]\ncount = 4\nname = \"a\"\n[network]\ntopology = \"torus:2x2\"\nlatency = \"1us\"\n\
     [[fault]]\nat = \"2ms\"\nlink = [\"a0\", \"a1\"]\nloss = 0.1\n[run]\non = \"all\"\ncommand = [\"true\"]\n",
];

/// Reads a graph, which may be no larger than its file, and the routes in it.
fn graph(text: &str) {
    let path = fuzz::scratch_file("graph.toml", text.as_bytes());
    if let Ok(loaded) = source::load(&path.to_string_lossy(), None) {
        let given = fabric::routing::Table::given(&loaded.topology, &loaded.routes);
        let _ = given.map_err(|error| loaded.route_failure(&error).is_some());
    }
}

fuzz_target!(init: fuzz::seed(FILES.map(|file| file.into())), |data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.contains("links") && !text.contains("topology") {
        graph(text);
    }
    // A network may be a file's, and this process's own are none of the input's business.
    if text.contains(['/', '.']) && text.contains("topology") {
        return;
    }
    if let Ok(read) = Config::parse(Path::new("fuzz.toml"), text) {
        let written = canonical(&read);
        let again = Config::parse(Path::new("fuzz.toml"), &written).expect("what was written is read");
        assert_eq!(canonical(&again), written);
    }
});
