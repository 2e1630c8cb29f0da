//! The worked exercise of `docs/scheduling.md`: a policy of one's own, written against the public interface alone, run on the
//! course's two gangs and drawn.

use policy::sched::kit::{CpuSet, ReadyVector};
use policy::sched::{Arrival, Decision, Departure, Left, Machine, Policy, Setup};
use policy::sim::gantt::{self, Style};
use policy::sim::{Dist, Op, Options, Wait, Workload, simulate_with};
use policy::unit::{CpuId, Ns, ThreadId};

// The policy begins here: each CPU serves the gangs in turns, and all CPUs the same one, by the clock alone.
struct ByTheClock {
    ready: ReadyVector,
    gangs: usize,
    turn: Ns,
}

impl ByTheClock {
    fn new(setup: &Setup<'_>) -> ByTheClock {
        let (gangs, threads) = (setup.groups.len(), setup.threads.len());
        ByTheClock { ready: ReadyVector::new(gangs, threads), gangs, turn: setup.tuning.quantum }
    }
}

impl Policy for ByTheClock {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, _: Arrival, kick: &mut CpuSet) {
        self.ready.push(machine.group(thread).index(), machine.priority(thread), thread);
        machine.kick_near(0, kick);
    }
    fn next(&mut self, machine: &Machine, _: CpuId) -> Decision {
        let turns = machine.now.0 / self.turn.0;
        let gang = usize::try_from(turns).unwrap_or(0) % self.gangs;
        let left = Ns((turns + 1) * self.turn.0) - machine.now;
        match self.ready.pop(gang) {
            Some(thread) => Decision::Run { thread, quantum: Some(left) },
            None => Decision::IdleUntil(machine.now + left),
        }
    }
    fn left(&mut self, machine: &Machine, gone: Departure, kick: &mut CpuSet) {
        if gone.why == Left::Preempted {
            self.ready(machine, gone.thread, Arrival::Woken, kick);
        }
    }
}
// The policy ends here.

/// Two gangs of two: the first thread asks, the second answers, five times.
fn two_gangs() -> Workload {
    let mut workload = Workload::new();
    let work = Op::Compute(Dist::Fixed(Ns::ms(15)));
    let asks = workload.program(vec![Op::Repeat(5), Op::Send(1), Op::Receive(Wait::Spin), work, Op::End(0)]);
    let answers =
        workload.program(vec![Op::Repeat(5), Op::Receive(Wait::Spin), Op::Send(0), work, Op::End(0)]);
    for name in ["A", "B"] {
        let gang = workload.job(name, 2, asks, Ns::ZERO);
        let second = workload.jobs[gang.index()].first.index() + 1;
        workload.tasks[second].program = answers;
    }
    workload
}

#[test]
fn the_exercise_runs_the_gangs_in_phase() {
    let workload = two_gangs();
    let mut options = Options::new(2);
    options.tuning.quantum = Ns::ms(100);
    options.segments_max = 10_000;
    let outcome =
        simulate_with(&workload, "by-the-clock", |setup| Ok(Box::new(ByTheClock::new(setup))), &options)
            .expect("it ends");
    let chart = gantt::draw(&outcome, &workload, 2, &Style { width: 60, ..Style::default() });
    println!("{chart}");
    let rows: Vec<&str> = chart.lines().collect();
    assert!(rows[0].contains("A0━") && rows[1].contains("A1━"), "{chart}");
    assert!(rows[0].contains("B0━") && rows[1].contains("B1━"), "{chart}");
    assert!(!chart.contains('~'), "nobody spins for long: {chart}");
    assert_eq!(outcome.exchange.count, 18);
    assert!(outcome.exchange.p50_ns < 10_000, "answers come within microseconds: {:?}", outcome.exchange);
}

#[test]
fn the_exercise_is_as_short_as_a_policy_has_to_be() {
    let text = include_str!("exercise.rs");
    let policy = text
        .split("// The policy begins here")
        .nth(1)
        .and_then(|rest| rest.split("// The policy ends here").next());
    let lines = policy.expect("the marks").lines().skip(1).filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 40, "{lines} lines");
}
