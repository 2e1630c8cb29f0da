//! Traffic patterns: to whom each node sends.
//!
//! Source: Dally and Towles, "Principles and Practices of Interconnection Networks", 2004, section 3.2. On grids
//! tornado and neighbour move every coordinate; uniform traffic includes the sender itself.

use crate::error::Error;
use crate::ids::{NodeId, RouterId, small};
use crate::rng::Rng;
use crate::topology::Topology;

/// The words for patterns.
pub const PATTERNS: &[&str] = &[
    "uniform",
    "transpose",
    "bit-complement",
    "bit-reverse",
    "tornado",
    "neighbour",
    "hotspot",
    "permutation",
];

/// A pattern that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// To any node, each as often.
    Uniform,
    /// The coordinates (or halves of the address) exchanged.
    Transpose,
    /// To the complement of the address.
    BitComplement,
    /// To the address read backwards.
    BitReverse,
    /// Just less than half way round every dimension.
    Tornado,
    /// One further in every dimension.
    Neighbour,
    /// A share of all packets to one node, the others uniform.
    Hotspot {
        /// The node.
        node: u32,
        /// The share, 0 to 1.
        share: f64,
    },
    /// To the node that a list gives.
    Permutation(Vec<u32>),
}

impl Pattern {
    /// The pattern that `text` names; `hotspot` may carry its node and share: `hotspot:5:0.2`.
    ///
    /// Errors: [`Error::Unknown`], or a hotspot that is none.
    pub fn parse(text: &str) -> Result<Pattern, Error> {
        let (word, rest) = text.split_once(':').map_or((text, None), |(word, rest)| (word, Some(rest)));
        Ok(match word {
            "uniform" => Pattern::Uniform,
            "transpose" => Pattern::Transpose,
            "bit-complement" => Pattern::BitComplement,
            "bit-reverse" => Pattern::BitReverse,
            "tornado" => Pattern::Tornado,
            "neighbour" | "neighbor" => Pattern::Neighbour,
            "hotspot" => {
                let (node, share) =
                    rest.map_or(("0", "0.2"), |rest| rest.split_once(':').unwrap_or((rest, "0.2")));
                match (node.parse(), share.parse::<f64>()) {
                    (Ok(node), Ok(share)) if (0.0..=1.0).contains(&share) => Pattern::Hotspot { node, share },
                    _ => {
                        return Err(Error::Malformed {
                            reason: format!("`{text}` is no hotspot"),
                            span: word.len() + 1..text.len().max(word.len() + 1),
                            way_out: "write hotspot:NODE:SHARE with a share of 0 to 1, as `hotspot:5:0.2`"
                                .to_owned(),
                        });
                    }
                }
            }
            _ => {
                return Err(Error::Unknown {
                    kind: "traffic pattern",
                    word: word.to_owned(),
                    span: 0..word.len(),
                    known: PATTERNS,
                });
            }
        })
    }

    /// The pattern's word.
    pub fn name(&self) -> &'static str {
        match self {
            Pattern::Uniform => "uniform",
            Pattern::Transpose => "transpose",
            Pattern::BitComplement => "bit-complement",
            Pattern::BitReverse => "bit-reverse",
            Pattern::Tornado => "tornado",
            Pattern::Neighbour => "neighbour",
            Pattern::Hotspot { .. } => "hotspot",
            Pattern::Permutation(_) => "permutation",
        }
    }

    /// The pattern on the nodes of `topology`.
    ///
    /// Errors: [`Error::Impossible`] for a pattern that these nodes do not have.
    pub fn on(&self, topology: &Topology) -> Result<Destinations, Error> {
        let nodes = small(topology.nodes());
        let table = |to: &dyn Fn(u32) -> u32| Destinations::Fixed((0..nodes).map(to).collect());
        let refuse = |reason: String, way_out: &str| {
            Err(Error::Impossible { reason, span: 0..self.name().len(), way_out: way_out.to_owned() })
        };
        let bits = nodes.trailing_zeros();
        let power_of_two = nodes.is_power_of_two();
        let dims = topology.family().dims();
        Ok(match self {
            Pattern::Uniform => Destinations::Uniform(nodes),
            Pattern::BitComplement => table(&|from| nodes - 1 - from),
            Pattern::BitReverse if power_of_two => {
                table(&|from| if bits == 0 { 0 } else { from.reverse_bits() >> (32 - bits) })
            }
            Pattern::BitReverse => {
                return refuse(
                    format!("bit-reverse needs a power of two of nodes, not {nodes}"),
                    "choose another size",
                );
            }
            Pattern::Transpose if dims.len() == 2 && dims[0] == dims[1] => {
                table(&|from| from % dims[0] * dims[0] + from / dims[0])
            }
            Pattern::Transpose if power_of_two && bits.is_multiple_of(2) => {
                let half = bits / 2;
                table(&|from| from >> half | (from & ((1 << half) - 1)) << half)
            }
            Pattern::Transpose => {
                return refuse(
                    format!(
                        "transpose needs a square grid or a power of four of nodes, not {}",
                        topology.name()
                    ),
                    "choose a square, as mesh:8x8",
                );
            }
            Pattern::Tornado => moved(topology, |k| k.div_ceil(2) - 1),
            Pattern::Neighbour => moved(topology, |k| u32::from(k > 1)),
            Pattern::Hotspot { node, share } => {
                if *node >= nodes {
                    return refuse(
                        format!("the hotspot {node} is not among {nodes} nodes"),
                        "nodes count from 0",
                    );
                }
                Destinations::Hotspot { node: NodeId(*node), share: *share, nodes }
            }
            Pattern::Permutation(to) => {
                if to.len() != nodes as usize {
                    return refuse(
                        format!("the permutation has {} nodes and the network {nodes}", to.len()),
                        "list one destination for each node",
                    );
                }
                Destinations::Fixed(to.clone())
            }
        })
    }
}

/// Every coordinate moved on by a number of places that depends on its dimension's size.
fn moved(topology: &Topology, by: impl Fn(u32) -> u32) -> Destinations {
    let nodes = small(topology.nodes());
    let mut dims = topology.family().dims();
    if dims.is_empty() {
        dims = vec![nodes];
    }
    let to = |from: u32| {
        let mut rest = from;
        let mut scale = 1;
        let mut target = 0;
        for k in &dims {
            target += (rest % k + by(*k)) % k * scale;
            rest /= k;
            scale *= k;
        }
        RouterId(target).0
    };
    Destinations::Fixed((0..nodes).map(to).collect())
}

/// To whom each node of a network sends.
#[derive(Clone, Debug, PartialEq)]
pub enum Destinations {
    /// To any of so many nodes.
    Uniform(u32),
    /// Each to its own.
    Fixed(Vec<u32>),
    /// A share to one, the others uniform.
    Hotspot {
        /// The node.
        node: NodeId,
        /// Its share.
        share: f64,
        /// How many nodes there are.
        nodes: u32,
    },
}

impl Destinations {
    /// The destination of the next packet from `from`.
    pub fn draw(&self, from: NodeId, rng: &mut Rng) -> NodeId {
        match self {
            Destinations::Uniform(nodes) => NodeId(rng.below(*nodes)),
            Destinations::Fixed(to) => NodeId(to[from.index()]),
            Destinations::Hotspot { node, share, nodes } => {
                if rng.chance(*share) {
                    *node
                } else {
                    NodeId(rng.below(*nodes))
                }
            }
        }
    }
}

/// Reads a permutation: one destination a line (node by node), or `from to` pairs; `#` starts a comment.
///
/// Errors: [`Error::Malformed`] or [`Error::Impossible`] with the place of what is no permutation of `nodes`.
pub fn parse_permutation(text: &str, nodes: usize) -> Result<Pattern, Error> {
    let mut to: Vec<Option<u32>> = vec![None; nodes];
    let mut taken = vec![false; nodes];
    let mut next = 0;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let span = start..start + line.trim_end().len();
        start += line.len();
        let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        let malformed = |reason: String| {
            let way_out = "write one destination a line, or `from to`".to_owned();
            Err(Error::Malformed { reason, span: span.clone(), way_out })
        };
        let impossible = |reason: String| {
            let way_out = format!("each of the nodes 0 to {} sends to one and receives from one", nodes - 1);
            Err(Error::Impossible { reason, span: span.clone(), way_out })
        };
        let number = |word: &str| word.trim_start_matches('n').parse::<u32>().ok();
        let (from, target) = match words[..] {
            [] => continue,
            [target] => (Some(next), number(target)),
            [from, target] => (number(from), number(target)),
            _ => {
                return malformed(format!(
                    "a line of a permutation has one or two nodes, this one {}",
                    words.len()
                ));
            }
        };
        let (Some(from), Some(target)) = (from, target) else {
            return malformed(format!("`{}` names no nodes", words.join(" ")));
        };
        if from as usize >= nodes || target as usize >= nodes {
            return impossible(format!("{from} to {target} in a network of {nodes} nodes"));
        }
        next = from + 1;
        if to[from as usize].replace(target).is_some() {
            return impossible(format!("node {from} is given twice"));
        }
        if std::mem::replace(&mut taken[target as usize], true) {
            return impossible(format!("two nodes send to {target}"));
        }
    }
    match to.iter().position(Option::is_none) {
        None => Ok(Pattern::Permutation(to.into_iter().flatten().collect())),
        Some(missing) => Err(Error::Impossible {
            reason: format!("node {missing} has no destination"),
            span: text.len()..text.len(),
            way_out: format!("list a destination for each of the {nodes} nodes"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(pattern: &str, spec: &str) -> Vec<u32> {
        match Pattern::parse(pattern).unwrap().on(&Topology::from_spec(spec).unwrap()).unwrap() {
            Destinations::Fixed(to) => to,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn patterns_are_the_textbook_s() {
        assert_eq!(fixed("transpose", "mesh:4x4")[1], 4);
        assert_eq!(fixed("transpose", "hypercube:4")[0b0111], 0b1101);
        assert_eq!(fixed("bit-complement", "mesh:8x8")[5], 58);
        assert_eq!(fixed("bit-reverse", "hypercube:4")[0b0010], 0b0100);
        assert_eq!(fixed("tornado", "torus:8x8")[0], 3 + 8 * 3);
        assert_eq!(fixed("neighbour", "ring:5"), [1, 2, 3, 4, 0]);
        for pattern in ["transpose", "bit-complement", "bit-reverse", "tornado", "neighbour"] {
            let mut to = fixed(pattern, "torus:4x4");
            to.sort_unstable();
            assert_eq!(to, (0..16).collect::<Vec<_>>(), "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_so() {
        assert!(Pattern::parse("unifrom").unwrap_err().help().contains("uniform"));
        assert!(Pattern::parse("hotspot:1:7").is_err());
        let ring = Topology::from_spec("ring:6").unwrap();
        assert!(Pattern::BitReverse.on(&ring).is_err());
        assert!(Pattern::Transpose.on(&ring).is_err());
    }

    #[test]
    fn permutations_are_read_and_refused() {
        assert_eq!(parse_permutation("1\n2\n0\n", 3).unwrap(), Pattern::Permutation(vec![1, 2, 0]));
        assert_eq!(parse_permutation("2 0 # x\n0 1\n1 2\n", 3).unwrap(), Pattern::Permutation(vec![1, 2, 0]));
        assert_eq!(parse_permutation("1\n1\n0\n", 3).unwrap_err().span(), Some(2..3));
        assert!(parse_permutation("1\n2\n", 3).unwrap_err().to_string().contains("node 2"));
        assert!(parse_permutation("1 2 3\n", 3).is_err());
        for text in ["9\n", "4294967295 0\n", "0 4294967295\n", "4294967296 0\n"] {
            assert!(parse_permutation(text, 3).is_err(), "{text}");
        }
    }
}
