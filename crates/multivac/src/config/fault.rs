//! Faults as data: what goes wrong in the network or with a node, and when.

use super::network::Shape;
use super::read::{Found, Reader};
use super::{Config, units};
use cluster::time::{NetworkClock, Ps};
use fabric::fault::{Change, Hazard, boundary};
use fabric::topology::Topology;
use fabric::{LinkId, NodeId};
use std::fmt::Write as _;

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    /// When.
    pub(crate) at_ps: u64,
    /// When it is over; never, where there is none.
    pub(crate) until_ps: Option<u64>,
    /// What.
    pub(crate) what: What,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// Something with the link between two nodes, or with all links.
    Link {
        /// The nodes at its ends; `None` for every link.
        ends: Option<[String; 2]>,
        /// What it does.
        effect: Effect,
    },
    /// These nodes are cut off from the others.
    Partition(Vec<String>),
    /// The node stops for good.
    Crash(String),
}

/// What a link does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// It carries nothing.
    Down,
    /// It mistreats packets.
    Hazard {
        /// Probability that a packet is lost.
        loss: f64,
        /// Probability that it has a wrong bit.
        corruption: f64,
        /// Probability that it arrives twice.
        duplication: f64,
        /// Probability that later ones overtake it.
        reorder: f64,
        /// How long a packet that is overtaken is held back, at most.
        reorder_ps: u64,
        /// By how much every packet is late.
        delay_ps: u64,
    },
}

/// How long a reordered packet is held back where the file does not say.
const REORDER_PS: u64 = 50_000_000;

/// Reads every `[[fault]]`.
pub(super) fn faults(config: &Config, found: &Found<'_>) -> Vec<Fault> {
    let shape = Shape::default();
    let one = |(found, reader): (Found<'_>, Reader<'_>)| {
        let fault = fault(config, &shape, &found, &reader);
        reader.finish();
        fault
    };
    found.tables("fault").into_iter().filter_map(one).collect()
}

/// Reads one `[[fault]]`.
fn fault(config: &Config, shape: &Shape, group: &Found<'_>, reader: &Reader<'_>) -> Option<Fault> {
    let time = |key| reader.get(key).and_then(|found| found.quantity(units::picoseconds));
    let at_ps = time("at").unwrap_or(0);
    let until = reader.get("until");
    let until_ps = until.and_then(|found| found.quantity(units::picoseconds));
    if let Some(found) = until.filter(|_| until_ps.is_some_and(|until| until <= at_ps)) {
        found.problem("the fault ends before it begins", "`until` is later than `at`");
    }
    let ends = ends(config, shape, reader);
    let effect = effect(group, reader);
    let partition = reader.get("partition").and_then(|found| {
        let names: Vec<String> = found.strings()?.into_iter().map(str::to_owned).collect();
        names.iter().for_each(|name| known(config, &found, name));
        if names.is_empty() || names.len() >= config.node_count() as usize {
            found.problem("a partition has some of the nodes, not none or all", "");
        }
        Some(names)
    });
    let crash = reader.get("crash").and_then(|found| {
        let name = found.string()?;
        known(config, &found, name);
        Some(name.to_owned())
    });
    if crash.is_some() && until_ps.is_some() {
        group.problem("a node that crashed stays so", "leave `until` out");
    }
    let what = match (ends, effect, partition, crash) {
        (Some(ends), Some(effect), None, None) => What::Link { ends, effect },
        (None, Some(effect), None, None) => What::Link { ends: None, effect },
        (None, None, Some(names), None) => What::Partition(names),
        (None, None, None, Some(name)) => What::Crash(name),
        _ => {
            group.problem(
                "a fault is one of: something with a `link`, a `partition`, a `crash`",
                "as in `link = [\"n0\", \"n1\"]` with `down = true` or `loss = 0.01`; `crash = \"n1\"`",
            );
            return None;
        }
    };
    Some(Fault { at_ps, until_ps, what })
}

fn known(config: &Config, found: &Found<'_>, name: &str) {
    if let Err(help) = config.place_of(name) {
        found.problem(format!("there is no node `{name}`"), help);
    }
}

/// The ends of the link that a fault is about; all links as a word.
fn ends(config: &Config, shape: &Shape, reader: &Reader<'_>) -> Option<Option<[String; 2]>> {
    let found = reader.get("link")?;
    if found.is_string() {
        // Whatever the word is, the fault is about links.
        let _ = found.word(&[("all", ())]);
        return Some(None);
    }
    let names = found.strings()?;
    let [a, b] = names[..] else {
        found.problem("a link has two ends", "write `link = [\"n0\", \"n1\"]`, or \"all\"");
        return Some(None);
    };
    known(config, &found, a);
    known(config, &found, b);
    let (Ok(from), Ok(to), Ok(topology)) = (config.place_of(a), config.place_of(b), shape.of(config)) else {
        return Some(None);
    };
    if link(topology, NodeId(from), NodeId(to)).is_none() {
        let near = neighbours(topology, NodeId(from), config);
        let help = if near.is_empty() {
            format!("in a {} nodes are joined to switches only: use \"all\"", topology.family().kind())
        } else {
            format!("`{a}` is joined to {}", near.join(", "))
        };
        found.problem(format!("no link of the {} joins `{a}` and `{b}`", topology.name()), help);
    }
    Some(Some([a.to_owned(), b.to_owned()]))
}

/// What a link does, as the fault's keys say.
fn effect(group: &Found<'_>, reader: &Reader<'_>) -> Option<Effect> {
    let share = |key| reader.get(key).and_then(|found| found.probability());
    let time = |key| reader.get(key).and_then(|found| found.quantity(units::picoseconds));
    let (loss, corruption, duplication, reorder) =
        (share("loss"), share("corruption"), share("duplication"), share("reorder"));
    let (reorder_ps, delay_ps) = (time("reorder_time"), time("delay"));
    let down = reader.get("down").and_then(|found| found.flag()) == Some(true);
    let hazard = [loss, corruption, duplication, reorder].iter().any(Option::is_some) || delay_ps.is_some();
    if down && hazard {
        group.problem("a link that is down carries nothing that could be lost or late", "keep one of them");
    }
    if down {
        return Some(Effect::Down);
    }
    hazard.then(|| Effect::Hazard {
        loss: loss.unwrap_or(0.0),
        corruption: corruption.unwrap_or(0.0),
        duplication: duplication.unwrap_or(0.0),
        reorder: reorder.unwrap_or(0.0),
        reorder_ps: reorder_ps.unwrap_or(if reorder.is_some() { REORDER_PS } else { 0 }),
        delay_ps: delay_ps.unwrap_or(0),
    })
}

/// The link between two nodes' routers.
fn link(topology: &Topology, a: NodeId, b: NodeId) -> Option<LinkId> {
    let (from, to) = (topology.attachment(a).0, topology.attachment(b).0);
    topology.neighbours(from).find(|(_, other, _)| *other == to).map(|(_, _, link)| link)
}

/// The names of the nodes whose routers a node's is joined to.
fn neighbours(topology: &Topology, node: NodeId, config: &Config) -> Vec<String> {
    let routers: Vec<_> =
        topology.neighbours(topology.attachment(node).0).map(|(_, other, _)| other).collect();
    let all = (0..topology.nodes()).filter_map(|place| u32::try_from(place).ok()).map(NodeId);
    let near = all.filter(|other| routers.contains(&topology.attachment(*other).0));
    near.filter_map(|other| config.name_at(other.0)).map(|name| format!("`{name}`")).collect()
}

/// The changes of the network that the faults come to; a crash takes the node off it, too.
///
/// Errors: a name or a link that there is not, in a line.
pub(crate) fn changes(
    config: &Config,
    topology: &Topology,
    clock: NetworkClock,
) -> Result<Vec<(Ps, Change)>, String> {
    let mut changes = Vec::new();
    let place = |name: &String| {
        config.place_of(name).map(NodeId).map_err(|help| format!("there is no node `{name}`; {help}"))
    };
    for fault in &config.faults {
        let mut span = |begin: Change, end: Option<Change>| {
            changes.push((Ps(fault.at_ps), begin));
            changes.extend(fault.until_ps.zip(end).map(|(until, end)| (Ps(until), end)));
        };
        match &fault.what {
            What::Crash(name) => span(Change::Node(place(name)?, false), None),
            What::Partition(names) => {
                let inside = names.iter().map(place).collect::<Result<Vec<_>, _>>()?;
                let cut = boundary(topology, &inside);
                span(Change::Links(cut.clone(), false), Some(Change::Links(cut, true)));
            }
            What::Link { ends, effect } => {
                let links = match ends {
                    Some([a, b]) => vec![
                        link(topology, place(a)?, place(b)?)
                            .ok_or_else(|| format!("no link joins `{a}` and `{b}`"))?,
                    ],
                    None => (0..topology.links().len())
                        .filter_map(|l| u32::try_from(l).ok())
                        .map(LinkId)
                        .collect(),
                };
                match effect {
                    Effect::Down => {
                        span(Change::Links(links.clone(), false), Some(Change::Links(links, true)))
                    }
                    effect => links.into_iter().for_each(|link| {
                        let over = Change::Hazard(link, Hazard::default());
                        span(Change::Hazard(link, hazard(effect, clock)), Some(over));
                    }),
                }
            }
        }
    }
    Ok(changes)
}

/// What a link does, in cycles of the network.
fn hazard(effect: &Effect, clock: NetworkClock) -> Hazard {
    let Effect::Hazard { loss, corruption, duplication, reorder, reorder_ps, delay_ps } = *effect else {
        return Hazard::default();
    };
    let cycles = |ps: u64| u32::try_from(clock.cycles_of(Ps(ps))).unwrap_or(u32::MAX / 4);
    Hazard {
        loss,
        corruption,
        duplication,
        reorder,
        reorder_cycles: cycles(reorder_ps),
        delay_cycles: cycles(delay_ps),
    }
}

/// Writes the section.
/// A fault in words, as the file has it.
pub(crate) fn words(fault: &Fault) -> String {
    let mut text = String::new();
    print(fault, &mut text);
    let lines =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with("[[") && !line.starts_with("at"));
    lines.collect::<Vec<_>>().join(", ")
}

/// Writes a fault.
pub(super) fn print(fault: &Fault, out: &mut String) {
    use super::print::{quoted, quoted_list};
    let _ = write!(out, "\n[[fault]]\nat = {}\n", quoted(&units::write_ps(fault.at_ps)));
    if let Some(until) = fault.until_ps {
        let _ = writeln!(out, "until = {}", quoted(&units::write_ps(until)));
    }
    let _ = match &fault.what {
        What::Crash(name) => writeln!(out, "crash = {}", quoted(name)),
        What::Partition(names) => writeln!(out, "partition = {}", quoted_list(names)),
        What::Link { ends, effect } => {
            let _ = match ends {
                Some([a, b]) => writeln!(out, "link = [{}, {}]", quoted(a), quoted(b)),
                None => writeln!(out, "link = \"all\""),
            };
            match effect {
                Effect::Down => writeln!(out, "down = true"),
                Effect::Hazard { loss, corruption, duplication, reorder, reorder_ps, delay_ps } => writeln!(
                    out,
                    "loss = {loss:?}\ncorruption = {corruption:?}\nduplication = {duplication:?}\n\
                     reorder = {reorder:?}\nreorder_time = {}\ndelay = {}",
                    quoted(&units::write_ps(*reorder_ps)),
                    quoted(&units::write_ps(*delay_ps))
                ),
            }
        }
    };
}
