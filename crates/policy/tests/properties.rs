//! What policies promise, over random workloads.

use policy::sched::registry::{self, POLICIES};
use policy::sim::{
    Activity, Costs, Dist, Op, Options, Outcome, Segment, SyncKind, SyncRef, Wait, Workload, simulate,
};
use policy::unit::{Ns, ThreadId};
use proptest::prelude::*;

/// A group: threads, arrival in microseconds, rounds, and what a round does.
#[derive(Clone, Debug)]
struct Gang {
    width: usize,
    arrival_us: u64,
    rounds: u32,
    compute_us: u64,
    io_us: Option<u64>,
    sync: u8,
}

fn gang(cpus: usize) -> impl Strategy<Value = Gang> {
    (1..=cpus, 0u64..5_000, 1u32..6, 1u64..3_000, proptest::option::of(1u64..2_000), 0u8..4).prop_map(
        |(width, arrival_us, rounds, compute_us, io_us, sync)| Gang {
            width,
            arrival_us,
            rounds,
            compute_us,
            io_us,
            sync,
        },
    )
}

fn case() -> impl Strategy<Value = (usize, Vec<Gang>, u64)> {
    (1usize..9).prop_flat_map(|cpus| (Just(cpus), proptest::collection::vec(gang(cpus), 1..10), 0u64..1_000))
}

fn workload(gangs: &[Gang]) -> Workload {
    let mut workload = Workload::new();
    for (index, gang) in gangs.iter().enumerate() {
        let sync = SyncRef::Local(0);
        let mut round = vec![Op::Repeat(gang.rounds), Op::Compute(Dist::Exp(Ns::us(gang.compute_us)))];
        round.extend(gang.io_us.map(|us| Op::Io(Dist::Exp(Ns::us(us)))));
        match gang.sync {
            0 => {}
            1 => round.push(Op::Barrier(sync)),
            _ => round.extend([Op::Lock(sync), Op::Compute(Dist::Fixed(Ns::us(20))), Op::Unlock(sync)]),
        }
        round.push(Op::End(0));
        let program = workload.program(round);
        let job = workload.job(&format!("G{index}"), gang.width, program, Ns::us(gang.arrival_us));
        let width = workload.jobs[job.index()].width;
        let kind = match gang.sync {
            1 => SyncKind::Barrier(width, Wait::Spin),
            2 => SyncKind::Mutex,
            _ => SyncKind::SpinLock,
        };
        workload.synchronizer("s", kind);
    }
    workload
}

fn options(cpus: usize, seed: u64) -> Options {
    let mut options = Options::new(cpus);
    options.seed = seed;
    options.tuning.quantum = Ns::ms(1);
    options.tuning.partition_cpus = 1;
    options.segments_max = 1_000_000;
    options
}

fn run(workload: &Workload, policy: &str, options: &Options) -> Outcome {
    simulate(workload, registry::find(policy).unwrap(), options)
        .unwrap_or_else(|stop| panic!("{policy}: {stop}"))
}

/// The segments of each CPU in order of time, which must not overlap.
fn by_cpu(outcome: &Outcome, cpus: usize) -> Vec<Vec<Segment>> {
    let mut rows = vec![Vec::new(); cpus];
    outcome.trace.segments.iter().for_each(|segment| rows[segment.cpu.index()].push(*segment));
    for row in &mut rows {
        row.sort_by_key(|segment: &Segment| segment.from);
        for pair in row.windows(2) {
            assert!(pair[0].to <= pair[1].from, "one CPU does one thing at a time: {pair:?}");
        }
    }
    rows
}

fn total(outcome: &Outcome, activity: Activity) -> u64 {
    outcome.trace.segments.iter().filter(|s| s.activity == activity).map(|s| (s.to - s.from).0).sum()
}

#[test]
fn gangs_wider_than_one_decision_lays_begin_all_at_once() {
    // A decision lays at most 64 cells: these gangs take several, and one comes while another is being laid.
    const WIDTHS: [usize; 5] = [65, 200, 130, 64, 199];
    let mut workload = Workload::new();
    let program = workload.program(vec![Op::Compute(Dist::Fixed(Ns::us(2_500)))]);
    for (index, width) in WIDTHS.iter().enumerate() {
        workload.job(&format!("G{index}"), *width, program, Ns::us(300 * index as u64));
    }
    for policy in ["gang", "gang-buddy", "gang-alternate"] {
        let mut options = options(200, 1);
        options.costs = Costs::free();
        let outcome = run(&workload, policy, &options);
        let mut begins = vec![Ns::MAX; workload.tasks.len()];
        for segment in &outcome.trace.segments {
            let begin = &mut begins[segment.thread.index()];
            *begin = (*begin).min(segment.from);
        }
        for job in &workload.jobs {
            let mine = &begins[job.first.index()..job.first.index() + job.width as usize];
            let (first, last) = (mine.iter().min().unwrap(), mine.iter().max().unwrap());
            // Alternates run as soon as they have a cell; gangs proper in one slot, a round after they came at the latest.
            assert!(policy == "gang-alternate" || first == last, "{policy}: {} {first} {last}", job.name);
            assert!(*last < Ns::ms(8), "{policy}: {} begins at {last}", job.name);
        }
        assert_eq!(total(&outcome, Activity::Useful), 2_500_000 * workload.tasks.len() as u64, "{policy}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_policy_ends_every_workload_with_its_books_in_order((cpus, gangs, seed) in case()) {
        let workload = workload(&gangs);
        let options = options(cpus, seed);
        let mut useful = None;
        for policy in POLICIES {
            let outcome = run(&workload, policy.name, &options);
            prop_assert_eq!(outcome.threads, workload.tasks.len());
            by_cpu(&outcome, cpus);
            let used = outcome.utilization;
            let sum = used.useful + used.spinning + used.switching + used.reloading + used.idle;
            prop_assert!((sum - 1.0).abs() < 1e-9, "{}: {:?}", policy.name, used);
            // Random times belong to threads, so that every policy has the same work to do.
            let work = total(&outcome, Activity::Useful);
            prop_assert_eq!(*useful.get_or_insert(work), work, "{}", policy.name);
            // Nobody starves: all the work and all the overhead, one after the other, bound every response.
            let busy: u64 = outcome.trace.segments.iter().map(|s| (s.to - s.from).0).sum();
            prop_assert!(outcome.response.max_ns <= outcome.makespan_ns);
            prop_assert!(busy <= outcome.makespan_ns * cpus as u64);
        }
    }

    #[test]
    fn nobody_starves(cpus in 1usize..5, threads in 1usize..13, warm in proptest::bool::ANY, seed in 0u64..1_000) {
        // Threads that only compute, for many quanta, each a group of its own: whoever is there gets a CPU again before
        // all others have had two turns each, whatever else a policy takes into account.
        let mut workload = Workload::new();
        let program = workload.program(vec![Op::Compute(Dist::Uniform(Ns::ms(20), Ns::ms(60)))]);
        for index in 0..threads {
            workload.job("T", 1, program, Ns::us(700 * index as u64));
        }
        workload.tasks.iter_mut().for_each(|task| task.working_set_kib = if warm { 64 } else { 0 });
        let mut options = options(cpus, seed);
        options.costs = Costs::free();
        let tuning = &mut options.tuning;
        (tuning.patience, tuning.period, tuning.skew) = (Ns::ms(3), Ns::ms(3), Ns::ms(1));
        let bound = Ns(2 * (threads as u64 + 1) * tuning.quantum.0) + tuning.patience + tuning.period;
        for policy in POLICIES.iter().filter(|policy| !policy.name.starts_with("space")) {
            let outcome = run(&workload, policy.name, &options);
            let mut since: Vec<Ns> = workload.tasks.iter().map(|task| task.arrival).collect();
            for segment in &outcome.trace.segments {
                let since = &mut since[segment.thread.index()];
                prop_assert!(segment.from <= *since + bound, "{}: {segment:?} after {since}", policy.name);
                *since = segment.to;
            }
        }
    }

    #[test]
    fn same_seed_same_result((cpus, gangs, seed) in case()) {
        let workload = workload(&gangs);
        let options = options(cpus, seed);
        for policy in POLICIES {
            prop_assert_eq!(run(&workload, policy.name, &options), run(&workload, policy.name, &options));
        }
    }

    #[test]
    fn work_is_conserved_where_it_is_promised((cpus, gangs, seed) in case()) {
        // Without costs and synchronizers, a CPU idles only while no thread waits: the number of busy CPUs is the smaller of
        // CPUs and threads that can run, at every instant.
        let gangs: Vec<Gang> = gangs.into_iter().map(|gang| Gang { sync: 0, io_us: None, ..gang }).collect();
        let workload = workload(&gangs);
        let mut options = options(cpus, seed);
        options.costs = Costs::free();
        for policy in ["time-sharing", "smart", "affinity", "two-level", "fair", "credit"] {
            let outcome = run(&workload, policy, &options);
            let mut ends = vec![Ns::ZERO; workload.tasks.len()];
            let mut edges = Vec::new();
            for segment in &outcome.trace.segments {
                ends[segment.thread.index()] = ends[segment.thread.index()].max(segment.to);
                edges.extend([(segment.from, 1i64, 0i64), (segment.to, -1, 0)]);
            }
            for (task, end) in workload.tasks.iter().zip(&ends) {
                edges.extend([(task.arrival, 0, 1), (*end, 0, -1)]);
            }
            edges.sort_unstable();
            let (mut busy, mut there) = (0, 0);
            for (index, (at, runs, exists)) in edges.iter().enumerate() {
                busy += runs;
                there += exists;
                if edges.get(index + 1).is_none_or(|next| next.0 > *at) {
                    prop_assert_eq!(busy, there.min(cpus as i64), "{} at {}", policy, at);
                }
            }
        }
    }

    #[test]
    fn gang_threads_only_ever_run_in_their_gangs_slot((cpus, gangs, seed) in case()) {
        let workload = workload(&gangs);
        let options = options(cpus, seed);
        for policy in ["gang", "gang-buddy"] {
            let outcome = run(&workload, policy, &options);
            // A gang has its columns, each thread one of its own.
            let mut home = vec![None; workload.tasks.len()];
            for segment in &outcome.trace.segments {
                let cpu = *home[segment.thread.index()].get_or_insert(segment.cpu);
                prop_assert_eq!(cpu, segment.cpu, "a thread keeps its column");
            }
            for job in &workload.jobs {
                let mut cpus: Vec<_> = (0..job.width).filter_map(|rank| home[ThreadId(job.first.0 + rank).index()]).collect();
                cpus.sort_unstable();
                cpus.dedup();
                prop_assert_eq!(cpus.len(), job.width as usize, "no two of a gang in one column");
            }
            // Slots are synchronized: a gang never runs while another has a column that one of its live threads has.
            let mut ends = vec![Ns::ZERO; workload.tasks.len()];
            outcome.trace.segments.iter().for_each(|s| ends[s.thread.index()] = ends[s.thread.index()].max(s.to));
            let share = |a: &Segment, b: &Segment| {
                let (ga, gb) = (workload.tasks[a.thread.index()].job, workload.tasks[b.thread.index()].job);
                let at = a.from.max(b.from);
                ga != gb && at < a.to && at < b.to && {
                    let columns = |job: &policy::sim::Job| {
                        let live = (job.first.0..job.first.0 + job.width).filter(|thread| ends[*thread as usize] > at);
                        live.filter_map(|thread| home[thread as usize]).collect::<Vec<_>>()
                    };
                    let (ca, cb) = (columns(&workload.jobs[ga.index()]), columns(&workload.jobs[gb.index()]));
                    ca.iter().any(|cpu| cb.contains(cpu))
                }
            };
            let segments = &outcome.trace.segments;
            for (index, a) in segments.iter().enumerate() {
                for b in segments[index + 1..].iter().take(64) {
                    prop_assert!(!share(a, b), "{policy}: {a:?} beside {b:?}");
                }
            }
        }
    }

    #[test]
    fn space_sharing_never_splits_a_group_and_never_shares_a_cpu((cpus, gangs, seed) in case()) {
        let workload = workload(&gangs);
        let options = options(cpus, seed);
        for policy in ["space-fcfs", "space-backfill", "space-easy", "space-static"] {
            let outcome = run(&workload, policy, &options);
            prop_assert_eq!(outcome.preemptions, 0);
            prop_assert_eq!(outcome.migrations, 0);
            for row in by_cpu(&outcome, cpus) {
                let mut owners: Vec<_> = row.iter().map(|segment| segment.thread).collect();
                owners.dedup();
                let turns = owners.len();
                owners.sort_unstable();
                owners.dedup();
                prop_assert_eq!(owners.len(), turns, "a CPU is dedicated until its thread ends");
            }
            // All of a group are given their CPUs at one instant: each begins at its group's first decision.
            for job in &workload.jobs {
                let mine = |s: &&Segment| (job.first.0..job.first.0 + job.width).contains(&s.thread.0);
                let mut begins = vec![Ns::MAX; job.width as usize];
                for segment in outcome.trace.segments.iter().filter(mine) {
                    let begin = &mut begins[(segment.thread.0 - job.first.0) as usize];
                    *begin = (*begin).min(segment.from);
                }
                prop_assert!(begins.iter().all(|begin| *begin == begins[0]), "{policy}: {begins:?}");
            }
        }
    }

    #[test]
    fn a_cap_is_kept_and_credit_is_not_made_of_nothing(cap in 50u16..1000, cpus in 1usize..4) {
        let mut workload = Workload::new();
        let program = workload.program(vec![Op::Compute(Dist::Fixed(Ns::ms(50)))]);
        workload.job("capped", 1, program, Ns::ZERO);
        workload.tasks[0].cap_permille = cap;
        let mut options = options(cpus, 1);
        options.costs = Costs::free();
        options.tuning.period = Ns::ms(10);
        let outcome = run(&workload, "credit", &options);
        let least = 50_000_000 * 1000 / u64::from(cap);
        prop_assert!(outcome.makespan_ns + 10_000_000 >= least, "{} < {least}", outcome.makespan_ns);
        prop_assert!(outcome.makespan_ns <= least + 20_000_000, "{} > {least}", outcome.makespan_ns);
    }
}
