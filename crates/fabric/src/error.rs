//! The crate's one error type: each variant carries what a person needs to act.

use std::fmt;
use std::ops::Range;

/// What can be wrong with a network that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A word that names nothing of its kind.
    Unknown {
        /// What kind of thing was expected ("topology", "traffic pattern", ...).
        kind: &'static str,
        /// The word.
        word: String,
        /// Where it stands in the text.
        span: Range<usize>,
        /// The words that are known.
        known: &'static [&'static str],
    },
    /// A text that cannot be read as the thing it should be.
    Malformed {
        /// What is wrong.
        reason: String,
        /// Where, in bytes of the text.
        span: Range<usize>,
        /// What to write instead.
        way_out: String,
    },
    /// A network that cannot be built.
    Impossible {
        /// Why.
        reason: String,
        /// Where, in bytes of the text that asked for it; empty when no text did.
        span: Range<usize>,
        /// What can be built instead.
        way_out: String,
    },
    /// The nodes do not form one network.
    Disconnected {
        /// A router that the first one cannot reach.
        router: u32,
        /// What it is called.
        unreached: String,
        /// The first one.
        first: String,
        /// How many can be reached from it.
        reached: u32,
        /// How many there are.
        total: u32,
        /// Where `unreached` first stands in the text; empty when no text named it.
        span: Range<usize>,
    },
    /// A routing that can deadlock; the check found a cycle of channels.
    Deadlock {
        /// The channels of the cycle, each waiting for the next and the last for the first.
        cycle: Vec<String>,
        /// The routers at both ends of each.
        links: Vec<(u32, u32)>,
        /// What would make it free of deadlock.
        way_out: String,
    },
    /// A route that does not arrive.
    NoRoute {
        /// The router at which the packet is.
        at: u32,
        /// The node to which it should go.
        to: u32,
        /// What these are called.
        names: (String, String),
        /// What happened instead.
        reason: String,
    },
    /// A parameter outside its range.
    Parameter {
        /// The parameter's name, as the flags and files spell it.
        name: &'static str,
        /// The value given.
        value: String,
        /// Why it cannot be.
        reason: String,
        /// What can be.
        way_out: String,
    },
}

impl Error {
    /// Where in the text the fault lies, if it lies in a text.
    pub fn span(&self) -> Option<Range<usize>> {
        match self {
            Error::Unknown { span, .. } | Error::Malformed { span, .. } | Error::Impossible { span, .. } => {
                Some(span.clone())
            }
            Error::Disconnected { span, .. } => Some(span.clone()).filter(|span| !span.is_empty()),
            _ => None,
        }
    }

    /// The same error, its place moved by `offset` bytes (the text was part of a longer one).
    #[must_use]
    pub fn shifted(mut self, offset: usize) -> Error {
        if let Error::Unknown { span, .. } | Error::Malformed { span, .. } | Error::Impossible { span, .. } =
            &mut self
        {
            *span = span.start + offset..span.end + offset;
        }
        self
    }

    /// What to do about it, in a line.
    pub fn help(&self) -> String {
        match self {
            Error::Unknown { word, known, .. } => match nearest(word, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are: {}", known.join(", ")),
            },
            Error::Malformed { way_out, .. }
            | Error::Impossible { way_out, .. }
            | Error::Deadlock { way_out, .. }
            | Error::Parameter { way_out, .. } => way_out.clone(),
            Error::Disconnected { unreached, first, .. } => {
                format!("add a link that joins `{unreached}` to the part of the network that holds `{first}`")
            }
            Error::NoRoute { names: (at, to), .. } => {
                format!("give `{at}` a route to `{to}` by way of a neighbour that is nearer to it")
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unknown { kind, word, .. } => write!(f, "no {kind} is called `{word}`"),
            Error::Malformed { reason, .. } | Error::Impossible { reason, .. } => f.write_str(reason),
            Error::Disconnected { unreached, first, reached, total, .. } => write!(
                f,
                "the network is in two parts: `{first}` reaches {reached} of {total}, and `{unreached}` is not among them"
            ),
            Error::Deadlock { cycle, .. } => {
                write!(f, "this routing can deadlock: {} channels wait in a cycle", cycle.len())?;
                for channel in cycle {
                    write!(f, "\n    {channel}  waits for")?;
                }
                match cycle.first() {
                    Some(first) => write!(f, "\n    {first}  (the first again)"),
                    None => Ok(()),
                }
            }
            Error::NoRoute { names: (at, to), reason, .. } => {
                write!(f, "no route from `{at}` to `{to}`: {reason}")
            }
            Error::Parameter { name, value, reason, .. } => write!(f, "{name} = {value}: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// The known word nearest to `word`, if it is near enough to be what was meant.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, cb) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
