//! Policies that share space, or space and time: groups as units.

use super::super::{Entry, Shown};
use super::{charts, makespan, ns, percent, sweep};
use crate::verb::schedule::matrix;

pub(super) const SPACE_SHARING: Entry = Entry {
    name: "space-sharing",
    title: ("Space sharing", "Condivisione di spazio"),
    means: "makespans: where the speed-up is sublinear, two groups side by side on half of the machine each end before two gangs that take turns on all of it",
    file: "crates/policy/src/sched/space_fcfs.rs",
    next: "multivac schedule space-sharing",
    run: || {
        let (picture, runs) = sweep("space-sharing", &["space-fcfs", "gang"], makespan)?;
        let (space, time) = (&runs[0].outcome, &runs[3].outcome);
        let measured = format!(
            "4 + 4 CPUs: {} with {} switches; 8 in turns: {} with {}",
            makespan(space),
            space.switches,
            makespan(time),
            time.switches
        );
        Ok(Shown { picture, measured })
    },
};

pub(super) const SPACE_WASTE: Entry = Entry {
    name: "space-waste",
    title: ("What space sharing wastes", "Spreco della condivisione di spazio"),
    means: "a dedicated CPU has nothing to do while its thread is blocked, and while a group waits for enough CPUs",
    file: "crates/policy/src/sched/kit/partitions.rs",
    next: "multivac schedule space-waste",
    run: || {
        let (picture, runs) = charts("space-waste", &["space-fcfs", "two-level"])?;
        let measured = format!(
            "idle: {} under space sharing, {} under two-level scheduling",
            percent(runs[0].utilization.idle),
            percent(runs[1].utilization.idle)
        );
        Ok(Shown { picture, measured })
    },
};

pub(super) const BACKFILL: Entry = Entry {
    name: "backfill",
    title: ("Backfilling and static partitions", "Backfilling e partizioni statiche"),
    means: "a narrow group may overtake a wide one that does not fit yet, at most a bounded number of times; fixed partitions waste what a group does not need",
    file: "crates/policy/src/sched/space_backfill.rs",
    next: "multivac schedule space-waste --policy space-fcfs,space-backfill,space-static",
    run: || {
        let (picture, runs) = charts("space-waste", &["space-fcfs", "space-backfill", "space-static"])?;
        let means: Vec<String> =
            runs.iter().map(|run| format!("{} {}", run.policy, ns(run.response.mean_ns))).collect();
        Ok(Shown { picture, measured: format!("mean response: {}", means.join(", ")) })
    },
};

pub(super) const GANG: Entry = Entry {
    name: "gang-scheduling",
    title: ("Gang scheduling", "Schedulazione a squadre (gang)"),
    means: "the two threads of a gang run together, so they answer each other within the quantum; under time sharing they run in opposite phases",
    file: "crates/policy/src/sched/gang.rs",
    next: "multivac schedule (the same, with tables); --policy gang,gang-relaxed",
    run: || {
        let (picture, runs) = charts("two-gangs", &["time-sharing", "gang"])?;
        let measured = format!(
            "an exchange takes {} (median) out of phase, {} in phase",
            policy::unit::Ns(runs[0].exchange.p50_ns),
            policy::unit::Ns(runs[1].exchange.p50_ns)
        );
        Ok(Shown { picture, measured })
    },
};

pub(super) const GANG_TABLE: Entry = Entry {
    name: "ousterhout-matrix",
    title: ("The gang table: CPUs by slots", "Tabella delle gang: CPU per slot"),
    means: "CPUs across, slots down; slots 4 to 7 repeat 0 to 3; gang E is wider than the machine and is split",
    file: "crates/policy/src/sched/kit/matrix.rs",
    next: "multivac schedule gang-table --set packing=first-fit refuses the split",
    run: || {
        let (picture, runs) = charts("gang-table", &["gang"])?;
        let measured = format!("{} of the cells of used rows are used", percent(runs[0].matrix_use));
        Ok(Shown { picture: format!("{picture}{}", matrix(&runs[0])), measured })
    },
};

pub(super) const ALTERNATE: Entry = Entry {
    name: "alternate-selection",
    title: ("Gang scheduling with alternate selection", "Gang con selezione alternativa"),
    means: "strictly, a blocked thread's CPU idles to the end of the quantum; alternate selection lends it to another slot's thread",
    file: "crates/policy/src/sched/gang_alternate.rs",
    next: "multivac schedule space-waste --policy gang,gang-alternate",
    run: || {
        let (picture, runs) = charts("space-waste", &["gang", "gang-alternate"])?;
        let measured = format!(
            "idle: {} strictly, {} with alternates",
            percent(runs[0].utilization.idle),
            percent(runs[1].utilization.idle)
        );
        Ok(Shown { picture, measured })
    },
};

pub(super) const BUDDIES: Entry = Entry {
    name: "packing",
    title: ("Packing gangs: first fit and buddies", "Impacchettamento delle gang: first fit e buddy"),
    means: "gangs of mixed widths leave holes in the matrix; buddies round widths up to powers of two and leave more",
    file: "crates/policy/src/sched/kit/buddies.rs",
    next: "multivac schedule fragmentation",
    run: || {
        let (_, runs) = charts("fragmentation", &["gang", "gang-buddy"])?;
        let picture = format!("first fit{}\nbuddies{}", matrix(&runs[0]), matrix(&runs[1]));
        let measured = format!(
            "cells in use: {} by first fit, {} by buddies",
            percent(runs[0].matrix_use),
            percent(runs[1].matrix_use)
        );
        Ok(Shown { picture, measured })
    },
};

pub(super) const RELAXED: Entry = Entry {
    name: "co-scheduling",
    title: ("Relaxed co-scheduling", "Coscheduling rilassato"),
    means: "no slots: each CPU has its queue, and a thread too far ahead of its gang waits for the others; no CPU idles for the sake of a row",
    file: "crates/policy/src/sched/gang_relaxed.rs",
    next: "multivac schedule space-waste --policy gang,gang-relaxed",
    run: || {
        let (picture, runs) = charts("space-waste", &["gang", "gang-relaxed"])?;
        let measured = format!("makespan {} in slots, {} relaxed", makespan(&runs[0]), makespan(&runs[1]));
        Ok(Shown { picture, measured })
    },
};

pub(super) const BARRIERS: Entry = Entry {
    name: "barriers",
    title: ("Barriers by grain", "Barriere per grana"),
    means: "makespans: meeting more often than once a quantum needs the gang together; above the quantum it makes little difference",
    file: "crates/policy/src/sim/sync.rs",
    next: "multivac schedule barriers",
    run: || {
        let (picture, runs) = sweep("barriers", &["time-sharing", "gang"], makespan)?;
        let ratio = |at: usize| {
            let time = |index: usize| policy::unit::Ns(runs[index].outcome.makespan_ns).seconds();
            time(2 * at) / time(2 * at + 1)
        };
        let measured = format!(
            "time sharing takes {:.0} times as long at the finest grain, {:.2} times at the coarsest",
            ratio(0),
            ratio(runs.len() / 2 - 1)
        );
        Ok(Shown { picture, measured })
    },
};
