//! Policies that share time: one ready structure, or one for each CPU.

use super::super::{Entry, Shown};
use super::{charts, makespan, ns, percent, sweep};

pub(super) const TIME_SHARING: Entry = Entry {
    name: "time-sharing",
    title: ("Time sharing", "Condivisione di tempo"),
    means: "one ready vector feeds all CPUs, so none idles while a thread waits; but each exchange between two threads of a gang waits for the other's quantum",
    file: "crates/policy/src/sched/time_sharing.rs",
    next: "multivac schedule two-gangs --policy time-sharing,two-level,gang",
    run: || {
        let (picture, runs) = charts("two-gangs", &["time-sharing"])?;
        let used = runs[0].utilization;
        let measured = format!(
            "CPUs idle {} of the time, and spin {}; an exchange takes {}",
            percent(used.idle),
            percent(used.spinning),
            ns(runs[0].exchange.mean_ns)
        );
        Ok(Shown { picture, measured })
    },
};

pub(super) const READY_VECTOR: Entry = Entry {
    name: "ready-vector",
    title: ("Contention for the ready vector", "Contesa per il vettore di liste per priorità"),
    means: "useful time: with one structure each decision waits for its lock, the longer the more CPUs ask; with one each nobody waits",
    file: "crates/policy/src/sched/kit/lists.rs",
    next: "multivac schedule ready-vector; another cost under [costs]: queue_line = \"20ns\"",
    run: || {
        let (picture, runs) =
            sweep("ready-vector", &["time-sharing", "two-level"], |run| percent(run.utilization.useful))?;
        let last = &runs[runs.len() - 2].outcome;
        let measured = format!("mean wait for the lock with 256 CPUs: {}", ns(last.queue_wait_mean_ns));
        Ok(Shown { picture, measured })
    },
};

pub(super) const LOCK_HOLDER: Entry = Entry {
    name: "spin-lock",
    title: ("Spin locks and lock-holder preemption", "Spin lock: attesa attiva e blocco"),
    means: "time spun away: a thread whose quantum ends while it holds a lock makes the others spin until it runs again",
    file: "crates/policy/src/sim/exec.rs",
    next: "multivac schedule spin-locks",
    run: || {
        let (picture, runs) =
            sweep("spin-locks", &["time-sharing", "smart", "gang"], |run| percent(run.utilization.spinning))?;
        let at = |index: usize| percent(runs[index].outcome.utilization.useful);
        let last = runs.len() - 3;
        let measured = format!(
            "useful at 4x overcommitment: time sharing {}, smart {}, gang {}",
            at(last),
            at(last + 1),
            at(last + 2)
        );
        Ok(Shown { picture, measured })
    },
};

pub(super) const SMART: Entry = Entry {
    name: "smart-scheduling",
    title: ("Smart scheduling", "Smart scheduling: extra-quantum"),
    means: "makespans: a thread that holds a spin lock raises a flag and gets a short extra quantum, so nobody waits a round for it",
    file: "crates/policy/src/sched/smart.rs",
    next: "multivac schedule spin-locks --set gangs=4, with another extra_quantum",
    run: || {
        let (picture, runs) = sweep("spin-locks", &["time-sharing", "smart"], makespan)?;
        let last = &runs[runs.len() - 1].outcome;
        let measured =
            format!("{} extra quanta over {} lock requests at 4x", last.extra_quanta, last.lock_requests);
        Ok(Shown { picture, measured })
    },
};

pub(super) const AFFINITY: Entry = Entry {
    name: "affinity",
    title: ("Affinity scheduling", "Scheduling per affinità"),
    means: "makespans over working sets: a thread that goes back to its CPU finds its blocks in the cache",
    file: "crates/policy/src/sched/affinity.rs",
    next: "multivac schedule affinity",
    run: || {
        let (picture, runs) = sweep("affinity", &["time-sharing", "affinity"], makespan)?;
        let (shared, warm) = (&runs[runs.len() - 2].outcome, &runs[runs.len() - 1].outcome);
        let measured = format!(
            "with the largest set reloading takes {} of the CPUs without affinity, {} with it",
            percent(shared.utilization.reloading),
            percent(warm.utilization.reloading)
        );
        Ok(Shown { picture, measured })
    },
};

pub(super) const TWO_LEVEL: Entry = Entry {
    name: "two-level",
    title: ("Two-level scheduling", "Scheduling a due livelli"),
    means: "the least loaded CPU at creation, then a list per CPU: even load, warm caches, and no contention (CPU time spent on deciding and switching)",
    file: "crates/policy/src/sched/two_level.rs",
    next: "multivac schedule mixed --policy time-sharing,affinity,two-level",
    run: || {
        let (picture, runs) =
            sweep("ready-vector", &["time-sharing", "two-level"], |run| percent(run.utilization.switching))?;
        let last = &runs[runs.len() - 1].outcome;
        let measured = format!(
            "with 256 CPUs: {} useful, {} migrations",
            percent(last.utilization.useful),
            last.migrations
        );
        Ok(Shown { picture, measured })
    },
};

pub(super) const FAIR: Entry = Entry {
    name: "fair",
    title: ("Completely fair scheduling (virtual deadlines)", "Scheduling equo a scadenze virtuali"),
    means: "threads of weights 4, 2 and 1 with equal work end in that order: CPU time goes by weight",
    file: "crates/policy/src/sched/fair.rs",
    next: "multivac schedule fair-shares",
    run: || {
        let (picture, runs) = charts("fair-shares", &["fair"])?;
        Ok(Shown { picture, measured: responses(&runs[0]) })
    },
};

pub(super) const CREDIT: Entry = Entry {
    name: "credit",
    title: ("Credit scheduling with caps", "Scheduling a crediti con limiti"),
    means: "CPU time is given out by weight each period, and a cap is kept even when CPUs idle",
    file: "crates/policy/src/sched/credit.rs",
    next: "multivac schedule fair-shares --policy fair,credit",
    run: || {
        let (picture, runs) = charts("fair-shares", &["credit"])?;
        Ok(Shown { picture, measured: responses(&runs[0]) })
    },
};

pub(super) const SYNCHRONIZATION: Entry = Entry {
    name: "synchronization",
    title: ("Mutex, semaphore, monitor, barrier", "Mutex, semaforo, monitor, barriera"),
    means: "a bounded buffer by semaphores and a mutex, a monitor with a condition, a spin lock and a barrier, all at once",
    file: "crates/policy/src/sim/sync.rs",
    next: "multivac schedule synchronization",
    run: || {
        let (picture, runs) = charts("synchronization", &["two-level"])?;
        let run = &runs[0];
        let measured = format!(
            "{} locks and semaphores taken, waiting {} on average; {} barriers passed",
            run.lock_requests,
            ns(run.lock_wait_mean_ns),
            run.barriers
        );
        Ok(Shown { picture, measured })
    },
};

fn responses(outcome: &policy::sim::Outcome) -> String {
    let job = |job: &policy::sim::JobTime| format!("{} {}", job.name, policy::unit::Ns(job.response_ns));
    format!("response: {}", outcome.job_times.iter().map(job).collect::<Vec<_>>().join(", "))
}
