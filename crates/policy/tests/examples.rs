//! Each shipped scenario shows the shape it is there to show.

use policy::alloc;
use policy::balance;
use policy::balance::sim::run as balance_run;
use policy::sched::registry;
use policy::sim::config::{Document, Scenario};
use policy::sim::{Outcome, Stop, simulate};
use std::path::Path;

fn document(name: &str, set: &[(&str, &str)]) -> Document {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/schedule").join(format!("{name}.toml"));
    let text = std::fs::read_to_string(path).expect("a shipped example");
    let set: Vec<(String, String)> = set.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    Document::new(&text, &set).unwrap_or_else(|error| panic!("{name}: {}", error.0.message))
}

fn scenario(document: &Document) -> Scenario {
    document.scenario().unwrap_or_else(|error| panic!("{}", error.0.message))
}

fn run_in(scenario: &Scenario, policy: &str) -> Outcome {
    let schedule = scenario.schedule.as_ref().expect("threads");
    simulate(&schedule.workload, registry::find(policy).unwrap(), &schedule.options)
        .unwrap_or_else(|stop| panic!("{policy}: {stop}"))
}

fn run(name: &str, policy: &str) -> Outcome {
    run_in(&scenario(&document(name, &[])), policy)
}

/// One outcome for each point of the sweep.
fn sweep(name: &str, policy: &str) -> Vec<Outcome> {
    let document = document(name, &[]);
    let points = document.sweep.clone().expect("a sweep").points;
    points
        .iter()
        .map(|point| {
            run_in(&scenario(&document.with(point).map_err(|error| error.0.message).unwrap()), policy)
        })
        .collect()
}

#[test]
fn every_example_is_read_and_named_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/schedule");
    for entry in std::fs::read_dir(folder).expect("the examples").flatten() {
        let name = entry.file_name().into_string().expect("a plain name");
        let name = name.trim_end_matches(".toml");
        scenario(&document(name, &[]));
        assert!(
            include_str!("examples.rs").contains(&format!("\"{name}\"")),
            "{name} is asserted in no test"
        );
    }
}

#[test]
fn two_gangs_wait_for_each_others_slots_unless_they_run_together() {
    let (apart, together) = (run("two-gangs", "time-sharing"), run("two-gangs", "gang"));
    assert!(apart.exchange.p50_ns > 100_000_000, "each exchange waits for a slot: {:?}", apart.exchange);
    assert!(together.exchange.p50_ns < 10_000, "answers within microseconds: {:?}", together.exchange);
    assert!(apart.utilization.spinning > 0.7 && together.utilization.spinning < 0.01);
    assert!(apart.makespan_ns > 4 * together.makespan_ns);
}

#[test]
fn the_gang_table_is_the_courses_cell_by_cell() {
    let table = "A0 A1 A2 A3 A4 A5 / B0 B1 B2 C0 C1 C2 / D0 D1 D2 D3 D4 E0 / E1 E2 E3 E4 E5 E6";
    let document = document("gang-table", &[]);
    let mut scenario = scenario(&document);
    scenario.schedule.as_mut().unwrap().options.segments_max = 10_000;
    let outcome = run_in(&scenario, "gang");
    let rows = outcome
        .matrix
        .iter()
        .map(|row| row.iter().map(|cell| cell.clone().unwrap_or_default()).collect::<Vec<_>>().join(" "));
    assert_eq!(rows.collect::<Vec<_>>().join(" / "), table);
    // And as it runs: in each of 8 slots of 10 ms, each CPU has the thread of its cell; slots 4 to 7 repeat 0 to 3.
    let rows: Vec<Vec<&str>> = table.split(" / ").map(|row| row.split(' ').collect()).collect();
    let tasks = &scenario.schedule.as_ref().unwrap().workload.tasks;
    for (slot, row) in rows.iter().cycle().take(8).enumerate() {
        for (cpu, cell) in row.iter().enumerate() {
            let at = slot as u64 * 10_000_000 + 5_000_000;
            let here =
                outcome.trace.segments.iter().find(|s| s.cpu.index() == cpu && s.from.0 <= at && at < s.to.0);
            let name = here.map(|segment| tasks[segment.thread.index()].name.as_str());
            assert_eq!(name, Some(*cell), "slot {slot}, cpu {cpu}");
        }
    }
    assert_eq!(outcome.slots, 8);
}

#[test]
fn the_gang_table_is_refused_in_strict_mode() {
    let document = document("gang-table", &[("packing", "first-fit")]);
    let scenario = scenario(&document);
    let schedule = scenario.schedule.as_ref().unwrap();
    let stop = simulate(&schedule.workload, registry::find("gang").unwrap(), &schedule.options).unwrap_err();
    let error = schedule.locate("gang", &stop);
    assert!(error.message.contains("a gang of 7 threads is wider than the 6 CPUs"), "{}", error.message);
    assert_eq!(&document.text[error.span.clone()], "7", "the line that says so");
}

#[test]
fn preempted_lock_holders_make_others_spin_and_an_extra_quantum_saves_most_of_it() {
    let (plain, smart, gang) =
        (sweep("spin-locks", "time-sharing"), sweep("spin-locks", "smart"), sweep("spin-locks", "gang"));
    let useful = |runs: &[Outcome], at: usize| runs[at].utilization.useful;
    assert!((useful(&plain, 0) - useful(&smart, 0)).abs() < 0.02, "alike without overcommitment");
    for at in 1..4 {
        assert!(useful(&plain, at) < 0.75, "{at}: {}", useful(&plain, at));
        assert!(useful(&smart, at) > 0.95, "{at}: {}", useful(&smart, at));
        // Near 1/overcommit: n gangs take n times as long as one, within a tenth.
        let stretch = gang[at].makespan_ns as f64 / gang[0].makespan_ns as f64 / (at + 1) as f64;
        assert!((0.95..1.1).contains(&stretch), "{at}: {stretch}");
    }
    assert!(useful(&plain, 3) < useful(&plain, 1), "it gets worse");
}

#[test]
fn barriers_cross_near_the_quantum() {
    let (apart, together) = (sweep("barriers", "time-sharing"), sweep("barriers", "gang"));
    let ratio: Vec<f64> =
        apart.iter().zip(&together).map(|(a, b)| a.makespan_ns as f64 / b.makespan_ns as f64).collect();
    assert!(ratio[0] > 100.0, "10 us: {}", ratio[0]);
    assert!(ratio.windows(2).take(3).all(|pair| pair[1] < pair[0]), "falls as the grain grows: {ratio:?}");
    assert!(ratio[4] < 2.0, "at the quantum: {}", ratio[4]);
    assert!(ratio[6] < 1.1, "ten quanta: {}", ratio[6]);
}

#[test]
fn affinity_is_worth_up_to_a_tenth() {
    let (global, warm) = (sweep("affinity", "time-sharing"), sweep("affinity", "affinity"));
    let gain: Vec<f64> =
        global.iter().zip(&warm).map(|(a, b)| a.makespan_ns as f64 / b.makespan_ns as f64 - 1.0).collect();
    assert!(gain[0].abs() < 0.02, "nothing for small sets: {gain:?}");
    let last = gain[gain.len() - 1];
    assert!((0.06..0.13).contains(&last), "about a tenth for large ones: {gain:?}");
}

#[test]
fn the_single_ready_structure_is_contended_and_local_ones_are_not() {
    let (shared, local) = (sweep("ready-vector", "time-sharing"), sweep("ready-vector", "two-level"));
    assert!(shared.windows(2).skip(3).all(|pair| pair[1].queue_wait_mean_ns > pair[0].queue_wait_mean_ns));
    assert!(shared[8].utilization.useful < 0.1 && local[8].utilization.useful > 0.8);
    assert!(shared[2].utilization.useful > 0.9, "no matter with 4 CPUs");
    assert!(local.iter().all(|run| run.queue_wait_mean_ns == 0.0));
}

#[test]
fn space_sharing_wins_where_the_speed_up_is_sublinear() {
    let (space, gang) = (sweep("space-sharing", "space-fcfs"), sweep("space-sharing", "gang"));
    // 4 + 4 CPUs side by side: 20 + 160/4 = 60 ms. All 8 in turns: twice 20 + 160/8, and the rest of a slot.
    assert!((60_000_000..60_100_000).contains(&space[0].makespan_ns), "{}", space[0].makespan_ns);
    assert!(gang[1].makespan_ns >= 80_000_000);
    assert!(space[0].switches < gang[1].switches / 4, "no multiprogramming, no switching");
}

#[test]
fn space_sharing_wastes_what_two_level_scheduling_uses() {
    let idle = |policy: &str| run("space-waste", policy).utilization.idle;
    assert!(idle("space-fcfs") > 0.35 && idle("two-level") < 0.1);
    assert!(idle("space-static") > idle("space-fcfs"), "fixed partitions waste more");
    let mean = |policy: &str| run("space-waste", policy).response.mean_ns;
    assert!(mean("space-backfill") < 0.9 * mean("space-fcfs"), "overtaking helps the narrow ones");
    assert!(idle("gang-alternate") < idle("gang"), "alternates fill idle cells");
}

#[test]
fn a_reservation_keeps_the_head_from_waiting_and_lets_short_groups_pass() {
    let ends = |policy: &str| {
        let outcome = run("backfill", policy);
        let end = |name: &str| {
            outcome.job_times.iter().find(|job| job.name == name).unwrap().response_ns / 1_000_000
        };
        (end("wide"), end("short.0"))
    };
    // The wide group comes at 1 ms and can have the machine at 100 ms, for 50 ms.
    assert_eq!(ends("space-fcfs").0, 149, "in order");
    assert_eq!(ends("space-easy"), (149, 25), "not a moment later, and the short ones at once");
    assert!(ends("space-backfill").0 > 400, "overtaken by the long ones: {}", ends("space-backfill").0);
}

#[test]
fn partitions_kept_by_groups_that_wait_for_others_are_a_deadlock_that_says_so() {
    let scenario = scenario(&document("synchronization", &[]));
    let schedule = scenario.schedule.as_ref().unwrap();
    let run = simulate(&schedule.workload, registry::find("space-static").unwrap(), &schedule.options);
    let stop = run.unwrap_err();
    let text = stop.to_string();
    assert!(matches!(stop, Stop::Deadlock { .. }), "{text}");
    assert!(text.contains("consumer0 waits for a CPU, kept for: producer0"), "{text}");
    assert!(text.contains("producer0 waits for semaphore `free`: "), "{text}");
}

#[test]
fn buddies_leave_more_holes_than_first_fit() {
    let (fit, buddy) = (run("fragmentation", "gang"), run("fragmentation", "gang-buddy"));
    assert!(fit.matrix_use > buddy.matrix_use + 0.03, "{} {}", fit.matrix_use, buddy.matrix_use);
    assert!(fit.matrix_use < 0.95, "mixed widths leave holes: {}", fit.matrix_use);
    assert!(run("fragmentation", "gang-alternate").utilization.idle < fit.utilization.idle);
}

#[test]
fn the_central_list_fails_on_a_multicomputer() {
    let (central, local) = (sweep("central-list", "time-sharing"), sweep("central-list", "two-level"));
    assert!(central[0].makespan_ns < local[0].makespan_ns * 11 / 10, "fine on one node");
    assert!(central[1].utilization.useful < 0.6, "{:?}", central[1].utilization);
    assert!(central[1].makespan_ns > local[1].makespan_ns * 12 / 10);
    assert!(central[1].queue_wait_mean_ns > 10_000.0, "each decision is a message");
}

#[test]
fn shares_go_by_weight_and_a_cap_is_kept() {
    for policy in ["fair", "credit"] {
        let outcome = run("fair-shares", policy);
        let end = |name: &str| outcome.job_times.iter().find(|job| job.name == name).unwrap().response_ns;
        assert!(end("gold1") < end("silver1") && end("silver1") < end("bronze1"), "{policy}");
    }
    let outcome = run("fair-shares", "credit");
    let capped = outcome.job_times.iter().find(|job| job.name == "capped").unwrap().response_ns;
    assert!((380_000_000..430_000_000).contains(&capped), "100 ms at a quarter: {capped}");
    let even = run("fair-shares", "time-sharing");
    let ends: Vec<u64> = even.job_times.iter().take(6).map(|job| job.response_ns).collect();
    assert!(ends.iter().max().unwrap() - ends.iter().min().unwrap() < 10_000_000, "round robin: together");
}

#[test]
fn all_synchronizers_work_together() {
    // A static partition is the whole machine here: a producer keeps it while it waits for a consumer that never gets one.
    for policy in registry::POLICIES.iter().filter(|policy| policy.name != "space-static") {
        let outcome = run("synchronization", policy.name);
        assert_eq!(outcome.barriers, 50, "{}", policy.name);
        // 200 items down, up and locked on each side, two monitors, 200 spins; locks and downs are requests.
        assert_eq!(outcome.lock_requests, 4 * 200 + 2 + 200, "{}", policy.name);
    }
}

#[test]
fn the_mixed_load_ends_under_every_policy_and_groups_pay_for_being_together() {
    let outcome = |policy: &str| run("mixed", policy);
    for policy in ["time-sharing", "affinity", "two-level", "fair", "credit", "gang-relaxed"] {
        assert_eq!(outcome(policy).jobs, 300);
    }
    assert!(outcome("affinity").migrations < outcome("time-sharing").migrations / 2);
    assert!(outcome("gang-alternate").makespan_ns < outcome("gang").makespan_ns);
}

fn response(name: &str, policy: &str, load: f64) -> balance::sim::Result {
    let scenario = scenario(&document(name, &[]));
    let mut experiment = scenario.balance.expect("a load-balancing example");
    experiment.jobs = experiment.jobs.min(400_000);
    balance_run(&experiment, balance::find(policy).unwrap(), load, scenario.seed)
}

#[test]
fn balancing_halves_the_response_and_more() {
    // The exact figures are in tests/theory.rs, with more jobs.
    let mean = |policy: &str, load: f64| response("balance", policy, load).response_mean;
    assert!((mean("none", 0.5) - 2.0).abs() < 0.1);
    for policy in ["sender", "receiver-repoll", "symmetric", "two-choices", "stealing"] {
        assert!(mean(policy, 0.9) < 5.0, "{policy}");
    }
    assert!(mean("sender", 0.5) < mean("receiver", 0.5) && mean("sender", 0.9) > mean("receiver", 0.9));
}

#[test]
fn few_sources_thrashing_and_slow_nodes_show_their_shapes() {
    assert!(response("balance-few-sources", "receiver", 0.5).diverges);
    assert!(!response("balance-few-sources", "receiver-repoll", 0.5).diverges);
    assert!(response("balance-thrash", "random", 0.8).diverges);
    assert!(!response("balance-thrash", "none", 0.8).diverges);
    assert!(response("decentralized", "none", 0.6).diverges, "slow nodes alone are overloaded");
    assert!(response("decentralized", "symmetric", 0.6).response_mean < 2.0);
    let choices = |policy: &str| response("two-choices", policy, 0.9).response_mean;
    assert!(choices("two-choices") < 0.5 * choices("none"));
}

#[test]
fn heuristics_are_near_the_best_allocation_and_the_cut_is_exact() {
    let solve = |problem: &alloc::Problem, method: &str| {
        let at = (alloc::find(method).unwrap().solve)(problem, 1).unwrap();
        (problem.cost(&at), problem.fits(&at))
    };
    let problem = scenario(&document("allocate", &[])).allocate.unwrap();
    let (best, fits) = solve(&problem, "brute-force");
    assert!(fits && solve(&problem, "multilevel") == (best, true));
    assert!(solve(&problem, "round-robin").0 > 2 * best);
    let problem = scenario(&document("min-cut", &[])).allocate.unwrap();
    assert_eq!(solve(&problem, "min-cut"), (15, true));
    assert_eq!(solve(&problem, "brute-force").0, 15);
}
