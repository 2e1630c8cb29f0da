//! How many events of the simulation a second, on one core: 1,000 CPUs and 100,000 threads.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use policy::sched::registry;
use policy::sim::{Dist, Op, Options, Workload, simulate};
use policy::unit::Ns;

const CPUS: usize = 1_000;
const THREADS: usize = 100_000;

/// Threads that compute and do I/O in turn, all there from the start.
fn workload(rounds: u32) -> Workload {
    let mut workload = Workload::new();
    let program = workload.program(vec![
        Op::Repeat(rounds),
        Op::Compute(Dist::Exp(Ns::ms(2))),
        Op::Io(Dist::Exp(Ns::ms(5))),
        Op::End(0),
    ]);
    for _ in 0..THREADS {
        workload.job("T", 1, program, Ns::ZERO);
    }
    workload
}

fn events(criterion: &mut Criterion) {
    let workload = workload(20);
    let options = Options::new(CPUS);
    let mut group = criterion.benchmark_group("events");
    group.sample_size(10);
    for name in ["time-sharing", "two-level", "fair", "credit", "gang"] {
        let policy = registry::find(name).expect("a policy");
        let run = || simulate(&workload, policy, &options).expect("no deadlock");
        // Elements are events, so that criterion prints events a second.
        group.throughput(Throughput::Elements(run().events));
        group.bench_function(name, |bencher| bencher.iter(run));
    }
    group.finish();
}

criterion_group!(benches, events);
criterion_main!(benches);
