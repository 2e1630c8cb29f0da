//! Tests: zero-load latency is the formula, flits and credits are conserved, equal seeds give equal runs.

use super::state::NODE;
use super::*;
use crate::config::Delays;
use crate::ids::small;
use crate::network::alone;
use crate::rng::Rng;
use crate::routing::Algorithm;
use crate::topology::Topology;

pub(crate) fn network(spec: &str, config: &Config) -> FlitNetwork {
    let topology = Topology::from_spec(spec).unwrap();
    let routes = Routes::new(&topology, config.routing, None).unwrap();
    FlitNetwork::new(&topology, routes, config).unwrap()
}

#[test]
fn a_packet_alone_takes_the_formula() {
    let odd = Delays { route: 2, vc_alloc: 2, switch_alloc: 3, switch: 2, link: 5, node_link: 5, credit: 2 };
    for switching in [Switching::Wormhole, Switching::CutThrough, Switching::StoreAndForward] {
        for delays in [Delays::default(), odd] {
            for spec in [
                "mesh:4x3",
                "torus:4x4",
                "hypercube:4",
                "ring:5",
                "star:6",
                "tree:2:3",
                "fattree:2:3",
                "crossbar:5",
            ] {
                let config = Config { switching, delays, buffer_flits: 40, ..Config::default() };
                let mut network = network(spec, &config);
                let nodes = small(network.topology.nodes());
                for sent in [(0, nodes - 1, 5), (nodes - 1, 1, 1), (2, 3, 9), (1, 1, 2)] {
                    let found = alone(&mut network, sent);
                    let expected = delays.zero_load_cycles(switching, found.routers.into(), sent.2.into());
                    assert_eq!(found.latency_cycles(), expected, "{spec} {switching:?} {sent:?}");
                }
            }
        }
    }
}

#[test]
fn four_h_and_two_and_the_length_less_one() {
    let mut network = network("mesh:8x8", &Config::default());
    let found = alone(&mut network, (0, 63, 8));
    assert_eq!((found.routers, found.latency_cycles()), (15, 4 * 15 + 2 + 7));
}

/// Counts flits and credits: each place of each buffer is a flit's, a credit's, or a credit on its way back.
fn audit(network: &FlitNetwork) {
    let state = &network.state;
    let mut flying = vec![0usize; state.channel.len()];
    let mut credits = vec![0usize; state.channel.len()];
    let mut node_credits = vec![0usize; network.sources.credits().len()];
    network.arrivals.all().for_each(|place| flying[*place as usize] += 1);
    network.credits.all().for_each(|place| credits[*place as usize] += 1);
    network.node_credits.all().for_each(|channel| node_credits[*channel as usize] += 1);
    network.ejected.all().for_each(|ejected| credits[ejected.place as usize] += 1);
    let stored = |at: usize| usize::from(state.channel[at].visible) + flying[at];
    for (here, coming) in credits.into_iter().enumerate() {
        let (peer, vc) = (state.peer(here), here % state.vcs);
        if peer == super::state::NOWHERE {
            continue;
        }
        let behind = if peer & NODE != 0 { 0 } else { stored(peer as usize + vc) };
        assert_eq!(usize::from(state.channel[here].credits) + behind + coming, state.depth);
        if peer & NODE != 0 {
            let node = (peer & !NODE) as usize * state.vcs + vc;
            let free = usize::from(network.sources.credits()[node]);
            assert_eq!(free + stored(here) + node_credits[node], state.depth);
        }
    }
}

fn load(network: &mut FlitNetwork, packets: u32, flits_max: u32, seed: u64) {
    let mut rng = Rng::new(seed);
    let nodes = small(network.topology.nodes());
    for tag in 0..packets {
        let at = network.now() + u64::from(rng.below(300));
        let class = u8::try_from(rng.below(network.config.classes)).unwrap();
        let (from, to) = (NodeId(rng.below(nodes)), NodeId(rng.below(nodes)));
        network
            .inject(Packet { from, to, flits: 1 + rng.below(flits_max), class, tag: tag.into() }, at)
            .unwrap();
    }
}

#[test]
fn nothing_is_lost_or_disordered_and_credits_come_back() {
    let cases = [
        ("mesh:4x4", Algorithm::Auto),
        ("torus:4x4", Algorithm::Auto),
        ("torus:5x3", Algorithm::MinimalAdaptive),
        ("mesh:4x4", Algorithm::MinimalAdaptive),
        ("hypercube:4", Algorithm::Valiant),
        ("torus:4x4", Algorithm::Valiant),
        ("hypercube:4", Algorithm::UpDown),
        ("ring:9", Algorithm::Auto),
        ("star:9", Algorithm::Auto),
        ("tree:2:3", Algorithm::Auto),
        ("fattree:2:3", Algorithm::Auto),
        ("crossbar:7", Algorithm::Auto),
        ("dragonfly:2:4:2", Algorithm::Auto),
        ("dragonfly:2:4:2", Algorithm::Ugal),
        ("dragonfly:1:3:1", Algorithm::Valiant),
    ];
    for (spec, routing) in cases {
        for switching in [Switching::Wormhole, Switching::CutThrough, Switching::StoreAndForward] {
            for buffer_flits in [1, 3, 8] {
                let flits_max = if switching == Switching::Wormhole { 6 } else { buffer_flits };
                let config = Config { switching, routing, buffer_flits, ..Config::default() };
                let mut network = network(spec, &config);
                load(&mut network, 800, flits_max, u64::from(buffer_flits));
                for _ in 0..20 {
                    network.advance(network.now() + 37);
                    audit(&network);
                }
                network.advance(network.now() + 100_000);
                audit(&network);
                let mut deliveries = Vec::new();
                network.collect(&mut deliveries);
                let mut tags: Vec<u64> = deliveries.iter().map(|delivery| delivery.packet.tag).collect();
                tags.sort_unstable();
                assert_eq!(
                    tags,
                    (0..800).collect::<Vec<u64>>(),
                    "{spec} {routing:?} {switching:?} {buffer_flits}"
                );
                let counters = network.counters();
                assert_eq!((counters.misordered_flits, network.in_flight()), (0, 0));
                assert_eq!(counters.injected_flits, counters.delivered_flits);
                assert_eq!(network.next_event(), None);
            }
        }
    }
}

#[test]
fn equal_seeds_give_equal_runs_however_time_is_cut() {
    let run = |step: u64| {
        let mut network = network("torus:4x4", &Config { classes: 2, ..Config::default() });
        load(&mut network, 500, 8, 3);
        let mut deliveries = Vec::new();
        while network.in_flight() > 0 {
            network.advance(network.now() + step);
            network.collect(&mut deliveries);
        }
        deliveries
    };
    assert_eq!(run(1), run(97));
}

#[test]
fn the_high_class_holds_its_latency_under_load() {
    let config = Config { classes: 2, vcs: 4, ..Config::default() };
    let mean = |low_packets: u32| {
        let mut network = network("mesh:4x4", &config);
        let mut rng = Rng::new(5);
        for i in 0..low_packets + 200 {
            let class = u8::from(i >= low_packets);
            let (from, to) = (NodeId(rng.below(16)), NodeId(rng.below(16)));
            let at = Cycle(u64::from(rng.below(2000)));
            network.inject(Packet { from, to, flits: 8, class, tag: 0 }, at).unwrap();
        }
        network.advance(Cycle(200_000));
        let mut deliveries = Vec::new();
        network.collect(&mut deliveries);
        let of = |class: u8| {
            let all: Vec<u64> =
                deliveries.iter().filter(|d| d.packet.class == class).map(Delivery::latency_cycles).collect();
            all.iter().sum::<u64>() as f64 / all.len().max(1) as f64
        };
        (of(0), of(1))
    };
    let (_, unloaded) = mean(0);
    let (low, high) = mean(4000);
    assert!(low > 10.0 * unloaded, "the low class waits: {low}");
    assert!(high < 2.0 * unloaded, "the high class does not: {high} against {unloaded}");
}

#[test]
fn a_link_fails_and_comes_back() {
    let mut network = network("torus:4x4", &Config::default());
    load(&mut network, 600, 8, 9);
    network.advance(Cycle(150));
    network.set_link(LinkId(3), false).unwrap();
    network.advance(Cycle(400));
    let carried = network.link_flits()[6];
    network.advance(Cycle(3000));
    assert_eq!(network.link_flits()[6], carried, "a link that is down carries nothing");
    network.set_link(LinkId(3), true).unwrap();
    network.advance(Cycle(20_000));
    let counters = network.counters();
    assert_eq!(counters.delivered_packets + counters.dropped_packets, 600);
    assert!(counters.dropped_packets < 12, "{counters:?}");
    audit(&network);
}
