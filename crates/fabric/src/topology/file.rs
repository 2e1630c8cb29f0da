//! Any graph, from a list of edges.
//!
//! One edge a line, two names apart by blanks, `--`, `->` or a comma; `#` starts a comment. A line `switch NAME...`
//! says that these are switches without a node. Names become nodes in the order in which they first appear.

use super::{Builder, Family, NODES_MAX, Topology};
use crate::error::Error;
use crate::ids::{RouterId, small};
use std::collections::BTreeMap;
use std::ops::Range;

/// A graph as a file gives it: names and the edges between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphFile {
    /// Names in the order of their first appearance; the routers are in this order.
    pub names: Vec<String>,
    /// Which of them are switches without a node.
    pub switch: Vec<bool>,
    /// The edges, by index of name.
    pub edges: Vec<(u32, u32)>,
    index: BTreeMap<String, u32>,
    /// The edge in which each name first stands, by its place in the file.
    places: BTreeMap<u32, Range<usize>>,
}

impl GraphFile {
    /// The index of `name`, which is entered if it is new.
    pub fn vertex(&mut self, name: &str) -> u32 {
        if let Some(known) = self.index.get(name) {
            return *known;
        }
        let index = small(self.names.len());
        self.index.insert(name.to_owned(), index);
        self.names.push(name.to_owned());
        self.switch.push(false);
        index
    }

    /// Enters an edge between two names; `span` is its place in the file.
    ///
    /// Errors: [`Error::Impossible`] for an edge from a name to itself, or too many names.
    pub fn edge(&mut self, a: &str, b: &str, span: Range<usize>) -> Result<(), Error> {
        if a == b {
            return Err(Error::Impossible {
                reason: format!("an edge joins `{a}` to itself"),
                span,
                way_out: "name two different ends, or leave the edge out".to_owned(),
            });
        }
        let edge = (self.vertex(a), self.vertex(b));
        if self.names.len() > NODES_MAX {
            return Err(Error::Impossible {
                reason: format!("more than {NODES_MAX} names"),
                span,
                way_out: "use a family (mesh, torus, dragonfly) for a network of this size".to_owned(),
            });
        }
        for end in [edge.0, edge.1] {
            self.places.entry(end).or_insert_with(|| span.clone());
        }
        self.edges.push(edge);
        Ok(())
    }

    /// The network, called `name`.
    ///
    /// Errors: no edges, no nodes, in parts, or a router of too many ports.
    pub fn build(self, name: &str) -> Result<Topology, Error> {
        if self.names.is_empty() || self.switch.iter().all(|switch| *switch) {
            return Err(Error::Impossible {
                reason: "the graph has no nodes".to_owned(),
                span: 0..0,
                way_out: "list at least one edge between two names, as `a b`".to_owned(),
            });
        }
        let mut builder = Builder::new(self.names.len(), 0)?;
        for (a, b) in &self.edges {
            builder.join(RouterId(*a), RouterId(*b))?;
        }
        let mut labels = Vec::new();
        for (index, (label, switch)) in self.names.iter().zip(&self.switch).enumerate() {
            if !switch {
                builder.node(RouterId(small(index)));
                labels.push(label.clone());
            }
        }
        builder.label(labels);
        let (names, places) = (self.names, self.places);
        builder.finish(Family::Graph(name.to_owned())).map_err(|error| match error {
            Error::Disconnected { router, reached, total, .. } => {
                let (unreached, first) = (names[router as usize].clone(), names[0].clone());
                let span = places.get(&router).cloned().unwrap_or(0..0);
                Error::Disconnected { router, unreached, first, reached, total, span }
            }
            other => other,
        })
    }
}

/// Reads a list of edges.
///
/// Errors: [`Error::Malformed`] with the place of the line that is no edge.
pub fn parse_edge_list(text: &str) -> Result<GraphFile, Error> {
    let mut graph = GraphFile::default();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let span = start..start + line.trim_end().len();
        start += line.len();
        let content = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = content
            .split(|c: char| c.is_whitespace() || c == ',')
            .filter(|word| !word.is_empty() && *word != "--" && *word != "->")
            .collect();
        match words[..] {
            [] => {}
            ["switch", ..] if words.len() > 1 => {
                for name in &words[1..] {
                    let at = graph.vertex(name) as usize;
                    graph.switch[at] = true;
                }
            }
            [a, b] => graph.edge(a, b, span)?,
            _ => {
                return Err(Error::Malformed {
                    reason: format!("a line of an edge list names two ends, this one {}", words.len()),
                    span,
                    way_out: "write one edge a line, as `a b`; `switch s1 s2` declares switches".to_owned(),
                });
            }
        }
    }
    Ok(graph)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_names_comments_and_switches_are_read() {
        let graph = parse_edge_list("# a star\nswitch hub\na hub\nb -- hub # b\nc, hub\n").unwrap();
        assert_eq!(graph.names, ["hub", "a", "b", "c"]);
        let topology = graph.build("x").unwrap();
        assert_eq!((topology.nodes(), topology.routers(), topology.links().len()), (3, 4, 3));
        assert_eq!(topology.node_called("c").map(|n| n.0), Some(2));
    }

    #[test]
    fn a_bad_line_has_its_place() {
        let error = parse_edge_list("a b\na b c\n").unwrap_err();
        assert_eq!(error.span(), Some(4..9));
        let error = parse_edge_list("a b\nc c\n").unwrap_err();
        assert!(error.to_string().contains("itself"), "{error}");
    }

    #[test]
    fn a_graph_in_two_parts_is_refused() {
        let error = parse_edge_list("a b\nc d\n").unwrap().build("x").unwrap_err();
        let (unreached, first) = ("c".to_owned(), "a".to_owned());
        let expected = Error::Disconnected { router: 2, unreached, first, reached: 2, total: 4, span: 4..7 };
        assert_eq!(error, expected);
    }
}
