//! Properties of every network, routing and switching scheme at random loads.

use fabric::fault::{Change, Hazard, Plan};
use fabric::routing::Algorithm;
use fabric::topology::{Topology, parse_edge_list};
use fabric::traffic::parse_permutation;
use fabric::{Config, Cycle, Level, LinkId, NodeId, Packet, Switching, rng::Rng, simulate};
use proptest::prelude::*;

const SPECS: &[&str] = &[
    "star:7",
    "ring:6",
    "token-ring:5",
    "tree:3:2",
    "fattree:2:3",
    "mesh:4x3",
    "torus:4x3",
    "torus:3x2x2",
    "hypercube:3",
    "crossbar:6",
    "dragonfly:1:2:1",
];

/// Sends `count` packets at random and returns what arrived, by tag.
fn run(spec: &str, config: &Config, count: u64, seed: u64) -> Result<Vec<(u64, u64)>, String> {
    let topology = Topology::from_spec(spec).map_err(|error| error.to_string())?;
    let mut network = simulate::build(&topology, None, config, 8).map_err(|error| error.to_string())?.network;
    let nodes = u32::try_from(topology.nodes()).expect("small");
    let mut rng = Rng::new(seed);
    for tag in 0..count {
        let packet = Packet {
            from: NodeId(rng.below(nodes)),
            to: NodeId(rng.below(nodes)),
            flits: 1 + rng.below(8),
            class: u8::try_from(rng.below(config.classes)).expect("small"),
            tag,
        };
        network.inject(packet, Cycle(rng.below(400).into())).map_err(|error| error.to_string())?;
    }
    network.advance(Cycle(3_000_000));
    let mut found = Vec::new();
    network.collect(&mut found);
    let counters = network.counters();
    if network.in_flight() != 0 || counters.misordered_flits != 0 || network.next_event().is_some() {
        return Err(format!("{} in flight, {counters:?}", network.in_flight()));
    }
    let mut arrived: Vec<(u64, u64)> = found.iter().map(|d| (d.packet.tag, d.delivered.0)).collect();
    arrived.sort_unstable();
    Ok(arrived)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_is_lost_or_doubled_and_a_seed_gives_one_run(
        spec in prop::sample::select(SPECS),
        switching in prop::sample::select(&[
            Switching::StoreAndForward, Switching::CutThrough, Switching::Wormhole, Switching::Circuit,
        ][..]),
        level in prop::sample::select(&[Level::Flit, Level::Packet][..]),
        routing in prop::sample::select(&[
            Algorithm::Auto, Algorithm::UpDown, Algorithm::MinimalAdaptive, Algorithm::Valiant, Algorithm::Ugal,
        ][..]),
        vcs in 1u32..=8,
        classes in 1u32..=2,
        count in 1u64..400,
        seed in 0u64..1000,
    ) {
        let config = Config { switching, level, routing, vcs, classes, seed, ..Config::default() };
        match run(spec, &config, count, seed) {
            Ok(arrived) => {
                let tags: Vec<u64> = arrived.iter().map(|(tag, _)| *tag).collect();
                prop_assert_eq!(tags, (0..count).collect::<Vec<_>>());
                prop_assert_eq!(Ok(arrived), run(spec, &config, count, seed));
            }
            // A routing that the network does not have, or too few channels for it.
            Err(error) => prop_assert!(error.starts_with("routing") || error.starts_with("vcs"), "{}", error),
        }
    }

    #[test]
    fn faults_lose_no_count(
        spec in prop::sample::select(&["mesh:3x3", "torus:4x4", "ring:8", "hypercube:3"][..]),
        level in prop::sample::select(&[Level::Flit, Level::Packet][..]),
        links in prop::collection::vec((0u32..8, 0u64..600, 1u64..400), 1..4),
        loss in 0.0f64..0.3,
        node in 0u32..8,
        seed in 0u64..100,
    ) {
        let topology = Topology::from_spec(spec).expect("a known network");
        let config = Config { level, seed, ..Config::default() };
        let mut changes = vec![
            (Cycle(0), Change::Hazard(LinkId(1), Hazard {
                loss, duplication: 0.1, reorder: 0.2, reorder_cycles: 50, ..Hazard::default()
            })),
            (Cycle(200), Change::Node(NodeId(node), false)),
            (Cycle(500), Change::Node(NodeId(node), true)),
        ];
        for (link, at, length) in links {
            changes.push((Cycle(at), Change::Links(vec![LinkId(link)], false)));
            changes.push((Cycle(at + length), Change::Links(vec![LinkId(link)], true)));
        }
        let once = || {
            let mut plan = Plan::new(changes.clone());
            let mut network = simulate::build(&topology, None, &config, 8).expect("it can be").network;
            let mut rng = Rng::new(seed);
            for tag in 0..500 {
                let (from, to) = (NodeId(rng.below(8)), NodeId(rng.below(8)));
                let at = Cycle(rng.below(900).into());
                network.inject(Packet { from, to, flits: 4, class: 0, tag }, at).expect("it is in range");
            }
            plan.advance(network.as_mut(), Cycle(100_000)).expect("the plan can be");
            let mut found = Vec::new();
            network.collect(&mut found);
            (found, network.counters(), network.in_flight())
        };
        let (found, counters, in_flight) = once();
        prop_assert_eq!(in_flight, 0);
        prop_assert_eq!(counters.delivered_packets + counters.dropped_packets, 500);
        prop_assert!(found.len() as u64 >= counters.delivered_packets);
        prop_assert_eq!(&(found, counters, in_flight), &once());
    }

    #[test]
    fn texts_never_panic(text in "\\PC{0,60}|([a-c0-9:x# \\n-]{0,80})") {
        let _ = Topology::from_spec(&text);
        let _ = parse_edge_list(&text).map(|graph| graph.build("x"));
        let _ = parse_permutation(&text, 4);
        let ring = Topology::from_spec("ring:4").expect("a known network");
        let _ = fabric::fault::parse_plan(&text, &ring);
    }
}
