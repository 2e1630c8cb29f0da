//! Tests: alone it takes the formula, refused set-ups come through.

use super::*;
use crate::config::Switching;
use crate::ids::NodeId;
use crate::network::{Network, alone};
use crate::rng::Rng;

fn network(spec: &str) -> CircuitNetwork {
    let topology = Topology::from_spec(spec).unwrap();
    let config = Config { switching: Switching::Circuit, ..Config::default() };
    let routes = Routes::new(&topology, config.routing, None).unwrap();
    CircuitNetwork::new(&topology, routes, &config).unwrap()
}

#[test]
fn alone_it_takes_the_set_up_there_and_back_and_the_data() {
    for spec in ["mesh:4x4", "torus:4x4", "star:5", "hypercube:4"] {
        let mut network = network(spec);
        for sent in [(0, 4, 5), (3, 3, 2), (1, 0, 100)] {
            let found = alone(&mut network, sent);
            let delays = network.core.config.delays;
            let expected = delays.zero_load_cycles(Switching::Circuit, found.routers.into(), sent.2.into());
            assert_eq!(found.latency_cycles(), expected, "{spec}");
        }
    }
}

#[test]
fn refused_set_ups_try_again_until_all_arrive() {
    let mut network = network("mesh:4x4");
    let mut rng = Rng::new(1);
    for tag in 0..1000 {
        let (from, to) = (NodeId(rng.below(16)), NodeId(rng.below(16)));
        network.inject(Packet { from, to, flits: 32, class: 0, tag }, Cycle(tag)).unwrap();
    }
    network.advance(Cycle(500));
    network.set_link(LinkId(4), false).unwrap();
    network.advance(Cycle(2_000_000));
    let counters = network.counters();
    assert_eq!(counters.delivered_packets + counters.dropped_packets, 1000);
    assert!(counters.refused_setups > 100 && counters.dropped_packets <= 2, "{counters:?}");
    assert!(network.taken_until.iter().all(|until| *until < 2_000_000), "no output stays taken");
}
