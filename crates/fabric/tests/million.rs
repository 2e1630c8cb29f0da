//! No deadlock in a million cycles past saturation: a few networks here, every one with `--ignored` (`.ci/soak`).

use fabric::routing::{Algorithm, Routes};
use fabric::topology::{Family, Topology};
use fabric::{Config, NodeId, Packet, Switching, rng::Rng, simulate};

/// Keeps every source of a small network full for a million cycles, and then lets it run empty.
fn a_million_cycles(spec: &str, config: &Config, flits: u32) {
    const CYCLES: u64 = 1_000_000;
    const WINDOW: u64 = 500;
    let topology = Topology::from_spec(spec).expect("a known network");
    let what = format!("{spec}, {} {} of {flits}", config.switching.name(), config.routing.name());
    let mut network = simulate::build(&topology, None, config, flits).expect(&what).network;
    let nodes = u32::try_from(topology.nodes()).expect("small");
    let mut rng = Rng::new(config.seed);
    let mut found = Vec::new();
    // Refused set-ups of circuits pause.
    let patience = if config.switching == Switching::Circuit { 20_000 } else { 200 };
    while network.now().0 < CYCLES {
        while network.in_flight() < u64::from(nodes) * (WINDOW / u64::from(flits)).max(4) {
            let (from, to) = (NodeId(rng.below(nodes)), NodeId(rng.below(nodes)));
            let packet = Packet { from, to, flits, class: 0, tag: 0 };
            network.inject(packet, network.now()).expect("it is in range");
        }
        network.advance(network.now() + WINDOW);
        network.collect(&mut found);
        found.clear();
        let idle = network.now().0 - network.last_move().0;
        assert!(idle < patience, "{what}: nothing has moved for {idle} cycles at {}", network.now().0);
    }
    network.advance(network.now() + 200_000);
    let counters = network.counters();
    assert_eq!((network.in_flight(), counters.misordered_flits), (0, 0), "{what}");
    assert_eq!(counters.delivered_flits, counters.injected_flits, "{what}");
}

#[test]
fn a_million_cycles_past_saturation_never_stick() {
    let config = |switching, routing, vcs, buffer_flits| Config {
        switching,
        routing,
        vcs,
        buffer_flits,
        seed: 3,
        ..Config::default()
    };
    use Algorithm::{Auto, MinimalAdaptive, UpDown, Valiant};
    use Switching::{Circuit, CutThrough, StoreAndForward, Wormhole};
    a_million_cycles("ring:4", &config(Wormhole, Auto, 2, 1), 8);
    a_million_cycles("mesh:3x2", &config(Wormhole, MinimalAdaptive, 2, 2), 8);
    a_million_cycles("torus:3x2", &config(Wormhole, Valiant, 4, 2), 5);
    a_million_cycles("hypercube:2", &config(CutThrough, MinimalAdaptive, 3, 4), 4);
    a_million_cycles("ring:5", &config(StoreAndForward, Auto, 2, 3), 3);
    a_million_cycles("tree:2:2", &config(Wormhole, UpDown, 1, 1), 6);
    a_million_cycles("mesh:2x2", &config(Circuit, Auto, 1, 1), 6);
    a_million_cycles("dragonfly:1:2:1", &config(Wormhole, Algorithm::Ugal, 4, 1), 3);
}

/// Networks small enough for a million cycles of each; every family has one, and rings both parities.
const SPECS: &[&str] = &[
    "star:5",
    "ring:4",
    "ring:5",
    "token-ring:4",
    "tree:2:3",
    "tree:3:2",
    "fattree:2:3",
    "mesh:3x3",
    "mesh:2x2x2",
    "torus:4x3",
    "torus:3x2x2",
    "hypercube:3",
    "crossbar:5",
    "dragonfly:1:2:1",
    "dragonfly:2:3:1",
];

/// The routings that a topology has; where there is dimension order, `auto` is that.
fn routings(topology: &Topology) -> Vec<Algorithm> {
    use Algorithm::{Auto, DimensionOrder, MinimalAdaptive, Ugal, UpDown, Valiant};
    let has = |routing: &Algorithm| Routes::new(topology, *routing, None).is_ok();
    let usual = if has(&DimensionOrder) { DimensionOrder } else { Auto };
    [usual, UpDown, MinimalAdaptive, Valiant, Ugal].into_iter().filter(has).collect()
}

#[test]
#[ignore = "takes minutes"]
fn every_network_routing_and_switching() {
    use Switching::{Circuit, CutThrough, StoreAndForward, Wormhole};
    let schemes = [StoreAndForward, CutThrough, Wormhole, Circuit];
    let mut counts = (0, 0);
    for spec in SPECS {
        let topology = Topology::from_spec(spec).expect("a known network");
        // A token ring knows no routing and no switching.
        let token = matches!(topology.family(), Family::Ring { token: true, .. });
        let cases = routings(&topology)
            .into_iter()
            .flat_map(|routing| schemes.map(|scheme| (routing, scheme)))
            .take(if token { 1 } else { usize::MAX });
        for (number, (routing, switching)) in cases.enumerate() {
            // As few channels as it takes, and one more in every other case.
            let fits = |vcs: &u32| {
                let config = Config { switching, routing, vcs: *vcs, ..Config::default() };
                simulate::build(&topology, None, &config, 3).is_ok()
            };
            let Some(least) = (1..=8).find(fits) else {
                counts.1 += 1;
                continue;
            };
            let seed = 100 + number as u64;
            let vcs = least + u32::try_from(number % 2).expect("0 or 1");
            let config = Config { switching, routing, vcs, buffer_flits: 3, seed, ..Config::default() };
            // Wormholes are longer than a buffer.
            let flits = if switching == Switching::Wormhole { 7 } else { 3 };
            a_million_cycles(spec, &config, flits);
            println!("{spec}, {} {}, {vcs} channels: it never stuck", switching.name(), routing.name());
            counts.0 += 1;
        }
    }
    println!(
        "{} configurations of a million cycles each, {} that the topologies do not have",
        counts.0, counts.1
    );
    assert!(counts.0 > 150, "{counts:?}");
}
