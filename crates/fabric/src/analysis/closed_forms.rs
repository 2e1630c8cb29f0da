//! Tests: the figures that search finds are those of the textbook.

use super::{Figure, figures};
use crate::topology::Topology;

fn of(text: &str) -> super::Figures {
    figures(&Topology::from_spec(text).unwrap())
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9 * b.abs().max(1.0)
}

#[test]
fn meshes_of_even_side() {
    for (k, n) in [(2u32, 1u32), (2, 3), (4, 1), (4, 2), (4, 3), (6, 2), (8, 2)] {
        let found = of(&format!("mesh:{}", vec![k.to_string(); n as usize].join("x")));
        let (kf, nf) = (f64::from(k), f64::from(n));
        assert_eq!(found.nodes, u64::from(k.pow(n)));
        assert_eq!(found.links, u64::from(n * k.pow(n - 1) * (k - 1)));
        assert_eq!(found.distances.diameter, u64::from(n * (k - 1)));
        assert_eq!(found.bisection, Figure::Exact(u64::from(k.pow(n - 1))));
        assert!(close(found.distances.mean_with_self(), nf * (kf - 1.0 / kf) / 3.0));
        assert_eq!(found.node_degree, u64::from(n));
    }
}

#[test]
fn tori_of_even_side() {
    for (k, n) in [(2u32, 2u32), (4, 1), (4, 2), (4, 3), (6, 2), (8, 2)] {
        let found = of(&format!("torus:{}", vec![k.to_string(); n as usize].join("x")));
        assert_eq!(found.links, u64::from(n * k.pow(n)));
        assert_eq!(found.degree, u64::from(2 * n));
        assert_eq!(found.distances.diameter, u64::from(n * (k / 2)));
        assert_eq!(found.bisection, Figure::Exact(u64::from(2 * k.pow(n - 1))));
        assert_eq!(found.edge_connectivity, Figure::Exact(u64::from(2 * n)));
        assert!(close(found.distances.mean_with_self(), f64::from(n * k) / 4.0));
    }
}

#[test]
fn hypercubes_rings_and_stars() {
    for n in 1..=8u32 {
        let found = of(&format!("hypercube:{n}"));
        assert_eq!((found.degree, found.distances.diameter), (u64::from(n), u64::from(n)));
        assert_eq!(found.links, u64::from(n) << (n - 1));
        assert_eq!(found.bisection, Figure::Exact(1 << (n - 1)));
        assert!(close(found.distances.mean_with_self(), f64::from(n) / 2.0));
    }
    for nodes in 3..12u64 {
        let found = of(&format!("ring:{nodes}"));
        assert_eq!((found.distances.diameter, found.links), (nodes / 2, nodes));
        assert_eq!((found.bisection, found.edge_connectivity), (Figure::Exact(2), Figure::Exact(2)));
        let found = of(&format!("star:{nodes}"));
        assert_eq!((found.distances.diameter, found.links, found.degree), (2, nodes, nodes));
    }
}

#[test]
fn trees_crossbars_and_dragonflies() {
    let tree = of("tree:2:4");
    assert_eq!((tree.nodes, tree.switches, tree.links, tree.distances.diameter), (16, 15, 30, 8));
    let fat = of("fattree:4:3");
    assert_eq!((fat.nodes, fat.switches, fat.links, fat.distances.diameter), (64, 48, 192, 6));
    assert_eq!(fat.bisection, Figure::Exact(32));
    let crossbar = of("crossbar:16");
    assert_eq!((crossbar.links, crossbar.distances.diameter, crossbar.degree), (120, 1, 15));
    let dragonfly = of("dragonfly:2:4:2");
    assert_eq!((dragonfly.nodes, dragonfly.switches, dragonfly.distances.diameter), (72, 36, 3));
    assert_eq!(dragonfly.links, 9 * 6 + 36);
    assert_eq!(dragonfly.edge_connectivity, Figure::Exact(5));
}

#[test]
fn a_grid_by_formula_is_the_grid_by_search() {
    for text in ["mesh:5x3", "mesh:4x3x2", "torus:5x4", "torus:3x2x4"] {
        let topology = Topology::from_spec(text).unwrap();
        let (mut diameter, mut sum) = (0, 0u128);
        let mut search = super::distance::Search::new(topology.routers());
        for source in 0..topology.routers() {
            search.run(&topology, crate::ids::RouterId(crate::ids::small(source)), |_| true);
            diameter = diameter.max(search.distance.iter().copied().max().unwrap_or(0));
            sum += search.distance.iter().map(|d| u128::from(*d)).sum::<u128>();
        }
        let found = super::distances(&topology);
        assert_eq!((found.diameter, found.sum), (u64::from(diameter), sum), "{text}");
    }
}
