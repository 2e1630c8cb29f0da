//! Files of the scheduling simulator.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::sched::registry::{POLICIES, Registered};
use policy::sim::config::Schedule;
use policy::sim::gantt::{self, Style};
use policy::sim::{Stop, simulate, svg};

const FILE: &str = "schema = 1\ncpus = 2\npolicy = \"round-robin\"\nquantum = \"10ms\"\n[let]\nn = 3\n\
    [[job]]\nname = \"a\"\narrive = \"0ms\"\ncompute = \"30ms\"\ncount = \"$n\"\n[sweep]\nover = \"n\"\nvalues = [1, 2]\n";

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![FILE.as_bytes().to_vec()];
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/schedule");
    for entry in std::fs::read_dir(examples).into_iter().flatten().flatten() {
        seeds.extend(std::fs::read(entry.path()).ok());
    }
    seeds
}

/// So small a run ends within milliseconds.
const STEPS_MAX: u64 = 10_000;
const THREADS_MAX: usize = 500;
const CPUS_MAX: usize = 64;

/// Runs the threads of a file under a policy, and draws what came of it.
fn schedule(given: &Schedule, policy: &Registered) {
    let (workload, mut options) = (&given.workload, given.options);
    if workload.tasks.len() > THREADS_MAX || options.cpus > CPUS_MAX {
        return;
    }
    options.steps_max = options.steps_max.min(STEPS_MAX);
    options.segments_max = 2_000;
    match simulate(workload, policy, &options) {
        Ok(outcome) => {
            let style = Style { width: 80, ..Style::default() };
            let _ = gantt::draw(&outcome, workload, options.cpus, &style);
            let _ = svg::draw(&[outcome], workload, options.cpus);
        }
        Err(stop @ (Stop::BadDecision { .. } | Stop::Stalled { .. })) => panic!("{}: {stop}", policy.name),
        Err(stop) => drop(given.locate(policy.name, &stop)),
    }
}

fuzz_target!(init: fuzz::seed(seeds()), |data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(scenario) = policy::sim::config::parse(text) else { return };
    if let Some(given) = &scenario.schedule {
        // Any policy, but the same one for the same file.
        let sum: usize = data.iter().map(|byte| usize::from(*byte)).sum();
        schedule(given, &POLICIES[sum % POLICIES.len()]);
    }
    if let Some(mut experiment) = scenario.balance.filter(|experiment| experiment.nodes <= 100) {
        experiment.jobs = 200;
        for balancer in policy::balance::POLICIES {
            let _ = policy::balance::sim::run(&experiment, balancer, experiment.loads[0], scenario.seed);
        }
    }
    // Four nodes and eight processes are 65,536 possibilities.
    let small = |problem: &policy::alloc::Problem| problem.nodes.len() <= 4 && problem.processes.len() <= 8;
    if let Some(problem) = scenario.allocate.filter(small) {
        for method in policy::alloc::METHODS {
            if let Ok(allocation) = (method.solve)(&problem, scenario.seed) {
                let _ = (problem.cost(&allocation), problem.fairness(&allocation));
            }
        }
    }
});
