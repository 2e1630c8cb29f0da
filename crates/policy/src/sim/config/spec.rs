//! The file as it is written, before anything is checked against anything else.

use super::value::{Kib, Time, Times};
use serde::Deserialize;
use serde_spanned::Spanned;

/// What has to be known before variables can be put in; the rest is not looked at.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) r#let: Option<toml::Table>,
    pub(super) sweep: Option<Spanned<Sweep>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sweep {
    pub(super) over: Spanned<Names>,
    pub(super) values: Vec<toml::Value>,
}

/// One variable, or several that change together.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Names {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    pub(super) schema: Option<Spanned<u32>>,
    pub(super) title: Option<String>,
    pub(super) seed: Option<u64>,
    pub(super) policies: Option<Vec<Spanned<String>>>,
    #[serde(rename = "let")]
    _let: Option<toml::Table>,
    #[serde(rename = "sweep")]
    _sweep: Option<Sweep>,
    pub(super) machine: Option<Machine>,
    pub(super) policy: Option<Policy>,
    pub(super) costs: Option<Costs>,
    #[serde(default)]
    pub(super) sync: Vec<Spanned<Sync>>,
    #[serde(default)]
    pub(super) group: Vec<Spanned<Group>>,
    #[serde(default)]
    pub(super) thread: Vec<Spanned<Group>>,
    #[serde(default)]
    pub(super) generate: Vec<Spanned<Generate>>,
    pub(super) balance: Option<Spanned<Balance>>,
    pub(super) allocate: Option<Spanned<Allocate>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Machine {
    pub(super) cpus: Option<Spanned<usize>>,
    pub(super) nodes: Option<Spanned<usize>>,
    pub(super) cache: Option<Kib>,
    pub(super) steps_max: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    pub(super) quantum: Option<Spanned<Time>>,
    pub(super) extra_quantum: Option<Time>,
    pub(super) extra_quanta_max: Option<u8>,
    pub(super) patience: Option<Time>,
    pub(super) packing: Option<Packing>,
    pub(super) skew: Option<Time>,
    pub(super) partition: Option<Spanned<usize>>,
    pub(super) overtakes_max: Option<u32>,
    pub(super) period: Option<Spanned<Time>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Packing {
    FirstFit,
    Fill,
    Buddy,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Costs {
    /// Nothing costs anything, except what is set here.
    #[serde(default)]
    pub(super) free: bool,
    pub(super) context_switch: Option<Time>,
    pub(super) reload_per_kib: Option<Time>,
    pub(super) ipi: Option<Time>,
    pub(super) queue_lock: Option<Time>,
    pub(super) queue_line: Option<Time>,
    pub(super) message: Option<Time>,
    pub(super) node_message: Option<Time>,
    pub(super) node_move_per_kib: Option<Time>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sync {
    pub(super) name: Spanned<String>,
    pub(super) kind: Kind,
    pub(super) count: Option<u32>,
    pub(super) parties: Option<Spanned<u32>>,
    pub(super) wait: Option<Wait>,
    pub(super) monitor: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Spin,
    Mutex,
    Semaphore,
    Monitor,
    Condition,
    Barrier,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Wait {
    Spin,
    Block,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    pub(super) name: Spanned<String>,
    pub(super) threads: Option<Spanned<usize>>,
    pub(super) count: Option<Spanned<usize>>,
    pub(super) arrive: Option<Time>,
    pub(super) estimate: Option<Time>,
    pub(super) between: Option<Times>,
    pub(super) priority: Option<Spanned<u8>>,
    pub(super) weight: Option<Spanned<u32>>,
    pub(super) cap: Option<Spanned<f64>>,
    pub(super) working_set: Option<Kib>,
    #[serde(default)]
    pub(super) sync: Vec<Spanned<Sync>>,
    pub(super) program: Option<Vec<Spanned<Phase>>>,
    #[serde(default)]
    pub(super) thread: Vec<Spanned<Member>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Member {
    pub(super) rank: Spanned<usize>,
    pub(super) arrive: Option<Time>,
    pub(super) priority: Option<Spanned<u8>>,
    pub(super) working_set: Option<Kib>,
    pub(super) program: Option<Vec<Spanned<Phase>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Phase {
    pub(super) compute: Option<Times>,
    pub(super) io: Option<Times>,
    pub(super) lock: Option<Spanned<String>>,
    pub(super) hold: Option<Times>,
    pub(super) unlock: Option<Spanned<String>>,
    pub(super) down: Option<Spanned<String>>,
    pub(super) up: Option<Spanned<String>>,
    pub(super) barrier: Option<Spanned<String>>,
    pub(super) wait: Option<Spanned<String>>,
    pub(super) signal: Option<Spanned<String>>,
    pub(super) send: Option<Spanned<Peer>>,
    pub(super) receive: Option<Wait>,
    pub(super) repeat: Option<Spanned<u32>>,
    pub(super) r#do: Option<Vec<Spanned<Phase>>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Peer {
    Rank(u32),
    Name(String),
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Source {
    Poisson,
    ForkJoin,
    Bag,
    Mixed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Generate {
    pub(super) kind: Source,
    pub(super) jobs: Spanned<usize>,
    pub(super) load: Option<Spanned<f64>>,
    pub(super) between: Option<Times>,
    pub(super) compute: Option<Times>,
    pub(super) width: Option<Spanned<usize>>,
    pub(super) rounds: Option<Spanned<u32>>,
    pub(super) serial: Option<Spanned<f64>>,
    pub(super) io: Option<Times>,
    pub(super) working_set: Option<Kib>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Balance {
    pub(super) nodes: Spanned<usize>,
    pub(super) loads: Spanned<Vec<f64>>,
    pub(super) jobs: Option<Spanned<u64>>,
    pub(super) arrivals_at: Option<Spanned<usize>>,
    pub(super) threshold: Option<u32>,
    pub(super) probes: Option<u32>,
    pub(super) repoll: Option<f64>,
    pub(super) transfer_delay: Option<Spanned<f64>>,
    pub(super) transfer_cpu: Option<Spanned<f64>>,
    pub(super) probe_cpu: Option<Spanned<f64>>,
    pub(super) speeds: Option<Spanned<Vec<f64>>>,
    pub(super) transfers_max: Option<u32>,
    pub(super) balls: Option<Spanned<usize>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Allocate {
    pub(super) topology: Option<Spanned<String>>,
    pub(super) node: Option<Vec<Spanned<NodeSpec>>>,
    pub(super) process: Vec<Spanned<Process>>,
    #[serde(default)]
    pub(super) traffic: Vec<Spanned<Traffic>>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeSpec {
    pub(super) name: Option<String>,
    pub(super) count: Option<usize>,
    pub(super) cpu: u64,
    pub(super) memory: Kib,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Process {
    pub(super) name: Spanned<String>,
    pub(super) cpu: u64,
    pub(super) memory: Kib,
    pub(super) on: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Traffic {
    pub(super) between: Spanned<(String, String)>,
    pub(super) rate: u64,
}
