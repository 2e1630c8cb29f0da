//! From what is written to what runs: names resolved, values checked, programs flattened.

use super::spec::{self, Kind, Peer, Phase, Spec, Sync};
use super::{ConfigError, Places, Scenario, Schedule, generate};
use crate::rng::Rng;
use crate::sched::registry::POLICIES;
use crate::sched::{Tuning, kit};
use crate::sim::{Costs, Dist, Op, Options, Program, SyncKind, SyncRef, Wait, Workload};
use crate::unit::{Ns, ThreadId};
use serde_spanned::Spanned;
use std::collections::BTreeMap;
use std::ops::Range;

const CPUS_MAX: usize = 65_536;
const THREADS_MAX: usize = 4_000_000;
const DEFAULT_POLICIES: [&str; 3] = ["time-sharing", "two-level", "gang"];

type Checked<T> = Result<T, ConfigError>;

pub(super) fn scenario(spec: Spec) -> Checked<Scenario> {
    if let Some(schema) = spec.schema.as_ref().filter(|schema| *schema.get_ref() != 1) {
        return Err(ConfigError::new(
            schema.span(),
            "this is a schema of the future",
            "this version reads `schema = 1`",
        ));
    }
    let seed = spec.seed.unwrap_or(1);
    let (balance, allocate) = (
        spec.balance.as_ref().map(super::nodes::balance).transpose()?,
        spec.allocate.as_ref().map(super::nodes::allocate).transpose()?,
    );
    let policies = policies(&spec, balance.is_some(), allocate.is_some())?;
    let title = spec.title.clone().unwrap_or_default();
    let schedule = if balance.is_none() && allocate.is_none() { Some(schedule(&spec, seed)?) } else { None };
    Ok(Scenario { title, schedule, balance, allocate, policies, seed })
}

fn policies(spec: &Spec, balance: bool, allocate: bool) -> Checked<Vec<(String, Range<usize>)>> {
    let known: Vec<&str> = match (balance, allocate) {
        (true, _) => crate::balance::POLICIES.iter().map(|policy| policy.name).collect(),
        (_, true) => crate::alloc::METHODS.iter().map(|method| method.name).collect(),
        _ => POLICIES.iter().map(|policy| policy.name).collect(),
    };
    let Some(named) = &spec.policies else {
        let default: &[&str] = if balance || allocate { &known } else { &DEFAULT_POLICIES };
        return Ok(default.iter().map(|name| ((*name).to_owned(), 0..0)).collect());
    };
    for name in named {
        if !known.contains(&name.get_ref().as_str()) {
            return Err(ConfigError::unknown(name.span(), "policy", name.get_ref(), known));
        }
    }
    Ok(named.iter().map(|name| (name.get_ref().clone(), name.span())).collect())
}

fn schedule(spec: &Spec, seed: u64) -> Checked<Schedule> {
    let mut builder = Builder {
        workload: Workload::new(),
        places: Places::default(),
        globals: Names::new(),
        sends: Vec::new(),
    };
    let options = options(spec, seed, &mut builder.places)?;
    for sync in &spec.sync {
        let kind = builder.kind(sync.get_ref(), None, &BTreeMap::new())?;
        let name = sync.get_ref().name.get_ref();
        if builder.globals.contains_key(name) {
            return Err(ConfigError::new(sync.get_ref().name.span(), format!("`{name}` is there twice"), ""));
        }
        let reference = builder.workload.synchronizer(name, kind);
        builder.globals.insert(name.clone(), (reference, kind));
    }
    let mut rng = Rng::stream(seed, u64::MAX);
    for (group, single) in spec.group.iter().map(|g| (g, false)).chain(spec.thread.iter().map(|t| (t, true)))
    {
        builder.group(group, single, &mut rng)?;
    }
    for generated in &spec.generate {
        generate::generate(generated, options.cpus, &mut builder, &mut rng)?;
    }
    builder.resolve_sends()?;
    if builder.workload.tasks.is_empty() {
        return Err(ConfigError::new(
            0..0,
            "there is nothing to run",
            "add a [[group]], a [[thread]] or a [[generate]]",
        ));
    }
    let schedule = Schedule { workload: builder.workload, options, places: builder.places };
    schedule.check()?;
    Ok(schedule)
}

fn options(spec: &Spec, seed: u64, places: &mut Places) -> Checked<Options> {
    let machine = spec.machine.as_ref();
    let cpus = machine.and_then(|machine| machine.cpus.as_ref());
    if let Some(cpus) = cpus.filter(|cpus| !(1..=CPUS_MAX).contains(cpus.get_ref())) {
        return Err(ConfigError::new(cpus.span(), format!("a machine has 1 to {CPUS_MAX} CPUs"), ""));
    }
    let mut options = Options::new(cpus.map_or(4, |cpus| *cpus.get_ref()));
    options.seed = seed;
    if let Some(nodes) = machine.and_then(|machine| machine.nodes.as_ref()) {
        if *nodes.get_ref() == 0 || *nodes.get_ref() > options.cpus {
            return Err(ConfigError::new(
                nodes.span(),
                "a multicomputer has between 1 and as many nodes as CPUs",
                "",
            ));
        }
        options.nodes = *nodes.get_ref();
    }
    if let Some(steps) = machine.and_then(|machine| machine.steps_max) {
        options.steps_max = steps;
    }
    options.costs = costs(spec);
    if let Some(cache) = machine.and_then(|machine| machine.cache) {
        options.costs.cache_kib = cache.0.max(1);
    }
    options.tuning = tuning(spec, places)?;
    Ok(options)
}

fn tuning(spec: &Spec, places: &mut Places) -> Checked<Tuning> {
    let mut tuning = Tuning::default();
    let Some(policy) = &spec.policy else { return Ok(tuning) };
    let positive = |time: &Spanned<super::value::Time>, what: &str| {
        if time.get_ref().0 == Ns::ZERO {
            return Err(ConfigError::new(
                time.span(),
                format!("the {what} is zero"),
                "a time slice has to last: try \"10ms\"",
            ));
        }
        Ok(time.get_ref().0)
    };
    if let Some(quantum) = &policy.quantum {
        tuning.quantum = positive(quantum, "quantum")?;
        places.quantum = quantum.span();
    }
    if let Some(period) = &policy.period {
        tuning.period = positive(period, "period")?;
    }
    if let Some(partition) = &policy.partition {
        if *partition.get_ref() == 0 {
            return Err(ConfigError::new(partition.span(), "a partition has at least one CPU", ""));
        }
        tuning.partition_cpus = *partition.get_ref();
    }
    let set = |slot: &mut Ns, time: Option<super::value::Time>| *slot = time.map_or(*slot, |time| time.0);
    set(&mut tuning.extra_quantum, policy.extra_quantum);
    set(&mut tuning.patience, policy.patience);
    set(&mut tuning.skew, policy.skew);
    tuning.extra_quanta_max = policy.extra_quanta_max.unwrap_or(tuning.extra_quanta_max);
    tuning.overtakes_max = policy.overtakes_max.unwrap_or(tuning.overtakes_max);
    tuning.packing = match policy.packing {
        Some(spec::Packing::Fill) => kit::Packing::Fill,
        Some(spec::Packing::Buddy) => kit::Packing::Buddy,
        Some(spec::Packing::FirstFit) | None => kit::Packing::FirstFit,
    };
    Ok(tuning)
}

fn costs(spec: &Spec) -> Costs {
    let Some(given) = &spec.costs else { return Costs::default() };
    let mut costs = if given.free { Costs::free() } else { Costs::default() };
    let set = |slot: &mut Ns, time: Option<super::value::Time>| *slot = time.map_or(*slot, |time| time.0);
    set(&mut costs.context_switch, given.context_switch);
    set(&mut costs.reload_per_kib, given.reload_per_kib);
    set(&mut costs.ipi, given.ipi);
    set(&mut costs.queue_lock, given.queue_lock);
    set(&mut costs.queue_line, given.queue_line);
    set(&mut costs.message, given.message);
    set(&mut costs.node_message, given.node_message);
    set(&mut costs.node_move_per_kib, given.node_move_per_kib);
    costs
}

/// Synchronizers by name.
type Names = BTreeMap<String, (SyncRef, SyncKind)>;

pub(super) struct Builder {
    pub(super) workload: Workload,
    places: Places,
    globals: Names,
    /// Messages to threads by name: program, phase, name, place.
    sends: Vec<(u32, usize, String, Range<usize>)>,
}

/// A group's own synchronizers, as they are found in its programs.
struct Scope<'a> {
    locals: Names,
    list: Vec<(String, SyncKind)>,
    width: u32,
    declared: &'a [Spanned<Sync>],
}

impl Builder {
    fn kind(&self, sync: &Sync, width: Option<u32>, locals: &Names) -> Checked<SyncKind> {
        let wait = if sync.wait == Some(spec::Wait::Spin) { Wait::Spin } else { Wait::Block };
        Ok(match sync.kind {
            Kind::Spin => SyncKind::SpinLock,
            Kind::Mutex => SyncKind::Mutex,
            Kind::Monitor => SyncKind::Monitor,
            Kind::Semaphore => SyncKind::Semaphore(sync.count.unwrap_or(0)),
            Kind::Barrier => {
                let parties = sync.parties.as_ref().map(|parties| *parties.get_ref()).or(width).unwrap_or(0);
                if parties == 0 {
                    let span = sync.parties.as_ref().map_or(sync.name.span(), Spanned::span);
                    return Err(ConfigError::new(span, "a barrier needs `parties`, at least one", ""));
                }
                SyncKind::Barrier(parties, wait)
            }
            Kind::Condition => {
                let Some(monitor) = &sync.monitor else {
                    return Err(ConfigError::new(
                        sync.name.span(),
                        "a condition belongs to a `monitor`",
                        "name it",
                    ));
                };
                let names = if width.is_some() { locals } else { &self.globals };
                match names.get(monitor.get_ref()) {
                    Some((SyncRef::Global(at) | SyncRef::Local(at), SyncKind::Monitor)) => {
                        SyncKind::Condition(*at)
                    }
                    _ => {
                        let known = names.iter().filter(|(_, (_, kind))| *kind == SyncKind::Monitor);
                        let known: Vec<&str> = known.map(|(name, _)| name.as_str()).collect();
                        return Err(ConfigError::unknown(
                            monitor.span(),
                            "monitor declared before",
                            monitor.get_ref(),
                            known,
                        ));
                    }
                }
            }
        })
    }

    fn group(&mut self, group: &Spanned<spec::Group>, single: bool, rng: &mut Rng) -> Checked<()> {
        let (span, group) = (group.get_ref().name.span(), group.get_ref());
        let width = group.threads.as_ref().map_or(1, |threads| *threads.get_ref());
        let width_span = group.threads.as_ref().map_or(span.clone(), Spanned::span);
        if width == 0 || width > THREADS_MAX || (single && width != 1) {
            return Err(ConfigError::new(
                width_span,
                "a group has at least one thread, a [[thread]] is one",
                "",
            ));
        }
        let count = group.count.as_ref().map_or(1, |count| *count.get_ref());
        if count == 0 || self.workload.tasks.len() + count.saturating_mul(width) > THREADS_MAX {
            let span = group.count.as_ref().map_or(span.clone(), Spanned::span);
            return Err(ConfigError::new(
                span,
                format!("a workload has at least one and at most {THREADS_MAX} threads"),
                "",
            ));
        }
        let mut scope = Scope {
            locals: Names::new(),
            list: Vec::new(),
            width: ThreadId::new(width).0,
            declared: &group.sync,
        };
        for sync in scope.declared {
            let kind = self.kind(sync.get_ref(), Some(scope.width), &scope.locals)?;
            scope.add(sync.get_ref().name.get_ref(), kind);
        }
        let own = match &group.program {
            Some(program) => Some(self.compile(program, &mut scope)?),
            None => None,
        };
        let mut members = Vec::new();
        for member in &group.thread {
            let member = member.get_ref();
            if *member.rank.get_ref() >= width {
                return Err(ConfigError::new(
                    member.rank.span(),
                    format!("ranks are 0 to {}", width - 1),
                    "",
                ));
            }
            let program =
                member.program.as_ref().map(|program| self.compile(program, &mut scope)).transpose()?;
            members.push((member, program));
        }
        let priority = check_priority(group.priority.as_ref())?;
        let (weight, cap) = (check_weight(group.weight.as_ref())?, check_cap(group.cap.as_ref())?);
        let mut arrival = group.arrive.map_or(Ns::ZERO, |time| time.0);
        for copy in 0..count {
            if copy > 0 {
                arrival += group.between.map_or(Ns::ZERO, |between| between.0.draw(rng));
            }
            let base = group.name.get_ref();
            let name = if count == 1 {
                base.clone()
            } else {
                format!("{base}{}{copy}", if single { "" } else { "." })
            };
            let job = self.workload.job(&name, width, own.unwrap_or(u32::MAX), arrival);
            self.places.jobs.push(width_span.clone());
            scope.declare(&mut self.workload);
            let first = self.workload.jobs[job.index()].first.index();
            for task in &mut self.workload.tasks[first..] {
                task.priority = priority;
                task.weight = weight;
                task.cap_permille = cap;
                task.working_set_kib = group.working_set.map_or(0, |kib| kib.0);
            }
            for (member, program) in &members {
                let task = &mut self.workload.tasks[first + member.rank.get_ref()];
                task.program = program.unwrap_or(task.program);
                task.arrival = member.arrive.map_or(task.arrival, |time| arrival + time.0);
                task.priority = if member.priority.is_some() {
                    check_priority(member.priority.as_ref())?
                } else {
                    task.priority
                };
                task.working_set_kib = member.working_set.map_or(task.working_set_kib, |kib| kib.0);
            }
            if let Some(idle) = self.workload.tasks[first..].iter().find(|task| task.program == u32::MAX) {
                return Err(ConfigError::new(
                    span,
                    format!("thread {} has no program", idle.name),
                    "add `program = [...]`",
                ));
            }
        }
        Ok(())
    }

    fn compile(&mut self, phases: &[Spanned<Phase>], scope: &mut Scope<'_>) -> Checked<u32> {
        let (mut ops, mut places) = (Program::new(), Vec::new());
        let number = ThreadId::new(self.workload.programs.len()).0;
        self.flatten(phases, scope, number, 0, &mut ops, &mut places)?;
        self.places.phases.push(places);
        Ok(self.workload.program(ops))
    }

    fn flatten(
        &mut self,
        phases: &[Spanned<Phase>],
        scope: &mut Scope<'_>,
        number: u32,
        depth: usize,
        ops: &mut Program,
        places: &mut Vec<Range<usize>>,
    ) -> Checked<()> {
        for phase in phases {
            let (span, phase) = (phase.span(), phase.get_ref());
            let verbs = phase.verbs();
            if verbs.len() != 1 {
                let message = if verbs.is_empty() {
                    "this phase does nothing".to_owned()
                } else {
                    format!("a phase does one thing, not {}", verbs.join(" and "))
                };
                let help = "compute, io, lock (with hold), unlock, down, up, barrier, wait, signal, send, receive, repeat (with do)";
                return Err(ConfigError::new(span, message, help));
            }
            if (phase.hold.is_some() && phase.lock.is_none())
                || (phase.r#do.is_some() && phase.repeat.is_none())
            {
                return Err(ConfigError::new(span, "`hold` belongs to `lock`, and `do` to `repeat`", ""));
            }
            let before = ops.len();
            let sync = |builder: &Builder, scope: &mut Scope<'_>, name: &Spanned<String>, verb: &str| {
                builder.named(name, verb, scope)
            };
            if let Some(times) = phase.compute {
                ops.push(Op::Compute(times.0));
            } else if let Some(times) = phase.io {
                ops.push(Op::Io(times.0));
            } else if let Some(name) = &phase.lock {
                let lock = sync(self, scope, name, "lock")?;
                ops.push(Op::Lock(lock));
                if let Some(hold) = phase.hold {
                    ops.extend([Op::Compute(hold.0), Op::Unlock(lock)]);
                }
            } else if let Some(name) = &phase.unlock {
                ops.push(Op::Unlock(sync(self, scope, name, "unlock")?));
            } else if let Some(name) = &phase.down {
                ops.push(Op::Down(sync(self, scope, name, "down")?));
            } else if let Some(name) = &phase.up {
                ops.push(Op::Up(sync(self, scope, name, "up")?));
            } else if let Some(name) = &phase.barrier {
                ops.push(Op::Barrier(sync(self, scope, name, "barrier")?));
            } else if let Some(name) = &phase.wait {
                ops.push(Op::WaitFor(sync(self, scope, name, "wait")?));
            } else if let Some(name) = &phase.signal {
                ops.push(Op::Signal(sync(self, scope, name, "signal")?));
            } else if let Some(peer) = &phase.send {
                match peer.get_ref() {
                    Peer::Rank(rank) if *rank < scope.width => ops.push(Op::Send(*rank)),
                    Peer::Rank(_) => {
                        return Err(ConfigError::new(
                            peer.span(),
                            format!("ranks are 0 to {}", scope.width - 1),
                            "",
                        ));
                    }
                    Peer::Name(name) => {
                        self.sends.push((number, ops.len(), name.clone(), peer.span()));
                        ops.push(Op::SendTo(ThreadId(0)));
                    }
                }
            } else if let Some(wait) = phase.receive {
                ops.push(Op::Receive(if wait == spec::Wait::Spin { Wait::Spin } else { Wait::Block }));
            } else if let Some(times) = &phase.repeat {
                if *times.get_ref() == 0 || depth + 1 >= crate::sim::NESTING_MAX {
                    let message = format!(
                        "a loop runs at least once, and at most {} stand inside each other",
                        crate::sim::NESTING_MAX - 1
                    );
                    return Err(ConfigError::new(times.span(), message, ""));
                }
                ops.push(Op::Repeat(*times.get_ref()));
                places.push(span.clone());
                self.flatten(
                    phase.r#do.as_deref().unwrap_or_default(),
                    scope,
                    number,
                    depth + 1,
                    ops,
                    places,
                )?;
                ops.push(Op::End(0));
                places.push(span.clone());
                continue;
            }
            places.extend((before..ops.len()).map(|_| span.clone()));
        }
        Ok(())
    }

    /// The synchronizer called `name`, which must be fit for `verb`; a barrier nobody declared is the group's own.
    fn named(&self, name: &Spanned<String>, verb: &str, scope: &mut Scope<'_>) -> Checked<SyncRef> {
        let word = name.get_ref();
        if verb == "barrier" && !scope.locals.contains_key(word) && !self.globals.contains_key(word) {
            scope.add(word, SyncKind::Barrier(scope.width, Wait::Block));
        }
        let Some((reference, kind)) = scope.locals.get(word).or_else(|| self.globals.get(word)) else {
            let known: Vec<&str> =
                scope.locals.keys().chain(self.globals.keys()).map(String::as_str).collect();
            let mut error = ConfigError::unknown(name.span(), "synchronizer", word, known);
            error.help = format!("declare it: [[sync]] name = \"{word}\", kind = \"spin\"");
            return Err(error);
        };
        let fits = match verb {
            "lock" | "unlock" => matches!(kind, SyncKind::SpinLock | SyncKind::Mutex | SyncKind::Monitor),
            "down" | "up" => matches!(kind, SyncKind::Semaphore(_)),
            "barrier" => matches!(kind, SyncKind::Barrier(..)),
            _ => matches!(kind, SyncKind::Condition(_)),
        };
        if !fits {
            return Err(ConfigError::new(
                name.span(),
                format!("`{verb}` does not go with what `{word}` is"),
                "",
            ));
        }
        Ok(*reference)
    }

    fn resolve_sends(&mut self) -> Checked<()> {
        let names: BTreeMap<&str, usize> =
            self.workload.tasks.iter().enumerate().map(|(index, task)| (task.name.as_str(), index)).collect();
        for (program, phase, name, span) in &self.sends {
            let Some(&thread) = names.get(name.as_str()) else {
                return Err(ConfigError::unknown(span.clone(), "thread", name, names.keys().copied()));
            };
            self.workload.programs[*program as usize][*phase] = Op::SendTo(ThreadId::new(thread));
        }
        Ok(())
    }

    /// Adds a generated program.
    pub(super) fn generated(&mut self, ops: Program, span: &Range<usize>) -> u32 {
        self.places.phases.push(vec![span.clone(); ops.len()]);
        self.workload.program(ops)
    }

    /// Adds a generated group, with barriers of its own for all its threads.
    pub(super) fn generated_job(
        &mut self,
        name: &str,
        width: usize,
        program: u32,
        arrival: Ns,
        barriers: usize,
        span: &Range<usize>,
    ) {
        self.workload.job(name, width, program, arrival);
        self.places.jobs.push(span.clone());
        for _ in 0..barriers {
            self.workload.synchronizer("join", SyncKind::Barrier(ThreadId::new(width).0, Wait::Block));
        }
    }
}

impl Scope<'_> {
    fn add(&mut self, name: &str, kind: SyncKind) {
        let reference = SyncRef::Local(ThreadId::new(self.list.len()).0);
        self.list.push((name.to_owned(), kind));
        self.locals.insert(name.to_owned(), (reference, kind));
    }

    fn declare(&self, workload: &mut Workload) {
        for (name, kind) in &self.list {
            workload.synchronizer(name, *kind);
        }
    }
}

impl Phase {
    fn verbs(&self) -> Vec<&'static str> {
        let all = [
            ("compute", self.compute.is_some()),
            ("io", self.io.is_some()),
            ("lock", self.lock.is_some()),
            ("unlock", self.unlock.is_some()),
            ("down", self.down.is_some()),
            ("up", self.up.is_some()),
            ("barrier", self.barrier.is_some()),
            ("wait", self.wait.is_some()),
            ("signal", self.signal.is_some()),
            ("send", self.send.is_some()),
            ("receive", self.receive.is_some()),
            ("repeat", self.repeat.is_some()),
        ];
        all.into_iter().filter(|(_, there)| *there).map(|(verb, _)| verb).collect()
    }
}

fn check_priority(given: Option<&Spanned<u8>>) -> Checked<u8> {
    match given {
        Some(priority) if *priority.get_ref() >= kit::PRIORITIES => {
            Err(ConfigError::new(priority.span(), "priorities are 0 to 31; a larger one goes first", ""))
        }
        Some(priority) => Ok(*priority.get_ref()),
        None => Ok(16),
    }
}

fn check_weight(given: Option<&Spanned<u32>>) -> Checked<u32> {
    match given {
        Some(weight) if !(1..=1_000_000).contains(weight.get_ref()) => {
            Err(ConfigError::new(weight.span(), "weights are 1 to 1,000,000; 1024 is usual", ""))
        }
        Some(weight) => Ok(*weight.get_ref()),
        None => Ok(1024),
    }
}

fn check_cap(given: Option<&Spanned<f64>>) -> Checked<u16> {
    match given {
        Some(cap) if !(0.001..=1.0).contains(cap.get_ref()) => {
            Err(ConfigError::new(cap.span(), "a cap is a part of one CPU: 0.001 to 1", ""))
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 1000")]
        Some(cap) => Ok((cap.get_ref() * 1000.0).round() as u16),
        None => Ok(0),
    }
}

/// The mean of a distribution, for generated arrivals.
#[expect(clippy::cast_precision_loss, reason = "a mean")]
pub(super) fn mean_ns(dist: Dist) -> f64 {
    match dist {
        Dist::Fixed(time) | Dist::Exp(time) => time.0 as f64,
        Dist::Uniform(low, high) => (low.0 as f64 + high.0 as f64) / 2.0,
        Dist::Pareto(min, shape) if shape > 1.0 => min.0 as f64 * shape / (shape - 1.0),
        Dist::Pareto(min, _) => min.0 as f64 * 10.0,
    }
}
