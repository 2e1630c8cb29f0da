//! From what is written to what runs: groups and threads built, names resolved.

use super::limits::{check_cap, check_priority, check_weight};
use super::program::Scope;
use super::spec::{self, Spec};
use super::{Checked, ConfigError, Places, Scenario, Schedule, generate, options::options};
use crate::rng::Rng;
use crate::sched::registry::POLICIES;
use crate::sim::{Op, Program, SyncKind, SyncRef, Wait, Workload};
use crate::unit::{Ns, ThreadId};
use serde_spanned::Spanned;
use std::collections::BTreeMap;
use std::ops::Range;

const THREADS_MAX: usize = 4_000_000;
/// No workload has more synchronizers.
const SYNCS_MAX: usize = 2 * THREADS_MAX;
const DEFAULT_POLICIES: [&str; 3] = ["time-sharing", "two-level", "gang"];

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

/// Synchronizers by name.
pub(super) type Names = BTreeMap<String, (SyncRef, SyncKind)>;

pub(super) struct Builder {
    pub(super) workload: Workload,
    pub(super) places: Places,
    pub(super) globals: Names,
    /// Messages to threads by name: program, phase, name, place.
    pub(super) sends: Vec<(u32, usize, String, Range<usize>)>,
}

impl Builder {
    fn group(&mut self, group: &Spanned<spec::Group>, single: bool, rng: &mut Rng) -> Checked<()> {
        let (span, group) = (group.get_ref().name.span(), group.get_ref());
        let width = group.threads.as_ref().map_or(1, |threads| *threads.get_ref());
        let width_span = group.threads.as_ref().map_or(span.clone(), Spanned::span);
        if width == 0 || width > THREADS_MAX || (single && width != 1) {
            return Err(ConfigError::new(
                width_span,
                format!("a group has 1 to {THREADS_MAX} threads, a [[thread]] is one"),
                "",
            ));
        }
        let count = group.count.as_ref().map_or(1, |count| *count.get_ref());
        if count == 0 || !self.has_room(count.saturating_mul(width), THREADS_MAX) {
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
        if count.saturating_mul(scope.list.len())
            > SYNCS_MAX - self.workload.synchronizers.len().min(SYNCS_MAX)
        {
            let span = group.count.as_ref().map_or(span, Spanned::span);
            let message =
                format!("all copies of all groups have at most {SYNCS_MAX} synchronizers of their own");
            return Err(ConfigError::new(
                span,
                message,
                "make fewer copies, or declare them outside of the group",
            ));
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
            self.workload.jobs[job.index()].estimate = group.estimate.map(|time| time.0);
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

    /// Whether a workload of at most `most` threads has room for so many more.
    pub(super) fn has_room(&self, threads: usize, most: usize) -> bool {
        self.workload.tasks.len().saturating_add(threads) <= most
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
