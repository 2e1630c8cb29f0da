//! Scheduling on multicomputers: the central list that fails, load balancing, process allocation.

use super::super::{Entry, Shown};
use super::{makespan, percent, sweep};
use crate::exit::Failure;
use crate::verb::schedule::{example, gap, measure, report_allocation, responses, solve, table};
use policy::balance::sim::{Result as Balanced, throw_balls};

/// The chapter's concepts.
pub(in crate::tour) const ENTRIES: &[Entry] = &[
    CENTRAL_LIST,
    ALLOCATION,
    MIN_CUT,
    LOAD_BALANCING,
    SENDER,
    RECEIVER,
    SYMMETRIC,
    RANDOM,
    TWO_CHOICES,
    STEALING,
    HETEROGENEOUS,
];

/// Jobs measured for a tour: enough for two digits.
const JOBS: u64 = 200_000;

/// Balancers on a shipped example, with fewer jobs.
fn balanced(name: &str, policies: &[&str]) -> Result<(String, Vec<Balanced>), Failure> {
    let (_, scenario) = example(name);
    let mut experiment = scenario.balance.expect("a load-balancing example");
    experiment.jobs = JOBS;
    let results = measure(&experiment, policies, scenario.seed);
    Ok((responses(&experiment, policies, &results), results))
}

fn of<'a>(results: &'a [Balanced], policy: &str, load: f64) -> &'a Balanced {
    let found = results.iter().find(|result| result.policy == policy && (result.load - load).abs() < 1e-9);
    found.expect("a load of the example")
}

const CENTRAL_LIST: Entry = Entry {
    name: "central-list",
    title: (
        "The central ready list fails on a multicomputer",
        "La lista centrale non funziona sui multicomputer",
    ),
    means: "makespans on 1 node and on 8: each decision becomes a message, and each thread takes its memory along over the network",
    file: "crates/policy/src/sim/engine.rs",
    next: "multivac schedule central-list",
    run: || {
        let (picture, runs) = sweep("central-list", &["time-sharing", "two-level"], makespan)?;
        let apart = &runs[2].outcome.utilization;
        let measured = format!(
            "on 8 nodes the central list leaves {} for useful work; {} goes to moving memory",
            percent(apart.useful),
            percent(apart.reloading)
        );
        Ok(Shown { picture, measured })
    },
};

const ALLOCATION: Entry = Entry {
    name: "allocation",
    title: ("Process allocation", "Allocazione dei processi"),
    means: "processes with CPU, memory and traffic needs onto nodes: little traffic, times the hops it goes, within the limits",
    file: "crates/policy/src/alloc/multilevel.rs",
    next: "multivac schedule allocate",
    run: || allocated("allocate", &["round-robin", "multilevel", "brute-force"]),
};

const MIN_CUT: Entry = Entry {
    name: "min-cut",
    title: ("Two nodes: the minimum cut", "Due nodi: taglio minimo"),
    means: "between two nodes the best division is a minimum cut of the graph of traffic, found exactly",
    file: "crates/policy/src/alloc/min_cut.rs",
    next: "multivac schedule min-cut",
    run: || allocated("min-cut", &["min-cut", "brute-force"]),
};

fn allocated(name: &str, methods: &[&str]) -> Result<Shown, Failure> {
    let (_, scenario) = example(name);
    let problem = scenario.allocate.expect("an allocation example");
    let solved = solve(&problem, methods, scenario.seed);
    let gaps = solved.iter().filter_map(|(name, found)| {
        let gap = gap(&problem, found.as_ref().ok()?, &solved)?;
        Some(format!("{name} {}", percent(gap)))
    });
    let measured = format!("above the best possible: {}", gaps.collect::<Vec<_>>().join(", "));
    Ok(Shown { picture: report_allocation(&problem, &solved), measured })
}

const LOAD_BALANCING: Entry = Entry {
    name: "load-balancing",
    title: ("Load balancing", "Bilanciamento del carico"),
    means: "without balancing each node is an M/M/1 queue, 1 / (1 - load); sender-initiated wins at low load, receiver-initiated at high load",
    file: "crates/policy/src/balance/mod.rs",
    next: "multivac schedule balance",
    run: || {
        let (picture, results) = balanced("balance", &["none", "sender", "receiver"])?;
        let mean = |policy: &str, load: f64| of(&results, policy, load).response_mean;
        let measured = format!(
            "sender {:.2} against receiver {:.2} at 0.7; {:.2} against {:.2} at 0.8",
            mean("sender", 0.7),
            mean("receiver", 0.7),
            mean("sender", 0.8),
            mean("receiver", 0.8)
        );
        Ok(Shown { picture, measured })
    },
};

const SENDER: Entry = Entry {
    name: "sender-initiated",
    title: ("Sender-initiated load balancing", "Bilanciamento iniziato dal mittente"),
    means: "a loaded node probes a few others and sends the new job to the first that has room: good while most nodes idle, wasted probes when none does",
    file: "crates/policy/src/balance/sender.rs",
    next: "multivac schedule balance --policy none,sender",
    run: || {
        let (picture, results) = balanced("balance", &["none", "sender"])?;
        let probes = |load: f64| of(&results, "sender", load).probes_per_job;
        Ok(Shown {
            picture,
            measured: format!("probes a job: {:.2} at load 0.5, {:.2} at 0.95", probes(0.5), probes(0.95)),
        })
    },
};

const RECEIVER: Entry = Entry {
    name: "receiver-initiated",
    title: ("Receiver-initiated load balancing", "Bilanciamento iniziato dal ricevente"),
    means: "jobs come to 5 of 20 nodes: a node that asks only when a job of its own ends never begins to ask; asking again and again helps",
    file: "crates/policy/src/balance/receiver.rs",
    next: "multivac schedule balance-few-sources; multivac schedule balance --policy receiver,receiver-repoll",
    run: || {
        let (picture, results) = balanced("balance-few-sources", &["receiver", "receiver-repoll"])?;
        let again = of(&results, "receiver-repoll", 0.5);
        let once = if of(&results, "receiver", 0.5).diverges { "diverges" } else { "does not diverge" };
        let measured = format!(
            "at load 0.5 asking once {once}; again: {:.2}, with {:.1} probes a job",
            again.response_mean, again.probes_per_job
        );
        Ok(Shown { picture, measured })
    },
};

const SYMMETRIC: Entry = Entry {
    name: "symmetric",
    title: ("Symmetric load balancing", "Bilanciamento simmetrico"),
    means: "loaded nodes look for idle ones and idle ones for loaded ones: the better of both at every load",
    file: "crates/policy/src/balance/symmetric.rs",
    next: "multivac schedule balance --policy sender,receiver,symmetric",
    run: || {
        let (picture, results) = balanced("balance", &["sender", "receiver", "symmetric"])?;
        let measured =
            format!("mean response {:.2} at load 0.95", of(&results, "symmetric", 0.95).response_mean);
        Ok(Shown { picture, measured })
    },
};

const RANDOM: Entry = Entry {
    name: "thrashing",
    title: ("Blind random transfer thrashes", "Il trasferimento casuale cieco va in thrashing"),
    means: "jobs are sent on without asking, and every move takes time on two nodes: under load the nodes do little else",
    file: "crates/policy/src/balance/random.rs",
    next: "multivac schedule balance-thrash",
    run: || {
        let (picture, results) = balanced("balance-thrash", &["none", "random", "sender"])?;
        let worst = of(&results, "random", 0.8);
        let measured = format!(
            "at load 0.8 without balancing {:.2}; blindly {}",
            of(&results, "none", 0.8).response_mean,
            if worst.diverges {
                "the queues grow without bound".to_owned()
            } else {
                format!("{:.2}", worst.response_mean)
            }
        );
        Ok(Shown { picture, measured })
    },
};

const TWO_CHOICES: Entry = Entry {
    name: "two-choices",
    title: ("The power of two choices", "Il potere di due scelte"),
    means: "a million balls into a million bins: looking at a second bin is worth more than all that follow",
    file: "crates/policy/src/balance/two_choices.rs",
    next: "multivac schedule two-choices",
    run: || {
        let thrown: Vec<_> = (1..4).map(|choices| throw_balls(1_000_000, choices, 2)).collect();
        let rows = thrown.iter().map(|balls| vec![balls.choices.to_string(), balls.fullest.to_string()]);
        let picture = table(&["choices", "balls in the fullest bin"], &rows.collect::<Vec<_>>());
        let measured = format!("{} balls with one choice, {} with two", thrown[0].fullest, thrown[1].fullest);
        Ok(Shown { picture, measured })
    },
};

const STEALING: Entry = Entry {
    name: "work-stealing",
    title: ("Work stealing", "Furto di lavoro"),
    means: "an idle node asks one after another until somebody has a job to spare: fast, at the price of probes",
    file: "crates/policy/src/balance/stealing.rs",
    next: "multivac schedule balance --policy receiver-repoll,stealing",
    run: || {
        let (picture, results) = balanced("balance", &["receiver", "stealing"])?;
        let probes = |policy: &str| of(&results, policy, 0.5).probes_per_job;
        let measured = format!(
            "probes a job at load 0.5: {:.1}, against {:.1} when asking once",
            probes("stealing"),
            probes("receiver")
        );
        Ok(Shown { picture, measured })
    },
};

const HETEROGENEOUS: Entry = Entry {
    name: "decentralized-cluster",
    title: ("A decentralized cluster: heterogeneous nodes", "Cluster decentralizzato: nodi eterogenei"),
    means: "slow nodes that get as many jobs as fast ones are overloaded alone; the fast ones take over what they cannot do",
    file: "crates/policy/src/balance/sim/run.rs",
    next: "multivac schedule decentralized",
    run: || {
        let (picture, results) = balanced("decentralized", &["none", "sender", "symmetric", "stealing"])?;
        let fair = |policy: &str| of(&results, policy, 0.4).fairness;
        let measured =
            format!("fairness at load 0.4: {:.2} without, {:.2} symmetric", fair("none"), fair("symmetric"));
        Ok(Shown { picture, measured })
    },
};
