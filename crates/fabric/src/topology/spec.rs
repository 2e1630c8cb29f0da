//! Specifications of topologies as people write them: `mesh:8x8`, `fattree:4:3`, or `torus` and a node count.

use super::{Family, NODES_MAX, Topology};
use crate::error::Error;
use std::ops::Range;

/// The words that name a topology; the course's own words are aliases.
pub const NAMES: &[&str] = &[
    "star",
    "ring",
    "token-ring",
    "tree",
    "fattree",
    "mesh",
    "grid",
    "torus",
    "double-torus",
    "cube",
    "hypercube",
    "crossbar",
    "dragonfly",
];

/// A topology that was asked for, read and found possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec(Family);

impl Spec {
    /// Reads a specification that carries its sizes.
    ///
    /// Errors: an unknown word, sizes missing or malformed, a network that cannot be; with its place.
    pub fn parse(text: &str) -> Result<Spec, Error> {
        Spec::parse_for(text, None)
    }

    /// Reads a specification whose sizes, where it leaves them out, follow from the number of nodes;
    /// where it gives both they must agree.
    ///
    /// Errors: as [`Spec::parse`], and a node count that the family cannot have.
    pub fn parse_for(text: &str, nodes: Option<u32>) -> Result<Spec, Error> {
        let reader = Reader { text, nodes };
        let family = reader.family()?;
        let built = node_count(&family);
        match nodes {
            Some(asked) if built != u64::from(asked) => Err(Error::Impossible {
                reason: format!("`{text}` has {built} nodes, but {asked} were asked for"),
                span: 0..text.len(),
                way_out: format!("leave the sizes out (`{}`) or ask for {built} nodes", family.kind()),
            }),
            _ => Ok(Spec(family)),
        }
    }

    /// The family with its sizes.
    pub fn family(&self) -> &Family {
        &self.0
    }

    /// How many nodes it has.
    pub fn nodes(&self) -> u64 {
        node_count(&self.0)
    }

    /// Builds the network.
    ///
    /// Errors: a router with too many ports.
    pub fn build(&self) -> Result<Topology, Error> {
        self.0.build()
    }
}

/// The number of nodes of a family.
fn node_count(family: &Family) -> u64 {
    let power = |base: u32, exponent: u32| u64::from(base).saturating_pow(exponent);
    match family {
        Family::Star(n) | Family::Ring { nodes: n, .. } | Family::Crossbar(n) => u64::from(*n),
        Family::Tree { arity, levels } | Family::FatTree { arity, levels } => power(*arity, *levels),
        Family::Mesh(dims) | Family::Torus(dims) => {
            dims.iter().fold(1, |product: u64, k| product.saturating_mul(u64::from(*k)))
        }
        Family::Hypercube(dims) => power(2, *dims),
        Family::Dragonfly { p, a, h } => {
            let groups = u64::from(*a).saturating_mul(u64::from(*h)).saturating_add(1);
            groups.saturating_mul(u64::from(*a)).saturating_mul(u64::from(*p))
        }
        Family::Graph(_) => 0,
    }
}

/// A specification being read.
struct Reader<'a> {
    text: &'a str,
    nodes: Option<u32>,
}

/// The sizes after the family's name, each with its place.
type Sizes = Vec<(u32, Range<usize>)>;

impl Reader<'_> {
    fn family(&self) -> Result<Family, Error> {
        let (word, sizes) = match self.text.split_once(':') {
            Some((word, sizes)) => (word, Some(sizes)),
            None => (self.text, None),
        };
        let at = word.len() + 1;
        let family = match word {
            "star" => Family::Star(self.one(sizes, at, "star:16", 2)?),
            "ring" => Family::Ring { nodes: self.one(sizes, at, "ring:16", 2)?, token: false },
            "token-ring" => Family::Ring { nodes: self.one(sizes, at, "token-ring:16", 2)?, token: true },
            "crossbar" => Family::Crossbar(self.one(sizes, at, "crossbar:16", 2)?),
            "tree" => {
                let (arity, levels) = self.tree(sizes, at, "tree:2:4")?;
                Family::Tree { arity, levels }
            }
            "fattree" => {
                let (arity, levels) = self.tree(sizes, at, "fattree:4:3")?;
                Family::FatTree { arity, levels }
            }
            "mesh" | "grid" => Family::Mesh(self.dims(sizes, at, "mesh:8x8", 2)?),
            "torus" | "double-torus" => Family::Torus(self.dims(sizes, at, "torus:8x8", 2)?),
            "cube" => Family::Torus(self.cube(sizes, at)?),
            "hypercube" => Family::Hypercube(self.hypercube(sizes, at)?),
            "dragonfly" => self.dragonfly(sizes, at)?,
            _ => {
                return Err(Error::Unknown {
                    kind: "topology",
                    word: word.to_owned(),
                    span: 0..word.len(),
                    known: NAMES,
                });
            }
        };
        if node_count(&family) > NODES_MAX as u64 {
            let reason = format!("`{}` has {} nodes, more than {NODES_MAX}", self.text, node_count(&family));
            return Err(self.impossible(at, reason, "choose smaller sizes"));
        }
        Ok(family)
    }

    fn impossible(&self, at: usize, reason: String, way_out: &str) -> Error {
        let span = at.min(self.text.len())..self.text.len();
        Error::Impossible { reason, span, way_out: way_out.to_owned() }
    }

    /// The numbers of `sizes` between `separator`s.
    fn numbers(&self, sizes: &str, at: usize, separator: char, example: &str) -> Result<Sizes, Error> {
        let mut start = at;
        let mut numbers = Vec::new();
        for part in sizes.split(separator) {
            let span = start..start + part.len();
            start = span.end + separator.len_utf8();
            match part.parse::<u32>() {
                Ok(number) => numbers.push((number, span)),
                Err(_) => {
                    return Err(Error::Malformed {
                        reason: format!("`{part}` in `{}` is no number of nodes", self.text),
                        span,
                        way_out: format!("write it as `{example}`"),
                    });
                }
            }
        }
        Ok(numbers)
    }

    fn exactly<const N: usize>(&self, sizes: &str, at: usize, example: &str) -> Result<[u32; N], Error> {
        let numbers = self.numbers(sizes, at, ':', example)?;
        let found = numbers.len();
        let values: Vec<u32> = numbers.into_iter().map(|(number, _)| number).collect();
        values.try_into().map_err(|_| Error::Malformed {
            reason: format!(
                "`{}` has {found} size{} where {N} are needed",
                self.text,
                if found == 1 { "" } else { "s" }
            ),
            span: at..self.text.len(),
            way_out: format!("write it as `{example}`"),
        })
    }

    /// The node count that stands in for missing sizes.
    fn followed(&self, example: &str) -> Result<u32, Error> {
        self.nodes.ok_or_else(|| Error::Malformed {
            reason: format!("`{}` has no size", self.text),
            span: 0..self.text.len(),
            way_out: format!("write it as `{example}`"),
        })
    }

    fn one(&self, sizes: Option<&str>, at: usize, example: &str, least: u32) -> Result<u32, Error> {
        let nodes = match sizes {
            Some(sizes) => self.exactly::<1>(sizes, at, example)?[0],
            None => self.followed(example)?,
        };
        if nodes < least {
            let reason = format!("`{}` has {nodes} nodes, and it needs at least {least}", self.text);
            return Err(self.impossible(at, reason, &format!("write it as `{example}`")));
        }
        Ok(nodes)
    }

    fn tree(&self, sizes: Option<&str>, at: usize, example: &str) -> Result<(u32, u32), Error> {
        let (arity, levels) = match sizes {
            Some(sizes) => {
                let [arity, levels] = self.exactly::<2>(sizes, at, example)?;
                (arity, levels)
            }
            None => {
                let nodes = self.followed(example)?;
                match (2..=4).find_map(|arity| Some((arity, exact_log(nodes, arity)?))) {
                    Some(found) => found,
                    None => {
                        let reason = format!("{nodes} nodes are no power of 2 or 3: no tree is full");
                        return Err(self.impossible(at, reason, "ask for a power of 2, 3 or 4"));
                    }
                }
            }
        };
        if arity < 2 || !(1..=24).contains(&levels) {
            let reason = format!("a tree of arity {arity} with {levels} levels of switches cannot be");
            return Err(self.impossible(at, reason, "the arity is at least 2, the levels are 1 to 24"));
        }
        Ok((arity, levels))
    }

    fn dims(&self, sizes: Option<&str>, at: usize, example: &str, most_even: u32) -> Result<Vec<u32>, Error> {
        let dims: Sizes = match sizes {
            Some(sizes) => self.numbers(sizes, at, 'x', example)?,
            None => near_equal(self.followed(example)?, most_even).into_iter().map(|k| (k, at..at)).collect(),
        };
        if dims.len() > 24 {
            return Err(self.impossible(at, format!("{} dimensions", dims.len()), "use 24 at most"));
        }
        if let Some((_, span)) = dims.iter().find(|(k, _)| *k == 0) {
            return Err(Error::Impossible {
                reason: format!("`{}` has a dimension of 0 nodes", self.text),
                span: span.clone(),
                way_out: "every dimension has at least 1 node; 2 or more to have links".to_owned(),
            });
        }
        Ok(dims.into_iter().map(|(k, _)| k).collect())
    }

    fn cube(&self, sizes: Option<&str>, at: usize) -> Result<Vec<u32>, Error> {
        let Some(sizes) = sizes else { return self.dims(None, at, "cube:4", 3) };
        if sizes.contains('x') {
            return self.dims(Some(sizes), at, "cube:4", 3);
        }
        let [side] = self.exactly::<1>(sizes, at, "cube:4")?;
        if side == 0 {
            return Err(self.impossible(at, "a cube of side 0 has no nodes".to_owned(), "write `cube:4`"));
        }
        Ok(vec![side; 3])
    }

    fn hypercube(&self, sizes: Option<&str>, at: usize) -> Result<u32, Error> {
        let dims = match sizes {
            Some(sizes) => self.exactly::<1>(sizes, at, "hypercube:6")?[0],
            None => {
                let nodes = self.followed("hypercube:6")?;
                let Some(dims) = exact_log(nodes, 2) else {
                    let below = nodes.checked_ilog2().map_or(1u32, |log| 1 << log);
                    let reason = format!("a hypercube has a power of two of nodes, and {nodes} is none");
                    let way_out = format!("ask for {below} or {} nodes", u64::from(below) * 2);
                    return Err(self.impossible(0, reason, &way_out));
                };
                dims
            }
        };
        if dims == 0 || dims > 24 {
            let reason = format!("a hypercube of dimension {dims} is out of range");
            let way_out = "the number is the dimension, 1 to 24: `hypercube:6` has 64 nodes";
            return Err(self.impossible(at, reason, way_out));
        }
        Ok(dims)
    }

    fn dragonfly(&self, sizes: Option<&str>, at: usize) -> Result<Family, Error> {
        let [p, a, h] = match sizes {
            Some(sizes) => self.exactly::<3>(sizes, at, "dragonfly:2:4:2")?,
            None => {
                let nodes = self.followed("dragonfly:2:4:2")?;
                // The balanced dragonfly: a = 2p = 2h, so 2h^2 (2h^2 + 1) nodes.
                let balanced = |h: u32| 2 * h * h * (2 * h * h + 1);
                match (1..40).find(|h| balanced(*h) == nodes) {
                    Some(h) => [h, 2 * h, h],
                    None => {
                        let near = (1..40).map(balanced).min_by_key(|n| n.abs_diff(nodes)).unwrap_or(72);
                        let reason = format!("no balanced dragonfly has {nodes} nodes");
                        let way_out = format!("ask for {near} nodes, or give p:a:h as `dragonfly:2:4:2`");
                        return Err(self.impossible(0, reason, &way_out));
                    }
                }
            }
        };
        if p == 0 || a == 0 || h == 0 {
            let reason = format!("a dragonfly of {p}:{a}:{h} has no nodes, routers or global links");
            return Err(self.impossible(at, reason, "all of p:a:h are at least 1, as `dragonfly:2:4:2`"));
        }
        Ok(Family::Dragonfly { p, a, h })
    }
}

/// `n` such that `base^n == value`, for `value > 1`.
fn exact_log(value: u32, base: u32) -> Option<u32> {
    let log = value.checked_ilog(base)?;
    (log > 0 && base.checked_pow(log) == Some(value)).then_some(log)
}

/// `count` factors of `nodes`, as nearly equal as divisors allow, largest first.
fn near_equal(nodes: u32, count: u32) -> Vec<u32> {
    let mut rest = nodes;
    let mut dims: Vec<u32> = (1..=count)
        .rev()
        .map(|left| {
            let root = f64::from(rest).powf(1.0 / f64::from(left)).round();
            let best = (1..=rest.min(1 << 16))
                .filter(|k| rest.is_multiple_of(*k))
                .min_by_key(|k| (f64::from(*k) / root).ln().abs().to_bits())
                .unwrap_or(rest);
            rest /= best;
            best
        })
        .collect();
    dims.sort_unstable_by(|a, b| b.cmp(a));
    dims
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str, nodes: Option<u32>) -> String {
        Spec::parse_for(text, nodes).unwrap().family().to_string()
    }

    #[test]
    fn aliases_and_node_counts_give_the_sizes() {
        assert_eq!(name("grid:8x8", None), "mesh:8x8");
        assert_eq!(name("double-torus:4x4", None), "torus:4x4");
        assert_eq!(name("cube:4", None), "torus:4x4x4");
        assert_eq!(name("hypercube", Some(16)), "hypercube:4");
        assert_eq!(name("mesh", Some(12)), "mesh:4x3");
        assert_eq!(name("torus", Some(64)), "torus:8x8");
        assert_eq!(name("cube", Some(64)), "torus:4x4x4");
        assert_eq!(name("tree", Some(16)), "tree:2:4");
        assert_eq!(name("dragonfly", Some(72)), "dragonfly:2:4:2");
        assert_eq!(Spec::parse("fattree:2:20").unwrap().nodes(), 1 << 20);
    }

    #[test]
    fn what_cannot_be_says_where_and_what_can() {
        let error = |text: &str, nodes| Spec::parse_for(text, nodes).unwrap_err();
        assert_eq!(error("mesh:3x0", None).span(), Some(7..8));
        assert!(error("hypercube", Some(12)).help().contains("8 or 16"));
        assert!(error("hypercub:4", None).help().contains("`hypercube`"));
        assert!(error("mesh:8xq", None).to_string().contains("`q`"));
        assert!(error("fattree:4", None).to_string().contains("2 are needed"));
        assert!(error("mesh:4x4", Some(17)).to_string().contains("16 nodes"));
        assert!(error("mesh:99999x99999", None).to_string().contains("more than"));
        assert!(error("ring:1", None).to_string().contains("at least 2"));
    }
}
