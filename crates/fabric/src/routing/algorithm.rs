//! The routing algorithms and their words.

use crate::error::Error;

/// How packets find their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// The usual one of the topology: dimension order, up/down, minimal on a dragonfly.
    #[default]
    Auto,
    /// One dimension after the other; rings have a dateline. On a hypercube this is e-cube.
    DimensionOrder,
    /// Towards the root of a spanning tree, then away from it.
    UpDown,
    /// Any shortest path, with an escape channel in dimension order.
    MinimalAdaptive,
    /// By way of a random router (of a random group in a dragonfly).
    Valiant,
    /// Minimal or by a random group, whichever has the shorter queue; dragonflies only.
    Ugal,
    /// As a table says.
    Table,
}

impl Algorithm {
    /// The words for routing algorithms.
    pub const NAMES: &'static [&'static str] =
        &["auto", "dimension-order", "e-cube", "up-down", "minimal-adaptive", "valiant", "ugal", "table"];

    /// The algorithm that `word` names.
    ///
    /// Errors: [`Error::Unknown`].
    pub fn parse(word: &str) -> Result<Algorithm, Error> {
        Ok(match word {
            "auto" => Algorithm::Auto,
            "dimension-order" | "e-cube" => Algorithm::DimensionOrder,
            "up-down" => Algorithm::UpDown,
            "minimal-adaptive" => Algorithm::MinimalAdaptive,
            "valiant" => Algorithm::Valiant,
            "ugal" => Algorithm::Ugal,
            "table" => Algorithm::Table,
            _ => {
                return Err(Error::Unknown {
                    kind: "routing algorithm",
                    word: word.to_owned(),
                    span: 0..word.len(),
                    known: Algorithm::NAMES,
                });
            }
        })
    }

    /// The word for the algorithm.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Auto => "auto",
            Algorithm::DimensionOrder => "dimension-order",
            Algorithm::UpDown => "up-down",
            Algorithm::MinimalAdaptive => "minimal-adaptive",
            Algorithm::Valiant => "valiant",
            Algorithm::Ugal => "ugal",
            Algorithm::Table => "table",
        }
    }
}
