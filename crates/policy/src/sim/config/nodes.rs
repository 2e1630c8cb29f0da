//! `[balance]` and `[allocate]`: jobs and processes on the nodes of a multicomputer.

use super::ConfigError;
use super::spec::{Allocate, Balance};
use crate::alloc::{Node, Problem, Process, Topology};
use crate::balance::Limits;
use crate::balance::sim::Experiment;
use crate::unit::NodeId;
use serde_spanned::Spanned;
use std::collections::BTreeMap;
use std::ops::Range;

const NODES_MAX: usize = 100_000;
const BALLS_MAX: usize = 10_000_000;
/// Sums over all processes are far from the end of numbers.
const CPU_MAX: u64 = 1 << 40;
/// No allocation costs more.
const COST_MAX: u64 = 1 << 62;

type Checked<T> = Result<T, ConfigError>;

pub(super) fn balance(given: &Spanned<Balance>) -> Checked<Experiment> {
    let given = given.get_ref();
    let default = Experiment::default();
    let nodes = *given.nodes.get_ref();
    if nodes == 0 || nodes > NODES_MAX {
        return Err(ConfigError::new(
            given.nodes.span(),
            format!("1 to {NODES_MAX} nodes can be balanced"),
            "",
        ));
    }
    let loads = given.loads.get_ref();
    if loads.is_empty() || loads.iter().any(|load| !(0.001..=2.0).contains(load)) {
        return Err(ConfigError::new(
            given.loads.span(),
            "loads are between 0.001 and 2; from 1 on queues grow for ever",
            "",
        ));
    }
    let jobs = given.jobs.as_ref().map_or(default.jobs, |jobs| *jobs.get_ref());
    if !(100..=1_000_000_000).contains(&jobs) {
        let span = given.jobs.as_ref().map_or(0..0, Spanned::span);
        return Err(ConfigError::new(span, "100 to 1,000,000,000 jobs can be measured", ""));
    }
    let arrivals_at = given.arrivals_at.as_ref().map_or(nodes, |at| *at.get_ref());
    if arrivals_at == 0 || arrivals_at > nodes {
        let span = given.arrivals_at.as_ref().map_or(0..0, Spanned::span);
        return Err(ConfigError::new(span, format!("jobs arrive at 1 to {nodes} nodes"), ""));
    }
    let time = |given: Option<&Spanned<f64>>| match given {
        Some(time) if !(0.0..=1e6).contains(time.get_ref()) => {
            Err(ConfigError::new(time.span(), "a time in units of the mean service is 0 or more", ""))
        }
        Some(time) => Ok(*time.get_ref()),
        None => Ok(0.0),
    };
    let speeds = given.speeds.as_ref().map_or_else(|| vec![1.0], |speeds| speeds.get_ref().clone());
    if speeds.is_empty() || speeds.iter().any(|speed| !(0.001..=1000.0).contains(speed)) {
        let span = given.speeds.as_ref().map_or(0..0, Spanned::span);
        return Err(ConfigError::new(span, "speeds are between 0.001 and 1000; 1 is usual", ""));
    }
    let balls = given.balls.as_ref().map_or(0, |balls| *balls.get_ref());
    if balls > BALLS_MAX {
        let span = given.balls.as_ref().map_or(0..0, Spanned::span);
        return Err(ConfigError::new(span, format!("at most {BALLS_MAX} balls can be thrown"), ""));
    }
    let limits = Limits::default();
    Ok(Experiment {
        nodes,
        loads: loads.clone(),
        jobs,
        arrivals_at,
        limits: Limits {
            threshold: given.threshold.unwrap_or(limits.threshold).max(1),
            probes: given.probes.unwrap_or(limits.probes),
            transfers_max: given.transfers_max.unwrap_or(limits.transfers_max),
        },
        repoll: given.repoll.unwrap_or(default.repoll).clamp(1e-3, 1e6),
        transfer_delay: time(given.transfer_delay.as_ref())?,
        transfer_cpu: time(given.transfer_cpu.as_ref())?,
        probe_cpu: time(given.probe_cpu.as_ref())?,
        speeds,
        balls,
    })
}

fn check_cpu(cpu: u64, span: &Range<usize>) -> Checked<()> {
    if cpu > CPU_MAX {
        let message = format!("a demand or supply of CPU is at most {CPU_MAX}");
        return Err(ConfigError::new(span.clone(), message, "choose a larger unit"));
    }
    Ok(())
}

pub(super) fn allocate(given: &Spanned<Allocate>) -> Checked<Problem> {
    let given = given.get_ref();
    let topology = match &given.topology {
        None => Topology::Full,
        Some(name) => Topology::NAMES
            .iter()
            .find(|(known, _)| known == name.get_ref())
            .map(|(_, topology)| *topology)
            .ok_or_else(|| {
                let known = Topology::NAMES.iter().map(|(name, _)| *name);
                ConfigError::unknown(name.span(), "topology", name.get_ref(), known)
            })?,
    };
    let mut nodes = Vec::new();
    for spec in given.node.as_deref().unwrap_or_default() {
        let spec_span = spec.span();
        let spec = spec.get_ref();
        check_cpu(spec.cpu, &spec_span)?;
        for _ in 0..spec.count.unwrap_or(1) {
            let name = spec.name.clone().filter(|_| spec.count.is_none());
            let name = name.unwrap_or_else(|| format!("n{}", nodes.len()));
            nodes.push(Node { name, cpu: spec.cpu, memory_kib: spec.memory.0 });
            if nodes.len() > NODES_MAX {
                return Err(ConfigError::new(spec_span, format!("at most {NODES_MAX} nodes"), ""));
            }
        }
    }
    if nodes.is_empty() {
        return Err(ConfigError::new(
            0..0,
            "there are no nodes",
            "add [[allocate.node]] with cpu and memory",
        ));
    }
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut processes = Vec::new();
    for spec in &given.process {
        let spec = spec.get_ref();
        check_cpu(spec.cpu, &spec.name.span())?;
        let pinned = match &spec.on {
            None => None,
            Some(name) => {
                let known = nodes.iter().map(|node| node.name.as_str());
                let at = nodes.iter().position(|node| node.name == *name.get_ref());
                Some(NodeId::new(
                    at.ok_or_else(|| ConfigError::unknown(name.span(), "node", name.get_ref(), known))?,
                ))
            }
        };
        if names.insert(spec.name.get_ref(), processes.len()).is_some() {
            return Err(ConfigError::new(spec.name.span(), "this name is there twice", ""));
        }
        if !nodes.iter().any(|node| node.cpu >= spec.cpu && node.memory_kib >= spec.memory.0) {
            return Err(ConfigError::new(spec.name.span(), "this process is too big for every node", ""));
        }
        processes.push(Process {
            name: spec.name.get_ref().clone(),
            cpu: spec.cpu,
            memory_kib: spec.memory.0,
            pinned,
        });
    }
    let (mut traffic, mut total) = (Vec::new(), 0u64);
    for spec in &given.traffic {
        total = total.saturating_add(spec.get_ref().rate);
        // No way is longer than there are nodes, but for a star's.
        if total.saturating_mul(nodes.len() as u64 + 2) > COST_MAX {
            let message = "with this pair, what all traffic costs may be beyond the end of numbers";
            return Err(ConfigError::new(spec.get_ref().between.span(), message, "choose a larger unit"));
        }
        let (a, b) = spec.get_ref().between.get_ref();
        let find = |name: &str| {
            names.get(name).copied().ok_or_else(|| {
                ConfigError::unknown(spec.get_ref().between.span(), "process", name, names.keys().copied())
            })
        };
        traffic.push((find(a)?, find(b)?, spec.get_ref().rate));
    }
    Ok(Problem { processes, nodes, topology, traffic })
}
