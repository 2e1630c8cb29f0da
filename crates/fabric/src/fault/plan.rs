//! Plans of faults: what changes when, as lines of text.
//!
//! ```text
//! # cycle  what
//! 1000 link 3 7 down
//! 5000 link 3 7 up
//! 0    link 1 2 loss 0.01 corruption 0.001
//! 0    link 2 3 duplication 0.01 reorder 0.05 200 delay 30
//! 2000 node 5 crash
//! 9000 node 5 restart
//! 3000 partition 0 1 2 3
//! 8000 heal
//! ```

use super::Hazard;
use crate::error::Error;
use crate::ids::{Cycle, LinkId, NodeId, RouterId, small};
use crate::network::Network;
use crate::topology::Topology;
use std::ops::Range;

/// A change of the network's state.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Links go down (false) or come up (true).
    Links(Vec<LinkId>, bool),
    /// A link does this to packets from now on, both ways.
    Hazard(LinkId, Hazard),
    /// A node crashes (false) or restarts (true).
    Node(NodeId, bool),
}

/// Changes by instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    changes: Vec<(Cycle, Change)>,
    next: usize,
}

impl Plan {
    /// A plan of these changes; those of one instant keep their order.
    pub fn new(mut changes: Vec<(Cycle, Change)>) -> Plan {
        changes.sort_by_key(|(at, _)| *at);
        Plan { changes, next: 0 }
    }

    /// Whether nothing ever changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Lets time pass until `until`, with the changes that are due before it.
    ///
    /// Errors: a change that the network refuses.
    pub fn advance(&mut self, network: &mut dyn Network, until: Cycle) -> Result<(), Error> {
        while let Some((at, change)) = self.changes.get(self.next).filter(|(at, _)| *at < until) {
            network.advance((*at).max(network.now()));
            match change {
                Change::Links(links, up) => links.iter().try_for_each(|link| network.set_link(*link, *up))?,
                Change::Hazard(link, hazard) => network.set_hazard(*link, *hazard),
                Change::Node(node, up) => network.set_node(*node, *up),
            }
            self.next += 1;
        }
        network.advance(until);
        Ok(())
    }
}

/// The words with which a change begins.
const CHANGES: &[&str] = &["link", "node", "partition", "heal"];
/// What a link can become or do.
const OF_A_LINK: &[&str] = &["down", "up", "loss", "corruption", "duplication", "reorder", "delay"];

/// Reads a plan for `topology`.
///
/// Errors: [`Error::Unknown`], [`Error::Malformed`] or [`Error::Impossible`] with the place.
pub fn parse_plan(text: &str, topology: &Topology) -> Result<Plan, Error> {
    let mut changes = Vec::new();
    let mut cut: Vec<LinkId> = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let span = start..start + line.trim_end().len();
        start += line.len();
        let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        let reader = Reader { topology, text, span };
        let [at, what @ ..] = &words[..] else { continue };
        let at = Cycle(at.parse().map_err(|_| reader.no(at, "cycle"))?);
        match what {
            ["link", a, b, "down"] => changes.push((at, Change::Links(vec![reader.link(a, b)?], false))),
            ["link", a, b, "up"] => changes.push((at, Change::Links(vec![reader.link(a, b)?], true))),
            ["link", a, b, rest @ ..] => {
                changes.push((at, Change::Hazard(reader.link(a, b)?, reader.hazard(rest)?)));
            }
            ["node", node, "crash"] => changes.push((at, Change::Node(reader.node(node)?, false))),
            ["node", node, "restart"] => changes.push((at, Change::Node(reader.node(node)?, true))),
            ["partition", nodes @ ..] if !nodes.is_empty() => {
                let inside = nodes.iter().map(|node| reader.node(node)).collect::<Result<Vec<_>, _>>()?;
                cut = boundary(topology, &inside);
                changes.push((at, Change::Links(cut.clone(), false)));
            }
            ["heal"] => changes.push((at, Change::Links(std::mem::take(&mut cut), true))),
            [word, ..] if !CHANGES.contains(word) => return Err(reader.unknown("fault", word, CHANGES)),
            _ => return Err(reader.malformed(format!("`{}` is no fault", what.join(" ")))),
        }
    }
    Ok(Plan::new(changes))
}

/// The links between the routers of `inside` and the others.
pub fn boundary(topology: &Topology, inside: &[NodeId]) -> Vec<LinkId> {
    let routers: Vec<RouterId> = inside.iter().map(|node| topology.attachment(*node).0).collect();
    let crosses = |index: &usize| {
        let link = topology.links()[*index];
        routers.contains(&link.a.0) != routers.contains(&link.b.0)
    };
    (0..topology.links().len()).filter(crosses).map(|index| LinkId(small(index))).collect()
}

struct Reader<'a> {
    topology: &'a Topology,
    text: &'a str,
    /// The line.
    span: Range<usize>,
}

impl Reader<'_> {
    /// Where a word of the text stands in it.
    fn place(&self, word: &str) -> Range<usize> {
        let start = word.as_ptr().addr() - self.text.as_ptr().addr();
        start..start + word.len()
    }

    fn unknown(&self, kind: &'static str, word: &str, known: &'static [&'static str]) -> Error {
        Error::Unknown { kind, word: word.to_owned(), span: self.place(word), known }
    }

    fn no(&self, word: &str, what: &str) -> Error {
        let way_out = "cycles are whole numbers, probabilities lie in 0 to 1".to_owned();
        Error::Malformed { reason: format!("`{word}` is no {what}"), span: self.place(word), way_out }
    }

    fn malformed(&self, reason: String) -> Error {
        let way_out =
            "write CYCLE link A B down|up|loss P..., CYCLE node N crash|restart, CYCLE partition N...";
        Error::Malformed { reason, span: self.span.clone(), way_out: way_out.to_owned() }
    }

    fn node(&self, word: &str) -> Result<NodeId, Error> {
        self.topology.node_called(word).ok_or_else(|| Error::Impossible {
            reason: format!("no node is called `{word}`"),
            span: self.place(word),
            way_out: format!("nodes are 0 to {}", self.topology.nodes() - 1),
        })
    }

    fn link(&self, a: &str, b: &str) -> Result<LinkId, Error> {
        let from = self.topology.attachment(self.node(a)?).0;
        let to = self.topology.attachment(self.node(b)?).0;
        let found = self.topology.neighbours(from).find(|(_, other, _)| *other == to);
        found.map(|(_, _, link)| link).ok_or_else(|| Error::Impossible {
            reason: format!("no link joins {a} and {b}"),
            span: self.span.clone(),
            way_out: "name two neighbours".to_owned(),
        })
    }

    fn hazard(&self, mut words: &[&str]) -> Result<Hazard, Error> {
        let mut hazard = Hazard::default();
        while let [what, value, rest @ ..] = words {
            words = rest;
            let share = || match value.parse::<f64>() {
                Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
                _ => Err(self.no(value, "probability")),
            };
            let cycles = |word: &str| word.parse::<u32>().map_err(|_| self.no(word, "number of cycles"));
            match *what {
                "loss" => hazard.loss = share()?,
                "corruption" => hazard.corruption = share()?,
                "duplication" => hazard.duplication = share()?,
                "delay" => hazard.delay_cycles = cycles(value)?,
                "reorder" => {
                    hazard.reorder = share()?;
                    let [window, rest @ ..] = words else {
                        return Err(
                            self.malformed("reorder has a probability and a number of cycles".to_owned())
                        );
                    };
                    hazard.reorder_cycles = cycles(window)?;
                    words = rest;
                }
                other => return Err(self.unknown("fault of a link", other, OF_A_LINK)),
            }
        }
        match words {
            [] if hazard != Hazard::default() => Ok(hazard),
            [word] if !OF_A_LINK.contains(word) => Err(self.unknown("fault of a link", word, OF_A_LINK)),
            _ => Err(self.malformed(
                "a link is down, up, or has loss, corruption, duplication, reorder, delay".to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_and_a_wrong_line_has_its_place() {
        let ring = Topology::from_spec("ring:8").unwrap();
        let plan =
            parse_plan("5 link 0 1 down # cut\n9 link 0 1 up\n0 link 2 3 loss 0.5 delay 3\n", &ring).unwrap();
        assert_eq!(plan.changes.len(), 3);
        assert!(matches!(plan.changes[0].1, Change::Hazard(LinkId(2), _)));
        let plan = parse_plan("3 partition 0 1 2\n7 heal\n", &ring).unwrap();
        assert_eq!(plan.changes[0].1, Change::Links(vec![LinkId(2), LinkId(7)], false));
        for (text, span) in [
            ("0 link 0 2 down\n", 0..15),
            ("\n1 link 0 1 loss 2\n", 17..18),
            ("1 nod 3 crash", 2..5),
            ("2 link 0 1 dwon", 11..15),
            ("2 link 0 1 loss 0.1 dealy 3", 20..25),
            ("2 node 9 crash", 7..8),
            ("soon heal", 0..4),
        ] {
            assert_eq!(parse_plan(text, &ring).unwrap_err().span(), Some(span), "{text}");
        }
    }
}
