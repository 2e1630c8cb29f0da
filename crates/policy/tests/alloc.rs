//! Allocation: the heuristic against all possibilities, the cut against the heuristic, on random problems.

use policy::alloc::{Node, Problem, Process, Topology, find};
use policy::unit::NodeId;
use proptest::prelude::*;

fn problem(nodes: usize) -> impl Strategy<Value = Problem> {
    let process = (1u64..40, 1u64..40);
    let traffic = (0usize..9, 0usize..9, 1u64..100);
    (
        proptest::collection::vec(process, 9),
        proptest::collection::vec(traffic, 4..20),
        0usize..Topology::NAMES.len(),
    )
        .prop_map(move |(processes, traffic, topology)| Problem {
            processes: processes
                .into_iter()
                .enumerate()
                .map(|(index, (cpu, memory_kib))| Process {
                    name: format!("p{index}"),
                    cpu,
                    memory_kib,
                    pinned: None,
                })
                .collect(),
            nodes: (0..nodes)
                .map(|index| Node { name: format!("n{index}"), cpu: 130, memory_kib: 130 })
                .collect(),
            topology: Topology::NAMES[topology].1,
            traffic: traffic.into_iter().filter(|(a, b, _)| a != b).collect(),
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_heuristic_keeps_the_limits(problem in problem(4)) {
        let solve = |method: &str| (find(method).unwrap().solve)(&problem, 1);
        if let (Ok(best), Ok(found)) = (solve("brute-force"), solve("multilevel")) {
            prop_assert!(problem.fits(&found) && problem.fits(&best));
            prop_assert!(problem.cost(&best) <= problem.cost(&found));
        }
    }

    #[test]
    fn the_cut_is_the_best_of_two_nodes_without_limits(mut problem in problem(2)) {
        problem.topology = Topology::Full;
        problem.nodes.iter_mut().for_each(|node| (node.cpu, node.memory_kib) = (10_000, 10_000));
        problem.processes[0].pinned = Some(NodeId(0));
        problem.processes[1].pinned = Some(NodeId(1));
        let cost = |method: &str| problem.cost(&(find(method).unwrap().solve)(&problem, 1).unwrap());
        prop_assert_eq!(cost("min-cut"), cost("brute-force"));
        prop_assert!(cost("multilevel") >= cost("min-cut"));
    }
}

#[test]
fn the_heuristic_is_within_5_percent_of_the_best_on_average() {
    let mut rng = policy::rng::Rng::new(5);
    let (mut best_sum, mut found_sum) = (0, 0);
    for round in 0..40 {
        let mut number = |below: usize| rng.below(below);
        let processes = (0..9).map(|index| Process {
            name: format!("p{index}"),
            cpu: 1 + number(40) as u64,
            memory_kib: 1,
            pinned: None,
        });
        let processes: Vec<Process> = processes.collect();
        let traffic = (0..16).map(|_| (number(9), number(9), 1 + number(100) as u64));
        let traffic = traffic.filter(|(a, b, _)| a != b).collect();
        let nodes =
            (0..4).map(|index| Node { name: format!("n{index}"), cpu: 70, memory_kib: 100 }).collect();
        let problem = Problem { processes, nodes, topology: Topology::NAMES[round % 5].1, traffic };
        let solve = |method: &str| (find(method).unwrap().solve)(&problem, 1);
        if let (Ok(best), Ok(found)) = (solve("brute-force"), solve("multilevel")) {
            best_sum += problem.cost(&best);
            found_sum += problem.cost(&found);
        }
    }
    println!("traffic over 40 problems: best {best_sum}, multilevel {found_sum}");
    assert!(best_sum > 0 && found_sum * 100 <= best_sum * 105, "{found_sum} against {best_sum}");
}
