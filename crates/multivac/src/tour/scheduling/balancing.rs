//! Scheduling on multicomputers: the central list that fails, load balancing, process allocation.

use super::super::{Entry, Shown};
use super::{makespan, percent, sweep};
use crate::draw::fit;
use crate::draw::table::Table;
use crate::exit::Failure;
use crate::verb::schedule::{example, gap, measure, report_allocation, responses, solve};
use policy::balance::sim::{Result as Outcome, throw_balls};

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

/// What balancers made of an example's loads.
struct Balanced(Vec<Outcome>);

impl Balanced {
    fn of(&self, policy: &str, load: f64) -> &Outcome {
        let found = self.0.iter().find(|result| result.policy == policy && (result.load - load).abs() < 1e-9);
        found.expect("a load of the example")
    }

    fn mean(&self, policy: &str, load: f64) -> f64 {
        self.of(policy, load).response_mean
    }

    fn probes(&self, policy: &str, load: f64) -> f64 {
        self.of(policy, load).probes_per_job
    }
}

/// Balancers on a shipped example, with fewer jobs, and a figure out of what came of it.
fn balanced(name: &str, policies: &[&str], measured: fn(&Balanced) -> String) -> Result<Shown, Failure> {
    let (_, scenario) = example(name);
    let mut experiment = scenario.balance.expect("a load-balancing example");
    experiment.jobs = JOBS;
    let results = measure(&experiment, policies, scenario.seed);
    let picture = responses(&experiment, policies, &results).within(1, fit::columns());
    Ok(Shown { picture, measured: measured(&Balanced(results)) })
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
    Ok(Shown { picture: report_allocation(&problem, &solved, fit::columns()), measured })
}

const LOAD_BALANCING: Entry = Entry {
    name: "load-balancing",
    title: ("Load balancing", "Bilanciamento del carico"),
    means: "without balancing each node is an M/M/1 queue, 1 / (1 - load); sender-initiated wins at low load, receiver-initiated at high load",
    file: "crates/policy/src/balance/mod.rs",
    next: "multivac schedule balance",
    run: || {
        balanced("balance", &["none", "sender", "receiver"], |results| {
            let at = |load| {
                format!("{:.2} against {:.2}", results.mean("sender", load), results.mean("receiver", load))
            };
            format!("sender against receiver: {} at 0.7, {} at 0.8", at(0.7), at(0.8))
        })
    },
};

const SENDER: Entry = Entry {
    name: "sender-initiated",
    title: ("Sender-initiated load balancing", "Bilanciamento iniziato dal mittente"),
    means: "a loaded node probes a few others and sends the new job to the first that has room: good while most nodes idle, wasted probes when none does",
    file: "crates/policy/src/balance/sender.rs",
    next: "multivac schedule balance --policy none,sender",
    run: || {
        balanced("balance", &["none", "sender"], |results| {
            let probes = |load| results.probes("sender", load);
            format!("probes a job: {:.2} at load 0.5, {:.2} at 0.95", probes(0.5), probes(0.95))
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
        balanced("balance-few-sources", &["receiver", "receiver-repoll"], |results| {
            let once = if results.of("receiver", 0.5).diverges { "diverges" } else { "does not diverge" };
            let (mean, probes) =
                (results.mean("receiver-repoll", 0.5), results.probes("receiver-repoll", 0.5));
            format!("at load 0.5 asking once {once}; again: {mean:.2}, with {probes:.1} probes a job")
        })
    },
};

const SYMMETRIC: Entry = Entry {
    name: "symmetric",
    title: ("Symmetric load balancing", "Bilanciamento simmetrico"),
    means: "loaded nodes look for idle ones and idle ones for loaded ones: the better of both at every load",
    file: "crates/policy/src/balance/symmetric.rs",
    next: "multivac schedule balance --policy sender,receiver,symmetric",
    run: || {
        balanced("balance", &["sender", "receiver", "symmetric"], |results| {
            format!("mean response {:.2} at load 0.95", results.mean("symmetric", 0.95))
        })
    },
};

const RANDOM: Entry = Entry {
    name: "thrashing",
    title: ("Blind random transfer thrashes", "Il trasferimento casuale cieco va in thrashing"),
    means: "jobs are sent on without asking, and every move takes time on two nodes: under load the nodes do little else",
    file: "crates/policy/src/balance/random.rs",
    next: "multivac schedule balance-thrash",
    run: || {
        balanced("balance-thrash", &["none", "random", "sender"], |results| {
            let blindly = if results.of("random", 0.8).diverges {
                "the queues grow without bound".to_owned()
            } else {
                format!("{:.2}", results.mean("random", 0.8))
            };
            format!("at load 0.8 without balancing {:.2}; blindly {blindly}", results.mean("none", 0.8))
        })
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
        let picture = Table::new(&["choices", "balls in the fullest bin"], rows.collect()).text();
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
        balanced("balance", &["receiver", "stealing"], |results| {
            let probes = |policy| results.probes(policy, 0.5);
            let (stealing, once) = (probes("stealing"), probes("receiver"));
            format!("probes a job at load 0.5: {stealing:.1}, against {once:.1} when asking once")
        })
    },
};

const HETEROGENEOUS: Entry = Entry {
    name: "decentralized-cluster",
    title: ("A decentralized cluster: heterogeneous nodes", "Cluster decentralizzato: nodi eterogenei"),
    means: "slow nodes that get as many jobs as fast ones are overloaded alone; the fast ones take over what they cannot do",
    file: "crates/policy/src/balance/sim/run.rs",
    next: "multivac schedule decentralized",
    run: || {
        balanced("decentralized", &["none", "sender", "symmetric", "stealing"], |results| {
            let fair = |policy| results.of(policy, 0.4).fairness;
            format!("fairness at load 0.4: {:.2} without, {:.2} symmetric", fair("none"), fair("symmetric"))
        })
    },
};
