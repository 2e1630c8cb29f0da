//! A policy allocates when it is built, and never again.

use allocation_counter::measure;
use policy::sched::kit::{CpuSet, Matrix, Memory};
use policy::sched::registry::POLICIES;
use policy::sched::{Arrival, Decision, Departure, Machine, Policy, Structure, Verdict};
use policy::sim::{Dist, Op, Options, SyncKind, SyncRef, Wait, Workload, simulate_with};
use policy::unit::{CpuId, Ns, ThreadId};

/// A policy with every call watched.
struct Watched(Box<dyn Policy>);

impl Watched {
    fn watch<T>(&mut self, call: impl FnOnce(&mut dyn Policy) -> T) -> T {
        let mut result = None;
        let info = measure(|| result = Some(call(&mut *self.0)));
        assert_eq!((info.count_total, info.count_current), (0, 0), "a decision allocated or freed memory");
        result.expect("called")
    }
}

impl Policy for Watched {
    fn ready(&mut self, machine: &Machine, thread: ThreadId, how: Arrival, kick: &mut CpuSet) {
        self.watch(|policy| policy.ready(machine, thread, how, kick));
    }
    fn next(&mut self, machine: &Machine, cpu: CpuId) -> Decision {
        self.watch(|policy| policy.next(machine, cpu))
    }
    fn left(&mut self, machine: &Machine, gone: Departure, kick: &mut CpuSet) {
        self.watch(|policy| policy.left(machine, gone, kick));
    }
    fn expired(&mut self, machine: &Machine, cpu: CpuId, thread: ThreadId) -> Verdict {
        self.watch(|policy| policy.expired(machine, cpu, thread))
    }
    fn new_slot(&mut self, machine: &Machine) {
        self.watch(|policy| policy.new_slot(machine));
    }
    fn memory(&self) -> Option<&dyn Memory> {
        self.0.memory()
    }
    fn slot(&self) -> Option<Ns> {
        self.0.slot()
    }
    fn dedicates(&self) -> bool {
        self.0.dedicates()
    }
    fn structure(&self) -> Structure {
        self.0.structure()
    }
    fn matrix(&self) -> Option<&Matrix> {
        self.0.matrix()
    }
}

/// Groups of all widths that compute, wait and lock, with weights, caps, priorities and working sets.
fn workload() -> Workload {
    let mut workload = Workload::new();
    let program = workload.program(vec![
        Op::Repeat(20),
        Op::Compute(Dist::Exp(Ns::ms(3))),
        Op::Io(Dist::Exp(Ns::ms(2))),
        Op::Lock(SyncRef::Local(0)),
        Op::Compute(Dist::Fixed(Ns::us(50))),
        Op::Unlock(SyncRef::Local(0)),
        Op::Barrier(SyncRef::Local(1)),
        Op::End(0),
    ]);
    for index in 0..120 {
        let width = 1 + index % 8;
        workload.job("G", width, program, Ns::ms(index as u64));
        workload.synchronizer("lock", if index % 2 == 0 { SyncKind::SpinLock } else { SyncKind::Mutex });
        workload.synchronizer("meet", SyncKind::Barrier(ThreadId::new(width).0, Wait::Block));
    }
    for (index, task) in workload.tasks.iter_mut().enumerate() {
        task.weight = [1024, 100, 5000][index % 3];
        task.cap_permille = [0, 0, 300][index % 3];
        task.priority = [16, 16, 16, 17][index % 4];
        task.working_set_kib = [0, 256][index % 2];
    }
    workload
}

#[test]
fn no_policy_allocates_after_it_is_built() {
    let workload = workload();
    for policy in POLICIES {
        let build = |setup: &policy::sched::Setup<'_>| {
            let built: Box<dyn Policy> = Box::new(Watched(policy.build(setup)?));
            Ok(built)
        };
        let outcome = simulate_with(&workload, policy.name, build, &Options::new(16));
        assert_eq!(outcome.map(|outcome| outcome.threads), Ok(workload.tasks.len()), "{}", policy.name);
    }
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(1)))).count_total, 1, "it counts");
}
