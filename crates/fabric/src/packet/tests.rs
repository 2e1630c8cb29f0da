//! Tests: alone it agrees with the flit level, and nothing is lost under load and failures.

use super::*;
use crate::config::Switching;
use crate::ids::NodeId;
use crate::network::{Network, alone};
use crate::rng::Rng;
use crate::routing::Algorithm;

fn network(spec: &str, config: &Config) -> PacketNetwork {
    let topology = Topology::from_spec(spec).unwrap();
    let routes = Routes::new(&topology, config.routing, None).unwrap();
    PacketNetwork::new(&topology, routes, config).unwrap()
}

#[test]
fn alone_it_agrees_with_the_flit_level() {
    for switching in [Switching::Wormhole, Switching::CutThrough, Switching::StoreAndForward] {
        for spec in ["mesh:4x3", "torus:4x4", "star:5", "fattree:2:3", "dragonfly:1:3:1"] {
            for classes in [1, 2] {
                let config = Config { switching, classes, ..Config::default() };
                let mut network = network(spec, &config);
                for sent in [(0, 4, 5), (3, 3, 2), (1, 0, 1), (4, 2, 8)] {
                    let found = alone(&mut network, sent);
                    let routers = u64::from(found.routers);
                    let expected = config.delays.zero_load_cycles(switching, routers, sent.2.into());
                    assert_eq!(found.latency_cycles(), expected, "{spec} {switching:?}");
                }
            }
        }
    }
}

#[test]
fn all_arrive_under_load_and_through_failures() {
    for routing in [Algorithm::Auto, Algorithm::MinimalAdaptive, Algorithm::Valiant] {
        let mut network = network("torus:4x4", &Config { classes: 2, routing, ..Config::default() });
        let mut rng = Rng::new(2);
        for i in 0..2000u64 {
            let packet = Packet {
                from: NodeId(rng.below(16)),
                to: NodeId(rng.below(16)),
                flits: 1 + rng.below(20),
                class: u8::from(rng.chance(0.3)),
                tag: i,
            };
            network.inject(packet, Cycle(i / 2)).unwrap();
        }
        network.advance(Cycle(300));
        network.set_link(LinkId(5), false).unwrap();
        network.advance(Cycle(600));
        network.set_link(LinkId(5), true).unwrap();
        network.advance(Cycle(100_000));
        let counters = network.counters();
        assert_eq!((counters.injected_packets, network.in_flight()), (2000, 0));
        assert_eq!(counters.delivered_packets + counters.dropped_packets, 2000);
        assert!(counters.dropped_packets < 10, "{counters:?}");
    }
}
