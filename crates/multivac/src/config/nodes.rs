//! Groups of nodes: how many, what they are called, and who is who.

use super::read::{Found, Reader};
use super::{Config, Node, units};
use crate::diag::did_you_mean;
use cluster::address::{NODES_MAX, RAILS_MAX};
use std::collections::BTreeSet;

/// What a forked node is reckoned to copy of the memory that it shares.
const FORK_BYTES: u64 = 20 << 20;
/// How many nodes' names are looked through for one that was meant.
const SUGGESTIONS_MAX: usize = 256;

/// The words of `boot`.
pub(super) const FORK: [(&str, bool); 2] = [("each", false), ("fork", true)];

/// Nodes that are alike.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    /// What they are called: a name, or with several the beginning of theirs; else they are `n0`, `n1`, ... by their
    /// place among all nodes.
    pub(crate) name: Option<String>,
    /// How many, less one.
    more: u32,
    /// Each of them.
    pub(crate) node: Node,
}

/// A node's network interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interfaces {
    /// How many: each is on a network of its own.
    pub(crate) count: usize,
    /// What a card takes for a frame, in each direction.
    pub(crate) packet_ps: u64,
    /// How fast it moves a frame between its memory and the node's.
    pub(crate) dma_bits_per_s: u64,
    /// Its memory, in each direction.
    pub(crate) buffer_bytes: u64,
}

impl Default for Interfaces {
    fn default() -> Interfaces {
        let timing = cluster::interface::Timing::default();
        Interfaces {
            count: 1,
            packet_ps: timing.packet.0,
            dma_bits_per_s: timing.dma.bits_per_s,
            buffer_bytes: 1 << 20,
        }
    }
}

impl Group {
    /// How many nodes.
    pub(crate) fn count(&self) -> u32 {
        self.more + 1
    }

    /// Makes it so many nodes, at least one.
    pub(crate) fn set_count(&mut self, count: u32) {
        self.more = count.saturating_sub(1);
    }

    /// The names of its nodes, the first of which is number `first` of all.
    fn names(&self, first: u32) -> impl Iterator<Item = String> + '_ {
        (0..self.count()).map(move |index| self.name_of(index, first))
    }

    fn name_of(&self, index: u32, first: u32) -> String {
        match &self.name {
            None => format!("n{}", first.saturating_add(index)),
            Some(name) if self.count() == 1 => name.clone(),
            Some(name) => format!("{name}{index}"),
        }
    }

    /// Which of its nodes is called `name`, the first of them being number `first` of all.
    fn index_of(&self, name: &str, first: u32) -> Option<u32> {
        let number = |prefix: &str| {
            let digits = name.strip_prefix(prefix)?;
            let number: u32 = digits.parse().ok()?;
            (number.to_string() == digits).then_some(number)
        };
        let index = match &self.name {
            None => number("n")?.checked_sub(first)?,
            Some(own) if self.count() == 1 => return (own == name).then_some(0),
            Some(own) => number(own)?,
        };
        (index < self.count()).then_some(index)
    }
}

impl Config {
    /// The first group's node.
    pub(crate) fn first(&self) -> &Node {
        &self.groups[0].node
    }

    /// The first group's node, to be changed.
    pub(crate) fn first_mut(&mut self) -> &mut Node {
        &mut self.groups[0].node
    }

    /// Changes every group's node.
    pub(crate) fn each_node(&mut self, change: impl FnMut(&mut Node)) {
        self.groups.iter_mut().map(|group| &mut group.node).for_each(change);
    }

    /// How many nodes there are.
    pub(crate) fn node_count(&self) -> u32 {
        self.groups.iter().map(Group::count).fold(0, u32::saturating_add)
    }

    /// All nodes with their names, in order.
    pub(crate) fn members(&self) -> Vec<(String, &Node)> {
        self.numbered()
            .flat_map(|(first, group)| group.names(first).map(|name| (name, &group.node)))
            .collect()
    }

    /// The groups, each with the number of its first node.
    fn numbered(&self) -> impl Iterator<Item = (u32, &Group)> {
        self.groups.iter().scan(0u32, |next, group| {
            let first = *next;
            *next = next.saturating_add(group.count());
            Some((first, group))
        })
    }

    /// The names of all nodes, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.members().into_iter().map(|(name, _)| name).collect()
    }

    /// The name of the node at a place.
    pub(super) fn name_at(&self, place: u32) -> Option<String> {
        let (first, group) = self.numbered().take_while(|(first, _)| *first <= place).last()?;
        Some(group.name_of(place - first, first)).filter(|_| place - first < group.count())
    }

    /// The place of the node called `name`; else what was meant, or what there is.
    pub(crate) fn place_of(&self, name: &str) -> Result<u32, String> {
        let found = self.numbered().find_map(|(first, group)| Some(first + group.index_of(name, first)?));
        if let Some(place) = found {
            return Ok(place);
        }
        let names = || self.numbered().flat_map(|(first, group)| group.names(first));
        let near: Vec<String> = names().take(SUGGESTIONS_MAX).collect();
        let last = self.numbered().last().map(|(first, group)| group.name_of(group.count() - 1, first));
        Err(match (did_you_mean(name, near.iter().map(String::as_str)), near.first(), last) {
            (Some(near), ..) if self.node_count() > 1 => format!("did you mean `{near}`?"),
            (_, Some(only), _) if self.node_count() == 1 => format!("the only node is `{only}`"),
            (_, Some(first), Some(last)) => format!("nodes are `{first}` to `{last}`"),
            _ => String::new(),
        })
    }

    /// The place of the node that has the run's console, where one of several has it.
    pub(crate) fn console_place(&self) -> Option<u32> {
        self.place_of(self.run.console.as_deref()?).ok().filter(|_| self.node_count() > 1)
    }

    /// The memory that all nodes together are likely to need: forked ones share what they do not change.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let of = |group: &Group| {
            let (memory, more) = (group.node.memory_bytes, u64::from(group.count() - 1));
            let each = if group.node.fork { memory.min(FORK_BYTES) } else { memory };
            memory.saturating_add(each.saturating_mul(more))
        };
        self.groups.iter().map(of).fold(0, u64::saturating_add)
    }
}

/// Reads how many nodes a group has and what they are called.
pub(super) fn group(group: &mut Group, reader: &Reader<'_>) {
    if let Some(count) = reader.get("count").and_then(|found| found.integer(1..=u64::from(NODES_MAX))) {
        group.set_count(u32::try_from(count).unwrap_or(NODES_MAX));
    }
    let Some(found) = reader.get("name") else { return };
    let Some(name) = found.string() else { return };
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if name.is_empty() || name.len() > 48 || !name.chars().all(fits) || name == "all" {
        found.problem(
            format!("a node cannot be called `{name}`"),
            "a name has 1 to 48 letters, digits and hyphens, and is not `all`",
        );
        return;
    }
    group.name = Some(name.to_owned());
}

/// Notes nodes that are called the same, and too many of them; each group has its place in the text.
pub(super) fn check_names(config: &Config, places: &[Found<'_>]) {
    let Some(last) = places.last() else { return };
    if config.node_count() > NODES_MAX {
        last.problem(
            format!("{} nodes are more than their addresses can tell apart", config.node_count()),
            format!("a cluster has at most {NODES_MAX}"),
        );
        return;
    }
    let mut seen = BTreeSet::new();
    let mut first = 0;
    for (group, place) in config.groups.iter().zip(places) {
        let twice: Vec<String> = group.names(first).filter(|name| !seen.insert(name.clone())).collect();
        if let Some(name) = twice.first() {
            place.problem(format!("two nodes are called `{name}`"), "give this group another `name`");
        }
        first += group.count();
    }
}

/// Reads whether the nodes of a group are copies of the first, and from when on.
pub(super) fn fork(node: &mut Node, reader: &Reader<'_>) {
    if let Some(fork) = reader.get("boot").and_then(|found| found.word(&FORK)) {
        node.fork = fork;
    }
    let forked = |found: &Found<'_>, key: &str| {
        if !node.fork {
            found.problem(format!("`{key}` is for nodes that are forked"), "add `boot = \"fork\"`");
        }
    };
    let (mut at, mut after) = (None, None);
    if let Some(found) = reader.get("fork_at") {
        forked(&found, "fork_at");
        at = found.quantity(units::picoseconds);
    }
    if let Some(found) = reader.get("fork_after") {
        forked(&found, "fork_after");
        if node.fork_at_ps.or(at).is_some() {
            found.problem("a node is copied at an instant or after a command", "leave one of them out");
        }
        after = found.strings();
    }
    node.fork_at_ps = at.or(node.fork_at_ps);
    if let Some(words) = after {
        node.fork_after = words.into_iter().map(str::to_owned).collect();
    }
}

/// Reads which of several nodes has the run's console.
pub(super) fn console(config: &mut Config, reader: &Reader<'_>) {
    let Some(found) = reader.get("console") else { return };
    let Some(name) = found.string() else { return };
    match config.place_of(name) {
        Ok(_) => config.run.console = Some(name.to_owned()),
        Err(help) => found.problem(format!("there is no node `{name}`"), help),
    }
}

/// Reads a node's network interfaces.
pub(super) fn interfaces(interfaces: &mut Interfaces, reader: &Reader<'_>) {
    if let Some(count) = reader.get("nics").and_then(|found| found.integer(1..=RAILS_MAX as u64)) {
        interfaces.count = usize::try_from(count).unwrap_or(1);
    }
    let at_least = |key, parse, least: u64, write: fn(u64) -> String| {
        let found = reader.get(key)?;
        let value: u64 = found.quantity(parse)?;
        if value < least {
            found.problem(
                format!("`{key}` cannot be {}", write(value)),
                format!("it is at least {}", write(least)),
            );
            return None;
        }
        Some(value)
    };
    if let Some(ps) = at_least("nic_packet", units::picoseconds, 1000, units::write_ps) {
        interfaces.packet_ps = ps;
    }
    if let Some(rate) = at_least("nic_dma", units::bits_per_second, 1_000_000, units::write_bits_per_second) {
        interfaces.dma_bits_per_s = rate;
    }
    if let Some(bytes) = at_least("nic_buffer", units::bytes, 2048, units::write_bytes) {
        interfaces.buffer_bytes = bytes;
    }
}

/// Notes memory that the host does not have.
pub(super) fn check_memory(config: &Config, place: &Found<'_>) {
    if let Some((message, help)) = memory_problem(config) {
        place.problem(message, help);
    }
}

/// What is wrong with the memory of all nodes together, and what to do about it; `None` where the host has it.
pub(crate) fn memory_problem(config: &Config) -> Option<(String, String)> {
    let host = host_memory_bytes()?;
    let asked = config.memory_bytes();
    if config.node_count() < 2 || asked <= host {
        return None;
    }
    let each = (host / u64::from(config.node_count())) >> 20 << 20;
    Some((
        format!("the nodes' memory comes to {}, more than the host has", units::write_bytes(asked)),
        format!(
            "the host has {} MiB: {} a node would fit",
            host >> 20,
            units::write_bytes(each.max(super::sections::MEMORY_MIN))
        ),
    ))
}

/// The host's memory and swap, where it says.
fn host_memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = |key: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    };
    Some((kib("MemTotal:")? + kib("SwapTotal:").unwrap_or(0)) << 10)
}
