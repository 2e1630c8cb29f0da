//! From a configuration to a cluster about to run: every node booted, the network wired, identities and commands
//! given out.

use super::boot::Boots;
use super::surroundings::Surroundings;
use super::{Manner, Plan};
use crate::config::{Boot, Config, DiskMode, EngineKind, Fault, Node, What, fault_changes, memory_problem};
use crate::exit::{Exit, Failure};
use cluster::address;
use cluster::control::{Command, Identity, Neighbor};
use cluster::interface::Timing;
use cluster::run::{Bounds, Cluster, Member};
use cluster::time::{Bandwidth, Ps};
use fabric::{LinkId, NodeId};

/// A cluster about to run.
pub(super) struct Built {
    pub(super) cluster: Cluster,
    /// What kind of program the first node runs.
    pub(super) kind: &'static str,
    /// What the user should know of how it runs.
    pub(super) note: Option<String>,
}

/// Boots all nodes and joins them.
///
/// Errors: whatever keeps a node from booting, or a network that cannot be.
pub(super) fn build(
    config: &Config,
    manner: &Manner,
    plan: &Plan,
    surroundings: &Surroundings,
) -> Result<Built, Failure> {
    if let Some((message, help)) = memory_problem(config) {
        return Err(Failure::new(Exit::Config, message, help));
    }
    let bounds = Bounds { time_ns: config.run.max_time_ns, instructions: config.run.max_instructions };
    let members = config.members();
    let mut boots = Boots::new(config, config.run.engine, surroundings);
    let mut kind = "";
    let mut note = None;
    let mut booted = Vec::new();
    for (place, (name, node)) in places().zip(&members) {
        let restored = plan.restore.is_some();
        let one = if restored { boots.bare(place, node)? } else { boots.boot(place, node)? };
        if place == NodeId(0) {
            kind = one.kind;
            note.clone_from(&one.note);
        }
        let timing = Timing {
            packet: Ps(node.interfaces.packet_ps),
            dma: Bandwidth { bits_per_s: node.interfaces.dma_bits_per_s },
        };
        booted.push(Member { name: name.clone(), booted: one, timing, crash_at: crash(config, name) });
    }
    surroundings.booted()?;
    let mut cluster = if members.len() == 1 {
        let only = booted.pop().map(|member| member.booted);
        Cluster::new(only.unwrap_or_else(|| unreachable!("there is one node")), bounds)
    } else {
        join(config, booted, bounds)?
    };
    cluster.set_threads(manner.threads.unwrap_or_else(host_threads));
    if config.run.survives {
        cluster.survive_failures();
    }
    if let Some(captured) = config.captured()? {
        let links: Vec<LinkId> = captured.links.iter().map(|wire| wire.link).collect();
        cluster.watch_links(&links);
    }
    if let Some(place) = config.console_place() {
        cluster.follow(NodeId(place));
    }
    let neighbors: Vec<Neighbor> = places().zip(&members).map(neighbor).collect();
    let tells = members.len() > 1 && members.iter().any(|(_, node)| matches!(node.boot, Boot::Image { .. }));
    if tells && !identity(config, NodeId(0), "", &neighbors).fits() {
        let cause = format!("the list of {} nodes is longer than an image's agent takes", members.len());
        return Err(Failure::new(Exit::Config, cause, "use fewer nodes, or shorter names"));
    }
    for (place, (name, node)) in places().zip(&members) {
        if matches!(node.boot, Boot::Image { .. }) {
            cluster.hold_input(place);
            let fork = node.fork && node.fork_at_ps.is_none() && plan.restore.is_none();
            errand(config, &mut cluster, (place, name, fork), &neighbors);
        }
    }
    if members.iter().any(|(_, node)| node.disks.iter().any(|disk| disk.mode == DiskMode::Writable)) {
        cluster.shut_down_after_command();
    }
    if let Some(every) = manner.lockstep {
        let mut oracle = Boots::beside(config, EngineKind::Interp, surroundings);
        for (place, (_, node)) in places().zip(&members) {
            let restored = plan.restore.is_some();
            let shadow = if restored { oracle.bare(place, node)? } else { oracle.boot(place, node)? };
            cluster.set_shadow(place, shadow, every);
        }
    }
    Ok(Built { cluster, kind, note })
}

/// A node as the others know it.
fn neighbor((place, (name, node)): (NodeId, &(String, &Node))) -> Neighbor {
    let harts = u32::try_from(node.harts).unwrap_or(u32::MAX);
    Neighbor { name: name.clone(), address: address::ipv4(place, 0), harts }
}

fn places() -> impl Iterator<Item = NodeId> {
    (0..).map(NodeId)
}

fn host_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Wires the nodes up.
fn join(config: &Config, members: Vec<Member>, bounds: Bounds) -> Result<Cluster, Failure> {
    let mut wiring = config.wiring()?;
    let faults = fault_changes(config, &wiring.topology, wiring.clock);
    wiring.faults =
        faults.map_err(|cause| Failure::new(Exit::Config, cause, "change the fault or the network"))?;
    let refused = |error: fabric::Error| Failure::new(Exit::Config, &error, error.help());
    wiring.check().map_err(refused)?;
    let rails = config.groups.iter().map(|group| group.node.interfaces.count).max().unwrap_or(1);
    Cluster::joined(members, wiring, rails, bounds).map_err(refused)
}

/// When a fault stops the node.
fn crash(config: &Config, name: &str) -> Option<Ps> {
    let at = |fault: &Fault| match &fault.what {
        What::Crash(node) if node == name => Some(Ps(fault.at_ps)),
        _ => None,
    };
    config.faults.iter().filter_map(at).min()
}

/// Gives a Linux node who it is, where it is one of several, and its command, where it has one.
fn errand(
    config: &Config,
    cluster: &mut Cluster,
    (place, name, fork): (NodeId, &str, bool),
    neighbors: &[Neighbor],
) {
    let command = command(config, name);
    let identity = (config.node_count() > 1).then(|| identity(config, place, name, neighbors));
    if fork {
        cluster.set_errand_of_fork(place, identity, command);
    } else {
        cluster.set_errand(place, identity, command);
    }
}

/// The command of the node called `name`, where it has one.
pub(super) fn command(config: &Config, name: &str) -> Option<Command> {
    config.run.on.includes(name).then(|| command_of(&config.run.command)).flatten()
}

/// The command of these words, where there are any.
pub(super) fn command_of(argv: &[String]) -> Option<Command> {
    (!argv.is_empty()).then(|| Command { argv: argv.to_vec(), ..Command::default() })
}

/// Who a node is, from the cluster's seed and its place.
fn identity(config: &Config, place: NodeId, name: &str, neighbors: &[Neighbor]) -> Identity {
    let mut hasher = blake3::Hasher::new_derive_key("multivac 1 identity of a node");
    hasher.update(&config.seed.to_le_bytes());
    hasher.update(&place.0.to_le_bytes());
    let mut drawn = [0; 48];
    hasher.finalize_xof().fill(&mut drawn);
    let (mut machine_id, mut seed) = ([0; 16], [0; 32]);
    machine_id.copy_from_slice(&drawn[..16]);
    seed.copy_from_slice(&drawn[16..]);
    Identity {
        mac: address::mac(place, 0),
        address: address::ipv4(place, 0),
        prefix: 16,
        machine_id,
        seed,
        host_name: name.to_owned(),
        nodes: neighbors.to_vec(),
    }
}
