//! The machine, the policies' numbers and the costs, as a scenario file gives them.

use super::spec::{self, Spec};
use super::{Checked, ConfigError, Places};
use crate::sched::{Tuning, kit};
use crate::sim::{Costs, Options};
use crate::unit::Ns;
use serde_spanned::Spanned;

const CPUS_MAX: usize = 65_536;

pub(super) fn options(spec: &Spec, seed: u64, places: &mut Places) -> Checked<Options> {
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
