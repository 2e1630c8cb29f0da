//! What describes networks and their traffic: specifications, edge lists, permutations, patterns, processes, faults.
#![no_main]

use fabric::fault::parse_plan;
use fabric::topology::{Spec, Topology, parse_edge_list};
use fabric::traffic::{Pattern, Process, parse_permutation};
use libfuzzer_sys::fuzz_target;

const TEXTS: [&str; 8] = [
    "\0hypercube:4",
    "\0dragonfly:4:2",
    "\x01# a star\nswitch hub\na hub\nb -- hub\nc, hub\n",
    "\x021\n2\n3\n4\n5\n6\n7\n0\n",
    "\x030 link 1 2 loss 0.01 corruption 0.001\n2000 node 5 crash\n3000 partition 0 1\n8000 heal\n",
    "\x04hotspot:1:0.2",
    "\x04bit-complement",
    "\x05bernoulli:0.3",
];
/// Larger networks take long to build, which is no finding.
const NODES_MAX: u64 = 4096;

fn small(text: &str) -> Option<Topology> {
    let spec = Spec::parse(text).ok().filter(|spec| spec.nodes() <= NODES_MAX)?;
    spec.build().ok()
}

fuzz_target!(init: fuzz::seed(TEXTS.map(|text| text.into())), |data: &[u8]| {
    let Some((kind, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    match kind % 6 {
        0 => {
            let _ = Spec::parse(text);
            let _ = Spec::parse_for(text, Some(64));
            let _ = small(text);
        }
        1 => {
            let _ = parse_edge_list(text).map(|graph| graph.build("fuzz"));
        }
        2 => {
            let _ = parse_permutation(text, 8);
        }
        3 => {
            let topology = Topology::from_spec("torus:4x2").unwrap();
            let _ = parse_plan(text, &topology);
        }
        4 => {
            if let Ok(pattern) = Pattern::parse(text) {
                let _ = pattern.on(&Topology::from_spec("hypercube:4").unwrap());
                let _ = pattern.on(&Topology::from_spec("ring:5").unwrap());
            }
        }
        _ => {
            let _ = Process::parse(text);
        }
    }
});
