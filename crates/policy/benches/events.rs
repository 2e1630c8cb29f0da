//! How many events of the simulation a second, on one core: 1,000 CPUs and 100,000 threads.
//!
//! Times are CPU time of this thread where the kernel tells it, so that a busy machine does not count.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use policy::sched::registry::POLICIES;
use policy::sim::{Dist, Op, Options, Workload, simulate};
use policy::unit::Ns;
use std::time::{Duration, Instant};

const CPUS: usize = 1_000;
const THREADS: usize = 100_000;
/// Groups of this many threads, where groups matter.
const WIDTH: usize = 50;

/// Threads that compute and do I/O in turn, all there from the start, in groups of `width`.
fn workload(rounds: u32, width: usize) -> Workload {
    let mut workload = Workload::new();
    let program = workload.program(vec![
        Op::Repeat(rounds),
        Op::Compute(Dist::Exp(Ns::ms(2))),
        Op::Io(Dist::Exp(Ns::ms(5))),
        Op::End(0),
    ]);
    for _ in 0..THREADS / width {
        workload.job("T", width, program, Ns::ZERO);
    }
    workload
}

/// How long this thread has had a CPU; `None` where the kernel does not say.
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn events(criterion: &mut Criterion) {
    let (single, grouped) = (workload(4, 1), workload(4, WIDTH));
    let options = Options::new(CPUS);
    let mut group = criterion.benchmark_group("events");
    group.sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(5));
    for policy in POLICIES {
        let whole_groups = policy.name.starts_with("gang") || policy.name.starts_with("space");
        let workload = if whole_groups { &grouped } else { &single };
        let run = || simulate(workload, policy, &options).expect("no deadlock");
        // Elements are events, so that criterion prints events a second.
        if !std::env::args().any(|word| {
            word.starts_with("events/") && word.trim_end_matches('$') != format!("events/{}", policy.name)
        }) {
            group.throughput(Throughput::Elements(run().events));
        }
        group.bench_function(policy.name, |bencher| {
            bencher.iter_custom(|times| {
                let (wall, cpu) = (Instant::now(), cpu_time());
                (0..times).for_each(|_| drop(std::hint::black_box(run())));
                match (cpu, cpu_time()) {
                    (Some(before), Some(after)) => after.saturating_sub(before),
                    _ => wall.elapsed(),
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, events);
criterion_main!(benches);
